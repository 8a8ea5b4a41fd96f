"""Rows through the calls that are not linear: activations, views, maxima, averages, sums."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from genoplrp.lrp.call import Call
from genoplrp.lrp.layout import flat, is_channels_last, lying
from genoplrp.lrp.ops import Kind, argument
from genoplrp.lrp.plan import Step
from genoplrp.lrp.sparse.backend import kernels, usable
from genoplrp.lrp.sparse.rows import Rows, room
from genoplrp.lrp.sparse.threads import in_threads
from genoplrp.lrp.walk import summands

_SAME_ORDER = {
    "view", "reshape", "flatten", "unflatten", "ravel", "squeeze", "unsqueeze", "contiguous", "clone", "alias",
    "_unsafe_view", "dropout", "dropout1d", "dropout2d", "alpha_dropout", "feature_dropout", "identity",
}  # fmt: skip
"""Views that leave each sample's entries in their order."""

_WINDOW: tuple[tuple[str, Any], ...] = (("kernel_size", None), ("stride", None), ("padding", 0), ("dilation", 1))

Given = dict[int, Rows]


def routed(step: Step, tensor: Callable[[int], Tensor], rows: Rows, epsilon: float) -> Given | None:
    """What the inputs of a call are handed, by live tensor; None where lists cannot go through it.

    Parameters
    ----------
    step
        The call.
    tensor
        Content of a live tensor by its number.
    rows
        Relevance of its (only) output.
    epsilon
        Stabiliser of sums and averages.
    """
    handler = _HANDLERS.get(step.kind)
    x, z = tensor(step.call.inputs[0]), tensor(step.output)
    if handler is None or not usable(x, z) or x.shape[:1] != z.shape[:1]:
        return None
    return handler(step.call, tensor, z, rows.lying(last=is_channels_last(z)), epsilon)


def _passed(call: Call, tensor: Callable[[int], Tensor], z: Tensor, rows: Rows, epsilon: float) -> Given | None:
    index = call.inputs[0]
    x = tensor(index)
    return {index: rows.lying(last=is_channels_last(x))} if x.shape == z.shape else None


def _viewed(call: Call, tensor: Callable[[int], Tensor], z: Tensor, rows: Rows, epsilon: float) -> Given | None:
    x = tensor(call.inputs[0])
    if call.op not in _SAME_ORDER or x.numel() != z.numel():
        return None
    return {call.inputs[0]: rows.seen_as(x)}


def _won(call: Call, tensor: Callable[[int], Tensor], z: Tensor, rows: Rows, epsilon: float) -> Given | None:
    """Max-pools along positions."""
    x = tensor(call.inputs[0])
    if call.op != "max_pool1d" or x.ndim != 3:
        return None
    kernel, stride, padding, dilation = _window(call)
    if padding and dilation > 1:  # a window may lie in the padding altogether
        return None
    found, window = np.empty_like(rows.places), (kernel, stride, padding, dilation, np.int32(x.shape[2]))
    loops: Any = kernels()
    given = flat(x).numpy(), rows.listed, window, _steps(x), _steps(z), found
    in_threads(partial(loops.winners, *given), len(x))
    return {call.inputs[0]: replace(rows, places=found, shape=x.shape, last=is_channels_last(x))}


def _shared(call: Call, tensor: Callable[[int], Tensor], z: Tensor, rows: Rows, epsilon: float) -> Given | None:
    """Sums of two tensors of one shape, and averages of windows that do not overlap."""
    if call.op == "add":
        return _added(call, tensor, z, rows, epsilon)
    x = tensor(call.inputs[0])
    window = _average_window(call, x, z)
    if window is None:
        return None
    return {call.inputs[0]: _by_value(x, z, rows, window, epsilon)}


def _added(call: Call, tensor: Callable[[int], Tensor], z: Tensor, rows: Rows, epsilon: float) -> Given | None:
    live = summands(call, tensor, z)
    if not live or len(live) > 2 or not all(usable(tensor(index), z) for index in live):
        return None
    loops: Any = kernels()
    parts = [tensor(index) for index in live] if len(live) == 2 else [tensor(live[0]), z]
    one, two = (flat(lying(part, last=rows.last)).numpy() for part in parts)
    found = [_room_like(rows) for _ in range(2)]
    lists = (part.written for part in found)
    in_threads(partial(loops.summands, one, two, len(live) == 1, rows.listed, epsilon, *lists), len(z))
    return {index: part.lying(last=is_channels_last(tensor(index))) for index, part in zip(live, found, strict=False)}


def _room_like(rows: Rows) -> Rows:
    """Empty lists for as many entries, which begin where these do."""
    places, values = np.empty_like(rows.places), np.empty_like(rows.values)
    return replace(rows, stops=rows.stops.copy(), places=places, values=values, sums=np.zeros(len(rows.starts)))


def _by_value(x: Tensor, z: Tensor, rows: Rows, window: tuple[int, int, float], epsilon: float) -> Rows:
    loops: Any = kernels()
    inputs, outputs = flat(x).numpy(), flat(z).numpy()
    found = room(rows.counts * window[0], outputs.dtype, x.shape, last=is_channels_last(x))
    given = inputs, outputs, rows.listed, window, _steps(x), _steps(z), epsilon, found.written
    in_threads(partial(loops.shares, *given), len(x))
    return found


def _steps(tensor: Tensor) -> tuple[np.uint32, np.uint32, np.uint32, bool]:
    """How a pool finds its way in the memory of a tensor (n, channels, positions) or (n, channels).

    (how many lie side by side, from a channel to the next, from a position to the next, whether channels are side by
    side).
    """
    channels, positions = tensor.shape[1], tensor.shape[1:].numel() // tensor.shape[1]
    if is_channels_last(tensor):
        return np.uint32(channels), np.uint32(1), np.uint32(channels), True
    return np.uint32(positions), np.uint32(positions), np.uint32(1), False


def _window(call: Call) -> tuple[int, int, int, int]:
    """(kernel, stride, padding, dilation) of a pool along positions."""
    given: list[Any] = [argument(call, name, default) for name, default in _WINDOW]
    kernel, stride, padding, dilation = (value[0] if isinstance(value, list | tuple) else value for value in given)
    return kernel, stride or kernel, padding, dilation


def _average_window(call: Call, x: Tensor, z: Tensor) -> tuple[int, int, float] | None:
    """(kernel, stride, weight of an input) of an average along positions."""
    if x.ndim != 3 or z.ndim < 2 or z.shape[1] != x.shape[1]:
        return None
    positions = x.shape[2]
    if call.op == "avg_pool1d":
        kernel, stride, padding, _ = _window(call)
        whole = (z.shape[2] - 1) * stride + kernel <= positions
        return (kernel, stride, 1 / kernel) if padding == 0 and stride >= kernel and whole else None
    over_positions = _axis(call) in (-1, 2, (-1,), (2,)) and z.numel() == x.shape[0] * x.shape[1]
    if (call.op in {"mean", "sum"} and over_positions) or (call.op == "adaptive_avg_pool1d" and z.shape[2:] == (1,)):
        return positions, positions, 1.0 if call.op == "sum" else 1 / positions
    return None


def _axis(call: Call) -> Any:
    axis = argument(call, "dim", call.kwargs.get("axis"))
    return tuple(axis) if isinstance(axis, list) else axis


_Handler = Callable[[Call, Callable[[int], Tensor], Tensor, Rows, float], Given | None]
_HANDLERS: Mapping[Kind, _Handler] = {
    Kind.ACTIVATION: _passed,
    Kind.VIEW: _viewed,
    Kind.MAX: _won,
    Kind.SUM: _shared,
}
