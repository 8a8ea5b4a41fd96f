"""Who wins a max-pool's window, against torch's own indices."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from genoplrp.lrp.sparse.kernels.pools import winners
from genoplrp.lrp.sparse.routes import _steps

CHANNELS, POSITIONS = 5, 23

Geometry = tuple[int, int, int, int, bool]
"""Kernel, stride, padding, dilation, and whether a window may reach beyond the end."""

GEOMETRIES: list[Geometry] = [
    one
    for one in product((1, 2, 3, 4, 5, 7), (1, 3, 5), (0, 1, 3), (1, 2), (False, True))
    if 2 * one[2] <= one[0] and not (one[2] and one[3] > 1)  # torch's rule, and the engine's
]


def in_memory(numbers: Tensor, last: bool) -> Tensor:
    """Numbers (n, channels, positions) as (n, k), position by position or channel by channel."""
    return (numbers.transpose(1, 2) if last else numbers).reshape(len(numbers), -1)


@pytest.mark.parametrize("last", [False, True], ids=["channel by channel", "position by position"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_winners_are_torchs(geometry: Geometry, last: bool) -> None:
    """Few values, so that many windows tie: the first of the largest wins."""
    generator = torch.Generator().manual_seed(sum(geometry))
    x = torch.randint(0, 4, (2, CHANNELS, POSITIONS), generator=generator).float() - 1
    x[0, 0, :9] = -torch.inf
    z, position = functional.max_pool1d(x, *geometry[:4], ceil_mode=geometry[4], return_indices=True)
    channel = torch.arange(CHANNELS)[:, None]
    place = in_memory(position * CHANNELS + channel if last else channel * POSITIONS + position, last).numpy()
    if last:
        x, z = (tensor.transpose(1, 2).contiguous().transpose(1, 2) for tensor in (x, z))

    listed = [np.flatnonzero(torch.rand(place.shape[1], generator=generator) < 0.7).astype(np.int32) for _ in x]
    stops = np.cumsum([len(one) for one in listed])
    rows = np.r_[0, stops[:-1]], stops, np.concatenate(listed), np.empty(0, np.float32)
    found = np.full(stops[-1], -1, np.int32)
    window = *geometry[:4], np.int32(POSITIONS)
    winners(in_memory(x, last).numpy(), rows, window, _steps(x), _steps(z), found, np.array([0, 1, len(x)]))
    np.testing.assert_array_equal(
        found, np.concatenate([own[places] for own, places in zip(place, listed, strict=True)])
    )
