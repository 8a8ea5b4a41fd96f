"""The propagation rules, each written out over the matrix of contributions ``c_ij = x_i w_ij``.

A rule takes a :class:`Call` and the relevance of its outputs (j,) and gives the relevance of its inputs (i,). An input
that is not ``present`` (an N in the DNA, or an input that PLRP-M has dropped) takes no part in the rules that do not
look at the activation. Padding is not an input at all: the matrices of :mod:`.linear` have no row for it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

STABILISER = 1e-6


@dataclass(frozen=True)
class Call:
    """A linear call: ``x`` (i,), ``weight`` (i, j), ``bias`` (j,), ``connected`` (i, j) bool, ``present`` (i,) bool."""

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    connected: np.ndarray
    present: np.ndarray

    @cached_property
    def contributions(self) -> np.ndarray:
        return self.x[:, None] * self.weight

    def without(self, dropped: np.ndarray) -> "Call":
        """The same call with the dropped inputs switched off."""
        return replace(self, x=np.where(dropped, 0.0, self.x), present=self.present & ~dropped)


Rule = Callable[[Call, np.ndarray], np.ndarray]


def positive(a: np.ndarray) -> np.ndarray:
    return np.where(a > 0, a, 0.0)


def negative(a: np.ndarray) -> np.ndarray:
    return np.where(a < 0, a, 0.0)


def stabilised(z: np.ndarray, epsilon: float = STABILISER) -> np.ndarray:
    return z + epsilon * np.where(z >= 0, 1.0, -1.0)


def share(part: np.ndarray, whole: np.ndarray, epsilon: float = STABILISER) -> np.ndarray:
    """``part / (whole + epsilon sign(whole))``, and 0 where that denominator is 0."""
    denominator = np.broadcast_to(stabilised(whole, epsilon), np.broadcast_shapes(part.shape, whole.shape))
    nonzero = denominator != 0
    return np.where(nonzero, part, 0.0) / np.where(nonzero, denominator, 1.0)


def epsilon(value: float = STABILISER) -> Rule:
    def rule(call: Call, relevance: np.ndarray) -> np.ndarray:
        c = call.contributions
        return (share(c, c.sum(0) + call.bias, value) * relevance).sum(1)

    return rule


def alpha_beta(alpha: float, beta: float) -> Rule:
    def rule(call: Call, relevance: np.ndarray) -> np.ndarray:
        c = call.contributions
        plus = share(positive(c), positive(c).sum(0) + positive(call.bias))
        minus = share(negative(c), negative(c).sum(0) + negative(call.bias))
        return ((alpha * plus - beta * minus) * relevance).sum(1)

    return rule


def zplus() -> Rule:
    return alpha_beta(1.0, 0.0)


def gamma(value: float = 0.25) -> Rule:
    def rule(call: Call, relevance: np.ndarray) -> np.ndarray:
        c, b = call.contributions, call.bias
        up = c.sum(0) + b >= 0
        d = c + value * np.where(up, positive(c), negative(c))
        e = b + value * np.where(up, positive(b), negative(b))
        return (share(d, d.sum(0) + e) * relevance).sum(1)

    return rule


def _weighted(d: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    return (share(d, d.sum(0)) * relevance).sum(1)


def flat() -> Rule:
    return lambda call, relevance: _weighted(np.where(call.connected & call.present[:, None], 1.0, 0.0), relevance)


def wsquare() -> Rule:
    return lambda call, relevance: _weighted(np.where(call.present[:, None], call.weight**2, 0.0), relevance)


def zbox(low: float, high: float) -> Rule:
    def rule(call: Call, relevance: np.ndarray) -> np.ndarray:
        box = low * positive(call.weight) + high * negative(call.weight)
        return _weighted(call.contributions - np.where(call.present[:, None], box, 0.0), relevance)

    return rule


def passing() -> Rule:
    return lambda call, relevance: relevance
