"""What a run found, counted while it goes: the numbers of the report, in memory that does not grow with the records."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isnan, lgamma, log, log1p, nan

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.calibrate import Calibration
from genoplrp.annotate.hits import Hit
from genoplrp.annotate.quality import METHODS, METRICS
from genoplrp.motifs import MotifHit

_SAMPLE = 5000  # records whose scores are kept for the histogram
_ABOVE_CHANCE = 2.0
_SIGNIFICANT = 0.0025  # .05 over about twenty factors


@dataclass(frozen=True)
class Factor:
    """One label over all records.

    Attributes
    ----------
    label, matrix
        Name, and the id of its matrix or None.
    threshold
        Score above which it is called.
    called, records
        Records that call it, of how many.
    null, fresh
        Share of shuffled sequences that call it: those behind the threshold, and others.
    hits, judged, overlapping
        Hits; those in records with a match of the matrix to compare with; of these, those that share a base with it.
    """

    label: str
    matrix: str | None
    threshold: float
    called: int
    records: int
    null: float
    fresh: float
    hits: int
    judged: int
    overlapping: int

    @property
    def share(self) -> float:
        """Share of the records that call the label."""
        return self.called / self.records

    @property
    def overlap(self) -> float:
        """Share of the hits that overlap the best match of the matrix in their record; NaN without such hits."""
        return self.overlapping / self.judged if self.judged else nan

    @property
    def above_chance(self) -> bool:
        """Whether records call it at least twice as often as shuffled ones do, and more often than luck explains."""
        chance = max(self.null, self.fresh, 1e-4)
        often = self.called > 0 and self.share >= _ABOVE_CHANCE * chance
        return often and binomial_tail(self.called, self.records, chance) < _SIGNIFICANT


@dataclass(frozen=True)
class QualityRow:
    """Mean metrics of one label and method over the records that call it; `undefined` counts the NaN of each."""

    label: str
    method: str
    explanations: int
    means: dict[str, float]
    undefined: dict[str, int]


class Summary:
    """Running counts of a run.

    Parameters
    ----------
    labels
        The network's labels.
    matrices
        Matrix id by label.
    calibration
        Thresholds and how often chance exceeds them.
    """

    def __init__(self, labels: Sequence[str], matrices: dict[str, str], calibration: Calibration) -> None:
        self.labels, self.matrices, self.calibration = tuple(labels), matrices, calibration
        self.records = 0
        self.long_records = 0
        self.explanations = 0
        self.instances = 0  # of the truth, in the records and for the labels that are explained
        self.scores: list[NDArray[np.float32]] = []  # (m,) a record, of the first records
        self._called, self._hits, self._judged, self._overlapping = np.zeros((4, len(labels)), dtype=np.int64)
        self._explained = np.zeros(len(labels), dtype=np.int64)
        shape = (len(labels), len(METHODS), len(METRICS))
        self._sums, self._defined = np.zeros(shape), np.zeros(shape, dtype=np.int64)

    def add_records(self, scores: NDArray[np.float32], windows: NDArray[np.int64]) -> None:
        """Count records with scores (n, m) and these numbers of windows (n,)."""
        self.records += len(scores)
        self.long_records += int(np.count_nonzero(windows > 2 * self.calibration.windows))
        self._called += np.count_nonzero(scores > self.calibration.thresholds, axis=0)
        self.scores += list(scores[: max(0, _SAMPLE - len(self.scores))])

    def warnings(self) -> list[str]:
        """What a reader must know before trusting the numbers."""
        if not self.long_records:
            return []
        return [
            f"{self.long_records:,} of {self.records:,} records are more than twice as long as most of those that the "
            "thresholds come from, so that chance calls them more often than stated. Annotate records of different "
            "lengths in separate runs."
        ]

    def add_hits(self, label: int, hits: Sequence[Hit], best: MotifHit | None) -> None:
        """Count a record's hits of a label, and those that share a base with the best match of its matrix."""
        self._hits[label] += len(hits)
        if best is not None:
            self._judged[label] += len(hits)
            self._overlapping[label] += sum(hit.start < best.end and best.start < hit.end for hit in hits)

    def add_quality(self, labels: Sequence[int], metrics: NDArray[np.float64]) -> None:
        """Add the metrics (n, 2, 5), as a `Quality` has them, of both maps of called labels."""
        defined = ~np.isnan(metrics)
        np.add.at(self._explained, labels, 1)
        np.add.at(self._defined, labels, defined)
        np.add.at(self._sums, labels, np.where(defined, metrics, 0.0))

    def factors(self) -> list[Factor]:
        """All labels, the one called most often beyond chance first."""
        found = [
            Factor(
                label=label,
                matrix=self.matrices.get(label),
                threshold=float(self.calibration.thresholds[i]),
                called=int(self._called[i]),
                records=self.records,
                null=float(self.calibration.null[i]),
                fresh=float(self.calibration.fresh[i]),
                hits=int(self._hits[i]),
                judged=int(self._judged[i]),
                overlapping=int(self._overlapping[i]),
            )
            for i, label in enumerate(self.labels)
        ]
        return sorted(found, key=lambda factor: factor.fresh - factor.share)

    def qualities(self) -> list[QualityRow]:
        """LRP and PLRP of every label that was called, in the order of `factors`."""
        rows = []
        for factor in self.factors():
            i = self.labels.index(factor.label)
            for k, method in enumerate(METHODS):
                if self._explained[i]:
                    rows.append(self._quality(i, k, method))
        return rows

    def _quality(self, i: int, k: int, method: str) -> QualityRow:
        n, defined = int(self._explained[i]), self._defined[i, k]
        means = {m: float(self._sums[i, k, j] / defined[j]) if defined[j] else nan for j, m in enumerate(METRICS)}
        undefined = {m: n - int(defined[j]) for j, m in enumerate(METRICS)}
        return QualityRow(self.labels[i], method, n, means, undefined)


def binomial_tail(successes: int, trials: int, chance: float) -> float:
    """Probability of at least so many successes in independent trials.

    Examples
    --------
    >>> round(binomial_tail(2, 3, 0.5), 12)  # (3 + 1) / 8
    0.5
    """
    if successes <= 0:
        return 1.0
    if chance >= 1:
        return 1.0
    ways = lgamma(trials + 1) - lgamma(successes + 1) - lgamma(trials - successes + 1)
    term = exp(ways + successes * log(chance) + (trials - successes) * log1p(-chance))
    total = 0.0
    for k in range(successes, trials + 1):
        total += term
        term *= (trials - k) / (k + 1) * chance / (1 - chance)
        if term < 1e-12 * total and k > trials * chance:
            break
    return min(total, 1.0)


def headline(factor: Factor) -> str:
    """One sentence on the first of `Summary.factors`: how often called, how often by chance, whether its hits agree.

    Examples
    --------
    >>> headline(Factor("CTCF", "MA0139.1", 2.0, 80, 100, 0.01, 0.012, 90, 90, 81))
    'CTCF is called in 80 of 100 sequences (80.0 %), and in 1.0 % of the same sequences shuffled (1.2 % of a fresh \
shuffle). Of its 90 hits, 90.0 % overlap the best match of its matrix MA0139.1.'
    """
    if not factor.called:  # then it is the first only because no other is called more often than by chance
        return f"No output is called more often in these sequences ({factor.records:,}) than in the same ones shuffled."
    text = (
        f"{factor.label} is called in {factor.called:,} of {factor.records:,} sequences ({factor.share:.1%}), and in "
        f"{factor.null:.1%} of the same sequences shuffled ({factor.fresh:.1%} of a fresh shuffle)."
    )
    if not isnan(factor.overlap):
        hits = "hit" if factor.hits == 1 else "hits"
        text += f" Of its {factor.hits:,} {hits}, {factor.overlap:.1%} overlap the best match of its matrix"
        text += f" {factor.matrix}."
    return text.replace("%", " %")
