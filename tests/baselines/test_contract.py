"""What all methods share: targets, batches, columns without a base, the borrowed model, names, a missing package."""

import pytest
import torch
from torch import Tensor

from genoplrp import attribute
from genoplrp.baselines import METHODS, explain, peers
from genoplrp.errors import ModelError, OptionError, UnsupportedCallError
from tests.baselines.networks import Modules, dna
from tests.lrp.test_borrowed_model import Borrowed, modes, snapshot

OWN = ["gradient", "corrected-gradient", "integrated-gradients", "deep-lift-shap", "ism"]
# A warning about quadrature is no matter here.
pytestmark = pytest.mark.filterwarnings("ignore:integrated_gradients is incomplete")
# captum and tangermeme compute the same numbers in another order of summation.
SAME = {"atol": 1e-6, "rtol": 1e-6}


def run(name: str, model: torch.nn.Module, x: Tensor, **options: object):
    few = {
        "integrated-gradients": {"steps": 8},
        "deep-lift-shap": {"references": 3},
        "plrp-references": {"references": 3},
    }
    return explain(name, model, x, **few.get(name, {}), **options)


@pytest.mark.parametrize("name", METHODS)
def test_batch_size_does_not_change_result(name: str) -> None:
    model, x = Modules(), dna(5)
    whole = run(name, model, x)
    assert whole.relevance.flatten(1).any(1).all()
    for size in (1, 2, 3):
        part = run(name, model, x, batch_size=size)
        torch.testing.assert_close(part.relevance, whole.relevance, **SAME)
        torch.testing.assert_close(part.hypothetical, whole.hypothetical, **SAME)
        assert part.target.tolist() == whole.target.tolist()


@pytest.mark.parametrize("name", OWN)
def test_targets_mean_what_they_mean_in_attribute(name: str) -> None:
    model, x = Modules(), dna(4)
    chosen = torch.tensor([0, 2, 1, 2])
    each = run(name, model, x, target=chosen)
    assert each.target.tolist() == chosen.tolist()
    for row, output in enumerate(chosen.tolist()):
        alone = run(name, model, x[row : row + 1], target=output)
        torch.testing.assert_close(each.relevance[row], alone.relevance[0], **SAME)
        called = run(name, model, x[row : row + 1], target=lambda scores, output=output: scores[:, output])
        assert called.target is None
        torch.testing.assert_close(each.relevance[row], called.relevance[0], **SAME)
    predicted = run(name, model, x)
    with torch.no_grad():
        torch.testing.assert_close(predicted.output, model(x).max(1).values, atol=1e-12, rtol=0)
    assert predicted.target.tolist() == attribute(model, x).target.tolist()
    assert predicted.ledger.empty


@pytest.mark.parametrize("name", METHODS)
def test_columns_without_a_base_get_nothing(name: str) -> None:
    x = dna(2)
    x[0, :, :4] = 0
    x[1, :, 11] = 0
    result = run(name, Modules(), x)
    assert not result.relevance[0, :, :4].any()
    assert not result.relevance[1, :, 11].any()
    assert result.per_base[0, 4:].any()


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("mode", ["eval", "train", "mixed"])
def test_model_is_untouched_after_success_and_failure(name: str, mode: str) -> None:
    model, x = Borrowed(), dna(3, 20).requires_grad_()
    modes(model, mode)
    before = snapshot(model, x)
    result = run(name, model, x, target=0)
    assert snapshot(model, x) == before
    assert not result.relevance.requires_grad

    calls = iter(range(1000))

    def fail_late(h: Tensor) -> Tensor:
        if next(calls) > 1:  # the recorded pass and the first batch go well
            raise RuntimeError("the network's own error")
        return h

    model.fail = fail_late
    before = snapshot(model, x)
    with pytest.raises(ModelError, match="the network's own error"):
        run(name, model, x, target=0, batch_size=1)
    assert snapshot(model, x) == before


@pytest.mark.parametrize("name", OWN)
def test_gradients_come_under_no_grad_and_inference_mode(name: str) -> None:
    expected = run(name, Modules(), dna(2), target=0)
    for context in (torch.no_grad(), torch.inference_mode()):
        model = Modules()
        with context:
            found = run(name, model, dna(2), target=0)
        torch.testing.assert_close(found.relevance, expected.relevance, **SAME)
        assert not found.relevance.requires_grad


@pytest.mark.parametrize("name", OWN)
def test_what_cannot_be_explained_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match=r"target must be in 0\.\.2"):
        run(name, Modules(), dna(2), target=3)
    with pytest.raises(ModelError, match="the model fails on input of shape"):
        run(name, Modules(), dna(2, 9))
    with pytest.raises(OptionError, match="batch_size must be a whole number"):
        run(name, Modules(), dna(2), batch_size=0)

    class Infinite(Modules):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) / 0

    with pytest.raises(ModelError, match="NaN or infinite scores"):
        run(name, Infinite(), dna(2))


class Mixing(Modules):
    """Takes the batch's mean off."""

    def forward(self, x: Tensor) -> Tensor:
        scores = super().forward(x)
        return scores - scores.mean(0, keepdim=True).sum()


@pytest.mark.parametrize("name", OWN)
def test_a_model_that_mixes_samples_is_refused(name: str) -> None:
    several = name not in {"gradient", "corrected-gradient"}  # these show the network one row a sequence
    with pytest.raises(UnsupportedCallError, match="it mixes samples"):
        run(name, Mixing(), dna(1 if several else 2), target=0)


@pytest.mark.parametrize(("name", "package"), [(n, m.package) for n, m in METHODS.items() if m.package])
def test_a_missing_package_is_named_with_the_way_to_it(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda module: None)
    with pytest.raises(OptionError, match=rf'needs {package}: pip install "genoplrp\[peers\]"'):
        run(name, Modules(), dna(1))
    assert not METHODS[name].available


def test_a_method_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(OptionError, match=r"there is no method 'shap'; the methods are gradient, corrected-gradient, "):
        explain("shap", Modules(), dna(1))
