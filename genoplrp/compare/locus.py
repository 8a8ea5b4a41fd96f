"""One place to look at: a record of a FASTA file, the stretch of it that the network reads, and what is known there.

Coordinates are 0-based half-open, in the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genoplrp.annotate.intake import Rejection, accepted
from genoplrp.annotate.truth import BedTruth, ScannedTruth
from genoplrp.errors import OptionError, SequenceError
from genoplrp.models import ModelSpec
from genoplrp.motifs import shipped_motifs
from genoplrp.motifs.masks import Stretch
from genoplrp.sequence import Record, Window, place, read_fasta, tile

_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Locus:
    """A record and the window of it that is explained."""

    record: Record
    window: Window
    length: int

    @property
    def letters(self) -> str:
        """What the network reads: the window, centred among N where the record is shorter."""
        return place(self.record.sequence, self.window, self.length)

    @property
    def offset(self) -> int:
        """Coordinate, in the record, of the first letter that the network reads; negative before a short record."""
        return self.window.start - self.window.offset

    def sites(self, spans: Sequence[tuple[int, int]]) -> list[Stretch]:
        """The spans of the record that lie in the window, in the network's coordinates."""
        inside = [span for span in spans if self.window.start <= span[0] and span[1] <= self.window.end]
        return [Stretch(0, start - self.offset, end - self.offset) for start, end in inside]


def find_locus(fasta: str | Path, length: int, *, record: str | None = None, start: int | None = None) -> Locus:
    """A record of a file and the window of `length` bases that a network reads of it.

    Parameters
    ----------
    fasta
        The file, or "-" for standard input.
    length
        What the network reads.
    record
        Its name; None: the first.
    start
        First base of the window, needed where the record is longer.

    Raises
    ------
    SequenceError
        The file cannot be read, has no such record, or the record cannot be explained (says why).
    OptionError
        A longer record without `start`, or a `start` outside it.
    """
    found = _record(fasta, record)
    rejected: list[Rejection] = []
    if not list(accepted([found], rejected.append)):
        raise SequenceError(f"{fasta}: record {found.name!r} cannot be explained: {rejected[0].reason}")
    bases = len(found.sequence)
    if bases > length and start is None:
        raise OptionError(
            f"record {found.name!r} has {bases} bases and the network reads {length}: say which of them with start "
            f"(--start), 0 to {bases - length}"
        )
    if start is None:
        return Locus(found, tile(bases, length)[0], length)
    if not 0 <= start <= max(0, bases - length):
        raise OptionError(
            f"start must be in 0 to {max(0, bases - length)} for record {found.name!r}, which has {bases} bases, and "
            f"a network that reads {length}; got {start}"
        )
    return Locus(found, Window(start, start + length) if bases >= length else tile(bases, length)[0], length)


def known_sites(
    locus: Locus, spec: ModelSpec, output: int, truth: str | Path | None = None
) -> tuple[list[Stretch] | None, str]:
    """Where an output's motif lies in the window, in the network's coordinates, and how that is known.

    By the intervals of a BED file (`truth`), or by the matches of the matrix that the network's file names; None where
    there is neither.

    Raises
    ------
    SequenceError
        The BED file cannot be read.
    """
    label = spec.labels[output]
    matrices = {motif.matrix_id: motif for motif in shipped_motifs()}
    motif = matrices.get(spec.motifs.get(label, ""))
    known = ScannedTruth({label: motif} if motif else {}) if truth is None else BedTruth(truth, spec.labels)
    spans = known.spans([locus.record], label)[0]
    return (None, "nothing is known") if spans is None else (locus.sites(spans), known.source)


def _record(fasta: str | Path, name: str | None) -> Record:
    names: list[str] = []
    for record in read_fasta(fasta):
        if name is None or record.name == name:
            return record
        names.append(record.name)
    more = ", ..." if len(names) > _NAMES_SHOWN else ""
    raise SequenceError(
        f"{fasta}: no record {name!r}; its {len(names)} records are {', '.join(names[:_NAMES_SHOWN])}{more}"
    )
