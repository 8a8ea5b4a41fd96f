"""Masks: which bases count as true, from planted sites, scanned hits, or a BED file."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from genoplrp.errors import OptionError
from genoplrp.sequence import Interval

# chr1:100-200, as bedtools getfasta and samtools faidx name what they cut out; bedtools may put "NAME::" before
# and the strand after it.
_REGION = re.compile(r"(?:.*::)?(?P<chrom>.+):(?P<start>\d+)-(?P<end>\d+)(?:\((?P<strand>[+.-])\))?")


class Placed(Protocol):
    """Anything with a place: a `Site`, a `MotifHit` or a `Stretch`. 0-based, half-open."""

    @property
    def sequence(self) -> int: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Stretch(NamedTuple):
    """Bases `start` to `end` (0-based, half-open) of the sequence with index `sequence`."""

    sequence: int
    start: int
    end: int


def site_masks(sites: Iterable[Placed], n: int, length: int) -> NDArray[np.bool_]:
    """True at each base of each site, shape (n, length).

    Parameters
    ----------
    sites : iterable of Site, MotifHit or Stretch
    n, length : int
        Number of sequences, and their length or that of the longest.

    Raises
    ------
    OptionError
        If a site lies outside.

    Examples
    --------
    >>> site_masks([Stretch(1, 2, 4)], 2, 5).astype(int).tolist()
    [[0, 0, 0, 0, 0], [0, 0, 1, 1, 0]]
    """
    masks = np.zeros((n, length), dtype=bool)
    for site in sites:
        if not (0 <= site.sequence < n and 0 <= site.start <= site.end <= length):
            raise OptionError(f"{site} lies outside {n} sequences of {length} bases")
        masks[site.sequence, site.start : site.end] = True
    return masks


def span_sums(
    values: NDArray[Any], rows: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[Any]:
    """Sum of `values` (n, length) in each of k spans, (k,): of which row it is, where it starts and ends.

    Spans of one length are summed together.

    Examples
    --------
    >>> places = np.array([[0, 1, 3], [1, 0, 2]])  # row, start, end
    >>> span_sums(np.array([[1, 2, 3], [4, 5, 6]]), *places.T).tolist()
    [5, 9]
    """
    lengths = end - start
    sums = np.empty(len(lengths), values.dtype)
    for length in np.unique(lengths):
        of = np.flatnonzero(lengths == length)
        sums[of] = values[rows[of, None], start[of, None] + np.arange(length)].sum(axis=1)
    return sums


def interval_masks(intervals: Iterable[Interval], names: Sequence[str], lengths: Sequence[int]) -> NDArray[np.bool_]:
    """True at each base in a BED interval, shape (n, longest length); parameters as for `interval_sites`.

    Examples
    --------
    >>> interval_masks([Interval("chr2", 103, 120)], ["chr2:100-105"], [5]).astype(int).tolist()
    [[0, 0, 0, 1, 1]]
    """
    return site_masks(interval_sites(intervals, names, lengths), len(names), max(lengths, default=0))


def interval_sites(intervals: Iterable[Interval], names: Sequence[str], lengths: Sequence[int]) -> list[Stretch]:
    """BED intervals as places in the sequences, cut off at the sequences' ends.

    An interval belongs to a sequence whose name is its chrom, with positions counted from that sequence's start. It
    also belongs to each sequence named ``CHROM:START-END`` that it overlaps, with genomic positions. Such names count
    from 0, end exclusive (bedtools), where ``END - START`` is the sequence's length, and from 1, end inclusive
    (samtools), where it is one less; other names of this form are names only. ``(-)`` after it says that the sequence
    is the reverse strand.

    Parameters
    ----------
    intervals : iterable of Interval
        0-based, half-open, as in the BED file.
    names, lengths : n names and n lengths
        Of the sequences.

    Returns
    -------
    list of Stretch
        By sequence, start and end; one for each pair of an interval and a sequence that it overlaps.

    Raises
    ------
    OptionError
        If there are not as many names as lengths.
    """
    if len(names) != len(lengths):
        raise OptionError(f"names and lengths must be of equal number; got {len(names)} and {len(lengths)}")
    grouped = defaultdict(list)
    for interval in intervals:
        grouped[interval.chrom].append((interval.start, interval.end))
    regions = defaultdict(list)
    for i, (name, length) in enumerate(zip(names, lengths, strict=True)):
        for chrom, start, reverse in _places(name, length):
            if chrom in grouped:
                regions[chrom].append((start, start + length, i, reverse))
    return sorted(site for chrom, places in regions.items() for site in _overlaps(sorted(places), grouped[chrom]))


def _places(name: str, length: int) -> Iterator[tuple[str, int, bool]]:
    """Where a sequence lies: chrom, start, and whether it is the reverse strand."""
    yield name, 0, False
    found = _REGION.fullmatch(name)
    if found:
        start, end = int(found["start"]), int(found["end"])
        inclusive = end - start + 1 == length
        if inclusive or end - start == length:
            yield found["chrom"], start - inclusive, found["strand"] == "-"


def _overlaps(places: list[tuple[int, int, int, bool]], intervals: list[tuple[int, int]]) -> Iterator[Stretch]:
    """Stretches of the places (start, end, sequence, reverse), sorted, that the intervals (start, end) cover."""
    starts = np.array([place[0] for place in places])
    widest = max(place[1] - place[0] for place in places)
    low, high = np.array(intervals).T
    # No place that starts further left than the widest is wide can reach an interval.
    first = np.searchsorted(starts, low - widest, side="left").tolist()
    last = np.searchsorted(starts, high, side="left").tolist()
    for (begin, stop), i, j in zip(intervals, first, last, strict=True):
        for start, end, sequence, reverse in places[i:j]:
            left, right = max(begin, start), min(stop, end)
            if left < right:
                yield (
                    Stretch(sequence, end - right, end - left)
                    if reverse
                    else Stretch(sequence, left - start, right - start)
                )
