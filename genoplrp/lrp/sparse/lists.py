"""Linear calls entry by entry: a dot product and an update for each output that still has relevance."""

from functools import partial
from typing import Any

import numpy as np
import torch

from genoplrp.lrp.layout import flat, unflat
from genoplrp.lrp.sparse.backend import kernels
from genoplrp.lrp.sparse.calls import Cut, Handed, SparseCall, folded
from genoplrp.lrp.sparse.rows import Rows, integers_of, room, room_for
from genoplrp.lrp.sparse.tally import check_statistics
from genoplrp.lrp.sparse.threads import in_threads


def by_lists(call: SparseCall, rows: Rows, onto: Rows | None, cut: Cut) -> Handed:
    """Relevance of a call's input: see `genoplrp.lrp.sparse.linear.hand`."""
    loops: Any = kernels()
    n, last = len(call.x), call.last
    x = (call.x.transpose(1, 2) if last[0] else call.x.reshape(n, call.x.shape[1], -1)).numpy()
    z = flat(call.z).numpy()
    statistics = np.zeros((n, loops.STATISTICS))
    whole = cut.shares is None
    dense = np.zeros((n, x[0].size) if whole else (0, 0), x.dtype)
    nothing = room(np.zeros(n, np.int64), x.dtype, call.input_shape)
    found, added = nothing if whole else room_for(call.x, call.input_shape), onto or nothing
    given = rows.listed, added.listed, call.shape.listed, call.terms.listed, cut.listed, integers_of(x)
    work = partial(loops.linear, x, z, last, *given, dense, found.written, statistics)
    in_threads(work, n)
    check_statistics(statistics)
    if whole:
        relevance = unflat(torch.from_numpy(dense), call.x.shape, last=last[0])
        return Handed(folded(relevance, call.input_shape), statistics)
    return Handed(found, statistics)
