"""Where a label's motif lies in a record: by its matrix, or by a BED file of the user's.

Coordinates are 0-based half-open, in the record. A span is a pair (start, end).
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from genoplrp.annotate.genome import parse_locus
from genoplrp.errors import SequenceError
from genoplrp.motifs import Motif, scan
from genoplrp.sequence import Interval, Record, read_bed

P_VALUE = 1e-4
"""A match of a matrix counts as an instance if a random window scores as high with at most this probability."""

Spans = list[tuple[int, int]]


class Truth(Protocol):
    """Something that knows the instances of a label in records; `name` is what these are called."""

    source: str
    name: str

    def spans(self, records: Sequence[Record], label: str) -> list[Spans | None]:
        """Instances of `label` in each record, sorted; None where nothing can be known of the label."""


class ScannedTruth:
    """Instances are the matches of the label's matrix at a p-value, on either strand.

    Parameters
    ----------
    motifs
        Matrices by label; a label without one has no truth.
    """

    name = "match"
    source = f"matches of the label's matrix, p <= {P_VALUE:g}"

    def __init__(self, motifs: Mapping[str, Motif]) -> None:
        self._motifs = motifs

    def spans(self, records: Sequence[Record], label: str) -> list[Spans | None]:
        """Matches in each record; a palindromic site counts once."""
        motif = self._motifs.get(label)
        if motif is None:
            return [None] * len(records)
        found: list[set[tuple[int, int]]] = [set() for _ in records]
        for hit in scan([record.sequence for record in records], [motif], p_value=P_VALUE):
            found[hit.sequence].add((hit.start, hit.end))
        return [sorted(spans) for spans in found]


class BedTruth:
    """Instances are the intervals of a BED file.

    The first column names the record, or a chromosome where the records' names state their place (``chr1:100-200``).
    An interval whose name is one of `labels` is an instance of that label only, every other one of all labels. Parts
    outside a record are cut off.

    Parameters
    ----------
    path
        The BED file; it is read into memory.
    labels
        The network's labels.
    """

    def __init__(self, path: str | Path, labels: Iterable[str]) -> None:
        self.name, self.source = "truth", f"intervals of {Path(path).name}"
        self._labels = frozenset(labels)
        grouped: dict[str, list[Interval]] = defaultdict(list)
        for interval in read_bed(path):
            grouped[interval.chrom].append(interval)
        if not grouped:
            raise SequenceError(f"{path}: no interval in it; expected BED lines (chrom, start, end).")
        self._by_chrom = {chrom: _Sorted(intervals) for chrom, intervals in grouped.items()}

    def spans(self, records: Sequence[Record], label: str) -> list[Spans | None]:
        """Intervals of each record that stand for `label`."""
        return [self._spans(record, label) for record in records]

    def _spans(self, record: Record, label: str) -> Spans:
        length = len(record.sequence)
        places = [(i, i.start, i.end) for i in self._overlapping(record.name, 0, length)]
        if locus := parse_locus(record.name, length):
            near = self._overlapping(locus.chrom, locus.start, locus.end)
            places += [(i, *locus.to_record(i.start, i.end)) for i in near]
        kept = {
            (max(start, 0), min(end, length))
            for interval, start, end in places
            if interval.name == label or interval.name not in self._labels
        }
        return sorted(kept)

    def _overlapping(self, chrom: str, start: int, end: int) -> list[Interval]:
        """Intervals that share a base with `start`-`end` of `chrom`."""
        known = self._by_chrom.get(chrom)
        return known.overlapping(start, end) if known else []


class _Sorted:
    """Intervals of one chromosome by start, found by bisection."""

    def __init__(self, intervals: list[Interval]) -> None:
        self._intervals = sorted(intervals, key=lambda i: (i.start, i.end))
        self._starts = [i.start for i in self._intervals]
        self._longest = max(i.end - i.start for i in intervals)

    def overlapping(self, start: int, end: int) -> list[Interval]:
        first, last = bisect_left(self._starts, start - self._longest), bisect_left(self._starts, end)
        return [i for i in self._intervals[first:last] if i.end > start]
