"""A linear call's inputs as the loops read them: positions as rows, with the padding around them, and back.

A row holds a position's channels, so that an output's inputs lie beside each other as its weights do.
"""

import numpy as np

from genoplrp.lrp.sparse.kernels.compiled import allocating, compiled

TOGETHER = 16
"""So many numbers in single precision are a line of the cache."""


@compiled
def lay_out(shape, rows, row_at):
    """Write the row of each padded input position and the first that an output position reads; the number of rows.

    Positions that a dilated call reads together lie beside each other, as those of any other call do, so that an
    output's inputs are one piece of memory.
    """
    stride, dilation, _, _, _, outputs = shape
    each = (len(rows) + dilation - 1) // dilation
    for t in range(len(rows)):
        rows[t] = t % dilation * each + t // dilation
    for t in range(outputs):
        row_at[t] = rows[t * stride]
    return each * dilation


@compiled
def clear_padding(rows, before, positions, inputs):
    """Zero the rows of padding: they are read as 0, whatever the memory held."""
    for t in range(len(rows) - positions):
        inputs[rows[t if t < before else t + positions]] = 0


@compiled
def mark(keys, other, by_row, row_at, hit, touched, taps, row_of, seen):
    """Mark the rows that the outputs read, `touched`, by way of the outputs' positions, `hit`, where these repeat.

    Writes the input positions that lie in these rows; how many.
    """
    if by_row:
        for t in keys:
            touched[row_at[t] : row_at[t] + taps] = True
    else:
        hit[:] = False
        for k in range(np.uint64(len(other))):
            hit[np.uint32(other[k])] = True
        for t in range(len(hit)):
            if hit[t]:
                touched[row_at[t] : row_at[t] + taps] = True
    number = np.uint64(0)
    for t in range(len(row_of)):
        seen[number] = t
        number += np.uint64(touched[row_of[t]])
    return np.int64(number)


@compiled
def zero(rows, touched):
    """Zero the marked rows."""
    for t in range(len(touched)):
        if touched[t]:
            rows[t, :] = 0


@compiled
def _turn(x, into, seen, row_of):
    """One sample (channels, positions), the positions seen of it written into its rows, (rows, channels)."""
    channels = np.uint64(x.shape[0])
    for c in range(np.uint64(0), channels, np.uint64(TOGETHER)):  # of all channels at once few come from memory in time
        last = min(c + np.uint64(TOGETHER), channels)
        for k in range(np.uint64(len(seen))):
            position = np.uint64(seen[k])
            row = np.uint64(row_of[position])
            for i in range(c, last):
                into[row, i] = x[i, position]


@compiled
def _copy_rows(x, into, seen, row_of):
    """The same for a sample (positions, channels)."""
    for k in range(np.uint64(len(seen))):
        position = np.uint64(seen[k])
        row = np.uint64(row_of[position])
        for c in range(np.uint64(x.shape[1])):
            into[row, c] = x[position, c]


@compiled
def take(x, into, seen, row_of, last):
    """One sample's positions seen, written into their rows; last: whether it lies position by position."""
    if last:
        _copy_rows(x, into, seen, row_of)
    else:
        _turn(x, into, seen, row_of)


@compiled
def _turn_back(x, multiplier, seen, row_of, line):
    """The relevance of the positions seen, (channels, positions): rows of inputs times their multipliers."""
    for first in range(np.uint64(0), np.uint64(len(seen)), np.uint64(TOGETHER)):
        some = seen[first : first + np.uint64(TOGETHER)]
        for c in range(np.uint64(x.shape[1])):
            for k in range(np.uint64(len(some))):
                position = np.uint64(some[k])
                row = np.uint64(row_of[position])
                line[c, position] = x[row, c] * multiplier[row, c]


@compiled
def _weigh_rows(x, multiplier, seen, row_of, line):
    """The same, (positions, channels)."""
    for k in range(np.uint64(len(seen))):
        position = np.uint64(seen[k])
        row = np.uint64(row_of[position])
        for c in range(np.uint64(x.shape[1])):
            line[position, c] = x[row, c] * multiplier[row, c]


@compiled
def weigh_by(x, multiplier, seen, row_of, last, relevance):
    """Relevance of the positions seen, in the order of the inputs' memory."""
    if last:
        _weigh_rows(x, multiplier, seen, row_of, relevance)
    else:
        _turn_back(x, multiplier, seen, row_of, relevance)


@compiled
def _keep_rows(turned, relevance, limits, seen, row_of, left):
    """As `keep`, of relevance (positions, channels)."""
    kept, nothing, one, up, down = 0.0, turned.dtype.type(0), turned.dtype.type(1), limits[0], -limits[1]
    for k in range(np.uint64(len(seen))):
        position = np.uint64(seen[k])
        row, number = np.uint64(row_of[position]), nothing
        for c in range(np.uint64(turned.shape[1])):
            beyond = (relevance[position, c] > up) | (relevance[position, c] < down)
            left[row, c] = turned[row, c] if beyond else nothing
            number += one if beyond else nothing
        kept += number
    return kept


@compiled
def _keep_turned(turned, relevance, limits, seen, row_of, left):
    """The same of relevance (channels, positions)."""
    kept, nothing, one, up, down = 0.0, turned.dtype.type(0), turned.dtype.type(1), limits[0], -limits[1]
    for first in range(np.uint64(0), np.uint64(len(seen)), np.uint64(TOGETHER)):
        some = seen[first : first + np.uint64(TOGETHER)]
        for c in range(np.uint64(turned.shape[1])):
            for k in range(np.uint64(len(some))):
                position = np.uint64(some[k])
                row = np.uint64(row_of[position])
                beyond = (relevance[c, position] > up) | (relevance[c, position] < down)
                left[row, c] = turned[row, c] if beyond else nothing
                kept += one if beyond else nothing
    return kept


@compiled
def keep(turned, relevance, limits, seen, row_of, last, left):
    """Into `left` the inputs of the positions seen whose relevance is beyond the limits, else 0; how many are left."""
    if last:
        return _keep_rows(turned, relevance, limits, seen, row_of, left)
    return _keep_turned(turned, relevance, limits, seen, row_of, left)


@allocating
def rows_for(rows, columns, like):
    """Memory (rows, columns) that begins with a line of the cache: else every other load of a vector meets two."""
    memory = np.empty(rows * columns + 64 // like.itemsize, like.dtype)
    first = -memory.ctypes.data % 64 // like.itemsize
    return memory[first : first + rows * columns].reshape(rows, columns)
