"""Linear calls as maps: apply them with any weight, and their adjoints, without a bias.

A rule of LRP is a few applications of the same map with changed weights. Convolutions have their adjoint in torch
(``convolution_backward``); products of matrices are run once under autograd, which knows theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from genoplrp.lrp.call import Call, Value, leaves, substitute
from genoplrp.lrp.layout import (
    channels_last_convolution,
    channels_last_weight,
    is_channels_last,
    quick_channels_last,
)
from genoplrp.lrp.ops import argument

FEW_CHANNELS = 8
"""Up to so many input channels, those of a sequence and its bounds, and with many filters, one product of matrices is
quicker than torch's adjoint on a processor: it took .2 to .9 of its time (1,024 filters of 15, 300 of 19, 64 of 21)."""


@dataclass(frozen=True, eq=False)
class LinearMap:
    """``z = apply(x, weight) + bias``; ``adjoint(s, weight, x)`` is the transposed map, in the shape of x.

    ``from_zero`` says that x is known to hold nothing below 0, so that nobody has to look.
    """

    apply: Callable[[Tensor, Tensor], Tensor]
    adjoint: Callable[[Tensor, Tensor, Tensor], Tensor]
    weight: Tensor
    bias: Tensor | None  # broadcasts to z
    from_zero: bool = False

    @cached_property
    def plus(self) -> Tensor:
        """Positive part of the weight."""
        return self.weight.clamp(min=0)

    @cached_property
    def minus(self) -> Tensor:
        """Negative part of the weight."""
        return self.weight.clamp(max=0)

    def output(self, x: Tensor) -> Tensor:
        """z with the bias."""
        z = self.apply(x, self.weight)
        return z if self.bias is None else z + self.bias

    def part(self, x: Tensor, sign: int) -> Tensor:
        """z's part of one sign: the sum of the contributions of that sign, and the bias where it has it."""
        same, opposite = (self.plus, self.minus) if sign > 0 else (self.minus, self.plus)
        if self.any_below_zero(x):
            z = self.apply(x.clamp(min=0), same) + self.apply(x.clamp(max=0), opposite)
        else:
            z = self.apply(x, same)
        if self.bias is None:
            return z
        return z + (self.bias.clamp(min=0) if sign > 0 else self.bias.clamp(max=0))

    def any_below_zero(self, x: Tensor) -> bool:
        """Whether an input is below 0."""
        return not self.from_zero and bool((x < 0).any())

    def to(self, dtype: torch.dtype) -> "LinearMap":
        """The same map in another floating-point type."""
        bias = None if self.bias is None else self.bias.to(dtype)
        return replace(self, weight=self.weight.to(dtype), bias=bias)

    def without_bias(self) -> "LinearMap":
        """The map of differences: biases cancel."""
        return replace(self, bias=None)

    def scaled(self, scale: Tensor, shift: Tensor) -> "LinearMap":
        """The map followed by ``scale * z + shift`` per output channel: how a batch norm is folded in."""
        weight = self.weight * scale.view(-1, *[1] * (self.weight.ndim - 1))
        trailing = [1] * (self.weight.ndim - 2)
        scale, shift = scale.view(-1, *trailing), shift.view(-1, *trailing)
        return replace(self, weight=weight, bias=shift if self.bias is None else self.bias * scale + shift)


def linear_map(call: Call) -> LinearMap:
    """The map of a linear call."""
    if call.op in {"conv1d", "conv2d", "conv3d"} or (call.op == "convolution" and not argument(call, "transposed", 0)):
        return _convolution(call)
    if call.op == "linear":
        return _dense(call)
    return _bilinear(call)


def batch_norm_scale(call: Call) -> tuple[Tensor, Tensor]:
    """(scale, shift) per channel of a batch norm in eval mode: ``y = scale * x + shift``."""
    mean: Any = argument(call, "running_mean", None)
    variance: Any = argument(call, "running_var", None)
    weight: Any = argument(call, "weight", None)
    bias: Any = argument(call, "bias", None)
    epsilon: Any = argument(call, "eps", 1e-5)
    scale = (variance + epsilon).rsqrt() if weight is None else weight * (variance + epsilon).rsqrt()
    shift = -mean * scale if bias is None else bias - mean * scale
    return scale.detach(), shift.detach()


def _convolution(call: Call) -> LinearMap:
    weight: Any = argument(call, "weight", None)
    bias: Any = argument(call, "bias", None)
    axes = weight.ndim - 2
    stride, dilation, before, after = conv_geometry(call, weight)
    groups: Any = argument(call, "groups", 1)
    extra = [b - a for a, b in zip(before, after, strict=True)]  # "same" with an even width pads one more at the end

    def pad(x: Tensor) -> Tensor:
        return functional.pad(x, [n for amount in reversed(extra) for n in (0, amount)]) if any(extra) else x

    def apply(x: Tensor, w: Tensor) -> Tensor:
        if groups == 1 and is_channels_last(x) and quick_channels_last(x, w):
            geometry = stride[0], dilation[0], before[0], after[0]
            return channels_last_convolution(x, channels_last_weight(w), None, geometry)
        return torch.convolution(pad(x), w, None, stride, before, dilation, False, [0] * axes, groups)

    def adjoint(s: Tensor, w: Tensor, x: Tensor) -> Tensor:
        if groups == 1 and quicker_by_taps(s, w):
            return _by_taps(s, w, x.shape[2], (stride[0], dilation[0], before[0], after[0]))
        reach = dilation[0] * (weight.shape[2] - 1)
        around = reach - before[0], reach - after[0]
        if groups == 1 and stride[0] == 1 and min(around) >= 0 and is_channels_last(s) and quick_channels_last(s, w):
            flipped = channels_last_weight(w.flip(2).transpose(0, 1))
            return channels_last_convolution(s, flipped, None, (1, dilation[0], *around))
        padded = pad(x)
        gradient: Tensor = torch.ops.aten.convolution_backward(
            s, padded, w, None, stride, before, dilation, False, [0] * axes, groups, [True, False, False]
        )[0]
        for axis, amount in enumerate(extra):
            gradient = gradient.narrow(axis + 2, 0, gradient.shape[axis + 2] - amount) if amount else gradient
        return gradient

    return LinearMap(apply, adjoint, weight.detach(), None if bias is None else bias.detach().view(-1, *[1] * axes))


def quicker_by_taps(s: Tensor, w: Tensor) -> bool:
    """Whether a product for all taps is quicker than torch's adjoint, and no larger than twice what it reads."""
    if w.ndim != 3:
        return False
    filters, channels, taps = w.shape
    known = s.device.type == "cpu" and s.dtype in (torch.float32, torch.float64)  # half types would round at every tap
    return known and channels <= FEW_CHANNELS and taps * channels <= 2 * filters


def _by_taps(s: Tensor, w: Tensor, length: int, geometry: tuple[int, int, int, int]) -> Tensor:
    """The adjoint of a convolution along one axis: one product for all taps, each added where the tap was read."""
    stride, dilation, before, after = geometry
    n, _, outputs = s.shape
    taps, channels = w.shape[2], w.shape[1]
    every = w.permute(2, 1, 0).reshape(taps * channels, -1)
    if is_channels_last(s) and quick_channels_last(s, w):  # the same product: a convolution of width 1
        made = channels_last_convolution(s, channels_last_weight(every.unsqueeze(2)), None, (1, 1, 0, 0))
    else:
        made = torch.matmul(every, s)
    parts = made.view(n, taps, channels, outputs)
    whole = s.new_zeros(n, channels, before + length + after)
    for tap in range(taps):
        first = tap * dilation
        whole[:, :, first : first + (outputs - 1) * stride + 1 : stride] += parts[:, tap]
    return whole[:, :, before : before + length]


def conv_geometry(call: Call, weight: Tensor) -> tuple[list[int], list[int], list[int], list[int]]:
    """(stride, dilation, zeros before, zeros after) by axis of a convolution."""
    axes = weight.ndim - 2
    dilation = _spread(argument(call, "dilation", 1), axes)
    return (
        _spread(argument(call, "stride", 1), axes),
        dilation,
        *_padding(argument(call, "padding", 0), weight, dilation),
    )


def _spread(value: Any, axes: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * axes if len(values) == 1 else values


def _padding(padding: Any, weight: Tensor, dilation: list[int]) -> tuple[list[int], list[int]]:
    """Zeros before and after each axis, for amounts, "valid" and "same"."""
    axes = weight.ndim - 2
    if padding == "valid":
        return [0] * axes, [0] * axes
    if padding == "same":
        total = [step * (width - 1) for step, width in zip(dilation, weight.shape[2:], strict=True)]
        return [n // 2 for n in total], [n - n // 2 for n in total]
    amounts = _spread(padding, axes)
    return amounts, amounts


def _dense(call: Call) -> LinearMap:
    weight: Any = argument(call, "weight", None)
    bias: Any = argument(call, "bias", None)
    return LinearMap(functional.linear, lambda s, w, x: s @ w, weight.detach(), None if bias is None else bias.detach())


def _bilinear(call: Call) -> LinearMap:
    """Products of the input with one constant matrix or kernel, whichever side it is on (matmul, einsum, ...)."""
    bias: Any = argument(call, "bias", None)
    factor = next(t for t in leaves((call.args, call.kwargs)) if isinstance(t, Tensor) and t is not bias)

    def apply(x: Tensor, w: Tensor) -> Tensor:
        def swap(leaf: Any) -> Any:
            if isinstance(leaf, Value):
                return x
            if leaf is factor:
                return w
            return torch.zeros_like(leaf) if isinstance(leaf, Tensor) and leaf is bias else leaf

        result: Tensor = call.func(*substitute(call.args, swap), **substitute(dict(call.kwargs), swap))
        return result

    def adjoint(s: Tensor, w: Tensor, x: Tensor) -> Tensor:
        with torch.enable_grad():
            start = x.detach().requires_grad_()
            return torch.autograd.grad(apply(start, w), start, s)[0]

    if isinstance(bias, Tensor):
        bias = bias.detach().view(-1, *[1] * (factor.ndim - 2)) if call.op.startswith("conv") else bias.detach()
    return LinearMap(apply, adjoint, factor.detach(), bias)
