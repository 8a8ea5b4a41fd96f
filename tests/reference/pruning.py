"""Which entries pruning drops, in plain Python, and what becomes of the others.

A share ``p`` is a float, a pair (positive, negative), or a :class:`Gain`. Entries are looked at per sign, from the
smallest magnitude up; entries of equal magnitude form a group that is dropped as one or kept as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import fsum

import numpy as np


@dataclass(frozen=True)
class Gain:
    """Drop while the gain of sparsity per share of mass is at least ``min_gain``."""

    min_gain: float = 1.0
    measure: str = "gini"


Number = float | Fraction
Share = float | tuple[float, float] | Gain


def dropped(relevance: np.ndarray, p: Share) -> np.ndarray:
    """True where an entry of ``relevance`` (any shape) is dropped."""
    flat = relevance.ravel()
    mask = np.zeros(flat.size, dtype=bool)
    shares = p if isinstance(p, tuple) else (p, p)
    for sign, one in zip((1, -1), shares, strict=True):
        part = {i: abs(float(v)) for i, v in enumerate(flat) if v * sign > 0}
        cut = _cut_by_gain(list(part.values()), one) if isinstance(one, Gain) else _cut(list(part.values()), one)
        for i, magnitude in part.items():
            mask[i] = magnitude <= cut
    return mask.reshape(relevance.shape)


def _groups(magnitudes: list[float]) -> list[tuple[float, int]]:
    return [(value, len(list(members))) for value, members in groupby(sorted(magnitudes))]


def _cut(magnitudes: list[float], p: float) -> float:
    """The largest magnitude dropped: the mass at or below it is at most ``p`` of the total."""
    total = fsum(magnitudes)
    cut = 0.0
    for value, _ in _groups(magnitudes):
        if fsum(m for m in magnitudes if m <= value) > p * total:
            break
        cut = value
    return cut


def _cut_by_gain(magnitudes: list[float], rule: Gain) -> float:
    """The largest magnitude dropped: each group up to it gained at least ``min_gain``."""
    cut = 0.0
    for value, _ in _groups(magnitudes)[:-1]:
        gained = _gain(magnitudes, cut, value, rule.measure)
        if abs(gained - rule.min_gain) < 1e-6:
            # Two groups that are left alone gain 1 exactly: only exact arithmetic can tell.
            gained = _gain([Fraction(m) for m in magnitudes], cut, value, rule.measure)
        if gained < rule.min_gain:
            break
        cut = value
    return cut


def _gain(magnitudes: Sequence[Number], cut: float, value: float, measure: str) -> Number:
    """Sparsity gained by dropping the entries of magnitude ``value`` over the share of the mass they carry."""
    sparsity = {"gini": gini, "l0": l0}[measure]
    before = sparsity([m if m > cut else 0 for m in magnitudes])
    after = sparsity([m if m > value else 0 for m in magnitudes])
    return (after - before) / (sum(m for m in magnitudes if m == value) / sum(magnitudes))


def gini(values: Sequence[Number]) -> Number:
    """Hurley and Rickard (2009), table II."""
    k = len(values)
    weighted = sum(v * (2 * (k - r) + 1) for r, v in enumerate(sorted(values), start=1))
    return 1 - weighted / (k * sum(values))


def l0(values: Sequence[Number]) -> Fraction:
    """The share of zeros."""
    return Fraction(sum(v == 0 for v in values), len(values))


def rescaled(relevance: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """PLRP-lambda: the entries kept of each sign carry what that sign carried before."""
    kept = np.where(mask, 0.0, relevance)
    result = np.zeros_like(relevance)
    for sign in (1, -1):
        before, after = relevance[relevance * sign > 0], kept[kept * sign > 0]
        if after.size:
            result[kept * sign > 0] = after * (fsum(before) / fsum(after))
    return result
