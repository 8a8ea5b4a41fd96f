"""The compiled loops of pools and sums, as those of `kernels`: one thread, no interpreter's lock."""

import numpy as np

from genoplrp.lrp.sparse.kernels import compiled


@compiled
def winners(x, rows, shape, samples, found):
    """Write to `found` the place of the winner of each entry's window: the first of the largest, as torch has it.

    x: (n, channels * positions).
    """
    starts, places, _ = rows
    kernel, stride, padding, dilation, outputs, positions = shape
    for sample in range(samples[0], samples[1]):
        inputs = x[sample]
        for k in range(starts[sample], starts[sample + 1]):
            channel = places[k] // outputs
            line = channel * positions
            first = (places[k] - channel * outputs) * stride - padding
            stop = min(first + kernel * dilation, positions)
            while first < 0:
                first += dilation
            best, highest = first, inputs[line + first]
            for t in range(first + dilation, stop, dilation):
                if inputs[line + t] > highest:
                    best, highest = t, inputs[line + t]
            found[k] = line + best


@compiled
def shares(x, z, rows, shape, epsilon, samples):
    """Each entry divided among its window's inputs by value (the epsilon rule); returns as `kernels.linear` does."""
    starts, places, values = rows
    kernel, stride, outputs, weight = shape
    positions = x.shape[2]
    counts = np.zeros(samples[1] - samples[0], np.int64)
    most = (starts[samples[1]] - starts[samples[0]]) * kernel + 1
    out_places, out_values, filled = np.empty(most, np.int32), np.empty(most, x.dtype), 0
    for sample in range(samples[0], samples[1]):
        before = filled
        for k in range(starts[sample], starts[sample + 1]):
            channel = places[k] // outputs
            line, first = x[sample, channel], (places[k] - channel * outputs) * stride
            total = z[sample, places[k]]
            if epsilon == 0 and total == 0:
                continue
            share = x.dtype.type(weight * values[k] / (total + epsilon if total >= 0 else total - epsilon))
            for t in range(first, first + kernel):
                out_places[filled], out_values[filled] = channel * positions + t, share * line[t]
                filled += line[t] != 0
        counts[sample - samples[0]] = filled - before
    return counts, out_places[:filled], out_values[:filled]


@compiled
def summands(one, two, z, rows, epsilon, samples):
    """Each entry divided between the summands (n, entries) of z (the epsilon rule).

    z may be empty: it is then ``one + two``, which is sooner added up than fetched. Otherwise `two` is empty. Returns
    for each of the two (number a sample, places, values).
    """
    starts, places, values = rows
    number, most = samples[1] - samples[0], starts[samples[1]] - starts[samples[0]] + 1
    counts, other_counts = np.zeros(number, np.int64), np.zeros(number, np.int64)
    out_places, out_values, filled = np.empty(most, np.int32), np.empty(most, values.dtype), np.uint64(0)
    other_places, other_values, others = np.empty(most, np.int32), np.empty(most, values.dtype), np.uint64(0)
    for sample in range(samples[0], samples[1]):
        before, others_before = filled, others
        for k in range(starts[sample], starts[sample + 1]):
            place = np.uint64(places[k])
            mine = one[sample, place]
            other = values.dtype.type(0) if len(z) else two[sample, place]
            total = z[sample, place] if len(z) else mine + other
            apart = total + epsilon if total >= 0 else total - epsilon
            share = values[k] / apart if apart != 0 else 0.0
            out_places[filled], out_values[filled] = places[k], share * mine
            filled += np.uint64(out_values[filled] != 0)
            other_places[others], other_values[others] = places[k], share * other
            others += np.uint64(other_values[others] != 0)
        counts[sample - samples[0]], other_counts[sample - samples[0]] = filled - before, others - others_before
    return (
        (counts, out_places[:filled], out_values[:filled]),
        (other_counts, other_places[:others], other_values[:others]),
    )
