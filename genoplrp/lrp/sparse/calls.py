"""A linear call as the compiled loops see it, and what it hands its input."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.lrp.layout import is_channels_last
from genoplrp.lrp.linear import LinearMap
from genoplrp.lrp.sparse.backend import kernels
from genoplrp.lrp.sparse.rows import Rows
from genoplrp.lrp.sparse.terms import Terms

What = tuple[int, float, float]
"""What the loops do to relevance, and the shares of positive and negative mass that may go."""
Statistics = NDArray[np.float64]
"""By sample, (n, STATISTICS): see `genoplrp.lrp.sparse.kernels`."""


@dataclass(frozen=True, eq=False)
class Shape:
    """How a call's outputs see its inputs, both seen as (n, channels, positions)."""

    stride: int
    dilation: int
    taps: int
    before: int
    after: int
    outputs: int

    @property
    def listed(self) -> tuple[int, int, int, int, int, int]:
        """As the loops read it."""
        return self.stride, self.dilation, self.taps, self.before, self.after, self.outputs


@dataclass(frozen=True, eq=False)
class SparseCall:
    """A linear call that lists can go through.

    Attributes
    ----------
    linear
        Its map.
    x
        Its input as the terms read it, (n, channels, ...): for zbox the bounds lie behind the input's own channels.
    z
        Its output.
    shape, terms
        How it reads its input, and its rule.
    input_shape
        Of its input.
    """

    linear: LinearMap
    x: Tensor
    z: Tensor
    shape: Shape
    terms: Terms
    input_shape: torch.Size

    @property
    def last(self) -> tuple[bool, bool]:
        """Of input and output: whether they lie position by position."""
        return is_channels_last(self.x), is_channels_last(self.z)

    @property
    def by_sign(self) -> bool:
        """Whether the rule asks for the sign of the call's output, which PLRP-M changes."""
        return bool(self.terms.signs.any())


@dataclass(frozen=True, eq=False)
class Cut:
    """What is done to relevance once it is computed.

    Attributes
    ----------
    shares
        Of positive and negative mass that pruning may drop; None: no pruning, the relevance stays whole.
    masked
        Prune by PLRP-M, not PLRP-lambda.
    """

    shares: tuple[float, float] | None = None
    masked: bool = False

    @property
    def listed(self) -> What:
        """As the loops read it."""
        loops: Any = kernels()
        if self.shares is None:
            return loops.NO_CUT, 0.0, 0.0
        return loops.MASK if self.masked else loops.LAMBDA, float(self.shares[0]), float(self.shares[1])


UNCUT = Cut()


@dataclass(frozen=True, eq=False)
class Handed:
    """What a call handed its input.

    Attributes
    ----------
    relevance
        Of the input: dense where nothing was cut, else what the pruner kept.
    statistics
        By sample.
    """

    relevance: Tensor | Rows
    statistics: Statistics


def folded(whole: Tensor, shape: torch.Size) -> Tensor:
    """Relevance of what the terms read as that of the input of this shape: bounds' parts go to their own channels."""
    if whole.numel() > shape.numel():
        whole = whole[:, : whole.shape[1] // 2] + whole[:, whole.shape[1] // 2 :]
    return whole.reshape(shape)
