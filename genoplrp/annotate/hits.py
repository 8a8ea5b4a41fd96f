"""From relevance to motif hits: where the network looked, and how the factor's matrix lies there.

Coordinates are 0-based half-open, in the record. A hit is found where the network's evidence is, not where the matrix
fits best: the matrix only settles the exact frame and the strand.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import nan

import numpy as np
from numpy.typing import NDArray

from genoplrp.motifs import Motif
from genoplrp.motifs.codes import encode

ENRICHMENT = 2.0
"""A hit carries at least this many times the relevance that its width would get by chance; see `smallest_share`."""

SPAN_WIDTH = 15
"""Bases looked at together for a label without a matrix."""

_ROUNDING = 1e-9
_KEPT_SHARE = 0.5  # of the span's relevance that the matrix' placement must still cover


@dataclass(frozen=True)
class Hit:
    """A stretch of a record that made the network call a label.

    Attributes
    ----------
    start, end
        0-based half-open, in the record.
    strand
        ``"+"`` or ``"-"`` by the matrix, ``"."`` where no matrix was placed.
    share
        Part of the record's positive relevance inside, 0 to 1.
    enrichment
        `share` over the hit's part of the explained bases: 1 is what chance gives.
    relevance
        Sum of the signed relevance inside.
    log_odds
        Score of the matrix there, in bits; NaN where no matrix was placed.
    """

    start: int
    end: int
    strand: str
    share: float
    enrichment: float
    relevance: float
    log_odds: float


def find_hits(
    relevance: NDArray[np.float32], explained: NDArray[np.bool_], sequence: str, motif: Motif | None
) -> list[Hit]:
    """Hits of one label in one record, by falling share of relevance; none overlaps another.

    Again and again the stretch of the matrix' width with the largest positive relevance is taken; of all placements of
    the matrix, on either strand, that touch its surroundings (half a width to each side) and keep half its relevance,
    the one with the best log-odds becomes the hit. If even that is not above 0 (the bases are no likelier under the
    matrix than by chance), the stretch itself is the hit, trimmed to its bases of positive relevance, without a strand.
    The search ends when a stretch carries less than `smallest_share`. A stretch without a strand that touches a placed
    matrix is that site's flank and no hit.

    Parameters
    ----------
    relevance
        (l,) signed relevance a base, finite.
    explained
        (l,) bool, the bases that were explained: over these chance is reckoned.
    sequence
        The l letters.
    motif
        The label's matrix, if it has one.
    """
    positive = np.maximum(relevance, 0, dtype=np.float64)
    total, bases = float(positive.sum()), int(explained.sum())
    width = min(motif.width if motif else SPAN_WIDTH, len(sequence))
    if total <= 0 or bases == 0:
        return []
    least = total * smallest_share(min(width / bases, 1.0))
    inside = sliding_sums(positive, width)  # (l - width + 1,)
    inside[inside < least * (1 - _ROUNDING)] = 0.0
    waiting, free = inside.copy(), np.ones(len(sequence), dtype=bool)
    found: list[Hit] = []
    while waiting[start := int(waiting.argmax())] > 0:
        placed = _placed(sequence, motif, inside, free, start) if motif and motif.width == width else None
        span = placed or _trimmed(positive, start, width)
        found.append(_hit(span, relevance, positive, total, bases))
        free[span[0] : span[1]] = False
        waiting[max(0, span[0] - width + 1) : span[1]] = 0.0  # the stretches that touch the hit
    sites = [hit for hit in found if hit.strand != "."]
    kept = [hit for hit in found if hit.strand != "." or not any(_is_flank(hit, site) for site in sites)]
    return sorted(kept, key=lambda hit: -hit.share)


def _is_flank(hit: Hit, site: Hit) -> bool:
    """Whether a span without a strand touches a placed matrix: then it is what the network reads beside that site."""
    return hit.start <= site.end and site.start <= hit.end


def smallest_share(chance: float) -> float:
    """Share of relevance that a hit carries at least, where its width would carry `chance` of it.

    `ENRICHMENT` times as much; but where the record is hardly longer than the motif, half of what `chance` leaves.

    Examples
    --------
    >>> smallest_share(0.1), smallest_share(0.5), smallest_share(1.0)
    (0.2, 0.75, 1.0)
    """
    return min(ENRICHMENT * chance, (1 + chance) / 2)


def sliding_sums(values: NDArray[np.float64] | NDArray[np.bool_], width: int) -> NDArray[np.float64]:
    """Sum of each stretch of `width` values, (l - width + 1,).

    Examples
    --------
    >>> sliding_sums(np.array([1.0, 2.0, 3.0]), 2).tolist()
    [3.0, 5.0]
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(sums[width:] - sums[:-width])


def placement_scores(sequence: str, motif: Motif) -> NDArray[np.float64]:
    """Log-odds in bits of each placement of the matrix, (2, l - w + 1): forward strand, then reverse.

    A placement over a letter that is no base scores minus infinity.
    """
    codes = encode(sequence)
    column = np.arange(motif.width)
    windows = codes[np.arange(len(codes) - motif.width + 1)[:, None] + column]  # (l - w + 1, w)
    return np.asarray(_both_strands(motif)[:, windows, column].sum(axis=-1))


@lru_cache(maxsize=256)
def _both_strands(motif: Motif) -> NDArray[np.float64]:
    """Log-odds of the matrix and of its reverse complement, (2, 5, w): A, C, G, T, and what is no base."""
    both = np.stack([motif.log_odds(), motif.reverse_complement().log_odds()])
    return np.concatenate([both, np.full((2, 1, motif.width), -np.inf)], axis=1)


def _placed(
    sequence: str, motif: Motif, inside: NDArray[np.float64], free: NDArray[np.bool_], start: int
) -> tuple[int, int, str, float] | None:
    """The best placement of the matrix around a stretch, if its bases are likelier under the matrix than by chance."""
    width = motif.width
    low, high = max(0, start - width // 2), min(len(inside), start + width // 2 + 1)
    odds = placement_scores(sequence[low : high + width - 1], motif)  # (2, high - low)
    open_ = sliding_sums(~free[low : high + width - 1], width) == 0
    odds[:, ~open_ | (inside[low:high] < _KEPT_SHARE * inside[start])] = -np.inf
    # A palindrome scores the same on both strands but for rounding, which shall not decide between them.
    strand, offset = divmod(int((odds >= odds.max() - _ROUNDING).argmax()), high - low)
    if odds[strand, offset] <= 0:
        return None
    return low + offset, low + offset + width, "+-"[strand], float(odds[strand, offset])


def _trimmed(positive: NDArray[np.float64], start: int, width: int) -> tuple[int, int, str, float]:
    """The stretch without the bases at its ends that carry nothing."""
    carrying = np.flatnonzero(positive[start : start + width])
    return start + int(carrying[0]), start + int(carrying[-1]) + 1, ".", nan


def _hit(
    span: tuple[int, int, str, float],
    relevance: NDArray[np.float32],
    positive: NDArray[np.float64],
    total: float,
    bases: int,
) -> Hit:
    """The hit on a span, with what lies inside it."""
    start, end, strand, log_odds = span
    share = float(positive[start:end].sum() / total)
    return Hit(start, end, strand, share, share * bases / (end - start), float(relevance[start:end].sum()), log_odds)
