"""Rows through a linear call: an update per entry instead of a convolution over everything."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.lrp.linear import LinearMap, conv_geometry
from genoplrp.lrp.ops import argument
from genoplrp.lrp.plan import Step
from genoplrp.lrp.prepared import Prepared, key_of
from genoplrp.lrp.rules import ZBox
from genoplrp.lrp.sparse.backend import in_threads, kernels, usable
from genoplrp.lrp.sparse.rows import Listed, Rows, empty, gathered, integers_of, rows_of
from genoplrp.lrp.sparse.tally import check_statistics
from genoplrp.lrp.sparse.terms import RULES, Terms, needs_no_negatives, terms_of, with_table

DENSEST = 0.35
"""Up to this share of entries, lists beat a dense convolution (measured; benchmarks/engine.py)."""
FEW_CHANNELS, SLOWER = 8, 1.75
"""Dense convolutions of so few channels, such as those of the sequence, are so much slower for their size."""


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
class Handed:
    """What a call handed its input.

    Attributes
    ----------
    relevance
        Of the input: dense where nothing was cut, else what the pruner kept.
    statistics
        By sample, see `genoplrp.lrp.sparse.kernels`.
    """

    relevance: Tensor | Rows
    statistics: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SparseCall:
    """A linear call that lists can go through: its input, output, shape and rule."""

    x: Tensor  # (n, channels, positions)
    z: Tensor
    shape: Shape
    terms: Terms
    input_shape: torch.Size

    @property
    def by_sign(self) -> bool:
        """Whether the rule asks for the sign of the call's output, which PLRP-M changes."""
        return bool(self.terms.signs.any())

    def hand(
        self, rows: Rows, *, onto: Rows | None = None, shares: tuple[float, float] | None = None, masked: bool = False
    ) -> Handed:
        """Relevance of the input.

        Parameters
        ----------
        rows
            Relevance of the output.
        onto
            What the input was handed by other calls, to be pruned together with it.
        shares
            Of positive and negative mass that pruning may drop; None: no pruning.
        masked
            Prune by PLRP-M, not PLRP-lambda.
        """
        loops: Any = kernels()
        x, z = self.x.numpy(), self.z.reshape(len(self.x), -1).numpy()
        statistics = np.zeros((len(x), loops.STATISTICS))
        what = loops.NO_CUT if shares is None else loops.MASK if masked else loops.LAMBDA
        cut = (what, *(float(share) for share in shares or (0, 0)))
        dense = np.zeros(x.shape if shares is None else (0, 0, 0), x.dtype)
        added: Listed = empty(len(x), x) if onto is None else onto.listed
        bits = integers_of(x)
        parts = in_threads(
            lambda samples: loops.linear(
                x, z, rows.listed, added, self.shape.listed, self.terms.listed, cut, samples, dense, statistics, bits
            ),
            rows.counts + x[0].size // 256,
        )
        check_statistics(statistics)
        if shares is not None:
            return Handed(gathered(parts, self.input_shape), statistics)
        whole = torch.from_numpy(dense)
        if whole.numel() > self.input_shape.numel():  # the bounds' part of zbox beside the inputs' own
            whole = whole[:, : whole.shape[1] // 2] + whole[:, whole.shape[1] // 2 :]
        return Handed(whole.reshape(self.input_shape), statistics)


def shape_of(step: Step, linear: LinearMap, x: Tensor, z: Tensor) -> Shape | None:
    """The shape of a call with this input and output (n, ...); None where lists cannot go through it."""
    call, rule = step.call, type(step.rule)
    if rule not in RULES or (rule is ZBox and not step.reads_input) or not usable(x, z, linear.weight):
        return None
    if call.op == "linear" and x.ndim == 2:
        return Shape(1, 1, 1, 0, 0, 1)
    plain = call.op in {"conv1d", "convolution"} and not argument(call, "transposed", False)
    if not plain or x.ndim != 3 or linear.weight.ndim != 3 or argument(call, "groups", 1) != 1:
        return None
    stride, dilation, before, after = (amount[0] for amount in conv_geometry(call, linear.weight))
    return Shape(stride, dilation, linear.weight.shape[2], before, after, z.shape[2])


def listed_relevance(relevance: Tensor | Rows, samples: int, channels: int) -> Rows | None:
    """The relevance of a linear call's output as lists, where that is quicker than a dense convolution; else None.

    ``channels``: how many the call reads.
    """
    densest = DENSEST * (SLOWER if channels <= FEW_CHANNELS else 1)
    if isinstance(relevance, Rows):
        return relevance if relevance.density <= densest else None
    if relevance.ndim == 0 or len(relevance) != samples or not usable(relevance):
        return None
    dense = int(torch.count_nonzero(relevance)) > densest * relevance.numel()
    return None if dense else rows_of(relevance)


def sparse_call(
    step: Step,
    linear: LinearMap,
    shape: Shape,
    x: Tensor,
    z: Tensor,
    *,
    present: Tensor | None,
    prepared: Prepared,
) -> SparseCall | None:
    """The call of a step as lists can go through it; None where its numbers do not allow it.

    Parameters
    ----------
    step, linear, shape
        The call, its map, and what `shape_of` says of it.
    x, z
        Its input and output, (n, ...).
    present
        As for the rules: 1 where an entry of the network's input exists; None: all do.
    prepared
        Terms of the calls met so far: those of parameters are kept here.
    """
    if needs_no_negatives(step.rule) and linear.any_below_zero(x):
        return None
    terms = _prepared_terms(step, linear, prepared)
    if terms is None:
        return None
    seen = x.reshape(len(x), -1, 1) if x.ndim == 2 else x
    if type(step.rule) is ZBox:
        there = torch.ones_like(seen) if present is None else present.view_as(seen)
        if present is None or bool((present == 1).all()):
            terms = with_table(terms, linear, torch.ones_like(x[:1]), step.rule)
        seen = torch.cat([seen, there], 1)
    return SparseCall(seen.contiguous(), z.contiguous(), shape, terms, x.shape)


def _prepared_terms(step: Step, linear: LinearMap, prepared: Prepared) -> Terms | None:
    """The terms, made once where `prepared_map` makes the map once."""
    key = key_of(step)
    if key is None:
        return terms_of(step.rule, linear)
    if (key, step.rule) not in prepared:
        prepared[key, step.rule] = (terms_of(step.rule, linear), step.call, step.folded)
    found: Terms | None = prepared[key, step.rule][0]
    return found
