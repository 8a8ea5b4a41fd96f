"""The compiled loops of pools and sums, as those of `kernels`: one thread, no interpreter's lock."""

import numpy as np

from genoplrp.lrp.sparse.kernels import compiled


@compiled
def winners(x, rows, shape, found, samples):
    """Write to `found` the place of the winner of each entry's window: the first of the largest, as torch has it.

    x: (n, channels * positions).
    """
    starts, stops, places, _ = rows
    kernel, stride, padding, dilation, outputs, positions = shape
    for sample in range(samples[0], samples[1]):
        inputs = x[sample]
        for k in range(starts[sample], stops[sample]):
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
def shares(x, z, rows, shape, epsilon, out, samples):
    """Write to `out`, whose starts are given, each entry divided among its window's inputs by value (epsilon rule).

    x and z: (n, channels * positions) and the same of the outputs.
    """
    starts, stops, places, values = rows
    out_starts, out_stops, out_places, out_values = out
    kernel, stride, outputs, weight = shape
    positions, taps = np.uint32(x.shape[1] // (z.shape[1] // outputs)), np.uint32(kernel)
    for sample in range(samples[0], samples[1]):
        filled, inputs = np.uint64(out_starts[sample]), x[sample]
        for k in range(starts[sample], stops[sample]):
            place = np.uint32(places[k])
            channel = place // np.uint32(outputs)
            first = channel * positions + (place - channel * np.uint32(outputs)) * np.uint32(stride)
            total = z[sample, place]
            if epsilon == 0 and total == 0:
                continue
            share = x.dtype.type(weight * values[k] / (total + epsilon if total >= 0 else total - epsilon))
            for t in range(taps):
                value = inputs[np.uint32(first + t)]
                out_places[filled], out_values[filled] = np.uint32(first + t), share * value
                filled += np.uint64(value != 0)
        out_stops[sample] = filled


@compiled
def summands(one, two, z, rows, epsilon, out, others, samples):
    """Divide each entry between the summands (n, entries) of z, to lists `out` and `others` (the epsilon rule).

    z may be empty: it is then ``one + two``, which is sooner added up than fetched. Otherwise `two` is empty. The
    lists begin where the entries do.
    """
    starts, stops, places, values = rows
    _, out_stops, out_places, out_values = out
    _, other_stops, other_places, other_values = others
    for sample in range(samples[0], samples[1]):
        filled = other_filled = np.uint64(starts[sample])
        for k in range(starts[sample], stops[sample]):
            place = np.uint64(places[k])
            mine = one[sample, place]
            other = values.dtype.type(0) if len(z) else two[sample, place]
            total = z[sample, place] if len(z) else mine + other
            apart = total + epsilon if total >= 0 else total - epsilon
            share = values[k] / apart if apart != 0 else 0.0
            out_places[filled], out_values[filled] = places[k], share * mine
            filled += np.uint64(out_values[filled] != 0)
            other_places[other_filled], other_values[other_filled] = places[k], share * other
            other_filled += np.uint64(other_values[other_filled] != 0)
        out_stops[sample], other_stops[sample] = filled, other_filled
