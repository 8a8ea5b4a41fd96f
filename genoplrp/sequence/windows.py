"""Cutting a record into windows of the network's length, and putting the windows' values together again.

A record shorter than the network's input is centred in it; the letters around it are N, all-zero columns, where
relevance is exactly zero and which `stitch` leaves out. A longer record is covered by overlapping tiles, the last one
flush with its end. The overlap rule: a base takes its value from the window in which it lies furthest from the window's
edge, where the network sees most context on both sides; if two are alike, from the one that starts first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from genoplrp.errors import OptionError, SequenceError


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """What one network input holds of a record.

    Attributes
    ----------
    start, end
        The bases held, 0-based half-open in the record.
    offset
        Column of the network input at which base ``start`` lies: 0 for a tile, more for a record that is centred.
    """

    start: int
    end: int
    offset: int = 0


def tile(length: int, window: int, stride: int | None = None) -> tuple[Window, ...]:
    """Windows that cover every base of a record, in the record's order.

    Parameters
    ----------
    length
        Bases in the record.
    window
        Bases in the network's input.
    stride
        Bases from one window to the next, 1 to ``window``; by default half a window (at least 1), so that each base but
        those at the ends of the record has at least a quarter of a window on both sides in one of its windows.

    Returns
    -------
    tuple of Window
        One centred window if the record is not longer than ``window``, else tiles; none for an empty record.

    Raises
    ------
    OptionError
        A number is out of range.

    Examples
    --------
    >>> tile(500, 200)
    (Window(start=0, end=200, offset=0), Window(start=100, end=300, offset=0), Window(start=200, end=400, offset=0), \
Window(start=300, end=500, offset=0))
    >>> tile(150, 200)
    (Window(start=0, end=150, offset=25),)
    """
    if length < 0 or window < 1:
        raise OptionError(f"expected length >= 0 and window >= 1; got length {length} and window {window}.")
    stride = max(1, window // 2) if stride is None else stride
    if not 1 <= stride <= window:
        raise OptionError(f"stride must be 1 to {window}, the window, or bases would be left out; got {stride}.")
    if length == 0:
        return ()
    if length <= window:
        return (Window(0, length, (window - length) // 2),)
    starts = [*range(0, length - window, stride), length - window]
    return tuple(Window(start, start + window) for start in starts)


@lru_cache
def tile_count(length: int, window: int) -> int:
    """How many windows `tile` gives for a record of so many bases, without making them.

    Examples
    --------
    >>> [tile_count(length, 200) for length in (0, 150, 200, 201, 500)]
    [0, 1, 1, 2, 4]
    """
    return 0 if length == 0 else 1 + max(0, -(-(length - window) // max(1, window // 2)))


def place(sequence: str, window: Window, width: int) -> str:
    """The string of ``width`` letters that a window of the record shows the network, N around a short record.

    Parameters
    ----------
    sequence
        The whole record.
    window
        One of ``tile(len(sequence), width)``.
    width
        Bases in the network's input.

    Raises
    ------
    SequenceError
        The window reaches beyond the record or beyond ``width``.

    Examples
    --------
    >>> place("ACGT", Window(0, 4, 2), 8)
    'NNACGTNN'
    >>> place("ACGTACGT", Window(2, 6), 4)
    'GTAC'
    """
    after = width - window.offset - (window.end - window.start)
    if not 0 <= window.start <= window.end <= len(sequence) or window.offset < 0 or after < 0:
        raise SequenceError(f"{window} does not fit a record of {len(sequence)} bases in an input of {width}.")
    return "N" * window.offset + sequence[window.start : window.end] + "N" * after


def stitch(values: Tensor | Sequence[Tensor], windows: Sequence[Window], length: int) -> Tensor:
    """Values along a record, put together from those of its windows.

    Each base takes its value from the window, among those given, in which it lies furthest from the window's edge; if
    two are alike, from the one that starts first. A base in none of them gets 0. So the result is no sum or mean:
    every value is one that the network's explanation gave, and relevance adds up to the network's output only within
    a window.

    Parameters
    ----------
    values
        (k, ..., w), one row a window, such as relevance (k, 4, w) or per-base relevance (k, w); or k such rows.
    windows
        The k windows, in any order: all of ``tile(length, w)`` or some of them.
    length
        Bases in the record.

    Returns
    -------
    Tensor
        (..., length), of the dtype and on the device of ``values``.

    Raises
    ------
    SequenceError
        There are no windows, not as many values as windows, or a window neither fills the input nor holds the record.

    Examples
    --------
    >>> values = torch.stack([torch.full((6,), 1.0), torch.full((6,), 2.0)])
    >>> stitch(values, tile(9, 6), 9)
    tensor([1., 1., 1., 1., 1., 2., 2., 2., 2.])
    """
    stacked = values if isinstance(values, Tensor) else torch.stack(list(values)) if values else torch.empty(0)
    if len(stacked) != len(windows) or not len(windows):
        raise SequenceError(f"stitch takes one row of values a window; got {len(stacked)} for {len(windows)} windows.")
    stitched = stacked.new_zeros((*stacked.shape[1:-1], length))
    for window, base, column, bases in _pieces(windows, length, stacked.shape[-1]):
        stitched[..., base : base + bases] = stacked[window, ..., column : column + bases]
    return stitched


def _pieces(windows: Sequence[Window], length: int, width: int) -> Iterator[tuple[int, int, int, int]]:
    """Stretches of bases that lie beside each other in one window: (window, first base, its column, bases).

    Windows are equally wide, so a base lies furthest from the edge in the window whose centre is nearest.
    """
    centres: dict[int, int] = {}  # twice the centre, so that it stays whole
    for index, window in enumerate(windows):
        _check(window, length, width)
        centres.setdefault(2 * (window.start - window.offset) + width - 1, index)
    base = 0
    order = sorted(centres)
    for centre, following in pairwise([*order, 4 * (length + width)]):
        window = windows[centres[centre]]
        # No further than the last base that is as near to this centre as to the next.
        first, end = max(base, window.start), min(window.end, (centre + following) // 4 + 1)
        if first < end:
            yield centres[centre], first, first - window.start + window.offset, end - first
            base = end


def _check(window: Window, length: int, width: int) -> None:
    """A window is as wide as the network's input, or holds the whole record."""
    whole = window.offset == 0 and window.end - window.start == width
    centred = (window.start, window.end) == (0, length) and 0 <= window.offset <= width - length
    if not (whole or centred) or window.start < 0 or window.end > length:
        raise SequenceError(
            f"{window} neither fills an input of {width} columns nor holds the whole record of {length} "
            "bases; pass windows that tile() gave for this record."
        )
