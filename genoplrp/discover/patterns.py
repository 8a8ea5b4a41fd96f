"""A pattern: seqlets that are variants of one motif, laid over each other, and the matrices that sum them up."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genoplrp.motifs import Motif

CORE = 0.2
"""The core of a pattern begins and ends at a column with this share of the relevance of its richest column."""

_FLANK_BITS = 0.35  # a column beside the core belongs to it if it is so informative


@dataclass(frozen=True, eq=False)
class Pattern:
    """k seqlets of one label and sign, laid over each other in a frame of w bases.

    Attributes
    ----------
    name
        Such as ``CTCF_pos_0``: label, sign, rank by number of seqlets.
    label, sign
        The output whose relevance it carries; 1 where it speaks for the label, -1 where against.
    rows, starts
        (k,) window of each seqlet, and where the frame begins in it (0-based; below 0 where it begins before).
    reverse
        (k,) whether the seqlet is read on the other strand.
    sequences, contributions, hypothetical
        (k, 4, w) one-hot bases, relevance of the bases there, and hypothetical relevance, in the frame's direction.
    members
        (k,) row of each seqlet in the table of the label's seqlets.
    """

    name: str
    label: str
    sign: int
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    reverse: NDArray[np.bool_]
    sequences: NDArray[np.float32] = field(repr=False)
    contributions: NDArray[np.float32] = field(repr=False)
    hypothetical: NDArray[np.float32] = field(repr=False)
    members: NDArray[np.int64] = field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        """Bases in the frame, w."""
        return int(self.sequences.shape[2])

    @cached_property
    def cwm(self) -> NDArray[np.float64]:
        """Contribution weight matrix, (4, w): mean relevance of the bases that are there."""
        return np.asarray(self.contributions.mean(axis=0, dtype=np.float64))

    @cached_property
    def hypothetical_cwm(self) -> NDArray[np.float64]:
        """Mean hypothetical relevance of each base, (4, w)."""
        return np.asarray(self.hypothetical.mean(axis=0, dtype=np.float64))

    @cached_property
    def counts(self) -> NDArray[np.float64]:
        """How often each base was seen, (4, w); a quarter each in a column without any."""
        counts = self.sequences.sum(axis=0, dtype=np.float64)
        return np.where(counts.sum(axis=0) > 0, counts, 0.25)

    @cached_property
    def core(self) -> tuple[int, int]:
        """Start and end (0-based half-open, in the frame) of the part that matters.

        From the first to the last column with at least `CORE` of the relevance of the richest one; columns beside that
        belong to it as long as they are informative.
        """
        weight = np.abs(self.cwm).sum(axis=0)
        rich = np.flatnonzero(weight >= CORE * weight.max())
        start, end = int(rich[0]), int(rich[-1]) + 1
        bits = Motif("", "", self.counts).information
        while start > 0 and bits[start - 1] >= _FLANK_BITS:
            start -= 1
        while end < self.width and bits[end] >= _FLANK_BITS:
            end += 1
        return start, end

    def motif(self, name: str | None = None) -> Motif:
        """The core's counts as a `Motif` whose accession is the pattern's name."""
        start, end = self.core
        return Motif(name or self.name, self.name, self.counts[:, start:end])

    @property
    def relevance(self) -> float:
        """Mean relevance in the core of a seqlet, with its sign."""
        start, end = self.core
        return float(self.cwm[:, start:end].sum())

    def sites(self) -> list[tuple[int, int, int, str]]:
        """Window, start, end (0-based half-open, of the core, in the window) and strand of every seqlet."""
        start, end = self.core
        low = np.where(self.reverse, self.starts + self.width - end, self.starts + start)
        strands = np.where(self.reverse, "-", "+")
        columns = (self.rows, low, low + end - start, strands)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def inside(self, length: int) -> "Pattern":
        """The seqlets whose frame lies within a window of `length` bases, at least one.

        Where that would leave out more than half of them, the frame is narrowed: to the core, and if the most relevant
        seqlet is not inside then, to what of it is.
        """
        found = self
        if 2 * found._fits(length).sum() < len(self):
            found = self._narrowed(*self.core)
        if not found._fits(length).any():
            columns = np.arange(found.width)
            place = found.starts[0] + (columns[::-1] if found.reverse[0] else columns)
            there = np.flatnonzero((place >= 0) & (place < length))
            found = found._narrowed(int(there[0]), int(there[-1]) + 1)
        return found._only(found._fits(length))

    def _fits(self, length: int) -> NDArray[np.bool_]:
        """Whose frames lie within the window."""
        return np.asarray((self.starts >= 0) & (self.starts + self.width <= length))

    def _narrowed(self, start: int, end: int) -> "Pattern":
        """The same seqlets in a part of the frame."""
        parts = {name: getattr(self, name)[:, :, start:end] for name in ("sequences", "contributions", "hypothetical")}
        return replace(self, starts=self.starts + np.where(self.reverse, self.width - end, start), **parts)

    def _only(self, kept: NDArray[np.bool_]) -> "Pattern":
        """Some of the seqlets."""
        names = ("rows", "starts", "reverse", "sequences", "contributions", "hypothetical", "members")
        return replace(self, **{name: getattr(self, name)[kept] for name in names})

    def renamed(self, name: str) -> "Pattern":
        """The same under another name."""
        return replace(self, name=name)
