"""Lists as they are: their sums, their tensors, their places in another order of memory."""

import numpy as np

from genoplrp.lrp.sparse.kernels.compiled import compiled
from genoplrp.lrp.sparse.kernels.queue import drain


@compiled
def sum_of(line):
    """Sum of a line, not finite where something in it is not."""
    total = 0.0
    for i in range(np.uint64(len(line))):
        total += line[i]
    return total


@compiled
def any_in(line):
    """Whether anything in a line is not 0."""
    for i in range(len(line)):
        if line[i] != 0:
            return True
    return False


@compiled
def add(line, onto):
    """Add a line to another."""
    for i in range(np.uint64(len(line))):
        onto[i] += line[i]


@compiled
def put(line, places, values):
    """Add relevance by its places."""
    for k in range(np.uint64(len(places))):
        line[np.uint32(places[k])] += values[k]


@compiled
def totals(starts, stops, values, into):
    """Write each sample's sum."""
    for sample in range(len(into)):
        into[sample] = sum_of(values[starts[sample] : stops[sample]])


@compiled
def whole(rows, into):
    """Add the entries to a tensor (n, k)."""
    starts, stops, places, values = rows
    for sample in range(len(into)):
        mine = slice(starts[sample], stops[sample])
        put(into[sample], places[mine], values[mine])


@compiled
def turn_places(rows, sides, into, queue):
    """Write the places of matrices whose rows become columns; sides: (how long a row is, how many there are)."""
    drain(_turn_places, (rows, sides, into), queue)


@compiled
def _turn_places(rows, sides, into, samples):
    starts, stops, places, _ = rows
    inner, outer = np.uint32(sides[0]), np.uint32(sides[1])
    for sample in range(samples[0], samples[1]):
        for k in range(starts[sample], stops[sample]):
            line = np.uint32(places[k]) // inner
            into[k] = (np.uint32(places[k]) - line * inner) * outer + line
