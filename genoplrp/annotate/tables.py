"""The tables of a run, written row by row so that memory does not grow with the number of records."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from math import isnan
from pathlib import Path
from typing import TextIO

from genoplrp.annotate.explain import Explanation, Scored
from genoplrp.annotate.genome import parse_locus
from genoplrp.annotate.hits import Hit
from genoplrp.annotate.quality import COLUMNS, Quality

GENOME_HITS = "hits.genome.bed"
_WHITE = {9: " ", 10: " ", 13: " "}
_HIT_COLUMNS = (
    *("record", "start", "end", "label", "matrix", "strand"),
    *("share", "enrichment", "relevance", "log_odds", "score", "probability"),
)


class Tables:
    """Open tables of a run; whole when they are closed.

    ``hits.bed`` and ``hits.genome.bed`` are strict BED6 (score = 1000 times the share of relevance), as browsers want
    them; ``hits.tsv`` has all that is known of a hit. Coordinates are 0-based half-open.

    Parameters
    ----------
    folder
        Where to write.
    labels
        The network's labels, columns of predictions.tsv.
    matrices
        Matrix id by label, for labels that have one.
    """

    def __init__(self, folder: Path, labels: Sequence[str], matrices: Mapping[str, str]) -> None:
        self._folder, self._labels, self._matrices = folder, labels, matrices
        self._open = ExitStack()

        def table(name: str, columns: Sequence[str] = ()) -> TextIO:
            return self._open.enter_context(open_table(folder / name, columns))

        self._bed, self._genome = table("hits.bed"), table(GENOME_HITS)
        self._hits = table("hits.tsv", _HIT_COLUMNS)
        self._predictions = table("predictions.tsv", ("record", "length", "windows", "called", "top", *labels))
        self._rma = table("rma.tsv", ("record", "label", "called", "method", *COLUMNS))

    def add_record(self, scored: Scored, called: Sequence[int], top: int) -> None:
        """A line of predictions.tsv."""
        names = ",".join(self._labels[label] for label in called) or "."
        length, windows = len(scored.record.sequence), len(scored.scores)
        facts = scored.record.name, length, windows, names, self._labels[top]
        write_line(self._predictions, *facts, numbers=scored.best.tolist())

    def add_hits(self, explanation: Explanation, hits: Sequence[Hit], probability: float) -> None:
        """The lines of an explanation's hits, by start."""
        record, label = explanation.scored.record, self._labels[explanation.label]
        locus = parse_locus(record.name, len(record.sequence))
        for hit in sorted(hits, key=lambda hit: hit.start):
            score = round(1000 * hit.share)
            write_line(self._bed, record.name, hit.start, hit.end, label, score, hit.strand)
            if locus is not None:
                start, end, strand = locus.to_genome(hit.start, hit.end, hit.strand)
                write_line(self._genome, locus.chrom, start, end, label, score, strand)
            matrix = "." if isnan(hit.log_odds) else self._matrices[label]
            numbers = (hit.share, hit.enrichment, hit.relevance, hit.log_odds, explanation.score, probability)
            write_line(self._hits, record.name, hit.start, hit.end, label, matrix, hit.strand, numbers=numbers)

    def add_quality(self, explanation: Explanation, qualities: dict[str, Quality]) -> None:
        """The two lines, LRP and PLRP, of an explanation in rma.tsv."""
        name, label = explanation.scored.record.name, self._labels[explanation.label]
        for method, quality in qualities.items():
            facts, counts = (name, label, "yes" if explanation.called else "no", method), (quality.n, quality.instances)
            write_line(self._rma, *facts, numbers=quality.metrics, counts=counts)

    def close(self) -> None:
        """Write what is still in memory."""
        self._open.close()
        genome = self._folder / GENOME_HITS
        if genome.exists() and not genome.stat().st_size:  # no record's name says where in a genome it lies
            genome.unlink()


def open_table(path: Path, columns: Sequence[str] = ()) -> TextIO:
    """A new table, open for `write_line`, with its line of column names if it has one."""
    file = path.open("w", encoding="utf-8", newline="\n")
    if columns:
        write_line(file, *columns)
    return file


def write_line(file: TextIO, *facts: object, numbers: Sequence[float] = (), counts: Sequence[int] = ()) -> None:
    """Write a line of a table: facts, then numbers, then counts; none of it quoted.

    Numbers have six digits, and white space in texts is made harmless.
    """
    digits = "\t%.6g" * len(numbers) % tuple(numbers)  # at once: most of a table is numbers
    digits = digits.replace("nan", "NaN") + "\t%d" * len(counts) % tuple(counts)
    file.write("\t".join(map(_text, facts)) + digits + "\n")


def _text(value: object) -> str:
    if isinstance(value, float):
        return "NaN" if isnan(value) else f"{value:.6g}"
    text = str(value)
    return text if text.isprintable() else text.translate(_WHITE)
