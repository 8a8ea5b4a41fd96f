"""FASTA in, one record at a time: memory holds one record, whatever the size of the file.

Letters are not judged here, so that one bad record does not stop a run over a million: `check_dna` and `one_hot` name
the record and offset of what is not DNA. Only what makes a file unreadable as FASTA is an error of the reader.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

from Bio.SeqIO.FastaIO import SimpleFastaParser

from genoplrp.errors import SequenceError
from genoplrp.sequence._streams import describe, read_lines


@dataclass(frozen=True, slots=True)
class Record:
    """One FASTA record.

    Attributes
    ----------
    name
        First word of the header; empty where the header is.
    sequence
        Letters as in the file, lines joined, white space removed; empty where a header has no sequence.
    description
        Rest of the header.
    """

    name: str
    sequence: str
    description: str = ""


def read_fasta(path: str | os.PathLike[str]) -> Iterator[Record]:
    """Records of a FASTA file, one by one, in the file's order.

    Plain, gzip and bgzip files are told apart by their first bytes. Wrapped lines, blank lines, either case and the
    line ends of any system are read alike. Names are not made unique, and a header without a sequence (a file cut off
    there) gives a record whose sequence is empty.

    Parameters
    ----------
    path
        A file, or "-" for standard input.

    Yields
    ------
    Record
        Name, sequence and description.

    Raises
    ------
    SequenceError
        When the first record is asked for: the file is missing, unreadable, empty, binary, or does not begin with '>'.
        Later: its gzip stream ends early or is corrupt; the message names the last whole record, and all records before
        the damage have been given.

    Examples
    --------
    >>> from genoplrp.resources import example_file
    >>> record = next(read_fasta(example_file()))
    >>> len(record.sequence)
    200
    """
    last: Record | None = None
    count = 0
    try:
        with closing(read_lines(path)) as lines:
            for title, sequence in SimpleFastaParser(_from_first_header(lines, describe(path))):
                count += 1
                name, description = [*title.split(maxsplit=1), "", ""][:2]
                last = Record(name, sequence, description)
                yield last
    except SequenceError as error:
        if last is None:
            raise
        raise SequenceError(f"{error} Last whole record: {last.name!r}, number {count}.") from error


def _from_first_header(lines: Iterator[str], name: str) -> Iterator[str]:
    """The lines without leading blank ones, once the first proves to be a FASTA header."""
    line = next((line for line in lines if line.strip()), None)
    if line is None:
        raise SequenceError(f"{name} is empty; expected FASTA, records that begin with a '>' line.")
    start = line[:20].rstrip()
    if "\0" in line or not (start.startswith(">") or _is_text(start)):
        raise SequenceError(f"{name} is a binary file; expected FASTA text, plain or packed with gzip or bgzip.")
    if not start.startswith(">"):
        advice = " This looks like FASTQ: convert it first." if start.startswith("@") else ""
        raise SequenceError(f"{name} is not FASTA: it begins with {start!r}, expected a '>' line.{advice}")
    return chain((line,), lines)


def _is_text(start: str) -> bool:
    return "\ufffd" not in start and start.replace("\t", " ").isprintable()
