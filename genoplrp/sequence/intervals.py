"""Stretches of sequence and BED files, in and out. Coordinates are 0-based half-open throughout, as BED has them."""

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from genoplrp.errors import OutputError, SequenceError
from genoplrp.sequence._streams import describe, read_lines

# With the space, for a sequence may be called tracker.
_NO_DATA = ("#", "track ", "browser ")
_DEFAULTS = (".", "0", ".")


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A stretch of a sequence, 0-based half-open: ``end - start`` bases from base ``start`` on.

    Attributes
    ----------
    chrom
        Name of the chromosome or FASTA record.
    start, end
        0 <= start <= end.
    name
        What lies there; "." for nothing.
    score
        Any finite number.
    strand
        "+", "-" or "." for neither.

    Examples
    --------
    >>> Interval("chr1", 10, 29, "CTCF", 12.5, "-")
    Interval(chrom='chr1', start=10, end=29, name='CTCF', score=12.5, strand='-')
    """

    chrom: str
    start: int
    end: int
    name: str = "."
    score: float = 0
    strand: str = "."

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise SequenceError(f"expected 0 <= start <= end; got start {self.start} and end {self.end}.")
        if self.strand not in ("+", "-", "."):
            raise SequenceError(f"strand must be '+', '-' or '.'; got {self.strand!r}.")
        if not math.isfinite(self.score):
            raise SequenceError(f"score must be a finite number; got {self.score}.")


def read_bed(path: str | os.PathLike[str]) -> list[Interval]:
    """Intervals of a BED file, in the file's order.

    Three to six columns are read (chrom, start, end, name, score, strand) and further ones passed over, so narrowPeak
    files are read too. Columns are separated by tabs or, where a line has none, by spaces. Comments, blank lines and
    ``track`` and ``browser`` lines are skipped. A score of "." reads as 0.

    Parameters
    ----------
    path
        A plain, gzip or bgzip file, or "-" for standard input.

    Raises
    ------
    SequenceError
        The file is missing or its gzip stream is damaged, or a line is no BED: the message names the line.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     bed = Path(folder) / "hits.bed"
    ...     write_bed([Interval("chr1", 10, 29, "CTCF", 12.5, "-")], bed)
    ...     read_bed(bed)
    [Interval(chrom='chr1', start=10, end=29, name='CTCF', score=12.5, strand='-')]
    """
    intervals = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip() or line.startswith(_NO_DATA):
            continue
        try:
            intervals.append(_parse(line.rstrip("\n")))
        except ValueError as error:
            raise SequenceError(f"{describe(path)}, line {number}: {error}") from error
    return intervals


def _parse(line: str) -> Interval:
    """The interval on a BED line; a ValueError says what is wrong."""
    fields = line.split("\t") if "\t" in line else line.split()
    if len(fields) < 3:
        raise SequenceError(f"expected at least chrom, start and end, separated by tabs; got {line[:60]!r}.")
    chrom, start, end, name, score, strand = [*fields, *_DEFAULTS[len(fields) - 3 :]][:6]
    return Interval(chrom, _whole("start", start), _whole("end", end), name, _number(score), strand)


def _whole(column: str, text: str) -> int:
    if not text.strip().isdecimal():
        raise SequenceError(f"{column} must be a whole number from 0 on; got {text!r}.")
    return int(text)


def _number(text: str) -> float:
    if text == ".":
        return 0
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        raise SequenceError(f"score must be a number or '.'; got {text!r}.") from None


def write_bed(intervals: Iterable[Interval], path: str | os.PathLike[str] | TextIO, header: str | None = None) -> None:
    """Write intervals as BED, six columns separated by tabs.

    A file appears under its name only when it is whole; until then it lies beside it as ``NAME.part``.

    Parameters
    ----------
    intervals
        Written in the order given.
    path
        A file, which is replaced, or an open text stream, which is left open.
    header
        Put first; each of its lines is marked as a comment unless it is one or a ``track`` or ``browser`` line.

    Raises
    ------
    OutputError
        The file cannot be written.
    SequenceError
        A chrom or name holds a tab or a line end, or a chrom is empty or begins with '#'.

    Examples
    --------
    >>> import sys
    >>> hit = Interval("chr1", 10, 29, "CTCF", 12.5, "-")
    >>> write_bed([hit], sys.stdout, header="hits")  # doctest: +NORMALIZE_WHITESPACE
    # hits
    chr1  10  29  CTCF  12.5  -
    """
    if not isinstance(path, str | os.PathLike):
        _write(intervals, path, header)
        return
    whole = Path(path)
    part = whole.with_name(whole.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as handle:
            _write(intervals, handle, header)
        part.replace(whole)
    except OSError as error:
        raise OutputError(f"{whole} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            part.unlink()


def _write(intervals: Iterable[Interval], handle: TextIO, header: str | None) -> None:
    for line in (header or "").splitlines():
        handle.write(line + "\n" if line.startswith(_NO_DATA) else f"# {line}\n")
    for interval in intervals:
        handle.write(_format(interval) + "\n")


def _format(interval: Interval) -> str:
    """The BED line of an interval; an empty name becomes "."."""
    for column, text in (("chrom", interval.chrom), ("name", interval.name)):
        if "\t" in text or len(f"{text}.".splitlines()) > 1:
            raise SequenceError(f"{column} {text!r} holds a tab or a line end, which BED cannot carry.")
    if not interval.chrom.strip() or interval.chrom.startswith(_NO_DATA):
        raise SequenceError(f"chrom {interval.chrom!r} is empty or would read as a comment, which BED cannot carry.")
    fields = (interval.chrom, interval.start, interval.end, interval.name or ".", interval.score, interval.strand)
    return "\t".join(map(str, fields))
