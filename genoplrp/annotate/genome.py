"""Record names that say where in a genome the record lies, and the way from record to genome coordinates.

All coordinates are 0-based half-open unless said otherwise.
"""

import re
from dataclasses import dataclass

_NAME = re.compile(r"^(?:.*::)?(?P<chrom>[^:\s]+):(?P<start>\d+)-(?P<end>\d+)(?:\((?P<strand>[+-])\))?$")


@dataclass(frozen=True)
class Locus:
    """Where a record lies: `chrom`, 0-based half-open `start` and `end`, and the strand that it was read from."""

    chrom: str
    start: int
    end: int
    strand: str = "+"

    def to_genome(self, start: int, end: int, strand: str) -> tuple[int, int, str]:
        """Genome interval of the record's interval `start`-`end`; a strand of ``"."`` stays.

        Examples
        --------
        >>> Locus("chr1", 100, 200).to_genome(5, 10, "-")
        (105, 110, '-')
        >>> Locus("chr1", 100, 200, "-").to_genome(5, 10, "-")
        (190, 195, '+')
        """
        if self.strand == "+":
            return self.start + start, self.start + end, strand
        return self.end - end, self.end - start, {"+": "-", "-": "+"}.get(strand, strand)

    def to_record(self, start: int, end: int) -> tuple[int, int]:
        """The record's interval of a genome interval on the same chromosome; it may lie outside the record.

        Examples
        --------
        >>> Locus("chr1", 100, 200, "-").to_record(190, 195)
        (5, 10)
        """
        if self.strand == "+":
            return start - self.start, end - self.start
        return self.end - end, self.end - start


def parse_locus(name: str, length: int) -> Locus | None:
    """Locus that a name such as ``chr1:100-200`` states, or None.

    The length of the record tells which convention the name follows: `length` = end - start is 0-based half-open
    (bedtools getfasta), `length` = end - start + 1 is 1-based inclusive (samtools faidx). Other lengths: None, for such
    a name is no address of this sequence. bedtools' ``name::`` in front and ``(+)`` or ``(-)`` behind are understood.

    Examples
    --------
    >>> parse_locus("chr1:100-200", 100)
    Locus(chrom='chr1', start=100, end=200, strand='+')
    >>> parse_locus("chr1:101-200", 100)
    Locus(chrom='chr1', start=100, end=200, strand='+')
    >>> parse_locus("chr1:100-200", 37) is None
    True
    """
    match = _NAME.match(name)
    if match is None:
        return None
    start, end = int(match["start"]), int(match["end"])
    strand = match["strand"] or "+"
    if end - start == length:
        return Locus(match["chrom"], start, end, strand)
    if end - start + 1 == length and start > 0:
        return Locus(match["chrom"], start - 1, end, strand)
    return None
