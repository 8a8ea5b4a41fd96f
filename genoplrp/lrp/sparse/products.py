"""Linear calls by products of matrices: for relevance too dense for updates entry by entry, lists at both ends.

Denominators, and what the outputs hand their inputs, are taken of whole tensors, as the rules take them. Between them
only what is listed is divided, and what comes out is multiplied by the inputs, cut and listed in one pass.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.lrp.layout import flat, is_channels_last, lying, unflat
from genoplrp.lrp.sparse.backend import kernels
from genoplrp.lrp.sparse.calls import Cut, Handed, SparseCall, Statistics, What, folded
from genoplrp.lrp.sparse.rows import Rows, integers_of, room, room_for
from genoplrp.lrp.sparse.tally import check_statistics
from genoplrp.lrp.sparse.threads import in_threads


def by_products(call: SparseCall, rows: Rows, onto: Rows | None, cut: Cut) -> Handed:
    """Relevance of a call's input: see `genoplrp.lrp.sparse.linear.hand`."""
    loops: Any = kernels()
    x, statistics = call.x, np.zeros((len(call.x), loops.STATISTICS))
    slopes = _multipliers(call, x, rows, statistics)
    if cut.shares is None:
        check_statistics(statistics)
        return Handed(folded(x * slopes, call.input_shape), statistics)
    kept = _weigh(x, slopes, None if cut.masked else onto, cut.listed, statistics)
    if cut.masked:
        again, left = np.zeros_like(statistics), torch.where(kept.dense() != 0, x, 0)
        slopes = _multipliers(call, left, rows, again, known=False)
        # What other calls handed the input is not pruned by this one.
        kept = _weigh(left, slopes, onto, (loops.LIST, 0.0, 0.0), again)
        statistics[:, loops.PASSED] = again[:, loops.PASSED]  # GIVEN stays what was handed before
    check_statistics(statistics)
    return Handed(kept, statistics)


def _multipliers(call: SparseCall, x: Tensor, rows: Rows, statistics: Statistics, *, known: bool = True) -> Tensor:
    """Relevance of inputs per unit of them, in the shape of x. ``known``: x is what z was computed from."""
    loops: Any = kernels()
    terms, z, last = call.terms, flat(call.z).numpy(), call.last[1]
    known = known and (terms.given or len(terms.table) > 0)
    table = terms.table if known else terms.table[:0]
    total: Tensor | None = None
    for weight, biases, factor, sign in zip(terms.maps, terms.biases, terms.factors, terms.signs, strict=True):
        sums = z if known else _sums(call, x, weight, biases)
        shares, term = np.zeros_like(z), (float(factor), int(sign), terms.epsilon)
        given = sums, table, z, last, rows.listed, biases, term, shares, statistics
        in_threads(partial(loops.divide, *given), len(z))
        made = call.linear.adjoint(unflat(torch.from_numpy(shares), call.z.shape, last=last), weight, x)
        total = made if total is None else total + made
    assert total is not None, "every rule has a term"
    return total


def _sums(call: SparseCall, x: Tensor, weight: Tensor, biases: NDArray[Any]) -> NDArray[Any]:
    """A term's denominators, (n, outputs)."""
    made = call.linear.apply(x, weight)
    made += torch.from_numpy(biases).view(-1, *[1] * (made.ndim - 2))
    return flat(lying(made, last=call.last[1])).numpy()


def _weigh(x: Tensor, slopes: Tensor, onto: Rows | None, what: What, statistics: Statistics) -> Rows:
    """Inputs times multipliers, with what the input was handed by other calls, as lists."""
    loops: Any = kernels()
    inputs, multipliers = flat(x).numpy(), flat(lying(slopes, last=is_channels_last(x))).numpy()
    found, added = room_for(x), onto or room(np.zeros(len(x), np.int64), inputs.dtype, x.shape)
    given = added.listed, what, integers_of(inputs), found.written, statistics
    in_threads(partial(loops.weigh, inputs, multipliers, *given), len(x))
    return found
