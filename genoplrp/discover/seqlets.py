"""Seqlets: stretches of a sequence that carry more relevance than chance gives, called from relevance maps.

A pruned map is nearly a set of spans by itself. Every hill of the smoothed map is a candidate; its foot is where the
map has fallen to a tenth of the hill's height, or begins to rise towards another hill. The score of a span is the
relevance in it. The null is the same network's map, for the same output, of the same sequences dinucleotide-shuffled,
cut into spans in the same way.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoplrp.errors import OptionError

COLUMNS = ("sequence", "start", "end", "sign", "score", "q")
SMOOTHING = 5
"""Bases averaged over before hills are looked for: the gaps within a motif are shorter, those between motifs longer."""

_FOOT = 0.1  # of the hill's height
_VALLEY = 0.5  # of the hill's height: a dip below it, with a rise to twice the dip behind it, parts two hills
_RISE = 2.0


def call_seqlets(relevance: Any, null: Any, *, fdr: float = 0.05) -> pd.DataFrame:
    """Spans that carry more relevance of one sign than spans of shuffled sequences do, best first.

    A span's q-value is the false discovery rate at its score s: the number of null spans a sequence that score at least
    s (one added, so that it is never 0), over the number of spans a sequence that do; made monotone, at most 1. It
    estimates what share of the spans at least as good are there by chance, if chance is what happens on shuffles.

    Parameters
    ----------
    relevance : (n, l)
        Signed relevance a base. Spans of positive and of negative relevance are called apart, each by its own null.
    null : (k, l)
        The same of shuffled sequences, through the same network and output.
    fdr : float
        Spans with q <= fdr are returned, 0 < fdr <= 1.

    Returns
    -------
    DataFrame
        ``sequence`` (row), ``start``, ``end`` (0-based half-open), ``sign`` (1 or -1), ``score`` (summed relevance,
        with its sign) and ``q``.

    Raises
    ------
    OptionError
        Maps that are not (n, l) and (k, l) or not finite, or fdr out of range.

    Examples
    --------
    >>> map_, null = np.zeros((3, 40)), np.zeros((100, 40))
    >>> map_[1, 10:16], null[:, 3] = [1, 3, 2, 3, 2, 1], 0.5
    >>> call_seqlets(map_, null).round(3).values.tolist()
    [[1.0, 9.0, 17.0, 1.0, 12.0, 0.03]]
    """
    values, chance = _checked("relevance", relevance), _checked("null", null)
    if not 0 < fdr <= 1:
        raise OptionError(f"fdr must be above 0 and at most 1; got {fdr}")
    parts = []
    for sign in (1, -1):
        spans = find_spans(sign * values)
        null_scores = find_spans(sign * chance)["score"].to_numpy()
        spans["q"] = q_values(spans["score"].to_numpy(), null_scores, len(values), len(chance))
        spans.insert(3, "sign", sign)
        spans["score"] *= sign
        parts.append(spans[spans["q"] <= fdr])
    called = pd.concat(parts, ignore_index=True)
    order = np.lexsort((called["start"], called["sequence"], -called["score"].abs(), called["q"]))
    return called.iloc[order].reset_index(drop=True)[list(COLUMNS)]


def find_spans(relevance: NDArray[np.float64]) -> pd.DataFrame:
    """Spans of positive relevance (n, l): ``sequence``, ``start``, ``end`` (0-based half-open) and ``score``.

    Spans of a sequence do not overlap, and each carries at least a uniform share of the sequence's relevance of either
    sign: its width over l.
    """
    positive = np.maximum(relevance, 0)
    smooth = smoothed(positive)
    running = np.pad(np.cumsum(positive, axis=1), ((0, 0), (1, 0)))
    rows: list[tuple[int, int, int]] = []
    for row, (heights, tops) in enumerate(zip(smooth, _tops(smooth), strict=True)):
        rows += [(row, start, end) for start, end in _spans(heights.tolist(), tops)]
    spans = pd.DataFrame(rows, columns=["sequence", "start", "end"], dtype=np.int64)
    at = spans["sequence"].to_numpy()
    spans["score"] = running[at, spans["end"].to_numpy()] - running[at, spans["start"].to_numpy()]
    uniform = np.abs(relevance).mean(axis=1)[at] * (spans["end"] - spans["start"])
    kept: pd.DataFrame = spans[spans["score"] >= uniform].reset_index(drop=True)
    return kept


def q_values(scores: NDArray[np.float64], null: NDArray[np.float64], n: int, null_n: int) -> NDArray[np.float64]:
    """The false discovery rate at each score, from `n` sequences with these scores and `null_n` with those of chance.

    Examples
    --------
    >>> q_values(np.array([5.0, 1.0, 3.0]), np.array([2.0, 2.0]), 10, 10).tolist()
    [0.5, 1.0, 0.5]
    """
    order = np.argsort(-scores, kind="stable")
    exceeding = len(null) - np.searchsorted(np.sort(null), scores[order], side="left")  # null scores at least as high
    ties = np.searchsorted(-scores[order], -scores[order], side="right")  # scores at least as high
    rate = ((exceeding + 1) / max(null_n, 1)) / (ties / max(n, 1))
    q = np.empty(len(scores))
    q[order] = np.minimum(np.minimum.accumulate(rate[::-1])[::-1], 1.0)
    return q


def smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of `SMOOTHING` neighbours of each value, (n, l), zeros beyond the ends."""
    half = SMOOTHING // 2
    sums = np.pad(np.cumsum(np.pad(values, ((0, 0), (half, half))), axis=1), ((0, 0), (1, 0)))
    return np.asarray((sums[:, SMOOTHING:] - sums[:, :-SMOOTHING]) / SMOOTHING)


def _tops(smooth: NDArray[np.float64]) -> list[list[int]]:
    """The hills' highest places in each row, the highest hill first."""
    padded = np.pad(smooth, ((0, 0), (1, 1)), constant_values=-1.0)
    is_top = (smooth > 1e-12 * smooth.max(initial=0)) & (smooth > padded[:, :-2]) & (smooth >= padded[:, 2:])
    found = []
    for heights, top in zip(smooth, is_top, strict=True):
        places = np.flatnonzero(top)
        found.append(places[np.argsort(-heights[places], kind="stable")].tolist())
    return found


def _spans(heights: list[float], tops: list[int]) -> list[tuple[int, int]]:
    """Spans around the tops that no higher hill covers."""
    taken = bytearray(len(heights))
    spans = []
    for top in tops:
        if not taken[top]:
            start, end = _foot(heights, taken, top, -1), _foot(heights, taken, top, 1) + 1
            taken[start:end] = b"\1" * (end - start)
            spans.append((start, end))
    return spans


def _foot(heights: list[float], taken: bytearray, top: int, step: int) -> int:
    """The last place that belongs to the hill, from its top in the direction of `step`."""
    height = heights[top]
    lowest, at, last = height, top, top
    place = top + step
    while 0 <= place < len(heights) and not taken[place] and heights[place] >= _FOOT * height:
        if heights[place] < lowest:
            lowest, at = heights[place], place
        elif lowest < _VALLEY * height and heights[place] > _RISE * lowest:
            return at
        last, place = place, place + step
    return last


def _checked(name: str, given: Any) -> NDArray[np.float64]:
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise OptionError(f"{name} must be finite and of shape (n, l), one number a base; got shape {values.shape}")
    return values
