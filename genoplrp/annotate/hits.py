"""From relevance to motif hits: where the network looked, and how the factor's matrix lies there.

Coordinates are 0-based half-open, in the record. A hit is found where the network's evidence is, not where the matrix
fits best: the matrix only settles the exact frame and the strand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan

import numpy as np
from numpy.typing import NDArray

from genoplrp.motifs import Motif
from genoplrp.motifs.codes import concatenate
from genoplrp.motifs.masks import span_sums

ENRICHMENT = 2.0
"""A hit carries at least this many times the relevance that its width would get by chance; see `smallest_share`."""

SPAN_WIDTH = 15
"""Bases looked at together for a label without a matrix."""

_ROUNDING = 1e-9
_KEPT_SHARE = 0.5  # of the span's relevance that the matrix' placement must still cover

_STRANDS = ("+", "-", ".")
_Spans = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""(k,) start, end, index in `_STRANDS` and log-odds, as of a `Hit`."""


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
    relevance: NDArray[np.float32], explained: NDArray[np.bool_], sequences: Sequence[str], motifs: Sequence[Motif] = ()
) -> list[list[Hit]]:
    """Hits of a label in each of k records, by falling share of relevance; none overlaps another.

    Again and again the stretch of the matrix' width with the largest positive relevance is taken; of all placements of
    the matrix, on either strand, that touch its surroundings (half a width to each side) and keep half its relevance,
    the one with the best log-odds becomes the hit. If even that is not above 0 (the bases are no likelier under the
    matrix than by chance), the stretch itself is the hit, trimmed to its bases of positive relevance, without a strand.
    The search ends when a stretch carries less than `smallest_share`. A stretch without a strand that touches a placed
    matrix is that site's flank and no hit. Many records cost little more than one.

    Parameters
    ----------
    relevance
        (k, l) signed relevance a base, finite; 0 beyond a record's end.
    explained
        (k, l) bool, the bases that were explained: over these chance is reckoned.
    sequences
        The letters of each record, at most l; where any has fewer than a hit is wide, all have equally many.
    motifs
        The k labels' matrices, of one width, if they have any.
    """
    positive, lengths = np.maximum(relevance, 0, dtype=np.float64), np.array([len(sequence) for sequence in sequences])
    rows = np.arange(len(sequences))
    total, bases = span_sums(positive, rows, np.zeros_like(lengths), lengths), explained.sum(axis=1)
    width = min(motifs[0].width if motifs else SPAN_WIDTH, relevance.shape[1])
    least = total * smallest_share(np.minimum(width / np.maximum(bases, 1), 1.0))
    inside = sliding_sums(positive, width)  # (k, l - width + 1)
    inside[(inside < least[:, None] * (1 - _ROUNDING)) | (bases == 0)[:, None]] = 0.0
    free = np.arange(inside.shape[1]) <= (lengths - width)[:, None]
    waiting = np.where(free, inside, 0.0)
    fits = bool(motifs) and motifs[0].width == width
    codes = concatenate([sequence.ljust(relevance.shape[1], "N") for sequence in sequences], 0)[0]
    codes = codes.reshape(relevance.shape)
    found: list[list[Hit]] = [[] for _ in sequences]
    while True:
        starts = waiting[rows].argmax(axis=1)
        more = waiting[rows, starts] > 0
        rows, starts = rows[more], starts[more]
        if not len(rows):
            return [_without_flanks(hits) for hits in found]
        spans = _trimmed(positive[rows], starts, width)
        if fits:
            own = [motifs[row] for row in rows.tolist()]
            spans = _likelier(_placed(own, codes[rows], inside[rows], free[rows], starts), spans)
        hits = _hits(spans, relevance[rows], positive[rows], total[rows], bases[rows])
        for row, hit in zip(rows.tolist(), hits, strict=True):
            found[row].append(hit)
            touching = slice(max(0, hit.start - width + 1), hit.end)  # the stretches that share a base with the hit
            free[row, touching], waiting[row, touching] = False, 0.0


def _without_flanks(found: Sequence[Hit]) -> list[Hit]:
    """One record's hits, by falling share, without those that are what the network reads beside a placed matrix."""
    sites = [hit for hit in found if hit.strand != "."]
    kept = [hit for hit in found if hit.strand != "." or not any(_is_flank(hit, site) for site in sites)]
    return sorted(kept, key=lambda hit: -hit.share)


def _is_flank(hit: Hit, site: Hit) -> bool:
    """Whether a span without a strand touches a placed matrix: then it is what the network reads beside that site."""
    return hit.start <= site.end and site.start <= hit.end


def smallest_share(chance: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Share of relevance that a hit carries at least, where its width would carry `chance` of it.

    `ENRICHMENT` times as much; but where the record is hardly longer than the motif, half of what `chance` leaves.

    Examples
    --------
    >>> smallest_share(np.array([0.1, 0.5, 1.0])).tolist()
    [0.2, 0.75, 1.0]
    """
    return np.minimum(ENRICHMENT * np.asarray(chance), (1 + np.asarray(chance)) / 2)


def sliding_sums(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Sum of each stretch of `width` values (k, l), (k, l - width + 1).

    Examples
    --------
    >>> sliding_sums(np.array([[1.0, 2.0, 3.0]]), 2).tolist()
    [[3.0, 5.0]]
    """
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return np.asarray(sums[:, width:] - sums[:, :-width])


def placement_scores(
    codes: NDArray[np.uint8], motifs: Sequence[Motif], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Log-odds in bits of placements that begin at `starts` (k, m): (2, k, m), forward, then reverse.

    ``codes`` (k, l): the letters, as `genoplrp.motifs.codes` has them. Of the k matrices, of one width, each is placed
    in its own row. A placement over a letter that is no base scores minus infinity.
    """
    k, length = codes.shape
    each = {motif: index for index, motif in enumerate(dict.fromkeys(motifs))}
    tables = np.stack([_both_strands(motif) for motif in each], axis=1)  # (2, matrices, letters, w)
    which = np.array([each[motif] for motif in motifs])[:, None]
    # Columns of the matrix come first: whole arrays are added, one a column.
    column = np.arange(motifs[0].width)[:, None, None]
    letters = codes.take(starts + length * np.arange(k)[:, None] + column)  # (w, k, m)
    place = (which * tables.shape[2] + letters) * len(column) + column
    return np.asarray(tables.reshape(2, -1).take(place, axis=1).sum(axis=1))


@lru_cache(maxsize=256)
def _both_strands(motif: Motif) -> NDArray[np.float64]:
    """Log-odds of the matrix and of its reverse complement, (2, 5, w): A, C, G, T, and what is no base."""
    both = np.stack([motif.log_odds(), motif.reverse_complement().log_odds()])
    return np.concatenate([both, np.full((2, 1, motif.width), -np.inf)], axis=1)


def _trimmed(positive: NDArray[np.float64], starts: NDArray[np.int64], width: int) -> _Spans:
    """The stretches, one in each row, without the bases at their ends that carry nothing."""
    carrying = np.take_along_axis(positive, starts[:, None] + np.arange(width), axis=1) > 0
    first, after = carrying.argmax(axis=1), carrying[:, ::-1].argmax(axis=1)
    return starts + first, starts + width - after, np.full_like(starts, _STRANDS.index(".")), np.full(len(starts), nan)


def _placed(
    motifs: Sequence[Motif],
    codes: NDArray[np.uint8],
    inside: NDArray[np.float64],
    free: NDArray[np.bool_],
    starts: NDArray[np.int64],
) -> _Spans:
    """For each record's stretch the best placement of its matrix around it."""
    width, each = motifs[0].width, np.arange(len(starts))
    around = starts[:, None] + np.arange(-(width // 2), width // 2 + 1)  # (k, m)
    exists = (around >= 0) & (around < inside.shape[1])
    around = np.clip(around, 0, inside.shape[1] - 1)
    possible = exists & np.take_along_axis(free, around, axis=1)
    carried = np.take_along_axis(inside, around, axis=1)
    odds = placement_scores(codes, motifs, around)
    odds[:, ~possible | (carried < _KEPT_SHARE * inside[each, starts][:, None])] = -np.inf
    odds = np.moveaxis(odds, 0, 1).reshape(len(starts), -1)  # (k, 2 * m)
    # A palindrome scores the same on both strands but for rounding, which shall not decide between them.
    best = (odds >= odds.max(axis=1, keepdims=True) - _ROUNDING).argmax(axis=1)
    strand, offset = np.divmod(best, around.shape[1])
    first = around[each, offset]
    return first, first + width, strand, odds[each, best]


def _likelier(placed: _Spans, trimmed: _Spans) -> _Spans:
    """Placements whose bases are likelier under the matrix than by chance; the trimmed stretches of the other rows."""
    likelier = placed[-1] > 0
    start, end, strand, bits = (np.where(likelier, *pair) for pair in zip(placed, trimmed, strict=True))
    return start, end, strand, bits


def _hits(
    spans: _Spans,
    relevance: NDArray[np.float32],
    positive: NDArray[np.float64],
    total: NDArray[np.float64],
    bases: NDArray[np.int64],
) -> list[Hit]:
    """The hit on each row's span, with what lies inside it."""
    start, end, strand, bits = spans
    rows = np.arange(len(start))
    share = span_sums(positive, rows, start, end) / total
    numbers = share, share * bases / (end - start), span_sums(relevance, rows, start, end), bits
    columns = zip(*(part.tolist() for part in (start, end, strand, *numbers)), strict=True)
    return [Hit(low, high, _STRANDS[sign], *rest) for low, high, sign, *rest in columns]
