"""A run that is kept gives what a run for each explanation gives, and is kept only where it can."""

from collections import deque
from collections.abc import Callable

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genoplrp import inputs
from genoplrp.errors import OptionError
from genoplrp.explainer import Explainer
from genoplrp.inputs import Limits
from genoplrp.lrp import NoPrune, PruneLambda, PruneM
from genoplrp.result import Attribution
from tests.lrp.branching import Residual, Sums
from tests.lrp.networks import Geometry, Plain, Unfolded, dna
from tests.lrp.pairs import assert_same, made

PRUNERS = (PruneLambda(0.2), NoPrune(), PruneM(0.2))
ROUNDING = 1e-11  # a batch may change the order in which a product is summed, nothing else
SAMPLES, OUTPUTS = torch.tensor([3, 0, 0, 4, 3, 3, 1]), torch.tensor([0, 1, 0, 1, 1, 0, 0])  # sample 2 not at all

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")


def by_sample(found: Attribution) -> pd.DataFrame:
    """The ledger, whatever batches it was made in."""
    return found.ledger.sort_values(["sample", "strand"], kind="stable", ignore_index=True)


@pytest.mark.parametrize("strands", ["forward", "both"])
@pytest.mark.parametrize("network", [Plain, Geometry, Unfolded, Residual, Sums])
def test_samples_of_a_run_are_explained_as_by_runs_of_their_own(network: type[nn.Module], strands: str) -> None:
    model, x = made(network), dna(network.length, 5, samples=5)
    explainer = Explainer(model, pruners=PRUNERS, strands=strands, hypothetical=True)
    run = explainer.run(x)
    assert run is not None
    for found, expected in zip(run.explain(SAMPLES, OUTPUTS), explainer(x[SAMPLES], target=OUTPUTS), strict=True):
        assert_same(found.relevance, expected.relevance, ROUNDING)
        assert_same(found.hypothetical, expected.hypothetical, ROUNDING)
        assert_same(found.output, expected.output, ROUNDING)
        assert torch.equal(found.target, OUTPUTS)
        assert found.pruner == expected.pruner and found.explained == expected.explained
        pd.testing.assert_frame_equal(by_sample(found), by_sample(expected), rtol=1e-9, atol=1e-11)


class There(nn.Module):
    """To another shape and back."""

    def forward(self, x: Tensor) -> Tensor:
        return x.view(-1, 3, 1).squeeze(2)


@pytest.mark.parametrize("views", [[], [There()]], ids=["last", "before views"])
def test_scores_are_the_outputs_before_a_sigmoid(views: list[nn.Module]) -> None:
    model, x = nn.Sequential(nn.Flatten(), nn.Linear(96, 3), nn.Sigmoid(), *views).double(), dna(24, 0, samples=5)
    explainer = Explainer(model, pruners=PRUNERS)
    run = explainer.run(x)
    assert run is not None
    torch.testing.assert_close(run.scores, model[:2](x).detach())
    for found, expected in zip(run.explain(SAMPLES, OUTPUTS), explainer(x[SAMPLES], target=OUTPUTS), strict=True):
        assert_same(found.relevance, expected.relevance, ROUNDING)


class Counted(nn.Module):
    """A network of two layers with something between, that notes how many samples it reads.

    The engine runs a copy, which shares a deque.
    """

    def __init__(self, between: Callable[[Tensor], Tensor] = F.relu) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.last, self.between = nn.Conv1d(4, 16, 5, padding=2), nn.Linear(16, 3), between
        self.seen = deque[int]()
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        return self.last(self.between(self.conv(x)).mean(2))


def test_model_reads_a_sample_once_for_all_its_outputs() -> None:
    model, x = Counted(), dna(24, 0, samples=5)
    explainer = Explainer(model, pruners=PRUNERS)
    explainer.run(x)
    model.seen.clear()
    run = explainer.run(x)
    assert run is not None
    for _ in range(2):
        run.explain(SAMPLES, OUTPUTS)
    assert list(model.seen) == [5]


KEPT = {
    "activation": F.relu,
    "view with a free size": lambda h: h.view(-1, 16, 24) + 1,
    "constant": lambda h: h + torch.arange(24.0),
    "split": lambda h: torch.cat(h.split(8, 2), 2),
    "some positions": lambda h: h[:, :, 3:] + h[..., :-3],
    "squeezed": lambda h: h.unsqueeze(2).squeeze(2),
}
NOT_KEPT = {
    "view by samples": lambda h: h.view(len(h), -1).view(len(h), 16, 24),
    "samples and positions": lambda h: h.transpose(1, 2).reshape(-1, 16).view(-1, 24, 16).transpose(1, 2),
    "constant that counts them": lambda h: h * torch.tensor(float(len(h))),
    "row that counts them": lambda h: h + torch.full((24,), float(len(h))),
    "constant a sample": lambda h: h + torch.zeros(len(h), 1, 1),
    "mask of its own": lambda h: h * (h > 0),
    "samples behind": lambda h: h.transpose(0, 1).transpose(0, 1),
    "asks how it lies": lambda h: h if h.is_contiguous() else h.contiguous(),
    "order turned": lambda h: h.flip(0),
    "order turned twice": lambda h: (h.flip(-3) + 1).flip(0),
    "each the one before": lambda h: F.pad(h, (0, 0, 0, 0, 1, -1)),
    "round in a ring": lambda h: torch.cat([h[1:], h[:1]]),
    "the mean taken off": lambda h: h - h.detach().mean(0),
    "at most eight": lambda h: h[:8],
    "eight at a time": lambda h: torch.cat([part + 1 for part in h.split(8)]),
    "eight at a time, from behind": lambda h: torch.cat(h.split(8, -3)),
    "eight at a time, named": lambda h: torch.cat(h.split(split_size=8, dim=0)),
    "axes of one squeezed": lambda h: h.unsqueeze(1).squeeze(),
}


@pytest.mark.parametrize("name", [*KEPT, *NOT_KEPT])
def test_a_run_is_kept_only_where_no_call_depends_on_the_number_of_samples(name: str) -> None:
    model, x = Counted((KEPT | NOT_KEPT)[name]), dna(24, 0, samples=5)
    explainer = Explainer(model, pruners=PRUNERS)
    run = explainer.run(x)
    assert (run is not None) == (name in KEPT)
    assert (explainer.run_limit(x[:1]) > 5) == (name in KEPT)
    if run is not None:
        for found, expected in zip(run.explain(SAMPLES, OUTPUTS), explainer(x[SAMPLES], target=OUTPUTS), strict=True):
            assert_same(found.relevance, expected.relevance, ROUNDING)


def test_units_and_layers_of_a_run() -> None:
    model, x = made(Plain), dna(Plain.length, 5, samples=5)
    explainer = Explainer(model, pruners=PRUNERS, layers=("conv1",), units=[("conv2", 3)])
    run = explainer.run(x)
    assert run is not None
    for found, expected in zip(run.explain(SAMPLES, OUTPUTS), explainer(x[SAMPLES], target=OUTPUTS), strict=True):
        assert_same(found.layers["conv1"], expected.layers["conv1"], ROUNDING)
        for own, wanted in zip(found.units.values(), expected.units.values(), strict=True):
            torch.testing.assert_close(own.relevance, wanted.relevance, rtol=1e-9, atol=1e-11)


def test_a_run_of_what_does_not_tell_samples_apart_is_not_kept() -> None:
    assert Explainer(Counted(), pruners=PRUNERS).run(torch.zeros(5, 4, 24)) is None


OTHERWISE = {
    "another call": lambda h: h if len(h) < 4 else h.abs(),
    "more for many": lambda h: h * (2.0 if len(h) > 3 else 1.0),
    "other pools for many": lambda h: F.max_pool1d(h, 2 if len(h) > 3 else 3),
    "other axes for many": lambda h: F.relu(h.flip(0 if len(h) > 3 else 2)),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_run_that_goes_another_way_is_not_kept(name: str) -> None:
    """What a model does may depend on its input, of which only a few samples have been seen."""
    model, x = Counted(OTHERWISE[name]), dna(24, 0, samples=5)
    explainer = Explainer(model, pruners=PRUNERS)
    assert explainer.run_limit(x[:1]) > 5
    assert explainer.run(x[:3]) is not None
    assert explainer.run(x) is None


def test_a_run_is_kept_only_if_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = Counted(), dna(24, 0, samples=5)
    assert Explainer(model, pruners=PRUNERS).run(x[:1]) is None  # of one sample an axis may have been squeezed away
    size = 8 * (4 * 24 + 2 * 16 * 24 + 16 + 3)  # the input, two layers, their mean, the scores
    for fitting in (4, 5):
        monkeypatch.setattr(inputs, "ON_CPU", Limits(2 * fitting * size, 2**30, 100))
        explainer = Explainer(model, pruners=PRUNERS)
        assert explainer.run_limit(x[:1]) == fitting
        assert (explainer.run(x) is not None) == (fitting == 5)


def test_many_explanations_of_a_run_are_made_in_several_parts() -> None:
    model, x = made(Plain), dna(Plain.length, 5, samples=2)
    explainer, samples = Explainer(model, pruners=PRUNERS), torch.arange(23) % 2
    run = explainer.run(x)
    assert run is not None
    for found, expected in zip(run.explain(samples, samples), explainer(x[samples], target=samples), strict=True):
        assert_same(found.relevance, expected.relevance, ROUNDING)
        pd.testing.assert_frame_equal(by_sample(found), by_sample(expected), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("samples", [[], [5], [-1], [[0]]])
def test_samples_that_a_run_does_not_have_are_refused(samples: list[int]) -> None:
    run = Explainer(made(Plain), pruners=PRUNERS).run(dna(Plain.length, 5, samples=5))
    assert run is not None
    with pytest.raises(OptionError, match=r"samples must be numbers in 0\.\.4"):
        run.explain(torch.tensor(samples), torch.zeros(len(samples), dtype=torch.long))


def test_outputs_that_the_model_does_not_have_are_refused() -> None:
    run = Explainer(made(Plain), pruners=PRUNERS).run(dna(Plain.length, 5, samples=5))
    assert run is not None
    with pytest.raises(OptionError, match=r"target must be in 0\.\.2"):
        run.explain(torch.tensor([0]), torch.tensor([3]))
