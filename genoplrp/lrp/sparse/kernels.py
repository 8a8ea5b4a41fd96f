"""The compiled loops of linear calls and of pruning: sample by sample, over what is kept only.

Every function runs on one thread without the interpreter's lock and writes nothing but its results;
`backend.in_threads` gives each thread samples of its own. Activations are turned to (positions, channels) once a
sample, with the padding around them, so that an output's inputs lie beside each other as its weights do: a dot product
and an update per kept output. Imported only where numba is installed. One file, although a long one: numba notices that
the machine code it kept is out of date by the file of the function, not by those of the functions that it calls.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

NO_CUT, LAMBDA, MASK = 0, 1, 2
"""What happens to the result: nothing, PLRP-lambda, PLRP-M."""
STATISTICS = 9
PASSED, GIVEN, MASS, BEFORE, AFTER, DROPPED_UP, DROPPED_DOWN, SCALE_UP, SCALE_DOWN = range(STATISTICS)
"""Columns of a sample's statistics. PASSED: what the call handed down; GIVEN: the same before PLRP-M's pruning; MASS:
not finite where something is not."""
FEW = 4096
"""Up to so many numbers, buckets of one exponent are fine enough."""


def compiled(function: Callable[..., Any]) -> Any:
    """The function, compiled at its first call; machine code is kept between runs where a folder can be written."""
    # Sums may be reordered (SIMD); NaN and infinity stay what they are.
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither beside this file nor in the user's cache folder
        return numba.njit(**options)(function)


@compiled
def _threshold(values, bits, count, share, mass_of, crossing):
    """(threshold, mass, mass dropped) of positive numbers of which the smallest may go while they sum to share * mass.

    Two passes: mass by bucket, a bucket holding the numbers of one exponent (and three more bits, where there are
    many); then the numbers of the bucket in which the sum crosses, in order. Equal numbers go together or not at all.
    """
    exponent = 23 if values.itemsize == 4 else 52
    shift = exponent if count <= FEW else exponent - 3
    mass = mass_of[: len(mass_of) if count > FEW else len(mass_of) >> 3]
    mass[:] = 0.0
    for i in range(count):
        mass[bits[i] >> shift] += values[i]
    total, largest = mass.sum(), 0.0
    for i in range(count):
        largest = max(largest, values[i])
    # The largest stay, however close to 1 the share is and whatever the sums are rounded to.
    budget, dropped = min(share * total, total - largest / 2), 0.0
    last, below = len(mass), -1
    for b in range(len(mass)):
        if mass[b] > 0.0:
            if dropped + mass[b] > budget:
                last = b
                break
            dropped += mass[b]
            below = b
    found, limit = 0, values.dtype.type(0)
    for i in range(count):
        b = bits[i] >> shift
        crossing[found] = values[i]
        found += b == last
        limit = max(limit, values[i] if b == below else values.dtype.type(0))
    ordered = np.sort(crossing[:found])
    i = 0
    while i < found:
        j, group = i, 0.0
        while j < found and ordered[j] == ordered[i]:
            group += ordered[j]
            j += 1
        if dropped + group > budget:
            break
        dropped, limit, i = dropped + group, ordered[i], j
    return limit, total, dropped


@compiled
def _cut(values, count, share_up, share_down, magnitude_bits, mass, crossing, row):
    """Thresholds (up, down) of signed relevance, none of it 0; what the cut comes to is written to the statistics."""
    row[BEFORE] = count
    magnitude = magnitude_bits.view(values.dtype)
    found = 0
    for i in range(count):
        magnitude[found] = values[i]
        found += values[i] > 0
    up, total, dropped = _threshold(magnitude, magnitude_bits, found, share_up, mass, crossing)
    row[MASS] += total
    row[DROPPED_UP], row[SCALE_UP] = dropped, total / (total - dropped) if dropped > 0 else 1.0
    found = 0
    for i in range(count):
        magnitude[found] = -values[i]
        found += values[i] < 0
    down, total, dropped = _threshold(magnitude, magnitude_bits, found, share_down, mass, crossing)
    row[MASS] += total
    row[DROPPED_DOWN], row[SCALE_DOWN] = dropped, total / (total - dropped) if dropped > 0 else 1.0
    return up, down


@compiled
def _dot(x, weight, start, step, segments, segment):
    """The sum of one output's contributions: its inputs times its weights."""
    total = x.dtype.type(0)
    for s in range(segments):
        at = start + s * step
        inputs, weights = x[at : at + segment], weight[s * segment : (s + 1) * segment]
        for i in range(segment):
            total += inputs[i] * weights[i]
    return total


@compiled
def _add(share, weight, into, start, step, segments, segment):
    """Add to the multipliers of one output's inputs its share times its weights."""
    for s in range(segments):
        at = start + s * step
        inputs, weights = into[at : at + segment], weight[s * segment : (s + 1) * segment]
        for i in range(segment):
            inputs[i] += share * weights[i]


@compiled
def _stable(z, epsilon):
    """z away from 0 by epsilon; at epsilon = 0 nothing is divided by 0."""
    if epsilon == 0 and z == 0:
        return np.inf
    return z + epsilon if z >= 0 else z - epsilon


@compiled
def _by_channel(index, outputs, slots, order):
    """Write to `order` the entries channel by channel: the weights of one are then in the nearest cache."""
    slots[:] = 0
    sorted_already = True
    for k in range(len(index)):
        slots[index[k] // outputs + 1] += 1
        order[k] = k
        sorted_already &= k == 0 or index[k] >= index[k - 1]
    if sorted_already:
        return
    for c in range(1, len(slots)):
        slots[c] += slots[c - 1]
    for k in range(len(index)):
        channel = index[k] // outputs
        order[slots[channel]] = k
        slots[channel] += 1


@compiled
def _spread(x, z, index, value, order, into, hit, geometry, terms, again):
    """All outputs of one sample add to the multipliers of their inputs; returns the relevance that they hand down.

    `again`: x is not what z was computed from, so that z is not read.
    """
    stride, step, segments, segment, outputs = geometry
    weights, biases, factors, signs, given, epsilon, table = terms
    passed = 0.0
    for j in range(len(index)):
        k = order[j]
        channel = index[k] // outputs
        t = index[k] - channel * outputs
        start = t * stride
        for term in range(len(weights)):
            if signs[term] * z[index[k]] < 0 or (signs[term] < 0 and z[index[k]] == 0):
                continue
            weight, bias = weights[term, channel], biases[term, channel]
            if given and not again:
                total = z[index[k]]
            elif len(table) and not again:
                total = z[index[k]] - table[index[k]]
            else:
                total = _dot(x, weight, start, step, segments, segment) + bias
            share = factors[term] * value[k] / _stable(total, epsilon)
            rounded = x.dtype.type(share)
            _add(rounded, weight, into, start, step, segments, segment)
            passed += rounded * (total - bias)
        hit[t] = True
    return passed


@compiled
def _mark(hit, touched, stride, step, taps):
    """Mark the input positions that the outputs at the marked positions read; the marks of the outputs are cleared."""
    for t in range(len(hit)):
        if hit[t]:
            hit[t] = False
            for k in range(taps):
                touched[t * stride + k * step] = True


@compiled
def _clear(rows, touched):
    """Zero the marked rows and the marks."""
    for t in range(len(touched)):
        if touched[t]:
            rows[t, :] = 0
            touched[t] = False


@compiled
def _fill(x, into, first):
    """One sample (channels, positions), written into rows of (positions, channels) from row `first` on."""
    channels, positions = x.shape
    for start in range(0, positions, 16):  # blocks that stay in the nearest cache
        stop = min(start + 16, positions)
        for c in range(channels):
            for t in range(start, stop):
                into[first + t, c] = x[c, t]


@compiled
def _scratch(size, like, bits):
    """Memory for a sample's entries and for cutting them: places, values, magnitudes as bits, a bucket, masses."""
    # One entry more than there can be: compaction without branches writes, then decides whether to move on.
    at, found = np.empty(size + 1, np.int32), np.empty(size + 1, like.dtype)
    magnitude_bits, crossing = np.empty(size + 1, bits.dtype), np.empty(size + 1, like.dtype)
    return at, found, magnitude_bits, crossing, np.empty(2048 if like.itemsize == 4 else 16384)


@compiled
def _collect(line, place, step, found, at, count):
    """Add what is not 0 in a line to the entries found, `step` places apart from `place` on: (their number, its sum).

    The sum is not finite where something in the line is not.
    """
    total = 0.0
    for i in range(len(line)):
        found[count], at[count] = line[i], place
        count += line[i] != 0
        total += line[i]
        place += step
    return count, total


@compiled
def _gather(x, multiplier, base, touched, before, positions, found, at):
    """Collect relevance, inputs times multipliers plus base, by its places in (channels, positions): as `_collect`."""
    count, step, total = 0, np.int32(positions), 0.0
    for t in range(positions):
        if touched[before + t]:
            relevance = multiplier[before + t]
            relevance *= x[before + t]  # in place: the caller clears these rows
            if len(base):
                relevance += base[t]
            count, of_row = _collect(relevance, np.int32(t), step, found, at, count)
            total += of_row
    return count, total


@compiled
def _put(base, touched, before, places, values):
    """Add relevance, by its places in (channels, positions), to rows of (positions, channels)."""
    positions = np.int32(len(base))
    for k in range(len(places)):
        c = places[k] // positions
        t = places[k] - c * positions
        base[t, c] += values[k]
        touched[before + t] = True


@compiled
def _emit(found, at, count, limits, scales, places, values):
    """Write the entries above the thresholds, scaled by their sign's lambda; how many."""
    kept = 0
    for i in range(count):
        places[kept] = at[i]
        values[kept] = found[i] * (scales[0] if found[i] > 0 else scales[1])
        kept += (found[i] > limits[0]) | (found[i] < -limits[1])
    return kept


@compiled
def _apart(x, found, at, count, up, down, before, left, kept_rows):
    """Into `left` only the inputs above the thresholds; their places move to the front; their number."""
    kept = 0
    for i in range(count):
        if found[i] > up or found[i] < -down:
            c, t = divmod(at[i], x.shape[1])
            left[before + t, c] = x[c, t]
            kept_rows[before + t] = True
            at[kept] = at[i]
            kept += 1
    return kept


@compiled
def _handed_again(left, z, listed, into, hit, geometry, terms, shape, found, at):
    """PLRP-M: all outputs hand to the inputs that are left; their relevance goes to `found`."""
    index, value, order = listed
    passed = _spread(left.ravel(), z, index, value, order, into.ravel(), hit, geometry, terms, True)
    before, positions = shape
    for i in range(len(at)):
        c = at[i] // positions
        t = at[i] - c * positions
        found[i] = left[before + t, c] * into[before + t, c]
    return passed


@compiled
def linear(x, z, rows, onto, shape, terms, cut, samples, dense, statistics, bits):
    """Relevance of a linear call's input, for the samples from samples[0] to samples[1].

    x (n, channels, positions); z (n, outputs), flat; rows: relevance of the output as (starts, places, values); onto:
    the same of the input, to add to; shape: (stride, dilation, taps, before, after, output positions); terms: see
    `genoplrp.lrp.sparse.terms`; cut: (what, share of positive mass, share of negative mass). Without a cut the result
    is added to dense (n, channels, positions); with one it is returned as (number a sample, places, values).
    statistics (n, STATISTICS) are filled in. bits: an empty array of integers of x's size.
    """
    starts, places, values = rows
    onto_starts, onto_places, onto_values = onto
    stride, dilation, taps, before, after, outputs = shape
    what, share_up, share_down = cut
    channels, positions = x.shape[1], x.shape[2]
    padded, size = before + positions + after, channels * positions
    segments, segment = (1, taps * channels) if dilation == 1 else (taps, channels)
    geometry = (stride * channels, dilation * channels, segments, segment, outputs)

    turned, into = np.zeros((padded, channels), x.dtype), np.zeros((padded, channels), x.dtype)
    base = np.zeros((positions if len(onto_places) else 0, channels), x.dtype)
    left, kept_rows = np.zeros((padded if what == MASK else 0, channels), x.dtype), np.zeros(padded, np.bool_)
    hit, touched = np.zeros(outputs, np.bool_), np.zeros(padded, np.bool_)
    slots = np.zeros(terms[0].shape[1] + 1, np.int64)
    order = np.empty(np.max(np.diff(starts)), np.int64)
    at, found, magnitude_bits, crossing, mass = _scratch(size, x, bits)
    counts = np.zeros(samples[1] - samples[0], np.int64)
    most_out = len(counts) * size + 1 if what != NO_CUT else 0  # memory that is not written to costs nothing
    out_places, out_values, filled = np.empty(most_out, np.int32), np.empty(most_out, x.dtype), 0

    for sample in range(samples[0], samples[1]):
        mine, added = slice(starts[sample], starts[sample + 1]), slice(onto_starts[sample], onto_starts[sample + 1])
        index, value, row = places[mine], values[mine], statistics[sample]
        _fill(x[sample], turned, before)
        _by_channel(index, outputs, slots, order)
        row[PASSED] = row[GIVEN] = _spread(
            turned.ravel(), z[sample], index, value, order, into.ravel(), hit, geometry, terms, False
        )
        _mark(hit, touched, stride, dilation, taps)
        if len(base) and what != MASK:
            _put(base, touched, before, onto_places[added], onto_values[added])
        count, row[MASS] = _gather(turned, into, base, touched, before, positions, found, at)
        base[:] = 0
        _clear(into, touched)
        if what == NO_CUT:
            target = dense[sample].ravel()
            for i in range(count):
                target[at[i]] += found[i]
            continue
        up, down = _cut(found, count, share_up, share_down, magnitude_bits, mass, crossing, row)
        scale_up, scale_down = row[SCALE_UP], row[SCALE_DOWN]
        if what == MASK:
            scale_up, scale_down = 1.0, 1.0
            if row[DROPPED_UP] + row[DROPPED_DOWN] > 0:
                count = _apart(x[sample], found, at, count, up, down, before, left, kept_rows)
                up, down = x.dtype.type(0), x.dtype.type(0)
                listed = (index, value, order)
                row[PASSED] = _handed_again(
                    left, z[sample], listed, into, hit, geometry, terms, (before, positions), found, at[:count]
                )
                _mark(hit, touched, stride, dilation, taps)
                _clear(into, touched)
                _clear(left, kept_rows)
            row[AFTER] = count
            if len(base):  # what other calls handed the input is not pruned by this one
                _put(base, touched, before, onto_places[added], onto_values[added])
                _put(base, touched, before, at[:count], found[:count])
                count = 0
                for t in range(positions):
                    count, _ = _collect(base[t], np.int32(t), np.int32(positions), found, at, count)
                base[:] = 0
                touched[:] = False
        kept = _emit(found, at, count, (up, down), (scale_up, scale_down), out_places[filled:], out_values[filled:])
        counts[sample - samples[0]] = kept
        if what == LAMBDA:
            row[AFTER] = kept
        filled += kept
    return counts, out_places[:filled], out_values[:filled]


@compiled
def totals(starts, values, into):
    """Write each sample's sum."""
    for sample in range(len(into)):
        total = 0.0
        mine = values[starts[sample] : starts[sample + 1]]
        for k in range(len(mine)):
            total += mine[k]
        into[sample] = total


@compiled
def select(relevance, cut, samples, statistics, bits):
    """The entries of relevance (n, k) that are not 0, or those kept by PLRP-lambda, as `linear` returns them."""
    what, share_up, share_down = cut
    size = relevance.shape[1]
    at, found, magnitude_bits, crossing, mass = _scratch(size, relevance, bits)
    counts = np.zeros(samples[1] - samples[0], np.int64)
    most = len(counts) * size + 1  # memory that is not written to costs nothing
    out_places, out_values, filled = np.empty(most, np.int32), np.empty(most, relevance.dtype), 0
    for sample in range(samples[0], samples[1]):
        row = statistics[sample]
        count, row[MASS] = _collect(relevance[sample], np.int32(0), np.int32(1), found, at, np.int64(0))
        up, down, scale_up, scale_down = relevance.dtype.type(0), relevance.dtype.type(0), 1.0, 1.0
        if what == LAMBDA:
            up, down = _cut(found, count, share_up, share_down, magnitude_bits, mass, crossing, row)
            scale_up, scale_down = row[SCALE_UP], row[SCALE_DOWN]
        kept = _emit(found, at, count, (up, down), (scale_up, scale_down), out_places[filled:], out_values[filled:])
        counts[sample - samples[0]] = row[AFTER] = kept
        filled += kept
    return counts, out_places[:filled], out_values[:filled]
