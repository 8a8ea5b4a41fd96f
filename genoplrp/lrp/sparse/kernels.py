"""The compiled loops of linear calls and of pruning: sample by sample, over what is kept only.

Every function runs on one thread without the interpreter's lock and writes nothing but its results;
`backend.in_threads` gives each thread samples of its own. Activations are turned to (positions, channels) once a
sample, with the padding around them, so that an output's inputs lie beside each other as its weights do: a dot product
and an update per kept output. Numbers that index are unsigned in the innermost loops: a signed one may count from the
end, which keeps the compiler from using vectors. Imported only where numba is installed. One file, although a long one:
numba notices that the machine code it kept is out of date by the file of the function, not by those of the functions
that it calls.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

NO_CUT, LIST, LAMBDA, MASK = range(4)
"""What happens to the result: it stays whole; what is not 0 is listed; it is pruned by PLRP-lambda; by PLRP-M."""
STATISTICS = 9
PASSED, GIVEN, MASS, BEFORE, AFTER, DROPPED_UP, DROPPED_DOWN, SCALE_UP, SCALE_DOWN = range(STATISTICS)
"""Columns of a sample's statistics. PASSED: what the call handed down; GIVEN: the same before PLRP-M's pruning; MASS:
not finite where something is not."""
FEW = 4096
"""Up to so many numbers, buckets of one exponent are fine enough."""
VERY_FEW = 48
"""Up to so many, a bucket a sign: to go through more of them takes longer than to sort all."""
INSERTED = 24
"""Up to so many numbers are sorted by insertion: a call of NumPy's takes longer."""


def compiled(function: Callable[..., Any]) -> Any:
    """The function, compiled at its first call; machine code is kept between runs where a folder can be written."""
    # Sums may be reordered (SIMD); NaN and infinity stay what they are.
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither beside this file nor in the user's cache folder
        return numba.njit(**options)(function)


@compiled
def _sorted(values):
    """The same numbers by size; the array itself is lost."""
    if len(values) > INSERTED:
        return np.sort(values)
    for i in range(1, len(values)):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    return values


@compiled
def _threshold(values, bits, count, shift, sums, first, sign, share, crossing):
    """(threshold, mass, mass dropped) of a sign's numbers, of which the smallest may go while they sum to share * mass.

    sums: by bucket of this sign, the first of which has the number `first`. The numbers of the bucket in which the sum
    crosses are taken in order. Equal numbers go together or not at all; the largest stay, however close to 1 the share
    is and whatever sums are rounded to.
    """
    total, top = 0.0, -1
    for b in range(len(sums)):
        if sums[b] != 0.0:
            total, top = total + sign * sums[b], b
    if top < 0:
        return values.dtype.type(0), total, 0.0
    budget, dropped, last = share * total, 0.0, top
    for b in range(top):
        if dropped + sign * sums[b] > budget:
            last = b
            break
        dropped += sign * sums[b]
    found, bucket = np.uint64(0), np.uint64(first + last)
    for i in range(np.uint64(count)):
        crossing[found] = abs(values[i])
        found += np.uint64((bits[i] >> shift) == bucket)
    ordered = _sorted(crossing[:found])
    # Anything between the buckets below and the numbers of this one: what is below goes.
    limit = np.nextafter(ordered[0], values.dtype.type(0)) if last > 0 else values.dtype.type(0)
    most = ordered[-1] if last == top else np.inf
    i = 0
    while i < len(ordered) and ordered[i] < most:
        j, group = i, 0.0
        while j < len(ordered) and ordered[j] == ordered[i]:
            group += ordered[j]
            j += 1
        if dropped + group > budget:
            break
        dropped, limit, i = dropped + group, ordered[i], j
    return limit, total, dropped


@compiled
def _cut(values, bits, count, share_up, share_down, sums, crossing, row):
    """Thresholds (up, down) of signed relevance, none of it 0; what the cut comes to is written to the statistics.

    bits: the values' memory as unsigned integers. Two passes: mass by bucket, a bucket holding the numbers of one sign
    and exponent (and three more bits, where there are many; of one sign, where there are very few); then the numbers of
    one bucket a sign.
    """
    sign_bit, exponent = (31, 23) if values.itemsize == 4 else (63, 52)
    shift = np.uint64(sign_bit if count <= VERY_FEW else exponent if count <= FEW else exponent - 3)
    sums = sums[: 1 << (sign_bit + 1 - shift)]
    sums[:] = 0.0
    for i in range(np.uint64(count)):
        sums[bits[i] >> shift] += values[i]
    half = len(sums) >> 1
    row[BEFORE] = count
    up, total, dropped = _threshold(values, bits, count, shift, sums[:half], 0, 1.0, share_up, crossing)
    row[MASS] += total
    row[DROPPED_UP], row[SCALE_UP] = dropped, total / (total - dropped) if dropped > 0 else 1.0
    down, total, dropped = _threshold(values, bits, count, shift, sums[half:], half, -1.0, share_down, crossing)
    row[MASS] += total
    row[DROPPED_DOWN], row[SCALE_DOWN] = dropped, total / (total - dropped) if dropped > 0 else 1.0
    return up, down


@compiled
def _dot(x, start, weight, first, length):
    """The sum of one output's contributions: its inputs times its weights."""
    total = x.dtype.type(0)
    for i in range(length):
        total += x[start + i] * weight[first + i]
    return total


@compiled
def _dots(x, starts, weight, first, length):
    """The same of four outputs of one channel: its weights are read once."""
    a, b, c, d = np.uint64(starts[0]), np.uint64(starts[1]), np.uint64(starts[2]), np.uint64(starts[3])
    one, two, three, four = x.dtype.type(0), x.dtype.type(0), x.dtype.type(0), x.dtype.type(0)
    for i in range(length):
        w = weight[first + i]
        one += x[a + i] * w
        two += x[b + i] * w
        three += x[c + i] * w
        four += x[d + i] * w
    return one, two, three, four


@compiled
def _add(share, into, start, weight, first, length):
    """Add to the multipliers of one output's inputs its share times its weights."""
    for i in range(length):
        into[start + i] += share * weight[first + i]


@compiled
def _stable(z, epsilon):
    """z away from 0 by epsilon; at epsilon = 0 nothing is divided by 0."""
    if epsilon == 0 and z == 0:
        return np.inf
    return z + epsilon if z >= 0 else z - epsilon


@compiled
def _begin_channels(places, positions, slots):
    """Write where each channel's entries begin once they are in the order of their channels."""
    slots[:] = 0
    for k in range(len(places)):
        slots[np.uint32(places[k]) // positions + 1] += 1
    for c in range(1, len(slots)):
        slots[c] += slots[c - 1]


@compiled
def _by_channel(places, values, starts, slots, entries, hit):
    """Write the entries channel by channel: the weights of one are then in the nearest cache.

    All inputs add up their outputs in the same order, so that repeats of a sequence tie exactly. starts: where the
    inputs of an output position begin; entries: (place, channel, start, value) to write.
    """
    place, channel, start, value = entries
    outputs = np.uint32(len(starts))
    _begin_channels(places, outputs, slots)
    for k in range(len(places)):
        c = np.uint32(places[k]) // outputs
        t = np.uint32(places[k]) - c * outputs
        j = slots[c]
        place[j], channel[j], start[j], value[j], hit[t] = places[k], c, starts[t], values[k], True
        slots[c] += 1


@compiled
def _is_other(z, sign):
    """Whether a term for outputs of one sign leaves this output out; 0 counts as positive."""
    return z < 0 if sign > 0 else z >= 0


@compiled
def _denominators(x, z, entries, count, into, weight, bias, length, known, sign):
    """Write the sums that a term divides by, for outputs in the order of their channels; none where it leaves one out.

    known: (given, table, again), see `_spread`.
    """
    place, channel, start, _ = entries
    given, table, again = known
    if (given or len(table)) and not again:
        for j in range(count):
            into[j] = z[place[j]] - (table[place[j]] if len(table) else 0)
        return
    j = 0
    while j < count:
        first = np.uint64(channel[j]) * length
        if sign == 0 and j + 3 < count and channel[j + 3] == channel[j]:
            into[j], into[j + 1], into[j + 2], into[j + 3] = _dots(x, start[j : j + 4], weight, first, length)
            for k in range(j, j + 4):
                into[k] += bias[channel[k]]
            j += 4
        else:
            if sign == 0 or not _is_other(z[place[j]], sign):
                into[j] = _dot(x, np.uint64(start[j]), weight, first, length) + bias[channel[j]]
            j += 1


@compiled
def _divide(z, entries, count, shares, term, bias):
    """Write over the sums what a unit of an output's inputs is handed; returns the relevance that is handed down."""
    place, channel, _, value = entries
    factor, sign, epsilon = term
    passed = 0.0
    for j in range(count):
        if sign != 0 and _is_other(z[place[j]], sign):
            shares[j] = 0
            continue
        total = shares[j]
        shares[j] = factor * value[j] / _stable(total, epsilon)
        passed += shares[j] * (total - bias[channel[j]])
    return passed


@compiled
def _add_all(entries, count, shares, into, weight, length):
    """All outputs of one sample add to the multipliers of their inputs."""
    _, channel, start, _ = entries
    for j in range(count):
        if shares[j] != 0:
            _add(shares[j], into, np.uint64(start[j]), weight, np.uint64(channel[j]) * length, length)


@compiled
def _spread(x, z, entries, count, shares, into, terms, again):
    """All outputs of one sample add to the multipliers of their inputs; returns the relevance that they hand down.

    First all shares, then all that they add: neither has to wait for the other. `again`: x is not what z was computed
    from, so that z is not read.
    """
    weights, biases, factors, signs, given, epsilon, table = terms
    length, passed = np.uint64(weights.shape[2]), 0.0
    for term in range(len(weights)):
        weight, bias, sign = weights[term].ravel(), biases[term], signs[term]
        _denominators(x, z, entries, count, shares, weight, bias, length, (given, table, again), sign)
        passed += _divide(z, entries, count, shares, (factors[term], sign, epsilon), bias)
        _add_all(entries, count, shares, into, weight, length)
    return passed


@compiled
def _lay_out(shape, channels, rows, starts):
    """Write the row of each padded input position and where an output position's inputs begin; the number of rows.

    Positions that a dilated call reads together lie beside each other, as those of any other call do.
    """
    stride, dilation, _, _, _, outputs = shape
    each = (len(rows) + dilation - 1) // dilation
    for t in range(len(rows)):
        rows[t] = t % dilation * each + t // dilation
    for t in range(outputs):
        starts[t] = rows[t * stride] * channels
    return each * dilation


@compiled
def _mark(hit, starts, touched, channels, taps):
    """Mark the rows that the outputs at the marked positions read; the marks of the outputs are cleared."""
    for t in range(len(hit)):
        if hit[t]:
            hit[t] = False
            first = starts[t] // channels
            touched[first : first + taps] = True


@compiled
def _zero(rows, touched):
    """Zero the marked rows."""
    for t in range(len(touched)):
        if touched[t]:
            rows[t, :] = 0


@compiled
def _clear(rows, touched):
    """Zero the marked rows and the marks."""
    _zero(rows, touched)
    touched[:] = False


@compiled
def _fill(x, into, touched, row_of):
    """One sample (channels, positions), written into the rows touched of its positions, (rows, channels)."""
    channels, positions = np.uint64(x.shape[0]), x.shape[1]
    for t in range(positions):  # as a gather: what is read beside each other comes from the nearest cache
        row, position = np.uint64(row_of[t]), np.uint64(t)
        if touched[row]:
            for c in range(channels):
                into[row, c] = x[c, position]


@compiled
def _scratch(size, like, bits):
    """Memory for a sample's entries and for cutting them: places, values, the same as integers, a bucket, masses."""
    # One entry more than there can be: compaction without branches writes, then decides whether to move on.
    at, found_bits = np.empty(size + 1, np.int32), np.empty(size + 1, bits.dtype)
    found, crossing = found_bits.view(like.dtype), np.empty(size + 1, like.dtype)
    return at, found, found_bits, crossing, np.empty(1 << (12 if like.itemsize == 4 else 15))


@compiled
def _sum(line):
    """Sum of a line, not finite where something in it is not."""
    total = 0.0
    for i in range(len(line)):
        total += line[i]
    return total


@compiled
def _collect(line, place, step, found, at, count):
    """Add what is not 0 in a line to the entries found, `step` places apart from `place` on; their number."""
    count = np.uint64(count)
    for i in range(np.uint64(len(line))):
        found[count], at[count] = line[i], place
        count += np.uint64(line[i] != 0)
        place += step
    return np.int64(count)


@compiled
def _weigh(x, multiplier, touched):
    """Turn the multipliers of the rows touched to relevance."""
    for row in range(np.uint64(len(touched))):
        if touched[row]:
            for c in range(np.uint64(x.shape[1])):
                multiplier[row, c] *= x[row, c]


@compiled
def _put(relevance, touched, row_of, places, values):
    """Add relevance, by its places in (channels, positions), to rows (positions, channels), which are marked."""
    positions = np.uint32(len(row_of))
    for k in range(len(places)):
        c = np.uint32(places[k]) // positions
        row = row_of[np.uint32(places[k]) - c * positions]
        relevance[row, c] += values[k]
        touched[row] = True


@compiled
def _gather(relevance, touched, row_of, found, at):
    """Collect the relevance in the rows touched by its places in (channels, positions): (number, sum)."""
    count, total = 0, 0.0
    for t in range(len(row_of)):
        row = np.uint64(row_of[t])
        if touched[row]:
            total += _sum(relevance[row])
            count = _collect(relevance[row], np.int32(t), np.int32(len(row_of)), found, at, count)
    return count, total


@compiled
def _emit(found, at, count, limits, scales, places, values):
    """Write the entries above the thresholds, scaled by their sign's lambda; how many."""
    kept, up, down = np.uint64(0), limits[0], -limits[1]
    for i in range(np.uint64(count)):
        places[kept], values[kept] = at[i], found[i]
        kept += np.uint64((found[i] > up) | (found[i] < down))
    for i in range(kept):
        values[i] = values[i] * (scales[0] if values[i] > 0 else scales[1])
    return np.int64(kept)


@compiled
def _order(places, values, positions, slots, into_places, into_values):
    """Write the entries of one sample in the order of their channels, which keep theirs of positions.

    What reads the list then reads each tensor from front to back.
    """
    if positions == 1:  # they are in this order
        into_places[: len(places)], into_values[: len(places)] = places, values
        return
    positions = np.uint32(positions)
    _begin_channels(places, positions, slots)
    for k in range(len(places)):
        c = np.uint32(places[k]) // positions
        into_places[slots[c]], into_values[slots[c]] = places[k], values[k]
        slots[c] += 1


@compiled
def _prune(found, found_bits, at, count, cut, sums, crossing, row, places, values):
    """Write the entries that are left, rescaled unless by PLRP-M; how many."""
    what, share_up, share_down = cut
    up, down, scales = found.dtype.type(0), found.dtype.type(0), (1.0, 1.0)
    if what != LIST:
        up, down = _cut(found, found_bits, count, share_up, share_down, sums, crossing, row)
    if what == LAMBDA:
        scales = row[SCALE_UP], row[SCALE_DOWN]
    kept = _emit(found, at, count, (up, down), scales, places, values)
    row[AFTER] = kept
    return kept


@compiled
def _list(line, cut, scratch, row, out, sample):
    """List what is left of one sample's relevance."""
    at, found, found_bits, crossing, sums = scratch
    starts, stops, places, values = out
    to = starts[sample]
    row[MASS] = _sum(line)
    count = _collect(line, np.int32(0), np.int32(1), found, at, 0)
    kept = _prune(found, found_bits, at, count, cut, sums, crossing, row, places[to:], values[to:])
    stops[sample] = to + kept


@compiled
def _apart(turned, found, at, count, limits, row_of, left, kept_rows):
    """Into `left` only the inputs whose relevance is above the thresholds; how many. Their places move to the front."""
    kept, up, down, positions = np.uint64(0), limits[0], -limits[1], np.uint32(len(row_of))
    for i in range(np.uint64(count)):
        at[kept] = at[i]
        kept += np.uint64((found[i] > up) | (found[i] < down))
    for i in range(kept):
        c = np.uint32(at[i]) // positions
        row = row_of[np.uint32(at[i]) - c * positions]
        left[row, c], kept_rows[row] = turned[row, c], True
    return np.int64(kept)


@compiled
def linear(x, z, rows, onto, shape, terms, cut, bits, dense, out, statistics, samples):
    """Relevance of a linear call's input, for the samples from samples[0] to samples[1].

    x (n, channels, positions); z (n, outputs), flat; rows: relevance of the output as (starts, stops, places, values);
    onto: the same of the input, to add to; shape: (stride, dilation, taps, before, after, output positions); terms: see
    `genoplrp.lrp.sparse.terms`; cut: (what, share of positive mass, share of negative mass). bits: an empty array of
    integers of x's size. Without a cut the result is added to dense (n, channels, positions); with one it is written
    to the lists `out`, whose starts are given. statistics (n, STATISTICS) are filled in.
    """
    starts, stops, places, values = rows
    onto_starts, onto_stops, onto_places, onto_values = onto
    out_starts, out_stops, out_places, out_values = out
    _, _, taps, before, after, outputs = shape
    what = cut[0]
    channels, positions = x.shape[1], x.shape[2]
    size, begin = channels * positions, np.empty(outputs, np.int32)
    padded = np.empty(before + positions + after, np.int32)
    height = _lay_out(shape, channels, padded, begin)
    row_of = padded[before : before + positions]

    turned, into = np.zeros((height, channels), x.dtype), np.zeros((height, channels), x.dtype)
    left, kept_rows = np.zeros((height if what == MASK else 0, channels), x.dtype), np.zeros(height, np.bool_)
    hit, touched = np.zeros(outputs, np.bool_), np.zeros(height, np.bool_)
    most = np.max(stops[samples[0] : samples[1]] - starts[samples[0] : samples[1]])
    slots, shares = np.zeros(terms[0].shape[1] + 1, np.int64), np.empty(most, x.dtype)
    channel_slots = np.zeros(channels + 1, np.int64)
    entries = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, x.dtype)
    at, found, found_bits, crossing, sums = _scratch(size, x, bits)

    for sample in range(samples[0], samples[1]):
        mine, added = slice(starts[sample], stops[sample]), slice(onto_starts[sample], onto_stops[sample])
        number, row = stops[sample] - starts[sample], statistics[sample]
        _by_channel(places[mine], values[mine], begin, slots, entries, hit)
        _mark(hit, begin, touched, channels, taps)
        _fill(x[sample], turned, touched, row_of)
        row[PASSED] = row[GIVEN] = _spread(
            turned.ravel(), z[sample], entries, number, shares, into.ravel(), terms, False
        )
        _weigh(turned, into, touched)
        if what != MASK:
            _put(into, touched, row_of, onto_places[added], onto_values[added])
        count, row[MASS] = _gather(into, touched, row_of, found, at)
        if what == MASK:
            limits = _cut(found, found_bits, count, cut[1], cut[2], sums, crossing, row)
            row[AFTER] = count
            if row[DROPPED_UP] + row[DROPPED_DOWN] > 0:
                row[AFTER] = _apart(turned, found, at, count, limits, row_of, left, kept_rows)
                _zero(into, touched)
                row[PASSED] = _spread(left.ravel(), z[sample], entries, number, shares, into.ravel(), terms, True)
                _weigh(left, into, touched)
                _clear(left, kept_rows)
            # What other calls handed the input is not pruned by this one.
            _put(into, touched, row_of, onto_places[added], onto_values[added])
            count, _ = _gather(into, touched, row_of, found, at)
        _clear(into, touched)
        if what == NO_CUT:
            target = dense[sample].ravel()
            for i in range(count):
                target[at[i]] += found[i]
            continue
        if what != MASK:
            count = _prune(found, found_bits, at, count, cut, sums, crossing, row, at, found)
        to = out_starts[sample]
        _order(at[:count], found[:count], positions, channel_slots, out_places[to:], out_values[to:])
        out_stops[sample] = to + count


@compiled
def divide(sums, table, z, rows, biases, term, shares, statistics, samples):
    """Add to shares (n, outputs) what a unit of an output's inputs is handed: its relevance by its denominator.

    sums (n, outputs): the denominators, but for `table`, where that is not empty, to be taken from them; z: the
    call's outputs; biases: of the term, by channel; term: (factor, sign, epsilon) as in `genoplrp.lrp.sparse.terms`.
    PASSED and GIVEN are added to the statistics.
    """
    starts, stops, places, values = rows
    factor, sign, epsilon = term
    outputs, biased = np.uint32(z.shape[1] // len(biases)), np.any(biases != 0)
    for sample in range(samples[0], samples[1]):
        passed = 0.0
        for k in range(starts[sample], stops[sample]):
            place = np.uint32(places[k])
            if sign != 0 and _is_other(z[sample, place], sign):
                continue
            total = sums[sample, place]
            if len(table):
                total -= table[place]
            share = sums.dtype.type(factor * values[k] / _stable(total, epsilon))
            shares[sample, place] += share
            passed += share * (total - (biases[place // outputs] if biased else 0))
        statistics[sample, PASSED] += passed
        statistics[sample, GIVEN] += passed


@compiled
def weigh(x, multipliers, onto, cut, bits, out, statistics, samples):
    """List relevance as `linear` does: inputs (n, k) times multipliers (n, k).

    Of PLRP-M this is the first half, what is kept: its relevance is to be computed again from these inputs.
    """
    starts, stops, places, values = onto
    scratch, line = _scratch(x.shape[1], x, bits), np.empty(x.shape[1], x.dtype)
    for sample in range(samples[0], samples[1]):
        inputs, slopes = x[sample], multipliers[sample]
        for i in range(len(line)):
            line[i] = inputs[i] * slopes[i]
        for k in range(starts[sample], stops[sample]):
            line[np.uint32(places[k])] += values[k]
        _list(line, cut, scratch, statistics[sample], out, sample)


@compiled
def totals(starts, stops, values, into):
    """Write each sample's sum."""
    for sample in range(len(into)):
        into[sample] = _sum(values[starts[sample] : stops[sample]])


@compiled
def whole(rows, into):
    """Add the entries to a tensor (n, k)."""
    starts, stops, places, values = rows
    for sample in range(len(into)):
        for k in range(starts[sample], stops[sample]):
            into[sample, np.uint32(places[k])] += values[k]


@compiled
def select(relevance, cut, bits, out, statistics, samples):
    """The entries of relevance (n, k) that are not 0, or those kept by PLRP-lambda, as `linear` lists them."""
    scratch = _scratch(relevance.shape[1], relevance, bits)
    for sample in range(samples[0], samples[1]):
        _list(relevance[sample], cut, scratch, statistics[sample], out, sample)
