"""How likely a motif is as similar to a database's motif by chance: Tomtom with complete scores.

Gupta et al., Genome Biology 8 (2007), R24; complete scores: Tanaka et al., Bioinformatics 27 (2011), 1603-1609. Two
columns are compared by minus their Euclidean distance, less the median over all columns of the database, so that a
query column without a partner counts as the median one. An alignment's score is the sum over its columns; its chance is
that of a sum of columns drawn from the database; a target's score is its best alignment's, over all offsets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genoplrp.motifs import Motif

BINS = 100
"""Steps that the range of column scores is rounded to, as in Tomtom."""


@dataclass(frozen=True, eq=False)
class Matches:
    """All queries against all targets, arrays (queries, targets).

    Attributes
    ----------
    p_value
        Chance of such a score for the better of the target's strands.
    q_value
        The same, corrected for the number of targets (Benjamini and Hochberg), for each query by itself.
    offset
        Query column at which the target begins, in its better direction.
    overlap
        Columns that lie on each other.
    reverse
        Whether the target's reverse complement fits better.
    """

    p_value: NDArray[np.float64]
    q_value: NDArray[np.float64]
    offset: NDArray[np.int64]
    overlap: NDArray[np.int64]
    reverse: NDArray[np.bool_]


def tomtom(queries: Sequence[Motif], targets: Sequence[Motif]) -> Matches:
    """Compare each query with each target on both strands.

    Parameters
    ----------
    queries, targets
        At least one target. The targets' columns are the null: of less than about 20 targets it is rough.

    Examples
    --------
    >>> from genoplrp.motifs import shipped_motifs
    >>> shipped = shipped_motifs()
    >>> found = tomtom([shipped[0].reverse_complement()], shipped)
    >>> int(found.q_value[0].argmin()), bool(found.q_value[0, 0] < 1e-6), bool(found.reverse[0, 0])
    (0, True, True)
    """
    both = [motif.probabilities(0.0) for motif in targets] + [
        motif.reverse_complement().probabilities(0.0) for motif in targets
    ]
    rows = [_compared(query.probabilities(0.0), both) for query in queries]
    n = len(targets)
    p = np.array([row[0] for row in rows]).reshape(-1, 2, n)
    score, offset, overlap = (np.array([row[i] for row in rows]).reshape(-1, 2, n) for i in (1, 2, 3))
    reverse = score[:, 1] >= score[:, 0]
    best = p.min(axis=1)

    def chosen(values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(reverse, values[:, 1], values[:, 0])

    p_value = best * (2 - best)  # 1 - (1 - p)**2, the better of two strands
    return Matches(p_value, benjamini_hochberg(p_value), chosen(offset), chosen(overlap), reverse)


def benjamini_hochberg(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """q-values along the last axis.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    m = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    scaled = np.take_along_axis(p, order, axis=-1) * m / np.arange(1, m + 1)
    monotone = np.minimum.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    q = np.empty_like(p)
    np.put_along_axis(q, order, np.minimum(monotone, 1.0), axis=-1)
    return q


def _compared(
    query: NDArray[np.float64], targets: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """p-value, score, offset and overlap of one query (4, w) with each target (4, v)."""
    columns = np.concatenate(targets, axis=1)
    distance = np.sqrt(np.square(query[:, :, None] - columns[:, None]).sum(axis=0))  # (w, all columns)
    similarity = np.median(distance, axis=1, keepdims=True) - distance
    low = similarity.min()
    scale = BINS / max(similarity.max() - low, 1e-12)
    steps = np.rint((similarity - low) * scale).astype(np.int64)  # 0 to BINS
    zero = int(np.rint(-low * scale))  # the step of a column without a partner
    sums = _sums(steps)
    widths = np.array([target.shape[1] for target in targets])
    begins = np.cumsum(widths) - widths
    p = np.empty(len(targets))
    score, offset, overlap = np.empty((3, len(targets)), dtype=np.int64)
    for width in np.unique(widths).tolist():
        alike = np.flatnonzero(widths == width)
        pairs = steps[:, begins[alike, None] + np.arange(width)].swapaxes(0, 1) - zero  # (targets, w, v)
        score[alike], offset[alike], overlap[alike] = _best(pairs)
        p[alike] = _chances(sums, len(steps), width, zero)[score[alike] + zero * len(steps)]
    return p, score, offset, overlap


def _best(pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Score, offset and overlap of each target's best alignment, from the scores (targets, w, v) of columns' pairs."""
    _, w, v = pairs.shape
    first = np.arange(1 - w, v)  # target column of the first query column
    sums = np.stack([pairs.diagonal(int(k), axis1=1, axis2=2).sum(axis=1) for k in first])
    best = first[sums.argmax(axis=0)]
    return sums.max(axis=0), -best, np.minimum(w, v - best) - np.maximum(0, -best)


def _sums(steps: NDArray[np.int64]) -> dict[tuple[int, int], NDArray[np.float64]]:
    """For query columns start to end the chance of each sum of their steps, each drawn from the database."""
    columns = [np.bincount(row, minlength=BINS + 1) / row.size for row in steps]
    sums = {}
    for start in range(len(columns)):
        total = np.ones(1)
        for end in range(start + 1, len(columns) + 1):
            total = np.convolve(total, columns[end - 1])
            sums[start, end] = total
    return sums


def _chances(sums: dict[tuple[int, int], NDArray[np.float64]], w: int, v: int, zero: int) -> NDArray[np.float64]:
    """Chance that the best alignment with a target of v columns scores at least s, at index s + zero w."""
    size = BINS * w + 1
    none = np.zeros(size)  # log of the chance that no alignment does
    for offset in range(1 - w, v):
        start, end = max(0, -offset), min(w, v - offset)
        tail = np.cumsum(sums[start, end][::-1])[::-1]  # from the rare end, so that small chances keep their digits
        first = zero * (w - (end - start))  # where this alignment's lowest sum lies
        reached = np.zeros(size)
        reached[:first] = 1.0
        reached[first : first + len(tail)] = tail[: size - first]
        with np.errstate(divide="ignore"):
            none += np.log1p(-np.minimum(reached, 1.0))
    return np.asarray(-np.expm1(none))
