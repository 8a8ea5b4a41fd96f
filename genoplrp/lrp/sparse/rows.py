"""Rows: a tensor of relevance as, for each sample, a list of what is not 0."""

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.lrp.layout import flat, is_channels_last, unflat
from genoplrp.lrp.sparse.backend import kernels
from genoplrp.lrp.sparse.tally import check_statistics
from genoplrp.lrp.sparse.threads import in_threads

Listed = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[Any]]
Written = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[Any], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Rows:
    """Entries of a tensor (n, ...); a place that is listed twice holds the sum.

    Attributes
    ----------
    starts, stops
        Where each sample's entries lie in `places` and `values`, (n,); what lies between two samples means nothing.
    places
        Where an entry lies in its sample, 0-based, in the order of memory.
    values
        The entries.
    shape
        Of the tensor.
    last
        Whether its memory goes position by position (`genoplrp.lrp.layout`).
    sums
        Sum of each sample's entries, (n,), which the loops write down when they list them; None: they did not.
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    places: NDArray[np.int32]
    values: NDArray[Any]
    shape: torch.Size
    last: bool = False
    sums: NDArray[np.float64] | None = None

    @property
    def listed(self) -> Listed:
        """The arrays, as the loops read them."""
        return self.starts, self.stops, self.places, self.values

    @property
    def written(self) -> Written:
        """The arrays, as the loops write them."""
        assert self.sums is not None, "lists that the loops write have room for their sums"
        return *self.listed, self.sums

    @property
    def counts(self) -> NDArray[np.int64]:
        """Entries of each sample, (n,)."""
        return self.stops - self.starts

    @property
    def density(self) -> float:
        """Share of the tensor that is listed."""
        return float(self.counts.sum()) / max(1, self.shape.numel())

    @cached_property
    def totals(self) -> Tensor:
        """Sum of each sample, (n,) in double precision."""
        loops: Any = kernels()
        sums = self.sums
        if sums is None:
            sums = np.empty(len(self.starts))
            loops.totals(self.starts, self.stops, self.values, sums)
        return torch.from_numpy(sums)

    def dense(self) -> Tensor:
        """The tensor."""
        loops: Any = kernels()
        lines = np.zeros((self.shape[0], self.shape[1:].numel()), self.values.dtype)
        loops.whole(self.listed, lines)
        return unflat(torch.from_numpy(lines), self.shape, last=self.last)

    def lying(self, *, last: bool) -> "Rows":
        """The same entries of a tensor (n, channels, positions) whose memory has that order."""
        if last == self.last:
            return self
        channels, positions = self.shape[1:]
        loops: Any = kernels()
        places = np.empty_like(self.places)
        sides = (channels, positions) if self.last else (positions, channels)
        in_threads(partial(loops.turn_places, self.listed, sides, places), len(self.starts))
        return replace(self, places=places, last=last)

    def seen_as(self, tensor: Tensor) -> "Rows":
        """The entries of the same numbers, in the same order, seen as this tensor."""
        plain = self.lying(last=False)
        return replace(plain, shape=tensor.shape).lying(last=is_channels_last(tensor))


def room(most: NDArray[np.int64], dtype: Any, shape: torch.Size, *, last: bool = False) -> Rows:
    """Empty lists that hold up to so many entries of each sample. Memory that is never written to costs nothing."""
    starts = np.cumsum(most) - most
    places, values = np.empty(int(most.sum()), np.int32), np.empty(int(most.sum()), dtype)
    return Rows(starts, starts.copy(), places, values, shape, last, np.zeros(len(most)))


def room_for(tensor: Tensor, shape: torch.Size | None = None) -> Rows:
    """The same, of any number of a tensor's entries (n, ...); ``shape``: as which it is seen."""
    shape = tensor.shape if shape is None else shape
    most = np.full(shape[0], shape[1:].numel())
    return room(most, tensor.numpy().dtype, shape, last=is_channels_last(tensor))


def integers_of(values: NDArray[Any]) -> NDArray[Any]:
    """An empty array of unsigned integers of the size of these floating-point numbers."""
    return np.empty(0, np.uint32 if values.itemsize == 4 else np.uint64)


def rows_of(tensor: Tensor) -> Rows:
    """The entries of a tensor that are not 0."""
    return selected(tensor, None)[0]


def selected(tensor: Tensor, shares: tuple[float, float] | None) -> tuple[Rows, NDArray[np.float64]]:
    """The entries of a tensor that PLRP-lambda keeps, scaled; shares None: all that are not 0. With the statistics."""
    loops: Any = kernels()
    lines = flat(tensor.detach()).numpy()
    found, statistics = room_for(tensor.detach()), np.zeros((len(lines), loops.STATISTICS))
    cut = (loops.LIST, 0.0, 0.0) if shares is None else (loops.LAMBDA, float(shares[0]), float(shares[1]))
    work = partial(loops.select, lines, cut, integers_of(lines), found.written, statistics)
    in_threads(work, len(lines))
    check_statistics(statistics)
    return found, statistics
