"""A pattern's seqlets within their windows: what is left out, and that what stays is what was there."""

import numpy as np
import pytest

from genoplrp.discover.maps import Maps
from genoplrp.discover.quick import Frames, laid_over


def pattern(starts, reverse, length=20, width=12):
    """Frames of random windows, each start 40 times; the relevance lies on the columns 4 to 8 of each frame."""
    rng = np.random.default_rng(len(starts))
    starts, reverse = np.tile(starts, 40), np.tile(np.array(reverse, bool), 40)  # so many that chance is not telling
    x = np.eye(4, dtype=np.uint8)[rng.integers(0, 4, (len(starts), length))].transpose(0, 2, 1)
    relevance = np.zeros((len(starts), length), np.float32)
    for row, start, turned in zip(relevance, starts, reverse, strict=True):
        core = np.arange(4, 8) if not turned else width - 1 - np.arange(4, 8)
        place = start + core
        row[place[(place >= 0) & (place < length)]] = 1
    maps = Maps("a", x, relevance, x * relevance[:, None], x, relevance)
    rows = np.arange(len(starts))
    return maps, laid_over(maps, 1, Frames(rows + 100, rows, starts, reverse, width))


@pytest.mark.parametrize(
    ("starts", "reverse", "kept"),
    [
        ([0, 8, -1, 3, 9], [0, 1, 1, 0, 0], [0, 1, 3]),  # most frames fit
        ([-3, -2, 10, 3, 12], [0, 1, 1, 0, 0], None),  # few do: the core, of which most are inside
        ([-5, -6], [1, 0], None),  # not even the cores: what there is of the first
        ([-5, -6], [0, 1], None),
    ],
)
def test_seqlets_inside_are_cut_from_their_windows(starts, reverse, kept):
    maps, found = pattern(starts, reverse)
    inside = found.inside(20)
    assert len(inside) >= 1
    if kept is not None:
        assert sorted(set((inside.members - 100) % len(starts))) == kept and inside.width == 12
    else:
        assert inside.width < 12
    for k in range(len(inside)):
        row, start, end = inside.rows[k], inside.starts[k], inside.starts[k] + inside.width
        assert inside.members[k] == row + 100
        assert 0 <= start < end <= 20
        there = maps.x[row, :, start:end]
        assert (inside.sequences[k] == (there[::-1, ::-1] if inside.reverse[k] else there)).all()
        mass = maps.relevance[row, start:end]
        assert inside.contributions[k].sum(0).tolist() == (mass[::-1] if inside.reverse[k] else mass).tolist()


def test_a_pattern_that_is_inside_stays_as_it_is():
    _, found = pattern([0, 4, 8], [0, 1, 0])
    inside = found.inside(20)
    assert (inside.cwm == found.cwm).all() and (inside.starts == found.starts).all()
