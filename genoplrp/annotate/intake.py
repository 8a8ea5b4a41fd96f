"""Which records of a FASTA file can be annotated. What cannot be is handed back with its reason, never dropped.

Reading the file is the business of `genoplrp.sequence`; a file that cannot be read at all raises there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from genoplrp.annotate.tables import open_table, write_line
from genoplrp.errors import SequenceError
from genoplrp.sequence import Record
from genoplrp.sequence.alphabet import check_dna, count_bases

_KEPT = 20
_REASONS_SHOWN = 3


@dataclass(frozen=True)
class Rejection:
    """A record that was not annotated, and why."""

    record: str
    reason: str


class Rejected:
    """Counts rejections and keeps the first few, while all of them go into ``rejected.tsv``, a line each."""

    def __init__(self, folder: Path) -> None:
        self._table = open_table(folder / "rejected.tsv", ("record", "reason"))
        self.count = 0
        self.first: list[Rejection] = []

    def add(self, rejection: Rejection) -> None:
        """Count and write one rejection."""
        self.count += 1
        if len(self.first) < _KEPT:
            self.first.append(rejection)
        write_line(self._table, rejection.record, rejection.reason)

    def close(self) -> None:
        """Write what is still in memory."""
        self._table.close()


def accepted(records: Iterable[Record], reject: Callable[[Rejection], None]) -> Iterator[Record]:
    """Yield the records that can be annotated, in order; hand every other one to `reject` with its reason.

    Rejected are records whose name BED reserves, without letters, with a character that is no nucleotide code (the
    reason gives its 0-based offset), of only N, and those whose name an accepted record had before. Of a name a 64-bit
    hash is kept, about 80 bytes of memory a record.

    Examples
    --------
    >>> out = []
    >>> kept = accepted([Record("a", "ACGT"), Record("a", "CCCC"), Record("b", "NNNN")], out.append)
    >>> [record.name for record in kept]
    ['a']
    >>> [rejection.record for rejection in out]
    ['a', 'b']
    """
    seen: set[int] = set()
    for record in records:
        reason = _fault(record)
        digest = int.from_bytes(blake2b(record.name.encode(), digest_size=8).digest())
        if reason is None and digest in seen:
            reason = "duplicate name: an earlier record of this name was annotated; give every record its own name"
        if reason is not None:
            reject(Rejection(record.name, reason))
            continue
        seen.add(digest)
        yield record


def _fault(record: Record) -> str | None:
    """What is wrong with a record by itself, or None."""
    if not record.name or record.name.startswith("#") or record.name in {"track", "browser"}:
        return (
            "a BED file cannot hold this name: give the record a name that is not empty, '#...', 'track' or 'browser'"
        )
    if not record.sequence:
        return "the record has no sequence; if it is the file's last one, the file may have been cut short"
    try:
        check_dna(record.sequence, f"record {record.name!r}")
    except SequenceError as error:
        return str(error)
    if not count_bases(record.sequence):
        return "only N or other ambiguous letters: there is no base to explain"
    return None


def nothing_usable(fasta: str | Path, count: int, first: Sequence[Rejection], what: str) -> SequenceError:
    """Error for a file of which none of `count` records can be `what` (annotated, used), with the first reasons."""
    reasons = " ".join(f"{rejection.record}: {rejection.reason}" for rejection in first[:_REASONS_SHOWN])
    return SequenceError(f"{fasta}: none of its {count} records can be {what}, so nothing was written. {reasons}")
