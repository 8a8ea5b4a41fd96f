"""Rows: a tensor of relevance as, for each sample, a list of what is not 0."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.lrp.sparse.backend import in_threads, kernels
from genoplrp.lrp.sparse.tally import check_statistics

Listed = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Rows:
    """Entries of a tensor (n, ...); a place that is listed twice holds the sum.

    Attributes
    ----------
    starts
        Where each sample's entries start and the last one's end, (n + 1,).
    places
        Where an entry lies in its flattened sample, 0-based.
    values
        The entries.
    shape
        Of the tensor.
    """

    starts: NDArray[np.int64]
    places: NDArray[np.int32]
    values: NDArray[Any]
    shape: torch.Size

    @property
    def listed(self) -> Listed:
        """The arrays, as the loops read them."""
        return self.starts, self.places, self.values

    @property
    def counts(self) -> NDArray[np.int64]:
        """Entries of each sample, (n,)."""
        return np.diff(self.starts)

    @property
    def density(self) -> float:
        """Share of the tensor that is listed."""
        return len(self.values) / max(1, self.shape.numel())

    @cached_property
    def totals(self) -> Tensor:
        """Sum of each sample, (n,) in double precision."""
        loops: Any = kernels()
        sums = np.empty(len(self.starts) - 1)
        loops.totals(self.starts, self.values, sums)
        return torch.from_numpy(sums)

    def dense(self) -> Tensor:
        """The tensor."""
        flat = np.zeros((self.shape[0], self.shape[1:].numel()), self.values.dtype)
        np.add.at(flat, (np.repeat(np.arange(len(flat)), self.counts), self.places), self.values)
        return torch.from_numpy(flat).view(self.shape)

    def seen_as(self, shape: torch.Size) -> "Rows":
        """The same entries of the tensor in another shape, in the same order."""
        return replace(self, shape=shape)


def gathered(parts: Sequence[Listed], shape: torch.Size) -> Rows:
    """Rows from what the threads give: (number a sample, places, values) of ranges of samples in order."""
    counts = np.concatenate([part[0] for part in parts])
    places = parts[0][1] if len(parts) == 1 else np.concatenate([part[1] for part in parts])
    values = parts[0][2] if len(parts) == 1 else np.concatenate([part[2] for part in parts])
    return Rows(np.concatenate([[0], np.cumsum(counts)]), places, values, shape)


def empty(n: int, like: NDArray[Any]) -> Listed:
    """No entries at all."""
    return np.zeros(n + 1, np.int64), np.empty(0, np.int32), np.empty(0, like.dtype)


def integers_of(values: NDArray[Any]) -> NDArray[Any]:
    """An empty array of unsigned integers of the size of these floating-point numbers."""
    return np.empty(0, np.uint32 if values.itemsize == 4 else np.uint64)


def rows_of(tensor: Tensor) -> Rows:
    """The entries of a tensor that are not 0."""
    return selected(tensor, None)[0]


def selected(tensor: Tensor, shares: tuple[float, float] | None) -> tuple[Rows, NDArray[np.float64]]:
    """The entries of a tensor that PLRP-lambda keeps, scaled; shares None: all that are not 0. With the statistics."""
    loops: Any = kernels()
    flat = tensor.detach().contiguous().view(tensor.shape[0], -1).numpy()
    statistics = np.zeros((len(flat), loops.STATISTICS))
    cut = (loops.NO_CUT, 0.0, 0.0) if shares is None else (loops.LAMBDA, float(shares[0]), float(shares[1]))
    bits = integers_of(flat)
    parts = in_threads(
        lambda samples: loops.select(flat, cut, samples, statistics, bits),
        np.full(len(flat), flat.shape[1], np.int64),
    )
    check_statistics(statistics)
    return gathered(parts, tensor.shape), statistics
