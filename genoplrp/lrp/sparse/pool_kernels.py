"""The compiled loops of pools and sums, as those of `kernels`: one thread, no interpreter's lock."""

import numpy as np

from genoplrp.lrp.sparse.kernels import PART, compiled


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
def _parts(one, two, is_sum, places, values, epsilon, mine, other):
    """Write what the summands of each entry get of it."""
    nothing, number = values.dtype.type(0), np.uint64(len(places))
    for k in range(number):
        place = np.uint32(places[k])
        mine[k], other[k] = one[place], two[place]
    for k in range(number):
        total = other[k] if is_sum else mine[k] + other[k]
        apart = total + epsilon if total >= 0 else total - epsilon
        share = values[k] / apart if apart != 0 else 0.0
        mine[k], other[k] = share * mine[k], nothing if is_sum else share * other[k]


@compiled
def _append(places, values, count, into_places, into_values):
    """Append the entries that are not 0 to a list of so many; how many there are then."""
    for k in range(np.uint64(len(places))):
        into_places[count], into_values[count] = places[k], values[k]
        count += np.uint64(values[k] != 0)
    return count


@compiled
def summands(one, two, is_sum, rows, epsilon, out, others, samples):
    """Divide each entry between the summands (n, entries) of a sum, to lists `out` and `others` (the epsilon rule).

    is_sum: whether `two` is the sum, of one summand and constants, rather than the other summand. The lists begin where
    the entries do.
    """
    starts, stops, places, values = rows
    _, out_stops, out_places, out_values = out
    _, other_stops, other_places, other_values = others
    mine, other = np.empty(PART, values.dtype), np.empty(PART, values.dtype)
    for sample in range(samples[0], samples[1]):
        filled = other_filled = np.uint64(starts[sample])
        for first in range(starts[sample], stops[sample], PART):
            some = places[first : min(first + PART, stops[sample])]
            what = values[first : first + len(some)]
            _parts(one[sample], two[sample], is_sum, some, what, epsilon, mine, other)
            filled = _append(some, mine, filled, out_places, out_values)
            other_filled = _append(some, other, other_filled, other_places, other_values)
        out_stops[sample], other_stops[sample] = filled, other_filled
