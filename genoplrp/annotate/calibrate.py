"""Thresholds: how high a score must be before it means more than the composition of the sequence.

The null is the user's own records, dinucleotide-shuffled: the same length, the same base pairs in a row, no motif but
by chance. A label's threshold is the score that at most a share `fpr` of these exceeds. The share that exceeds it is
then right by construction, so that it is measured once more on shuffles the threshold has not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.scorer import Scorer
from genoplrp.sequence import dinucleotide_shuffle, tile_count
from genoplrp.sequence.alphabet import count_bases

RECORDS = 500
"""Calibration uses the first records of the file, this many."""

SHUFFLES = 2000
"""At least this many shuffled sequences stand behind a threshold."""

# The last digits of a score depend on the batch that a sequence is in: a record of one base, which every shuffle leaves
# as it is, must not exceed its own shuffles.
_ROUNDING = 1e-4

_STRETCH_WINDOWS = 20  # a longer record stands for itself by a stretch of this many windows' length
_STRETCH_DRAWS = 8


@dataclass(frozen=True)
class Calibration:
    """Thresholds (m,) of the m labels, and how often shuffled sequences exceed them.

    Attributes
    ----------
    thresholds
        (m,) a label is called where its score is above.
    null, fresh
        (m,) share of shuffled sequences called: of those that the thresholds come from, and of others.
    shuffles
        Number of shuffled sequences in each of the two sets.
    scores
        (shuffles, m) largest score a shuffled sequence of the second set.
    windows
        Windows of the median sequence that the thresholds come from.
    """

    thresholds: NDArray[np.float32]
    null: NDArray[np.float64]
    fresh: NDArray[np.float64]
    shuffles: int
    scores: NDArray[np.float32]
    windows: int


def calibrate(sequences: Sequence[str], scorer: Scorer, fpr: float, seed: int) -> Calibration:
    """Calibrate the labels of a network on shuffles of `sequences`.

    Each sequence is shuffled once, or as often as it takes to have `SHUFFLES`. A record longer than 20 windows is
    represented by a stretch of that length, so that the rate is one per stretch.

    Parameters
    ----------
    sequences
        At least one.
    scorer
        The network.
    fpr
        Share of shuffled sequences that may exceed a threshold, 0 <= fpr < 1.
    seed
        Of the shuffles.
    """
    rounds = -(-SHUFFLES // len(sequences))
    first = _null_scores(sequences, scorer, rounds, np.random.default_rng([seed, 0]))
    second = _null_scores(sequences, scorer, rounds, np.random.default_rng([seed, 1]))
    thresholds = upper_threshold(first, fpr) + _ROUNDING
    return Calibration(
        thresholds=thresholds,
        null=(first > thresholds).mean(0),
        fresh=(second > thresholds).mean(0),
        shuffles=rounds * len(sequences),
        scores=second,
        windows=int(np.median([tile_count(len(sequence), scorer.spec.length) for sequence in sequences])),
    )


def upper_threshold(scores: NDArray[np.float32], fpr: float) -> NDArray[np.float32]:
    """For each column of `scores` (n, m) the smallest of its values that at most floor(fpr * n) values exceed, (m,).

    Examples
    --------
    >>> upper_threshold(np.array([[1.0], [2.0], [3.0], [4.0]]), 0.25).tolist()
    [3.0]
    """
    allowed = int(np.floor(fpr * len(scores)))
    threshold: NDArray[np.float32] = np.sort(scores, axis=0)[len(scores) - 1 - allowed]
    return threshold


def _null_scores(
    sequences: Sequence[str], scorer: Scorer, rounds: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Largest score of each shuffled sequence, (rounds * n, labels)."""
    limit = _STRETCH_WINDOWS * scorer.spec.length
    stretches = (_stretch(sequence, limit, rng) for _ in range(rounds) for sequence in sequences)
    shuffled = [dinucleotide_shuffle(stretch, rng) for stretch in stretches]
    return np.stack([scores.max(0) for scores in scorer.scores(shuffled)])


def _stretch(sequence: str, limit: int, rng: np.random.Generator) -> str:
    """At most `limit` letters of `sequence`: of a few random stretches the one with the fewest N."""
    if len(sequence) <= limit:
        return sequence
    starts = rng.integers(0, len(sequence) - limit + 1, _STRETCH_DRAWS)
    return max((sequence[start : start + limit] for start in starts), key=count_bases)
