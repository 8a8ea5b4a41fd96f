"""Pools and sums."""

import numpy as np

from genoplrp.lrp.sparse.kernels.compiled import allocating, compiled, inlined
from genoplrp.lrp.sparse.kernels.cutting import PART
from genoplrp.lrp.sparse.kernels.lists import sum_of
from genoplrp.lrp.sparse.kernels.outputs import stable
from genoplrp.lrp.sparse.kernels.queue import drain


@compiled
def _find(place, steps):
    """(channel, position) of a place in memory."""
    beside, _, _, channels_beside = steps
    outer = place // beside
    inner = place - outer * beside
    return (inner, outer) if channels_beside else (outer, inner)


@inlined
def _larger(inputs, place, best, largest):
    """(place, number) of the largest so far, the earlier of equal ones; no number is NaN."""
    number = inputs[place]
    return (place, number) if number > largest else (best, largest)


@inlined
def _first_of_the_largest(inputs, begin, step, inside):
    """Place of the first of the largest of a window's inputs; up to four are looked at without a loop's turns."""
    best, largest = begin, inputs[begin]
    if inside > 1:
        best, largest = _larger(inputs, np.uint32(begin + step), best, largest)
    if inside > 2:
        best, largest = _larger(inputs, np.uint32(begin + np.uint32(2) * step), best, largest)
    if inside > 3:
        best, largest = _larger(inputs, np.uint32(begin + np.uint32(3) * step), best, largest)
    for t in range(np.uint32(4), np.uint32(inside)):
        best, largest = _larger(inputs, np.uint32(begin + np.uint32(t) * step), best, largest)
    return best


@compiled
def winners(x, rows, window, steps, output_steps, found, queue):
    """Write to `found` the place of the winner of each entry's window: the first of the largest, as torch has it.

    Every window holds an input, as torch sees to.

    x: (n, channels * positions), in the order of its memory; steps: see `genoplrp.lrp.sparse.routes`.
    """
    drain(_winners, (x, rows, window, steps, output_steps, found), queue)


@compiled
def _winners(x, rows, window, steps, output_steps, found, samples):
    starts, stops, places, _ = rows
    kernel, stride, padding, dilation, positions = window
    _, by_channel, by_position, _ = steps
    for sample in range(samples[0], samples[1]):
        inputs = x[sample]
        for k in range(starts[sample], stops[sample]):
            channel, output = _find(np.uint32(places[k]), output_steps)
            first, inside = np.int32(output) * stride - padding, kernel
            while first < 0:
                first, inside = first + dilation, inside - 1
            while first + (inside - 1) * dilation >= positions:
                inside -= 1
            begin = np.uint32(channel * by_channel + np.uint32(first) * by_position)
            found[k] = _first_of_the_largest(inputs, begin, np.uint32(dilation) * by_position, inside)


@compiled
def _of_position(z, places, values, window, output_steps, epsilon, channel, per_unit):
    """Write channels and shares of the entries that lie at one output position, from the first entry on.

    Returns (how many these are, the position).
    """
    _, _, weight = window
    number, at = np.uint64(0), _find(np.uint32(places[0]), output_steps)[1]
    for k in range(np.uint64(min(len(places), len(channel)))):
        place = np.uint32(places[k])
        c, output = _find(place, output_steps)
        if output != at:
            break
        channel[k], per_unit[k] = c, weight * values[k] / stable(z[place], epsilon)
        number += np.uint64(1)
    return number, at


@compiled
def _entry_by_entry(x, z, places, values, window, steps, output_steps, epsilon, into_places, into_values):
    """The inputs' parts where a channel's positions lie side by side, entry by entry; how many."""
    kernel, stride, weight = window
    _, by_channel, _, _ = steps
    filled = np.uint64(0)
    for k in range(np.uint64(len(places))):
        place = np.uint32(places[k])
        channel, output = _find(place, output_steps)
        first = np.uint32(channel * by_channel + output * np.uint32(stride))
        share = x.dtype.type(weight * values[k] / stable(z[place], epsilon))
        for t in range(np.uint32(kernel)):
            value = share * x[np.uint32(first + t)]
            into_places[filled], into_values[filled] = np.uint32(first + t), value
            filled += np.uint64(value != 0)
    return filled


@compiled
def _row_by_row(x, z, places, values, window, steps, output_steps, epsilon, into_places, into_values, room):
    """The inputs' parts where a position's channels lie side by side, row by row; how many."""
    kernel, stride, _ = window
    beside, (channel, per_unit) = np.uint64(steps[0]), room
    filled, done = np.uint64(0), np.uint64(0)
    while done < len(places):
        number, output = _of_position(z, places[done:], values[done:], window, output_steps, epsilon, channel, per_unit)
        for t in range(np.uint64(kernel)):
            line = np.uint32((output * np.uint64(stride) + t) * beside)
            for k in range(number):
                place = np.uint32(line + channel[k])
                value = per_unit[k] * x[place]
                into_places[filled], into_values[filled] = place, value
                filled += np.uint64(value != 0)
        done += number
    return filled


@allocating
def shares(x, z, rows, window, steps, output_steps, epsilon, out, queue):
    """Write to `out`, whose starts are given, each entry divided among its window's inputs by value (epsilon rule).

    x and z: (n, channels * positions) and the same of the outputs, in the order of their memory; steps: see
    `genoplrp.lrp.sparse.routes`. Either way the inputs come in that order, if the entries do.
    """
    room = np.empty(steps[0], np.uint32), np.empty(steps[0], x.dtype)
    drain(_shares, (x, z, rows, window, steps, output_steps, epsilon, out, room), queue)


@compiled
def _shares(x, z, rows, window, steps, output_steps, epsilon, out, room, samples):
    starts, stops, places, values = rows
    out_starts, out_stops, out_places, out_values, sums = out
    for sample in range(samples[0], samples[1]):
        mine, first = slice(starts[sample], stops[sample]), out_starts[sample]
        given = x[sample], z[sample], places[mine], values[mine], window, steps, output_steps, epsilon
        into_places, into_values = out_places[first:], out_values[first:]
        if steps[3]:
            filled = _row_by_row(*given, into_places, into_values, room)
        else:
            filled = _entry_by_entry(*given, into_places, into_values)
        out_stops[sample], sums[sample] = first + np.int64(filled), sum_of(into_values[:filled])


@compiled
def _parts(one, two, is_sum, places, values, epsilon, mine, other):
    """Write what the summands of each entry get of it."""
    nothing, small, number = values.dtype.type(0), values.dtype.type(epsilon), np.uint64(len(places))
    for k in range(number):
        place = np.uint32(places[k])
        mine[k], other[k] = one[place], two[place]
    for k in range(number):
        total = other[k] if is_sum else mine[k] + other[k]
        apart = total + small if total >= 0 else total - small
        share = values[k] / apart if apart != 0 else nothing
        mine[k], other[k] = share * mine[k], nothing if is_sum else share * other[k]


@compiled
def _append(places, values, count, into_places, into_values):
    """Append the entries that are not 0 to a list of so many; how many there are then."""
    for k in range(np.uint64(len(places))):
        into_places[count], into_values[count] = places[k], values[k]
        count += np.uint64(values[k] != 0)
    return count


@allocating
def summands(one, two, is_sum, rows, epsilon, out, others, queue):
    """Divide each entry between the summands (n, entries) of a sum, to lists `out` and `others` (the epsilon rule).

    is_sum: whether `two` is the sum, of one summand and constants, rather than the other summand. The lists begin where
    the entries do.
    """
    room = np.empty(PART, rows[3].dtype), np.empty(PART, rows[3].dtype)
    drain(_summands, (one, two, is_sum, rows, epsilon, out, others, room), queue)


@compiled
def _summands(one, two, is_sum, rows, epsilon, out, others, room, samples):
    starts, stops, places, values = rows
    _, out_stops, out_places, out_values, sums = out
    _, other_stops, other_places, other_values, other_sums = others
    mine, other = room
    for sample in range(samples[0], samples[1]):
        filled = other_filled = np.uint64(starts[sample])
        for first in range(starts[sample], stops[sample], PART):
            some = places[first : min(first + PART, stops[sample])]
            what = values[first : first + len(some)]
            _parts(one[sample], two[sample], is_sum, some, what, epsilon, mine, other)
            filled = _append(some, mine, filled, out_places, out_values)
            other_filled = _append(some, other, other_filled, other_places, other_values)
        out_stops[sample], other_stops[sample] = filled, other_filled
        sums[sample] = sum_of(out_values[starts[sample] : filled])
        other_sums[sample] = sum_of(other_values[starts[sample] : other_filled])
