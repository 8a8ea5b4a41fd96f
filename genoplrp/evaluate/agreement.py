"""How far two explanations of the same sequences agree: one number a sequence, whatever their units.

All take two maps of shape (n, l), signed relevance per base, as numpy array or tensor, and return float64 numpy arrays
of shape (n,); NaN where a map is constant, so that there is nothing to agree on.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoplrp.errors import OptionError
from genoplrp.evaluate.metrics import _per_base, _ratio


def pearson(one: Any, other: Any) -> NDArray[np.float64]:
    """Correlation of two maps over the bases, shape (n,), -1 to 1.

    Examples
    --------
    >>> pearson([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]], [[2.0, 4.0, 6.0], [1.0, 2.0, 3.0]]).round(6).tolist()
    [1.0, nan]
    """
    a, b = _pair(one, other)
    # A constant map leaves a remainder of rounding when its mean is taken off.
    varied = (np.ptp(a, axis=1) > 0) & (np.ptp(b, axis=1) > 0)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    return _ratio((a * b).sum(axis=1), np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1)), varied)


def spearman(one: Any, other: Any) -> NDArray[np.float64]:
    """Correlation of the ranks of two maps over the bases, shape (n,), -1 to 1; equal values share their mean rank.

    Examples
    --------
    >>> spearman([[1.0, 2.0, 9.0]], [[-1.0, 0.0, 0.5]]).round(6).tolist()
    [1.0]
    """
    a, b = _pair(one, other)
    return pearson(pd.DataFrame(a).rank(axis=1).to_numpy(), pd.DataFrame(b).rank(axis=1).to_numpy())


def top_overlap(one: Any, other: Any, k: int) -> NDArray[np.float64]:
    """Share of the k highest bases that two maps have in common, shape (n,), 0 to 1; by chance k / l.

    Bases that tie for the last places share them: three for one place are a third each. So a pruned map with fewer than
    k bases above 0 is not credited with its zeros.

    Raises
    ------
    OptionError
        `k` is not in 1 to l, or the maps differ in shape.

    Examples
    --------
    >>> top_overlap([[3.0, 2.0, 1.0, 0.0]], [[3.0, 0.0, 1.0, 2.0]], 2).tolist()
    [0.5]
    """
    a, b = _pair(one, other)
    if not isinstance(k, int) or not 1 <= k <= a.shape[1]:
        raise OptionError(f"k must be in 1 to {a.shape[1]}, the number of bases; got {k!r}")
    common = np.minimum(_membership(a, k), _membership(b, k)).sum(axis=1) / k
    return np.where((np.ptp(a, axis=1) > 0) & (np.ptp(b, axis=1) > 0), common, np.nan)


def _membership(values: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """How far each base belongs to the k highest of its row, (n, l), adding up to k."""
    last = np.sort(values, axis=1)[:, -k, None]
    above, tied = values > last, values == last
    left = k - above.sum(axis=1, keepdims=True)
    membership: NDArray[np.float64] = above + tied * (left / tied.sum(axis=1, keepdims=True))
    return membership


def _pair(one: Any, other: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = _per_base(one), _per_base(other)
    if a.shape != b.shape:
        raise OptionError(f"two maps of the same sequences have one shape; got {a.shape} and {b.shape}")
    return a, b
