"""From relevance to motif hits: where the network looked, and how the factor's matrix lies there.

Coordinates are 0-based half-open, in the record. A hit is found where the network's evidence is, not where the matrix
fits best: the matrix only settles the exact frame and the strand.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import nan

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from genoplrp.motifs import Motif

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
        (l,) signed relevance a base.
    explained
        (l,) bool, the bases that were explained: over these chance is reckoned.
    sequence
        The l letters.
    motif
        The label's matrix, if it has one.
    """
    positive = np.clip(relevance.astype(np.float64), 0, None)
    total, bases = float(positive.sum()), int(explained.sum())
    width = min(motif.width if motif else SPAN_WIDTH, len(sequence))
    if total <= 0 or bases == 0:
        return []
    least = total * smallest_share(min(width / bases, 1.0))
    inside = sliding_sums(positive, width)  # (l - width + 1,)
    inside[inside < least * (1 - _ROUNDING)] = 0.0
    rich = np.flatnonzero(inside)
    free = np.ones(len(sequence), dtype=bool)
    found: list[Hit] = []
    for start in rich[np.argsort(-inside[rich], kind="stable")].tolist():
        if not free[start : start + width].all():
            continue
        placed = _placed(sequence, motif, inside, free, start) if motif and motif.width == width else None
        span = placed or _trimmed(positive, start, width)
        found.append(_hit(span, relevance, positive, total, bases))
        free[span[0] : span[1]] = False
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


def sliding_sums(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
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
    one_hot = (
        np.frombuffer(sequence.upper().replace("U", "T").encode(), np.uint8)
        == np.frombuffer(b"ACGT", np.uint8)[:, None]
    )
    windows = sliding_window_view(one_hot, motif.width, axis=1)  # (4, l - w + 1, w)
    scores = np.einsum("clw,scw->sl", windows, _both_strands(motif))
    scores[:, ~np.all(np.any(windows, axis=0), axis=1)] = -np.inf
    return np.asarray(scores)


@lru_cache(maxsize=256)
def _both_strands(motif: Motif) -> NDArray[np.float64]:
    """Log-odds of the matrix and of its reverse complement, (2, 4, w)."""
    return np.stack([motif.log_odds(), motif.reverse_complement().log_odds()])


def _placed(
    sequence: str, motif: Motif, inside: NDArray[np.float64], free: NDArray[np.bool_], start: int
) -> tuple[int, int, str, float] | None:
    """The best placement of the matrix around a stretch, if its bases are likelier under the matrix than by chance."""
    width = motif.width
    low, high = max(0, start - width // 2), min(len(inside), start + width // 2 + 1)
    odds = placement_scores(sequence[low : high + width - 1], motif)  # (2, high - low)
    open_ = sliding_window_view(free[low : high + width - 1], width).all(1)
    odds[:, ~open_ | (inside[low:high] < _KEPT_SHARE * inside[start])] = -np.inf
    strand, offset = divmod(int(odds.argmax()), high - low)
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
