"""Lists through a linear call: whether they go, as which call, and in which of the two ways."""

import torch
from torch import Tensor

from genoplrp.lrp.layout import is_channels_last, lying
from genoplrp.lrp.linear import LinearMap, conv_geometry, quicker_by_taps
from genoplrp.lrp.ops import argument
from genoplrp.lrp.plan import Step
from genoplrp.lrp.prepared import Prepared, once
from genoplrp.lrp.rules import ZBox
from genoplrp.lrp.sparse.backend import usable
from genoplrp.lrp.sparse.calls import UNCUT, Cut, Handed, Shape, SparseCall
from genoplrp.lrp.sparse.lists import by_lists
from genoplrp.lrp.sparse.products import by_products
from genoplrp.lrp.sparse.rows import Rows, rows_of
from genoplrp.lrp.sparse.terms import RULES, needs_no_negatives, terms_of, with_table
from genoplrp.lrp.walk import all_present

LISTED = 0.35
"""Up to this share of entries that are not 0 a tensor is listed; what is listed already stays so, however dense."""
DENSEST = 0.35
"""Up to this share of entries, updates entry by entry beat products of matrices (measured; benchmarks/engine.py)."""
BY_TAPS_DENSEST = 0.08
"""The same where the product is that of `quicker_by_taps`: of many filters on a sequence, say."""


def hand(call: SparseCall, rows: Rows, *, onto: Rows | None = None, cut: Cut = UNCUT) -> Handed:
    """Relevance of a call's input.

    Parameters
    ----------
    call
        From `sparse_call`.
    rows
        Relevance of its output.
    onto
        What its input was handed by other calls: added before PLRP-lambda prunes, and after PLRP-M does.
    cut
        How it is pruned.
    """
    last, z_last = call.last
    rows, onto = rows.lying(last=z_last), None if onto is None else onto.lying(last=last)
    densest = BY_TAPS_DENSEST if quicker_by_taps(call.z, call.terms.maps[0]) else DENSEST
    return (by_lists if rows.density <= densest else by_products)(call, rows, onto, cut)


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


def listed_relevance(relevance: Tensor | Rows, samples: int, of: Tensor | None = None) -> Rows | None:
    """Relevance as lists; None where it is a tensor that lists would not make shorter.

    ``of``: the tensor that its entries are counted against, where that is another one: what they are handed to, say.
    """
    if isinstance(relevance, Rows):
        return relevance
    if relevance.ndim == 0 or len(relevance) != samples or not usable(relevance):
        return None
    dense = int(torch.count_nonzero(relevance)) > LISTED * (relevance if of is None else of).numel()
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
    rule = step.rule
    terms = once(step, prepared, rule, lambda: terms_of(rule, linear))
    if terms is None:
        return None
    z = _lying(z)
    if not isinstance(rule, ZBox):
        return SparseCall(linear, _lying(x), z, shape, terms, x.shape)
    there = torch.ones_like(x) if present is None else present.view_as(x)
    if all_present(present):
        plain = terms
        last = is_channels_last(z)
        terms = once(
            step,
            prepared,
            (rule, x.shape[1:], last),
            lambda: with_table(plain, linear, torch.ones_like(x[:1]), rule, last=last),
        )
    return SparseCall(linear, _lying(torch.cat([x, there], 1)), z, shape, terms, x.shape)


def _lying(tensor: Tensor) -> Tensor:
    """The tensor in memory of one of the two orders."""
    return lying(tensor, last=is_channels_last(tensor))
