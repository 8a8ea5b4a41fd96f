"""Windows along a record: every base is covered, and stitching follows the overlap rule base by base."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genoplrp.errors import OptionError, SequenceError
from genoplrp.sequence import Window, one_hot, place, stitch, tile, tile_count


@st.composite
def tilings(draw) -> tuple[int, int, int]:
    """Length of the record, of the window, and the stride."""
    width = draw(st.integers(1, 12))
    return draw(st.integers(1, 50)), width, draw(st.integers(1, width))


def literal_stitch(values: torch.Tensor, windows: list[Window], length: int) -> torch.Tensor:
    """The rule as written: furthest from the window's edge; if alike, the window that starts first; else 0."""
    width = values.shape[-1]
    stitched = torch.zeros(*values.shape[1:-1], length, dtype=values.dtype)
    for base in range(length):
        best, best_depth, best_start = None, -1, 0
        for row, window in zip(values, windows, strict=True):
            if not window.start <= base < window.end:
                continue
            column = window.offset + base - window.start
            depth = min(column, width - 1 - column)
            if depth > best_depth or (depth == best_depth and window.start < best_start):
                best, best_depth, best_start = row[..., column], depth, window.start
        if best is not None:
            stitched[..., base] = best
    return stitched


@settings(deadline=None)
@given(tilings())
def test_tiles_cover_every_base_and_only_the_record(tiling):
    length, width, stride = tiling
    windows = tile(length, width, stride)
    assert {base for w in windows for base in range(w.start, w.end)} == set(range(length))


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(1, 12))
def test_tiles_are_counted_without_being_made(length, width):
    assert tile_count(length, width) == len(tile(length, width))


@settings(deadline=None)
@given(tilings())
def test_tiles_are_full_windows_a_stride_apart_and_the_last_is_flush(tiling):
    length, width, stride = tiling
    windows = tile(length, width, stride)
    if length > width:
        assert all((w.end - w.start, w.offset) == (width, 0) for w in windows)
        steps = [b.start - a.start for a, b in pairwise(windows)]
        assert set(steps[:-1]) <= {stride}
        assert 0 < steps[-1] <= stride
        assert windows[-1].end == length
    else:
        (window,) = windows
        assert abs(window.offset - (width - length - window.offset)) <= 1


@settings(deadline=None)
@given(tilings())
def test_placed_windows_show_the_network_the_record(tiling):
    length, width, stride = tiling
    record = ("ACGTTGCA" * 7)[:length]
    for window in tile(length, width, stride):
        shown = place(record, window, width)
        assert len(shown) == width
        assert shown[window.offset :].rstrip("N") == record[window.start : window.end]
        assert set(shown[: window.offset]) <= {"N"}


def test_default_stride_is_half_a_window():
    assert [w.start for w in tile(450, 200)] == [0, 100, 200, 250]
    assert [w.start for w in tile(3, 1)] == [0, 1, 2]


def test_an_empty_record_has_no_windows():
    assert tile(0, 10) == ()


@settings(deadline=None)
@given(tilings(), st.randoms(use_true_random=False), st.sampled_from([(), (4,), (2, 3)]))
def test_stitch_matches_a_base_by_base_version_on_any_of_the_windows_in_any_order(tiling, random, axes):
    length, width, stride = tiling
    windows = list(tile(length, width, stride))
    chosen = random.choices(windows, k=random.randint(1, len(windows)))
    values = torch.randn(len(chosen), *axes, width, generator=torch.Generator().manual_seed(random.randint(0, 99)))
    assert torch.equal(stitch(values, chosen, length), literal_stitch(values, chosen, length))


@settings(deadline=None)
@given(tilings())
def test_stitching_what_the_windows_show_gives_the_record_back(tiling):
    length, width, stride = tiling
    record = ("ACGTTGCATTAG" * 5)[:length]
    windows = tile(length, width, stride)
    shown = one_hot([place(record, window, width) for window in windows])
    assert torch.equal(stitch(shown, windows, length), one_hot(record)[0])


def test_bases_outside_the_given_windows_get_zero():
    stitched = stitch(torch.ones(1, 4), [Window(2, 6)], 9)
    assert stitched.tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0]


def test_nothing_to_stitch_is_nothing():
    assert stitch(torch.rand(1, 2, 3), [Window(0, 0, 3)], 0).shape == (2, 0)


def test_a_tie_goes_to_the_window_that_starts_first_whatever_the_order():
    values = torch.tensor([[2.0] * 6, [1.0] * 6])
    assert stitch(values, [Window(3, 9), Window(0, 6)], 9).tolist() == [1] * 5 + [2] * 4


def test_stitch_keeps_the_dtype_and_takes_a_list_of_rows():
    rows = [torch.ones(4, 6, dtype=torch.float64), torch.zeros(4, 6, dtype=torch.float64)]
    stitched = stitch(rows, tile(9, 6), 9)
    assert (stitched.dtype, tuple(stitched.shape)) == (torch.float64, (4, 9))


@pytest.mark.parametrize("arguments", [(-1, 10), (10, 0), (30, 10, 0), (30, 10, 11)])
def test_numbers_out_of_range_are_refused(arguments):
    with pytest.raises(OptionError, match=r"expected length >= 0|stride must be 1 to 10"):
        tile(*arguments)


@pytest.mark.parametrize("window", [Window(5, 15), Window(-1, 9), Window(0, 10, 1), Window(0, 8, -1)])
def test_a_window_that_does_not_fit_is_not_placed(window):
    with pytest.raises(SequenceError, match="does not fit a record of 12 bases in an input of 10"):
        place("ACGTACGTACGT", window, 10)


def test_values_and_windows_must_go_together():
    with pytest.raises(SequenceError, match="got 1 for 2 windows"):
        stitch(torch.zeros(1, 6), tile(9, 6), 9)
    with pytest.raises(SequenceError, match="got 0 for 0 windows"):
        stitch([], [], 9)
    with pytest.raises(SequenceError, match="neither fills an input of 6 columns nor holds the whole record of 9"):
        stitch(torch.zeros(1, 6), [Window(1, 5)], 9)
