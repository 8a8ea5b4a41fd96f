"""Lists of what is not 0: what they hold, what pruning leaves of them, and that the engine uses them."""

import numpy as np
import pytest
import torch
from torch import nn

from genoplrp.attribution import attribute
from genoplrp.errors import OptionError
from genoplrp.lrp import NoPrune, PruneLambda, PruneM, propagate
from genoplrp.lrp.prune import cut
from genoplrp.lrp.sparse import backend, kernels
from genoplrp.lrp.sparse.linear import hand
from genoplrp.lrp.sparse.rows import Rows, rows_of, selected
from tests.reference import pruning

TYPES = (torch.float32, torch.float64)


def sparse(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Random numbers over many orders of magnitude, half of them 0."""
    generator = torch.Generator().manual_seed(seed)
    size, sign, there = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(3))
    return (torch.exp(3 * size) * torch.sign(sign) * (there > 0)).to(dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_lists_hold_the_tensor_and_its_sums(dtype: torch.dtype) -> None:
    tensor = sparse((5, 3, 7), 0, dtype)
    tensor[2] = 0
    rows = rows_of(tensor)
    assert torch.equal(rows.dense(), tensor)
    torch.testing.assert_close(rows.totals, tensor.double().flatten(1).sum(1), rtol=1e-12, atol=1e-12)
    assert rows.counts.tolist() == (tensor != 0).flatten(1).sum(1).tolist()


def test_a_place_listed_twice_holds_the_sum() -> None:
    rows = Rows(
        np.array([0]), np.array([3]), np.array([1, 1, 0], np.int32), np.array([1.0, 2.0, 4.0]), torch.Size([1, 2])
    )
    assert rows.dense().tolist() == [[4.0, 3.0]]


# More numbers than FEW take the finer buckets. Whole numbers tie often and add up exactly.
@pytest.mark.parametrize("size", [1, 2, 50, 5_000])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("dtype", TYPES)
def test_what_is_kept_is_what_the_definition_keeps(dtype: torch.dtype, whole: bool, size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    integers = torch.randint(-9, 10, (3, size), generator=generator).to(dtype)
    values = integers if whole else sparse((3, size), size, dtype)
    assert_as_defined(values)


def assert_as_defined(values: torch.Tensor) -> None:
    for shares in ((0.0, 0.0), (0.1, 0.1), (0.25, 0.9), (0.0, 0.5), (0.999, 0.999)):
        rows, statistics = selected(values, shares)
        assert statistics[:, kernels.BEFORE].tolist() == (values != 0).sum(1).tolist()
        for kept, literal in zip(rows.dense().double().numpy(), values.double().numpy(), strict=True):
            expected = pruning.rescaled(literal, pruning.dropped(literal, shares))
            np.testing.assert_array_equal(kept != 0, expected != 0)
            # Sums of so many numbers are rounded, and what is left of them is smaller by the factor that it grows by.
            factor = np.max(np.divide(expected, literal, where=literal != 0, out=np.ones_like(literal)))
            sums = len(literal) * np.finfo(np.float64).eps * factor
            own = 1e-12 if values.dtype == torch.float64 else 1e-6
            np.testing.assert_allclose(kept, expected, rtol=max(own, sums), atol=0)


@pytest.mark.parametrize("dtype", TYPES)
def test_many_numbers_are_cut_as_by_sorting_all(dtype: torch.dtype) -> None:
    """Of more than MANY what is small is guessed first; without numba everything is sorted."""
    values = sparse((3, 40_000), 0, dtype)
    for shares in ((0.001, 0.1), (0.1, 0.25), (0.9, 0.0)):
        rows, _ = selected(values, shares)
        factors = cut(values, shares, len(values)).factors(values)
        assert torch.equal(rows.dense() != 0, values * factors != 0)
        rounding = 1e-12 if dtype == torch.float64 else 1e-6
        torch.testing.assert_close(rows.dense(), values * factors, rtol=rounding, atol=0)


@pytest.mark.parametrize("unit", np.random.default_rng(3).random(10).astype(np.float32))
def test_a_share_that_is_met_exactly_goes(unit: np.float32) -> None:
    """6,000 units and 5,000 pairs of them are half of the mass, in single precision as in any: all of them go."""
    groups = [np.full(6000, unit), np.full(5000, 2 * unit), np.full(4000, 4 * unit), np.zeros(2000, np.float32)]
    values = np.random.default_rng(0).permutation(np.concatenate(groups))
    assert selected(torch.from_numpy(values[None]), (0.5, 0.5))[0].counts.tolist() == [4000]


@pytest.mark.parametrize("shares", [None, (0.1, 0.1)])
def test_large_numbers_are_not_taken_for_infinite(shares: tuple[float, float] | None) -> None:
    """Their sum is beyond single precision, they are not."""
    values = torch.full((1, 300), 1e38)
    values[0, 0] = 2e38
    assert selected(values, shares)[0].counts.tolist() == [300]


@pytest.mark.parametrize("odd", [(np.nan,), (np.inf,), (-np.inf,), (np.inf, -np.inf)])
@pytest.mark.parametrize("place", [0, 255, 256, 999])
@pytest.mark.parametrize("shares", [None, (0.0, 0.0), (0.1, 0.1)])
def test_what_is_not_finite_is_refused_wherever_it_stands(
    shares: tuple[float, float] | None, place: int, odd: tuple[float, ...]
) -> None:
    values = torch.linspace(-1, 1, 1000)[None].repeat(2, 1)
    assert selected(values, shares)[0].counts.tolist()[1] > 0
    for k, number in enumerate(odd):
        values[1, (place + 17 * k) % 1000] = number
    with pytest.raises(OptionError, match="not finite"):
        selected(values, shares)


@pytest.mark.parametrize("size", [10, 20_000])
@pytest.mark.parametrize("shares", [None, (0.0, 0.0), (0.1, 0.1)])
def test_sums_beyond_what_there_is_are_refused(shares: tuple[float, float] | None, size: int) -> None:
    values = torch.ones(1, size, dtype=torch.float64)
    values[0, :2] = 1e308
    with pytest.raises(OptionError, match="not finite"):
        selected(values, shares)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_sample_that_misleads_changes_nothing(dtype: torch.dtype) -> None:
    """What the guess reads is larger, smaller, of the other sign, or nothing but 0."""
    size = 40_000
    read = torch.arange(size) % (size // kernels.SAMPLE | 1) == 0
    generator = torch.Generator().manual_seed(0)
    rest = torch.randint(1, 9, (size,), generator=generator)
    seen = (torch.tensor(number) for number in (10, 1, -5, 0))
    assert_as_defined(torch.stack([torch.where(read, number, rest) for number in seen]).to(dtype))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("size", [60, 3_000, 40_000])
def test_numbers_of_one_bucket_are_told_apart_to_the_last_bit(size: int, dtype: torch.dtype) -> None:
    """All equal, neighbours among the numbers that there are, or a little further apart."""
    generator = np.random.default_rng(size)
    spacing = float(torch.finfo(dtype).eps)
    for step in (0, 1, 3):
        values = 1 + step * spacing * generator.integers(0, 500, (2, size))
        assert_as_defined(torch.from_numpy(values * generator.choice([-1, 1], (2, size))).to(dtype))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    first = [nn.Conv1d(4, 12, 7, padding=3), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(12, 16, 5), nn.ReLU()]
    return nn.Sequential(*first, nn.MaxPool1d(3), nn.Flatten(), nn.Linear(128, 20), nn.ReLU(), nn.Linear(20, 3)).eval()


def one_hot(n: int, length: int = 112) -> torch.Tensor:
    codes = torch.randint(0, 4, (n, length), generator=torch.Generator().manual_seed(1))
    return nn.functional.one_hot(codes, 4).movedim(2, 1).float()


@pytest.mark.parametrize("pruner", [PruneLambda(0.25), PruneM(0.25), NoPrune()])
def test_lists_are_used_and_change_nothing(pruner: object, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(
        propagate, "hand", lambda call, *args, **kwargs: calls.append(call) or hand(call, *args, **kwargs)
    )
    model, x = network(), one_hot(9)
    with_lists = attribute(model, x, pruner=pruner)
    assert calls, "no linear call was handed lists"
    monkeypatch.setattr(backend, "kernels", lambda: None)
    without = attribute(model, x, pruner=pruner)
    scale = without.relevance.abs().max()
    # Single precision, sums of some hundred terms, three layers.
    torch.testing.assert_close(with_lists.relevance, without.relevance, rtol=0, atol=float(1e-5 * scale))
    ours, theirs = with_lists.ledger, without.ledger
    assert ours[["layer", "op", "rule"]].equals(theirs[["layer", "op", "rule"]])
    for column in ("received", "passed", "neurons_before", "neurons_after", "dropped_positive", "lambda_negative"):
        np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-4, atol=1e-5)


def test_threads_do_not_change_the_result(lists: None) -> None:
    model, x = network(), one_hot(9)
    alone = attribute(model, x).relevance
    torch.set_num_threads(3)
    try:
        together = attribute(model, x).relevance
    finally:
        torch.set_num_threads(1)
    # The forward pass may sum in another order.
    torch.testing.assert_close(together, alone, rtol=0, atol=float(1e-5 * alone.abs().max()))


def shuffled(rows: Rows) -> Rows:
    """The same entries in another order, every place in two parts."""
    generator, mine = np.random.default_rng(0), [slice(*ends) for ends in zip(rows.starts, rows.stops, strict=True)]
    orders = [generator.permutation(np.tile(np.arange(part.start, part.stop), 2)) for part in mine]
    stops = np.cumsum([len(order) for order in orders])
    order = np.concatenate(orders)
    counts = 2 * rows.counts
    return Rows(stops - counts, stops, rows.places[order], rows.values[order] / 2, rows.shape, rows.last)


@pytest.mark.parametrize("pruner", [PruneLambda(0.25), PruneM(0.25), NoPrune()])
@pytest.mark.parametrize("composite", ["genomic", "epsilon"])
def test_the_order_of_a_list_does_not_matter(
    composite: str, pruner: object, every_way: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists that are in order are not sorted: of dilated calls, wide and narrow ones, and dense layers."""
    torch.manual_seed(0)
    narrow = [nn.Conv1d(4, 12, 7, dilation=3), nn.ReLU(), nn.Conv1d(12, 90, 5), nn.ReLU()]
    wide = [nn.Conv1d(90, 40, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(20), nn.ReLU(), nn.Linear(20, 3)]
    model, x = nn.Sequential(*narrow, *wide).double().eval(), one_hot(3).double()
    model(x)
    options = {"pruner": pruner, "composite": composite, "target": 1}
    expected = attribute(model, x, **options).relevance
    monkeypatch.setattr(propagate, "hand", lambda call, rows, **given: hand(call, shuffled(rows), **given))
    made = attribute(model, x, **options).relevance
    torch.testing.assert_close(made, expected, rtol=0, atol=float(1e-9 * expected.abs().max()))
