"""The figure that shows what a threshold separates: scores of the sequences and of their shuffles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BINS = 44


@dataclass(frozen=True)
class Bar:
    """A bar in per cent of the figure's width and height; `y` is its top."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Histogram:
    """Bars of the sequences and of their shuffles, where the threshold stands (per cent), and the range of scores."""

    real: list[Bar]
    null: list[Bar]
    threshold: float
    low: float
    high: float


def histogram(real: NDArray[np.float32], null: NDArray[np.float32], threshold: float) -> Histogram:
    """Histogram of two sets of scores, (n,) and (k,), each as shares of its own set, on one scale.

    Examples
    --------
    >>> drawn = histogram(np.array([3.0, 4.0]), np.array([0.0, 1.0, 1.0]), 2.0)
    >>> drawn.threshold, drawn.low, drawn.high
    (50.0, 0.0, 4.0)
    """
    low, high = float(min(real.min(), null.min())), float(max(real.max(), null.max()))
    high = high if high > low else low + 1
    edges = np.linspace(low, high, _BINS + 1)
    shares = [np.histogram(values, edges)[0] / len(values) for values in (real, null)]
    top = max(float(share.max()) for share in shares)
    bars = [
        [
            Bar(100 * i / _BINS, 100 - 100 * value / top, 100 / _BINS, 100 * value / top)
            for i, value in enumerate(share.tolist())
            if value
        ]
        for share in shares
    ]
    place = 100 * (threshold - low) / (high - low)
    return Histogram(bars[0], bars[1], min(max(place, 0.0), 100.0), low, high)
