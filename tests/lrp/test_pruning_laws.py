"""What pruning promises whatever the numbers are, seen through a network that shows one boundary's relevance bare.

The network copies its input and adds the copies up. By LRP-0 the copies' relevance is then the input itself, so that
the attribution is the input after pruning.
"""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from genoplrp.attribution import attribute
from genoplrp.lrp import Composite, PruneLambda, PruneM, SparsityGain
from tests.reference import pruning

LENGTH = 6
SIZE = 4 * LENGTH
ROUNDING = 1e-12  # sums of 24 numbers and two divisions

# Small whole numbers tie often and add up exactly; the floats are as uneven as relevance is.
whole = st.lists(st.integers(-4, 4).map(float), min_size=SIZE, max_size=SIZE)
uneven = st.lists(
    st.floats(-1e3, 1e3).filter(lambda v: v == 0 or abs(v) > 1e-6), min_size=SIZE, max_size=SIZE, unique=True
)
# The entries' sum is the network's output, of which a share is handed back: it may not vanish.
entries = st.one_of(whole, uneven).map(np.array).filter(lambda v: abs(v.sum()) > 1e-3 * np.abs(v).sum() > 0)
shares = st.one_of(st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75]), st.floats(0, 0.99))


def adder() -> nn.Module:
    copy, total = nn.Linear(SIZE, SIZE, bias=False), nn.Linear(SIZE, 1, bias=False)
    with torch.no_grad():
        copy.weight.copy_(torch.eye(SIZE))
        total.weight.fill_(1.0)
    return nn.Sequential(nn.Flatten(), copy, total).double().eval()


def pruned(values: np.ndarray, pruner: object) -> np.ndarray:
    """The entries (SIZE,) after pruning by the engine."""
    x = torch.from_numpy(values).reshape(1, 4, LENGTH)
    lrp0 = Composite.named("epsilon", epsilon=0.0)
    result = attribute(adder(), x, target=0, composite=lrp0, pruner=pruner)
    return result.relevance.reshape(SIZE).numpy()


def literal(values: np.ndarray, p: pruning.Share) -> np.ndarray:
    return pruning.rescaled(values, pruning.dropped(values, p))


def by_sign(values: np.ndarray) -> list[np.ndarray]:
    return [np.where(values * sign > 0, np.abs(values), 0.0) for sign in (1, -1)]


@settings(max_examples=30, deadline=None)
@given(entries, shares, shares)
def test_lambda_equals_the_literal_version(values: np.ndarray, up: float, down: float) -> None:
    expected = literal(values, (up, down))
    np.testing.assert_allclose(pruned(values, PruneLambda((up, down))), expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(entries, shares)
def test_lambda_keeps_the_mass_of_each_sign(values: np.ndarray, p: float) -> None:
    for before, after in zip(by_sign(values), by_sign(pruned(values, PruneLambda(p))), strict=True):
        assert after.sum() == pytest.approx(before.sum(), rel=ROUNDING)


@settings(max_examples=30, deadline=None)
@given(entries, shares, st.sampled_from([PruneLambda, PruneM]))
def test_no_mask_drops_more_than_its_share(values: np.ndarray, p: float, pruner: type) -> None:
    # PLRP-M divides by what is left: of one sign, so that it cannot cancel to nothing.
    values = np.abs(values) if pruner is PruneM else values
    kept = pruned(values, pruner(p)) != 0
    for part in by_sign(values):
        assert part[~kept].sum() <= p * part.sum() * (1 + ROUNDING)


@settings(max_examples=30, deadline=None)
@given(entries, shares)
def test_what_is_dropped_is_smaller_than_all_that_is_kept(values: np.ndarray, p: float) -> None:
    kept = pruned(values, PruneLambda(p)) != 0
    for part in by_sign(values):
        dropped, stays = part[~kept & (part > 0)], part[kept & (part > 0)]
        assert dropped.max(initial=0.0) < stays.min(initial=np.inf)


@settings(max_examples=30, deadline=None)
@given(entries, shares, st.permutations(range(SIZE)))
def test_order_of_entries_does_not_change_what_is_dropped(values: np.ndarray, p: float, order: list[int]) -> None:
    shuffled = pruned(values[order], PruneLambda(p))
    np.testing.assert_allclose(shuffled, pruned(values, PruneLambda(p))[order], rtol=1e-9, atol=0)


@settings(max_examples=30, deadline=None)
@given(entries, st.floats(0.1, 3.0), st.sampled_from(["gini", "l0"]))
def test_sparsity_gain_equals_the_literal_version(values: np.ndarray, least: float, measure: str) -> None:
    expected = literal(values, pruning.Gain(least, measure))
    # A gain that equals the threshold to the last digits may fall on either side of it.
    for nudge in (1 - 1e-9, 1 + 1e-9):
        assume(np.array_equal(expected, literal(values, pruning.Gain(least * nudge, measure))))
    actual = pruned(values, PruneLambda(SparsityGain(least, measure)))
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("values", [[0.3, 0.7], [0.1, 0.3], [0.3] * 5 + [0.7] * 3])
def test_last_two_magnitudes_gain_exactly_one_and_part(values: list[float]) -> None:
    # With m / T the share of the smaller group, the Gini coefficient rises by m / T whatever the two magnitudes are.
    x = np.array(values + [0.0] * (SIZE - len(values)))
    assert np.array_equal(pruned(x, PruneLambda(SparsityGain(1.0, "gini"))) != 0, x == max(values))


def test_no_share_leaves_plain_lrp_to_the_last_bit() -> None:
    x = torch.randn(2, 4, LENGTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    plain = attribute(adder(), x, target=0, composite="genomic", pruner=PruneLambda(0.0))
    for pruner in (PruneM(0.0), PruneLambda((0.0, 0.0)), PruneLambda({})):
        again: Tensor = attribute(adder(), x, target=0, composite="genomic", pruner=pruner).relevance
        assert torch.equal(plain.relevance, again)
