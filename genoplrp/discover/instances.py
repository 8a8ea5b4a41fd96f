"""Instances: every place where a pattern lies on bases that carry relevance of its sign.

A hit must hold in two ways: its bases are likely under the pattern's matrix, and the network gives them relevance. What
is tested is the product of the two, log-odds in bits times relevance, against the same of shuffled sequences through
the same network.
"""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from genoplrp.discover.patterns import Pattern
from genoplrp.discover.seqlets import q_values
from genoplrp.motifs import score_distribution
from genoplrp.motifs.thresholds import STEP

P_VALUE = 1e-3
"""Chance that a window of random bases scores as high under the matrix: lenient, for the network decides."""

_TYPES = {
    "row": np.int64, "start": np.int64, "end": np.int64, "strand": object, "pattern": np.int64, "score": float,
    "log_odds": float, "share": float,
}  # fmt: skip


def find_hits(
    patterns: Sequence[Pattern], x: NDArray[np.uint8], relevance: NDArray[np.float32], *, p_value: float = P_VALUE
) -> pd.DataFrame:
    """All places of the patterns in windows x (n, 4, l) with relevance (n, l) of the pattern's sign, none overlapping.

    A place needs at least a uniform share of the window's relevance, as a seqlet does. Of overlapping places of one
    sign that with the largest product of relevance and log-odds stays; palindromes count once.

    Parameters
    ----------
    patterns
        What to look for; their cores are placed.
    x, relevance
        (n, 4, l) one-hot and (n, l).
    p_value
        See `P_VALUE`.

    Returns
    -------
    DataFrame
        ``row``, ``start`` and ``end`` (0-based half-open, in the window), ``strand``, ``pattern`` (index), ``score``
        (summed relevance, with its sign), ``log_odds`` in bits, and ``share`` of the window's relevance of that sign.
    """
    found = [_places(k, pattern, x, relevance, p_value) for k, pattern in enumerate(patterns)]
    hits = pd.concat([_none(), *found], ignore_index=True)
    return best_apart(hits, "row")


def hit_thresholds(
    hits: pd.DataFrame, null: pd.DataFrame, windows: tuple[int, int], patterns: int, fdr: float
) -> NDArray[np.float64]:
    """For each pattern the least product of relevance and log-odds at which its false discovery rate is `fdr`.

    Infinite where there is none. `windows`: how many the hits and the null's hits come from; the rate is reckoned as in
    `genoplrp.discover.call_seqlets`.
    """
    thresholds = np.full(patterns, np.inf)
    for k in range(patterns):
        found, chance = (
            (part["score"].abs() * part["log_odds"])[part["pattern"] == k].to_numpy() for part in (hits, null)
        )
        q = q_values(found, chance, *windows)
        thresholds[k] = found[q <= fdr].min(initial=np.inf)
    return thresholds


def _none() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _TYPES.items()})


def _places(
    index: int, pattern: Pattern, x: NDArray[np.uint8], relevance: NDArray[np.float32], p_value: float
) -> pd.DataFrame:
    motif = pattern.motif()
    width = motif.width
    if width > x.shape[2]:
        return _none()
    distribution = score_distribution(motif)
    least = distribution.threshold(p_value)
    steps = distribution.steps.astype(np.float32)
    odds = np.stack([_sums(x, strand) for strand in (steps, steps[::-1, ::-1])])  # (2, n, l - w + 1)
    known = sliding_window_view(x.any(axis=1), width, axis=1).all(axis=2)  # (n, l - w + 1)
    mass = sliding_window_view(pattern.sign * relevance.astype(np.float64), width, axis=1).sum(axis=2)
    uniform = np.abs(relevance).mean(axis=1, dtype=np.float64)[:, None] * width
    total = np.maximum(pattern.sign * relevance.astype(np.float64), 0).sum(axis=1)
    good = (odds.max(axis=0) >= least) & known & (mass > 0) & (mass >= uniform)
    row, start = np.nonzero(good)
    reverse = odds[1, row, start] > odds[0, row, start]
    return pd.DataFrame(
        {
            "row": row,
            "start": start,
            "end": start + width,
            "strand": np.where(reverse, "-", "+").astype(object),
            "pattern": index,
            "score": pattern.sign * mass[row, start],
            "log_odds": odds.max(axis=0)[row, start].astype(float) * STEP,
            "share": mass[row, start] / np.maximum(total[row], 1e-300),
        }
    ).astype(_TYPES)


def _sums(x: NDArray[np.uint8], steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score of the matrix (4, w) at each place, (n, l - w + 1); column by column, for all windows at once are large."""
    width = steps.shape[1]
    places = x.shape[2] - width + 1
    sums = np.zeros((len(x), places), dtype=np.float32)
    for column in range(width):
        for base in range(4):
            sums += steps[base, column] * x[:, base, column : column + places]
    return sums


def best_apart(hits: pd.DataFrame, sequence: str) -> pd.DataFrame:
    """The best of overlapping places of one sign in one sequence, in the order of the sequences.

    The best is that with the largest product of relevance and log-odds; `sequence` is the column that says where
    ``start`` and ``end`` count.
    """
    rank = np.argsort(-(hits["score"].abs() * hits["log_odds"]).to_numpy(), kind="stable")
    taken: dict[tuple[int, bool], list[tuple[int, int]]] = {}
    kept = []
    rows, starts, ends, signs = (hits[name].tolist() for name in (sequence, "start", "end", "score"))
    for i in rank.tolist():
        others = taken.setdefault((rows[i], signs[i] > 0), [])  # in order, for none overlap
        k = bisect_left(others, (starts[i], ends[i]))
        if all(ends[i] <= start or end <= starts[i] for start, end in others[max(k - 1, 0) : k + 1]):
            others.insert(k, (starts[i], ends[i]))
            kept.append(i)
    return hits.iloc[sorted(kept)].sort_values([sequence, "start"], kind="stable").reset_index(drop=True)
