"""Cases in which lists could give another result than the dense way without a word."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genoplrp.attribution import attribute
from genoplrp.errors import OptionError
from genoplrp.lrp import Composite, Epsilon, NoPrune, PruneLambda, PruneM
from genoplrp.lrp.sparse import backend
from tests.lrp.networks import dna
from tests.lrp.pairs import assert_same


class Chain(nn.Module):
    """Convolution, pool, convolution, dense; the second bias may depend on the batch."""

    def __init__(self, pool: nn.Module, activation: nn.Module, *, computed: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.pool, self.activation = nn.Conv1d(4, 6, 1), pool, activation
        self.second, self.last, self.computed = nn.Conv1d(6, 5, 1), nn.LazyLinear(2), computed
        self.double().eval()(torch.zeros(1, 4, 4, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        h = self.activation(self.pool(self.first(x)))
        bias = self.second.bias + float(len(x)) if self.computed else self.second.bias
        return self.last(F.relu(F.conv1d(h, self.second.weight, bias)).flatten(1))


def short(seed: int) -> Tensor:
    """Three sequences of four bases, one that begins with an N."""
    return dna(9, seed)[:, :, :4]


def without_lists(monkeypatch: pytest.MonkeyPatch, model: nn.Module, x: Tensor, **options: Any) -> Tensor:
    with monkeypatch.context() as patch:
        patch.setattr(backend, "kernels", lambda: None)
        return attribute(model, x, **options).relevance


@pytest.mark.parametrize("composite", ["epsilon", "genomic"])
def test_a_pool_window_in_the_padding_alone(composite: str, lists: None, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = Chain(nn.MaxPool1d(2, 1, 1, 5), nn.Tanh()), short(3)
    options = {"target": 0, "composite": composite}
    dense = without_lists(monkeypatch, model, x, **options)
    assert dense.any()
    torch.testing.assert_close(
        attribute(model, x, **options).relevance, dense, rtol=0, atol=float(1e-9 * dense.abs().max())
    )


def test_a_bias_that_depends_on_the_batch(lists: None, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = Chain(nn.Identity(), nn.ReLU(), computed=True), short(5)
    options = {"target": 0, "batch_size": 2}
    assert_same(attribute(model, x, **options).relevance, without_lists(monkeypatch, model, x, **options))


class Doubled(Epsilon):
    """Another rule than its parent."""

    def __call__(self, *args: Any) -> Any:
        made = super().__call__(*args)
        return type(made)(made.positive * 2, made.negative * 2, made.offset)


def wide(channels: int) -> nn.Sequential:
    """Two convolutions of so many channels, and a pool that leaves few entries."""
    torch.manual_seed(channels)
    second = nn.Conv1d(channels, channels, 3, dilation=5, padding=5)
    layers = [nn.Conv1d(4, channels, 5), nn.ReLU(), second, nn.ReLU(), nn.MaxPool1d(20), nn.Flatten(), nn.LazyLinear(2)]
    network = nn.Sequential(*layers).double().eval()
    network(torch.zeros(1, 4, 400, dtype=torch.float64))
    return network


@pytest.mark.parametrize("pruner", [PruneLambda(0.2), PruneLambda(0.95), PruneM(0.2), PruneM(0.95)])
@pytest.mark.parametrize("channels", [24, 60])
def test_few_entries_of_many_channels(channels: int, pruner: Any, lists: None, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = wide(channels), dna(400, 7)
    options = {"target": 1, "pruner": pruner}
    assert_same(attribute(model, x, **options).relevance, without_lists(monkeypatch, model, x, **options))


# The weights of few filters are read position by position, those of many filter by filter.
@pytest.mark.parametrize("filters", [32, 96])
@pytest.mark.parametrize("composite", ["epsilon", "genomic"])
@pytest.mark.parametrize("pruner", [PruneLambda(0.5), PruneM(0.5)])
def test_repeats_tie_exactly(pruner: Any, composite: str, filters: int, lists: None) -> None:
    """Away from its ends every base of a poly-A is worth the same, also once it is pruned."""
    x = torch.zeros(1, 4, 1000, dtype=torch.float64)
    x[:, 0] = 1
    torch.manual_seed(7)
    layers = [nn.Conv1d(4, 16, 9, padding="same"), nn.ReLU(), nn.Conv1d(16, filters, 7, padding="same"), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(filters, 2)).double().eval()
    inner = attribute(model, x, target=0, composite=composite, pruner=pruner).per_base[0, 50:-50]
    assert inner.any()
    torch.testing.assert_close(inner, inner.median().expand_as(inner), rtol=1e-9, atol=0)


@dataclass  # not frozen, so not hashable
class Plain:
    """A rule of the user's own."""

    scale: float = 3.0

    def __call__(self, *args: Any) -> Any:
        made = Epsilon()(*args)
        return type(made)(made.positive * self.scale, made.negative * self.scale, made.offset)


@pytest.mark.parametrize("rule", [Doubled(), Plain()])
def test_a_rule_of_the_users_own_is_not_taken_for_another(
    rule: Any, lists: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = Chain(nn.Identity(), nn.ReLU()), short(3)
    options = {"target": 0, "composite": Composite(conv=rule), "pruner": PruneLambda(0.2)}
    assert_same(attribute(model, x, **options).relevance, without_lists(monkeypatch, model, x, **options))


@pytest.mark.parametrize("pruner", [PruneLambda, PruneM])
def test_the_largest_stay_however_close_to_one_p_is(pruner: Any, every_way: None) -> None:
    # PLRP-M divides by what is left: epsilon's own, not 0 here.
    model, x = Chain(nn.Identity(), nn.ReLU()), short(3)
    result = attribute(model, x, target=0, composite="epsilon-plus", pruner=pruner(1 - 2**-53))
    rows = result.ledger.dropna(subset=["neurons_after"])
    assert (rows["neurons_after"] >= 1).all() and torch.isfinite(result.relevance).all()


class Overflowing(nn.Module):
    """Single precision: denominators of 0 (stabilised) below relevance of 6e37."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.last = nn.Conv1d(4, 6, 3), nn.Conv1d(6, 5, 3, bias=False), nn.Linear(5, 1)
        with torch.no_grad():
            self.first.bias.fill_(-100.0)
            self.last.weight.fill_(6e37)
            self.last.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.exp(self.second(F.relu(self.first(x)))).amax(2))


@pytest.mark.parametrize("pruner", [NoPrune(), PruneLambda(0.1), PruneM(0.1)])
@pytest.mark.parametrize("composite", ["epsilon", "genomic", "epsilon-alpha2-beta1", "epsilon-gamma-box"])
def test_relevance_that_overflows_is_refused(composite: str, pruner: Any, every_way: None) -> None:
    with pytest.raises(OptionError, match="relevance is not finite"):
        attribute(Overflowing().eval(), dna(30, 3).float(), composite=composite, pruner=pruner)
