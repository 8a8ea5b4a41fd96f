"""Every linear call as a dense matrix: weight ``(inputs, outputs)``, bias ``(outputs,)`` and who reads whom.

Shapes are those of one sample, without a batch axis: ``(channels, *spatial)`` for a convolution, ``(*rows, features)``
for a dense layer. Flat indices are in C order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np


@dataclass(frozen=True)
class Dense:
    """A linear map: ``weight`` (i, j), ``bias`` (j,), ``connected`` (i, j) bool, and the shape of what comes out."""

    weight: np.ndarray
    bias: np.ndarray
    connected: np.ndarray
    shape: tuple[int, ...]


def conv(
    weight: np.ndarray,
    bias: np.ndarray | None,
    shape: tuple[int, ...],
    *,
    stride: Sequence[int],
    padding: Sequence[int] | str,
    dilation: Sequence[int],
    groups: int,
) -> Dense:
    """The matrix of a convolution over any number of spatial axes, entry by entry."""
    outputs, per_group, *kernel = weight.shape
    spatial = shape[1:]
    before, after = _padding(padding, kernel, dilation)
    sizes = [
        (length + b + a - d * (k - 1) - 1) // s + 1
        for length, b, a, d, k, s in zip(spatial, before, after, dilation, kernel, stride, strict=True)
    ]
    out_shape = (outputs, *sizes)
    matrix = np.zeros((int(np.prod(shape)), int(np.prod(out_shape))))
    connected = np.zeros(matrix.shape, dtype=bool)
    for out_channel, *out_place in np.ndindex(*out_shape):
        column = np.ravel_multi_index((out_channel, *out_place), out_shape)
        group = out_channel // (outputs // groups)
        for offset in np.ndindex(*kernel):
            place = [
                o * s - b + k * d for o, s, b, k, d in zip(out_place, stride, before, offset, dilation, strict=True)
            ]
            if any(not 0 <= at < length for at, length in zip(place, spatial, strict=True)):
                continue
            for channel in range(per_group):
                row = np.ravel_multi_index((group * per_group + channel, *place), shape)
                matrix[row, column] += weight[(out_channel, channel, *offset)]
                connected[row, column] = True
    flat_bias = np.repeat(np.zeros(outputs) if bias is None else bias, int(np.prod(sizes)))
    return Dense(matrix, flat_bias, connected, out_shape)


def _padding(
    padding: Sequence[int] | str, kernel: Sequence[int], dilation: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Zeros before and after each axis; "same" puts the odd one after."""
    if padding == "valid":
        return [0] * len(kernel), [0] * len(kernel)
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [total // 2 for total in totals], [total - total // 2 for total in totals]
    return [int(p) for p in padding], [int(p) for p in padding]


def dense(weight: np.ndarray, bias: np.ndarray | None, shape: tuple[int, ...]) -> Dense:
    """The matrix of a dense layer with ``weight`` (outputs, features) applied to the last axis of ``shape``."""
    outputs, features = weight.shape
    rows = shape[:-1]
    out_shape = (*rows, outputs)
    matrix = np.zeros((int(np.prod(shape)), int(np.prod(out_shape))))
    connected = np.zeros(matrix.shape, dtype=bool)
    for row in np.ndindex(*rows):
        for o, f in product(range(outputs), range(features)):
            at = np.ravel_multi_index((*row, f), shape), np.ravel_multi_index((*row, o), out_shape)
            matrix[at] = weight[o, f]
            connected[at] = True
    flat_bias = np.tile(np.zeros(outputs) if bias is None else bias, int(np.prod(rows, dtype=int)))
    return Dense(matrix, flat_bias, connected, out_shape)


def fold(layer: Dense, scale: np.ndarray, shift: np.ndarray) -> Dense:
    """The layer followed by ``scale * y + shift`` per channel, the first axis of its output."""
    per_channel = int(np.prod(layer.shape[1:], dtype=int))
    scales, shifts = np.repeat(scale, per_channel), np.repeat(shift, per_channel)
    return Dense(layer.weight * scales, layer.bias * scales + shifts, layer.connected, layer.shape)


def windows(
    shape: tuple[int, ...],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    *,
    ceil_mode: bool = False,
) -> tuple[list[list[int]], list[int], tuple[int, ...]]:
    """What each output of a pool reads (flat indices), its size with the padding counted in, and the output's shape."""
    axes = list(zip(shape[1:], kernel, stride, padding, dilation, strict=True))
    sizes = [_pooled_length(axis, ceil_mode) for axis in axes]
    members, counts = [], []
    for channel, *out_place in np.ndindex(shape[0], *sizes):
        starts = [o * s - p for o, (_, _, s, p, _) in zip(out_place, axes, strict=True)]
        places = [
            [start + i * d for i in range(k) if 0 <= start + i * d < length]
            for start, (length, k, _, _, d) in zip(starts, axes, strict=True)
        ]
        members.append([int(np.ravel_multi_index((channel, *place), shape)) for place in product(*places)])
        padded = [min(start + k, length + p) - start for start, (length, k, _, p, _) in zip(starts, axes, strict=True)]
        counts.append(int(np.prod(padded)))
    return members, counts, (shape[0], *sizes)


def _pooled_length(axis: tuple[int, ...], ceil_mode: bool) -> int:
    length, kernel, stride, padding, dilation = axis
    room = length + 2 * padding - dilation * (kernel - 1) - 1
    size = (-(-room // stride) if ceil_mode else room // stride) + 1
    # A window that would start in the right padding is left out.
    return size - 1 if ceil_mode and (size - 1) * stride >= length + padding else size


def adaptive_windows(shape: tuple[int, ...], sizes: Sequence[int]) -> tuple[list[list[int]], tuple[int, ...]]:
    """What each output of an adaptive pool reads, and the output's shape."""
    members = []
    for channel, *out_place in np.ndindex(shape[0], *sizes):
        places = [
            range(o * length // size, -(-(o + 1) * length // size))
            for o, length, size in zip(out_place, shape[1:], sizes, strict=True)
        ]
        members.append([int(np.ravel_multi_index((channel, *place), shape)) for place in product(*places)])
    return members, (shape[0], *sizes)
