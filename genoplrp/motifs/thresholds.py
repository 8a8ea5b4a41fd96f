"""How likely a motif score is by chance: the exact distribution of scores over background DNA.

Scores are counted in thousandths of a bit. A matrix rounded to that grid has its distribution computed exactly, by
convolving one position after the other (Staden, CABIOS 1989, 5:89-96); a window's rounded score lies within ``w / 2``
thousandths of its true one.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoplrp.errors import OptionError
from genoplrp.motifs.matrices import Motif, background_frequencies

STEP = 0.001
# Chances are sums of rounded products; a p-value that is met up to this relative error is met.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class ScoreDistribution:
    """Scores of a motif over background DNA, in whole steps of 0.001 bit.

    Attributes
    ----------
    log_odds : array of shape (4, w)
        The score matrix in bits, as it is.
    steps : array of shape (4, w), int32
        The same, rounded to whole steps.
    tail : array of shape (high - low + 1,)
        ``tail[i]`` is the chance that a background window scores at least ``low + i`` steps.
    low : int
        The lowest possible score, in steps.
    """

    log_odds: NDArray[np.float64]
    steps: NDArray[np.int32]
    tail: NDArray[np.float64]
    low: int

    def threshold(self, p_value: float) -> int:
        """The lowest score in steps that a window reaches with a chance of at most `p_value`.

        One more than the highest possible score where even that is likelier, as for a short motif and a small p-value.
        """
        if not 0.0 < p_value <= 1.0:
            raise OptionError(f"p_value must be above 0 and at most 1; got {p_value}")
        return self.low + int(np.count_nonzero(self.tail > p_value * (1 + _ROUNDING)))

    def p_values(self, scores: NDArray[np.integer]) -> NDArray[np.float64]:
        """Chance that a background window scores at least as high, for possible scores in steps, any shape."""
        return np.asarray(self.tail[scores - self.low])


def score_distribution(motif: Motif, background: ArrayLike | None = None) -> ScoreDistribution:
    """The distribution of `motif`'s log-odds scores over windows of independent background bases.

    Parameters
    ----------
    motif : Motif
    background : four numbers, optional
        Probabilities of A, C, G, T; a quarter each by default. They are averaged with their complement's, since a
        scan reads both strands.

    Examples
    --------
    >>> always_a = Motif("a", "a", [[1], [0], [0], [0]])
    >>> distribution = score_distribution(always_a)
    >>> distribution.p_values(distribution.steps[:, 0]).tolist()
    [0.25, 1.0, 1.0, 1.0]
    """
    frequencies = background_frequencies(background)
    frequencies = (frequencies + frequencies[::-1]) / 2
    log_odds = motif.log_odds(frequencies)
    steps = np.rint(log_odds / STEP).astype(np.int32)
    low = steps.min(axis=0)
    chance = np.ones(1)
    for column, least in zip(steps.T, low, strict=True):
        shifts = (column - least).tolist()
        wider = np.zeros(chance.size + max(shifts))
        for shift, frequency in zip(shifts, frequencies.tolist(), strict=True):
            wider[shift : shift + chance.size] += frequency * chance
        chance = wider
    # Summed from the rare end, so that small tails keep their digits.
    tail = np.minimum(np.cumsum(chance[::-1])[::-1], 1.0)
    return ScoreDistribution(log_odds, steps, tail, int(low.sum()))


def score_threshold(motif: Motif, p_value: float = 1e-4, background: ArrayLike | None = None) -> float:
    """The score in bits from which `scan` calls a hit, rounded to 0.001; infinite if no window is that unlikely.

    Examples
    --------
    >>> from genoplrp.motifs import shipped_motifs
    >>> round(score_threshold(shipped_motifs()[0]), 1)
    8.3
    """
    distribution = score_distribution(motif, background)
    steps = distribution.threshold(p_value)
    return steps * STEP if steps - distribution.low < distribution.tail.size else inf
