"""The rules of a linear call: pure functions of the call's map, its input, its output and the relevance that arrived.

A linear call computes ``z_j = sum_i x_i w_ij + b_j``; ``c_ij = x_i w_ij`` is what input i contributes to output j.
Each rule is called as ``rule(linear, x, z, relevance, present)``:

- ``linear``: the `LinearMap`; ``x``: its input; ``z``: its output with the bias; ``relevance``: that of its output;
- ``present``: None, or 1 where an input exists and 0 where it does not (an N in a sequence, a dropped neuron). It
  matters to the rules that put relevance on inputs whatever their value: flat, wsquare, zbox.

It returns `Multipliers`, from which the input's relevance follows. Stabiliser: ``z + 1e-6 sign(z)`` with
``sign(0) = +1``. Absorbed relevance (bias, stabiliser, dead neurons) is not handed on; the ledger shows it.

Sources: Montavon et al., "Layer-Wise Relevance Propagation: An Overview" (2019); the generalised gamma rule: Andeol et
al., "Learning Domain Invariant Representations by Joint Wasserstein Distance Minimization" (2021).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from genoplrp.errors import OptionError
from genoplrp.lrp.linear import LinearMap

STABILISER = 1e-6


@dataclass(frozen=True)
class Multipliers:
    """What a rule gives: relevance = max(x, 0) * positive + min(x, 0) * negative + offset, in the shape of x."""

    positive: Tensor
    negative: Tensor
    offset: Tensor | None = None

    def relevance(self, x: Tensor) -> Tensor:
        """The input's relevance."""
        if self.positive is self.negative:
            result = x * self.positive
        else:
            result = x.clamp(min=0) * self.positive + x.clamp(max=0) * self.negative
        return result if self.offset is None else result + self.offset

    def slope(self, x: Tensor) -> Tensor:
        """Relevance per unit of the input, without the offset; half-way between the two sides where the input is 0."""
        if self.positive is self.negative:
            return self.positive
        at_zero = (self.positive + self.negative) / 2
        return torch.where(x > 0, self.positive, torch.where(x < 0, self.negative, at_zero))


class Rule(Protocol):
    """The one signature of all rules (see the top of this file)."""

    def __call__(
        self, linear: LinearMap, x: Tensor, z: Tensor, relevance: Tensor, present: Tensor | None
    ) -> Multipliers: ...


def ratio(relevance: Tensor, z: Tensor, epsilon: float = STABILISER) -> Tensor:
    """relevance / (z + epsilon sign(z)), sign(0) = +1; at epsilon = 0 it is 0 where z is 0."""
    if epsilon == 0:
        return torch.where(z == 0, 0, relevance / torch.where(z == 0, 1, z))
    return relevance / torch.where(z >= 0, z + epsilon, z - epsilon)


@dataclass(frozen=True)
class Epsilon:
    """``R_i = sum_j c_ij / (z_j + epsilon sign z_j) R_j``; epsilon = 0 is LRP-0, gradient x input in ReLU networks."""

    epsilon: float = STABILISER

    def __post_init__(self) -> None:
        _check(self.epsilon >= 0, "Epsilon", "epsilon", self.epsilon, "at least 0")

    def __call__(
        self, linear: LinearMap, x: Tensor, z: Tensor, relevance: Tensor, present: Tensor | None
    ) -> Multipliers:
        multiplier = linear.adjoint(ratio(relevance, z, self.epsilon), linear.weight, x)
        return Multipliers(multiplier, multiplier)


@dataclass(frozen=True)
class Gamma:
    """Generalised gamma rule: contributions of the output's own sign count (1 + gamma) times.

    ``d_ij = c_ij + gamma c_ij^s`` and ``e_j = b_j + gamma b_j^s`` with s the sign of z_j (z_j = 0 counts as positive);
    ``R_i = sum_j d_ij / (sum_i d_ij + e_j) R_j``.
    """

    gamma: float = 0.25

    def __post_init__(self) -> None:
        _check(self.gamma >= 0, "Gamma", "gamma", self.gamma, "at least 0")

    def __call__(
        self, linear: LinearMap, x: Tensor, z: Tensor, relevance: Tensor, present: Tensor | None
    ) -> Multipliers:
        raised = z >= 0
        own_sign = torch.where(raised, linear.part(x, +1), linear.part(x, -1))
        share = ratio(relevance, z + self.gamma * own_sign)
        plain = linear.adjoint(share, linear.weight, x)
        up, down = share * raised, share * ~raised
        positive = plain + self.gamma * (linear.adjoint(up, linear.plus, x) + linear.adjoint(down, linear.minus, x))
        if not linear.any_below_zero(x):
            return Multipliers(positive, positive)
        negative = plain + self.gamma * (linear.adjoint(up, linear.minus, x) + linear.adjoint(down, linear.plus, x))
        return Multipliers(positive, negative)


@dataclass(frozen=True)
class AlphaBeta:
    """``R_i = sum_j (alpha c+_ij / z+_j - beta c-_ij / z-_j) R_j``, z+ and z- with the bias of their sign.

    Negative inputs times negative weights are positive contributions. Conserves where both signs occur and
    alpha - beta = 1.
    """

    alpha: float = 2.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        _check(self.alpha - self.beta == 1 and self.beta >= 0, "AlphaBeta", "(alpha, beta)", (self.alpha, self.beta),
               "alpha - beta = 1 and beta >= 0")  # fmt: skip

    def __str__(self) -> str:
        return f"AlphaBeta(alpha={self.alpha}, beta={self.beta})" if self.beta else "ZPlus()"

    def __call__(
        self, linear: LinearMap, x: Tensor, z: Tensor, relevance: Tensor, present: Tensor | None
    ) -> Multipliers:
        up = ratio(self.alpha * relevance, linear.part(x, +1))
        down = ratio(-self.beta * relevance, linear.part(x, -1)) if self.beta else None

        def share(raising: Tensor, lowering: Tensor) -> Tensor:
            total = linear.adjoint(up, raising, x)
            return total if down is None else total + linear.adjoint(down, lowering, x)

        positive = share(linear.plus, linear.minus)
        if not linear.any_below_zero(x):
            return Multipliers(positive, positive)
        return Multipliers(positive, share(linear.minus, linear.plus))


def ZPlus() -> AlphaBeta:
    """The zplus rule: alpha-beta with alpha = 1, beta = 0."""
    return AlphaBeta(1.0, 0.0)


@dataclass(frozen=True)
class Flat:
    """Every present input in an output's receptive field gets the same share, whatever its value and weight."""

    def __call__(
        self, linear: LinearMap, x: Tensor, z: Tensor, relevance: Tensor, present: Tensor | None
    ) -> Multipliers:
        return _by_weight(linear, torch.ones_like(linear.weight), x, relevance, present)


@dataclass(frozen=True)
class WSquare:
    """``R_i = sum_j w_ij^2 / sum_i w_ij^2 R_j`` over the present inputs, whatever their value."""

    def __call__(
        self, linear: LinearMap, x: Tensor, z: Tensor, relevance: Tensor, present: Tensor | None
    ) -> Multipliers:
        return _by_weight(linear, linear.weight.square(), x, relevance, present)


@dataclass(frozen=True)
class ZBox:
    """For inputs known to lie in [low, high]: ``d_ij = x_i w_ij - low w+_ij - high w-_ij``, without the bias.

    One-hot DNA lies in [0, 1]: so absent bases get relevance too, and ``per_base`` sums over the four channels.
    Where an input is not present its bounds are 0. A bound is one number, or a sequence of one a channel (axis 1): an
    image normalised by mean m and deviation s lies in [-m / s, (1 - m) / s], another range in each colour.

    Examples
    --------
    >>> ZBox(low=(-2.1, -2.0, -1.8), high=(2.2, 2.4, 2.6))
    ZBox(low=(-2.1, -2.0, -1.8), high=(2.2, 2.4, 2.6))
    """

    low: float | Sequence[float] = 0.0
    high: float | Sequence[float] = 1.0

    def __post_init__(self) -> None:
        low, high = (torch.as_tensor(bound, dtype=torch.float64).cpu() for bound in (self.low, self.high))
        fits = low.ndim <= 1 and high.ndim <= 1 and (low.ndim + high.ndim < 2 or low.shape == high.shape)
        holds = fits and bool(((low <= 0) & (high >= 0) & (low < high)).all())
        _check(holds, "ZBox", "(low, high)", (self.low, self.high),
               "low <= 0 <= high and low < high, numbers or one a channel")  # fmt: skip
        for name, bound in (("low", low), ("high", high)):  # lists would leave the rule unhashable
            object.__setattr__(self, name, tuple(bound.tolist()) if bound.ndim else bound.item())

    def __call__(
        self, linear: LinearMap, x: Tensor, z: Tensor, relevance: Tensor, present: Tensor | None
    ) -> Multipliers:
        present = torch.ones_like(x) if present is None else present
        bounds = [(present * _by_channel(bound, x), weight)
                  for bound, weight in ((self.low, linear.plus), (self.high, linear.minus)) if bound]  # fmt: skip
        total = z if linear.bias is None else z - linear.bias
        # Where everything exists all samples have the same bounds, and one of them speaks for all.
        alike = slice(None) if (present == 0).any() else slice(1)
        for bound, weight in bounds:
            total = total - linear.apply(bound[alike], weight)
        share = ratio(relevance, total)
        multiplier = linear.adjoint(share, linear.weight, x)
        offset = torch.zeros_like(x)
        for bound, weight in bounds:
            offset = offset - bound * linear.adjoint(share, weight, x)
        return Multipliers(multiplier, multiplier, offset)


@dataclass(frozen=True)
class Pass:
    """Relevance passes unchanged; input and output must have the same shape."""

    def __call__(
        self, linear: LinearMap, x: Tensor, z: Tensor, relevance: Tensor, present: Tensor | None
    ) -> Multipliers:
        if x.shape != relevance.shape:
            raise OptionError(
                f"the pass rule needs a call whose output has its input's shape; here {tuple(x.shape)} becomes "
                f"{tuple(relevance.shape)}. Choose another rule for this layer."
            )
        nothing = torch.zeros_like(x)
        return Multipliers(nothing, nothing, relevance)


def _by_channel(bound: float | Sequence[float], x: Tensor) -> Tensor:
    """A bound as it broadcasts to the input (n, c, ...)."""
    values = torch.as_tensor(bound, dtype=x.dtype, device=x.device)
    if values.ndim and (x.ndim < 2 or x.shape[1] != len(values)):
        raise OptionError(
            f"ZBox has bounds for {len(values)} channels; its layer reads input of shape {tuple(x.shape)}"
        )
    return values.view(-1, *[1] * (x.ndim - 2)) if values.ndim else values


def _by_weight(linear: LinearMap, weight: Tensor, x: Tensor, relevance: Tensor, present: Tensor | None) -> Multipliers:
    present = torch.ones_like(x) if present is None else present
    share = ratio(relevance, linear.apply(present, weight))
    nothing = torch.zeros_like(x)
    return Multipliers(nothing, nothing, present * linear.adjoint(share, weight, x))


def _check(holds: bool, rule: str, name: str, value: object, expected: str) -> None:
    if not holds:
        raise OptionError(f"{rule}: {name} must be {expected}; got {value}")
