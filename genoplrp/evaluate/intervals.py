"""How sure a mean is: bootstrap intervals over sequences, and over trained networks where there are several."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genoplrp.errors import OptionError


class Interval(NamedTuple):
    """A mean with the two ends of its confidence interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: Any, *, level: float = 0.95, draws: int = 1000, seed: int = 0) -> Interval:
    """The mean of a metric and its percentile bootstrap interval.

    For values of shape (n,) sequences are drawn with replacement. For (s, n), a row a trained network, networks are
    drawn first and then sequences within each network drawn (two-stage bootstrap: Davison and Hinkley, Bootstrap
    Methods and their Application, 1997, section 3.8); the mean is that of the rows' means, each network counting alike.

    Parameters
    ----------
    values : (n,) or (s, n)
        One number a sequence. NaN stands for undefined and is left out: count them beside the interval.
    level : float
        Share of the bootstrap means between the two ends, in (0, 1).
    draws, seed : int
        Number of bootstrap draws, at least 1, and their seed.

    Returns
    -------
    Interval
        All NaN where nothing is defined. Of a single value both ends are that value.

    Raises
    ------
    OptionError
        If values have another shape or are infinite, or an option is out of range.

    Examples
    --------
    >>> interval = mean_interval([0.0, 1.0, float("nan"), 1.0, 1.0])
    >>> interval.mean, interval.low <= 0.75 <= interval.high
    (0.75, True)
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim not in (1, 2) or np.isinf(table).any():
        raise OptionError(f"values must be finite or NaN, of shape (n,) or (networks, n); got shape {table.shape}")
    if not 0 < level < 1 or draws < 1:
        raise OptionError(f"level must lie in (0, 1) and draws be at least 1; got {level} and {draws}")
    rows = [row[~np.isnan(row)] for row in np.atleast_2d(table)]
    rows = [row for row in rows if row.size]
    if not rows:
        return Interval(np.nan, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    # (draws, s): column k holds the mean of the k-th network drawn, with its sequences drawn anew.
    chosen = rng.integers(len(rows), size=(draws, len(rows)))
    means = np.empty(chosen.shape)
    for index, row in enumerate(rows):
        places = chosen == index
        means[places] = _resampled_means(row, int(places.sum()), rng)
    low, high = np.quantile(means.mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(np.mean([row.mean() for row in rows])), float(low), float(high))


def _resampled_means(row: NDArray[np.float64], draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Means of ``draws`` samples with replacement, each as large as the row."""
    return np.asarray(row[rng.integers(row.size, size=(draws, row.size))].mean(axis=1))
