"""The tables of a run, written group by group so that memory does not grow with the number of records."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from math import isnan
from operator import attrgetter
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.explain import Explanation, Request
from genoplrp.annotate.genome import parse_locus
from genoplrp.annotate.hits import Hit
from genoplrp.annotate.quality import COLUMNS, METHODS, METRICS, Quality

GENOME_HITS = "hits.genome.bed"
_WHITE = {9: " ", 10: " ", 13: " "}
_HIT_FACTS = ("record", "start", "end", "label", "matrix", "strand")
_HIT_NUMBERS = ("share", "enrichment", "relevance", "log_odds", "score", "probability")
_NUMBER, _COUNT = "\t%.6g", "\t%d"


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
        self._folder = folder
        self._labels = [_text(label) for label in labels]
        self._matrices = [_text(matrices.get(label, ".")) for label in labels]
        self._open = ExitStack()

        def table(name: str, columns: Sequence[str] = ()) -> TextIO:
            return self._open.enter_context(open_table(folder / name, columns))

        self._bed, self._genome = table("hits.bed"), table(GENOME_HITS)
        self._hits = table("hits.tsv", (*_HIT_FACTS, *_HIT_NUMBERS))
        self._predictions = table("predictions.tsv", ("record", "length", "windows", "called", "top", *labels))
        self._rma = table("rma.tsv", ("record", "label", "called", "method", *COLUMNS))

    def add_records(self, requests: Sequence[Sequence[Request]]) -> None:
        """The lines of predictions.tsv; of each record everything that is explained of it, the best label first."""
        facts, best = list[str](), list[float]()
        for own in requests:
            scored, top = own[0].scored, self._labels[own[0].label]
            called = ",".join(self._labels[one.label] for one in own if one.called) or "."
            record = scored.record
            facts.append(f"{_text(record.name)}\t{len(record.sequence)}\t{len(scored.scores)}\t{called}\t{top}")
            best += scored.best.tolist()
        _write_lines(self._predictions, facts, _NUMBER * len(self._labels), best)

    def add_hits(self, explanations: Sequence[Explanation], hits: Sequence[Sequence[Hit]]) -> None:
        """The lines of the hits of called explanations, by start."""
        bed, genome, facts, numbers = list[str](), list[str](), list[str](), list[float]()
        scores = [one.score for one in explanations]
        chances = probability(np.array(scores)).tolist()
        for one, found, score, chance in zip(explanations, hits, scores, chances, strict=True):
            name, label = _text(one.scored.record.name), self._labels[one.label]
            locus = parse_locus(one.scored.record.name, one.length)
            for hit in sorted(found, key=attrgetter("start")):
                place, points = f"{name}\t{hit.start}\t{hit.end}\t{label}", round(1000 * hit.share)
                bed.append(f"{place}\t{points}\t{hit.strand}\n")
                if locus is not None:
                    start, end, strand = locus.to_genome(hit.start, hit.end, hit.strand)
                    genome.append(f"{_text(locus.chrom)}\t{start}\t{end}\t{label}\t{points}\t{strand}\n")
                matrix = "." if isnan(hit.log_odds) else self._matrices[one.label]
                facts.append(f"{place}\t{matrix}\t{hit.strand}")
                numbers += (hit.share, hit.enrichment, hit.relevance, hit.log_odds, score, chance)
        self._bed.writelines(bed)
        self._genome.writelines(genome)
        _write_lines(self._hits, facts, _NUMBER * len(_HIT_NUMBERS), numbers)

    def add_quality(self, explanations: Sequence[Explanation], quality: Quality) -> None:
        """The lines of rma.tsv, for each explanation LRP and PLRP."""
        facts = []
        for one in explanations:
            name, called = _text(one.scored.record.name), "yes" if one.called else "no"
            facts += [f"{name}\t{self._labels[one.label]}\t{called}\t{method}" for method in METHODS]
        counts = np.stack([quality.bases, quality.instances], axis=1).repeat(len(METHODS), axis=0)
        numbers = np.hstack([quality.metrics.reshape(-1, len(METRICS)), counts])
        _write_lines(self._rma, facts, _NUMBER * len(METRICS) + 2 * _COUNT, numbers.ravel().tolist())

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


def write_line(file: TextIO, *facts: object) -> None:
    """Write a line of a table, not quoted: numbers have six digits, and white space in texts is made harmless."""
    file.write("\t".join(map(_text, facts)) + "\n")


def probability(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic function of scores, without overflow.

    Examples
    --------
    >>> probability(np.array([0.0, -1000.0])).tolist()
    [0.5, 0.0]
    """
    return np.asarray(np.exp(-np.logaddexp(0.0, -scores)))


def _write_lines(file: TextIO, facts: Sequence[str], form: str, numbers: Sequence[float]) -> None:
    """Write lines of facts and of as many numbers as `form` has places for; all are formatted at once."""
    digits = ((form + "\n") * len(facts) % tuple(numbers)).replace("nan", "NaN").splitlines(keepends=True)
    file.writelines(chain.from_iterable(zip(facts, digits, strict=True)))


def _text(value: object) -> str:
    if isinstance(value, float):
        return "NaN" if isnan(value) else f"{value:.6g}"
    text = str(value)
    return text if text.isprintable() else text.translate(_WHITE)
