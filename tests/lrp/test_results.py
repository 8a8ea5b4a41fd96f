"""Targets, strands, hypothetical scores, layers and the ledger: what `attribute` returns."""

import numpy as np
import pytest
import torch
from torch import nn

from genoplrp import Composite, NoPrune, PruneLambda, PruneM, attribute
from genoplrp.errors import OptionError
from genoplrp.lrp import Flat, WSquare, ZPlus
from tests.lrp.around import Around, dna

COMPOSITES = ["epsilon", "epsilon-plus", "epsilon-plus-flat", "epsilon-alpha2-beta1", "epsilon-gamma-box", "genomic"]


class TwoLayers(nn.Module):
    """conv, relu, pool, conv, relu, mean, linear."""

    def __init__(self, outputs: int = 3, bias: bool = True) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv1 = nn.Conv1d(4, 8, 5, padding=2, bias=bias)
        self.conv2 = nn.Conv1d(8, 8, 3, bias=bias)
        self.out = nn.Linear(8, outputs, bias=bias)
        self.double().eval()

    def forward(self, x):
        h = nn.functional.max_pool1d(self.conv1(x).relu(), 2)
        return self.out(self.conv2(h).relu().mean(-1))


@pytest.fixture
def x():
    return dna(6, 24)


def test_per_sequence_targets_match_single_targets(x):
    model, wanted = TwoLayers(), torch.tensor([0, 1, 2, 2, 1, 0])
    together = attribute(model, x, target=wanted, batch_size=4)
    for i, target in enumerate(wanted.tolist()):
        alone = attribute(model, x[i : i + 1], target=target)
        torch.testing.assert_close(together.relevance[i], alone.relevance[0], rtol=1e-9, atol=1e-12)
    assert together.target.tolist() == wanted.tolist()


def test_predicted_is_the_largest_score(x):
    model = TwoLayers()
    result = attribute(model, x)
    scores = model(x).detach()
    assert torch.equal(result.target, scores.argmax(1))
    torch.testing.assert_close(result.output, scores.max(1).values)


def test_callable_target_is_explained_by_the_rules(x):
    """LRP-0 is gradient x input for the difference of two outputs as well."""
    model = TwoLayers()
    result = attribute(
        model,
        x,
        target=lambda y: y[:, 0] - 2 * y[:, 1],
        composite=Composite.named("epsilon", epsilon=0.0),
        pruner=NoPrune(),
    )
    leaf = x.clone().requires_grad_()
    scores = model(leaf)
    (scores[:, 0] - 2 * scores[:, 1]).sum().backward()
    torch.testing.assert_close(result.relevance, leaf.grad * x, rtol=1e-9, atol=1e-12)
    assert result.target is None


def test_callable_target_reads_several_outputs(x):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = TwoLayers()

        def forward(self, x):
            return {"profile": x.mean(1), "count": self.body(x)}

    result = attribute(Two(), x, target=lambda out: out["count"][:, 1])
    torch.testing.assert_close(result.relevance, attribute(TwoLayers(), x, target=1).relevance)
    with pytest.raises(OptionError, match="callable target"):
        attribute(Two(), x)


@pytest.mark.parametrize("target", [3, -1, "best", 0.5, torch.tensor([0, 1]), torch.tensor([[0] * 6])])
def test_impossible_targets_are_refused(x, target):
    with pytest.raises(OptionError, match="target"):
        attribute(TwoLayers(), x, target=target)


@pytest.mark.parametrize("end", [torch.sigmoid, lambda y: y.softmax(1), nn.LogSoftmax(1),
                                 lambda y: torch.sigmoid(y).unsqueeze(0).squeeze(0)])  # fmt: skip
def test_squashed_models_are_explained_before_the_squashing(x, end):
    model = TwoLayers()
    squashed = nn.Sequential(model, end if isinstance(end, nn.Module) else Ends(end))
    result, plain = attribute(squashed, x, target=1), attribute(model, x, target=1)
    torch.testing.assert_close(result.relevance, plain.relevance, rtol=0, atol=0)
    assert result.explained.startswith("input of ")
    assert plain.explained == "output of the model"


class Ends(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, y):
        return self.function(y)


@pytest.mark.parametrize("composite", COMPOSITES)
@pytest.mark.parametrize("pruner", [NoPrune(), PruneLambda(0.2), PruneM(0.2)])
def test_hypothetical_at_the_base_that_is_there_is_per_base(x, composite, pruner):
    x[2, :, 5:9] = 0
    result = attribute(TwoLayers(), x, composite=composite, pruner=pruner, hypothetical=True)
    there = (result.hypothetical * x).sum(1)
    torch.testing.assert_close(there, result.per_base, rtol=1e-9, atol=1e-12)


def test_hypothetical_of_lrp0_is_the_gradient(x):
    """The input's multiplier under LRP-0 is the gradient itself."""
    model = TwoLayers()
    result = attribute(
        model, x, target=0, composite=Composite.named("epsilon", epsilon=0.0), pruner=NoPrune(), hypothetical=True
    )
    leaf = x.clone().requires_grad_()
    model(leaf)[:, 0].sum().backward()
    torch.testing.assert_close(result.hypothetical, leaf.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("first", [Flat(), WSquare(), ZPlus(), None])
def test_absent_bases_get_no_relevance(x, first):
    x[:, :, 10:14] = 0
    composite = Composite(conv=ZPlus(), first=first)
    result = attribute(TwoLayers(), x, composite=composite, pruner=NoPrune(), hypothetical=True)
    assert not result.relevance[:, :, 10:14].any()
    assert result.relevance[:, :, :10].any()


def test_both_strands_are_the_mean_of_the_two_maps(x):
    model = TwoLayers()
    both = attribute(model, x, target=1, strands="both", hypothetical=True)
    forward = attribute(model, x, target=1, hypothetical=True)
    reverse = attribute(model, x.flip(1, 2), target=1, hypothetical=True)
    torch.testing.assert_close(both.relevance, (forward.relevance + reverse.relevance.flip(1, 2)) / 2)
    torch.testing.assert_close(both.hypothetical, (forward.hypothetical + reverse.hypothetical.flip(1, 2)) / 2)
    torch.testing.assert_close(both.output, (forward.output + reverse.output) / 2)
    a, b = forward.per_base, reverse.per_base.flip(1)
    torch.testing.assert_close(both.disagreement, (a - b).abs().sum(1) / (a.abs() + b.abs()).sum(1))


def test_both_strands_do_not_depend_on_the_strand_given(x):
    model = TwoLayers()
    here = attribute(model, x, strands="both")
    there = attribute(model, x.flip(1, 2), strands="both")
    torch.testing.assert_close(here.relevance, there.relevance.flip(1, 2))
    assert torch.equal(here.target, there.target)


def test_ledger_accounts_for_all_relevance(x):
    """f(x) = relevance of the input + everything absorbed on the way, for every pruner."""
    for pruner in (NoPrune(), PruneLambda(0.3), PruneM(0.3)):
        result = attribute(TwoLayers(), x, pruner=pruner)
        absorbed = result.ledger.groupby("sample")["absorbed"].sum().to_numpy()
        expected = result.output.numpy() - result.relevance.sum((1, 2)).numpy()
        np.testing.assert_allclose(absorbed, expected, rtol=0, atol=1e-12)


def test_plain_lrp_without_biases_keeps_the_total(x):
    """Only the stabiliser absorbs: 1e-6 against activations of about 1e-1."""
    result = attribute(TwoLayers(bias=False), x, composite="epsilon", pruner=NoPrune())
    torch.testing.assert_close(result.completeness, torch.ones(6).double(), rtol=1e-3, atol=0)


def test_requested_layers_are_the_outputs_relevance(x):
    """What conv2's output gets is what the epsilon rule of the mean and the read-out gives it."""
    model = TwoLayers()
    result = attribute(
        model, x, target=0, composite=Composite.named("epsilon", epsilon=0.0), pruner=NoPrune(), layers=["conv2"]
    )
    hidden = model.conv2(nn.functional.max_pool1d(model.conv1(x).relu(), 2)).detach().requires_grad_()
    model.out(hidden.relu().mean(-1))[:, 0].sum().backward()
    torch.testing.assert_close(result.layers["conv2"], (hidden * hidden.grad).detach(), rtol=1e-9, atol=1e-12)


def test_unknown_layer_is_refused_with_the_choices(x):
    with pytest.raises(OptionError, match="calls no layer 'conv3'; it calls conv1, relu, max_pool1d, conv2"):
        attribute(TwoLayers(), x, layers=["conv3"])


def test_model_that_squeezes_everything_works_for_one_sequence(x):
    """squeeze() without an axis drops the sample axis too when there is one sample."""
    model = nn.Sequential(TwoLayers(outputs=1), Ends(torch.squeeze))
    alone = attribute(model, x[:1])
    torch.testing.assert_close(alone.relevance, attribute(model, x).relevance[:1], rtol=1e-9, atol=1e-12)


def test_outputs_without_a_sample_axis_are_refused(x):
    with pytest.raises(OptionError, match=r"output has shape \(3, 6\) for 6 sequences"):
        attribute(nn.Sequential(TwoLayers(), Ends(torch.t)), x)


def test_images_work(x):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)).double()
    images = torch.rand(4, 3, 8, 8).double()
    assert attribute(model, images, composite="epsilon-gamma-box").relevance.shape == images.shape


@pytest.mark.parametrize("composite", COMPOSITES)
def test_exported_model_gives_the_same(composite):
    x = dna(4, 24)
    model = TwoLayers()
    exported = torch.export.export(model, (x,), dynamic_shapes={"x": {0: torch.export.Dim.AUTO}}).module()
    torch.testing.assert_close(
        attribute(exported, x, composite=composite).relevance, attribute(model, x, composite=composite).relevance
    )


def test_shared_parameters_in_two_branches():
    """Two branches that read the input itself are both first layers."""
    x = dna()

    class Siamese(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv = nn.Conv1d(4, 6, 5).double()
            self.out = nn.Linear(6, 1).double()

        def forward(self, x):
            one, other = self.conv(x).relu().amax(-1), self.conv(x.flip(1, 2)).relu().amax(-1)
            return self.out(one + other)

    result = attribute(Siamese(), x, pruner=NoPrune())
    mirrored = attribute(Siamese(), x.flip(1, 2), pruner=NoPrune())
    torch.testing.assert_close(result.relevance, mirrored.relevance.flip(1, 2))
    rules = result.ledger.set_index("layer")["rule"]
    assert set(rules.loc[["conv", "conv#2"]]) == {"ZBox(low=0.0, high=1.0)"}


def test_around_runs_in_float32():
    x = dna().float()
    assert attribute(Around(torch.relu, x.double()).float(), x).relevance.dtype == torch.float32
