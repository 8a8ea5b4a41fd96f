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
MANY = 16384
"""Of more numbers than so many it pays to guess what is small from a sample."""
SAMPLE, SAFE = 2048, 0.5
"""How many numbers that guess reads, and how much of the share that may go it aims at."""
PART = 256
"""So many numbers are gone through loop by loop, the later times in the nearest cache."""
TOGETHER = 16
"""So many numbers in single precision are a line of the cache."""
NEAR = 65536
"""Up to so many bytes of weights stay in the nearest caches beside the inputs of a few outputs."""
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
def _threshold(values, bits, count, shift, sums, first, sign, share, below, crossing):
    """(threshold, mass, mass dropped) of a sign's numbers, of which the smallest may go while they sum to share * mass.

    sums: by bucket of this sign, the first of which has the number `first`; below: what smaller numbers than these come
    to, which all go. The numbers of the bucket in which the sum crosses are taken in order. Equal numbers go together
    or not at all; the largest stay, however close to 1 the share is and whatever sums are rounded to.
    """
    total, top = below, -1
    for b in range(len(sums)):
        if sums[b] != 0.0:
            total, top = total + sign * sums[b], b
    if top < 0:
        return values.dtype.type(0), total, 0.0
    budget, dropped, last = share * total, below, top
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
def _crossing(sums, sign, share):
    """The bucket in which a sign's sum, by bucket, crosses this share of it; 0 where there is none."""
    allowed = share * np.sum(sums)
    for b in range(len(sums)):
        allowed -= sums[b]
        if sign * allowed < 0:
            return b
    return 0


@compiled
def _floors(line, cut, scratch):
    """(up, down): sizes below which numbers are likely to go by far, from a sample of the line."""
    _, found, found_bits, _, sums = scratch
    _, share_up, share_down = cut
    shift = np.uint64(20 if line.itemsize == 4 else 49)  # buckets of an eighth of an exponent's numbers
    step, half = np.uint64(len(line) // SAMPLE | 1), len(sums) >> 1
    sums[:] = 0.0
    for i in range(np.uint64(0), np.uint64(len(line)), step):
        found[0] = line[i]
        sums[found_bits[0] >> shift] += line[i]
    # Where a bucket begins: its number are the first bits of the smallest number in it.
    found_bits[0] = np.uint64(_crossing(sums[:half], 1.0, SAFE * share_up)) << shift
    found_bits[1] = np.uint64(_crossing(sums[half:], -1.0, SAFE * share_down)) << shift
    return np.nextafter(found[0], line.dtype.type(0)), np.nextafter(found[1], line.dtype.type(0))


@compiled
def _masses(part, floors):
    """(sum, positive mass up to its floor, negative mass up to its own, how many are not 0) of a part of a line."""
    nothing, one, up, down = part.dtype.type(0), part.dtype.type(1), floors[0], -floors[1]
    total, small_up, small_down, number = 0.0, 0.0, 0.0, nothing
    for i in range(np.uint64(len(part))):
        total += part[i]
        small_up += max(part[i], nothing) if part[i] <= up else nothing
        small_down += min(part[i], nothing) if part[i] >= down else nothing
        number += one if part[i] != nothing else nothing
    return total, small_up, small_down, number


@compiled
def _collect(line, floors, found, at):
    """Collect what is beyond the floors, with its places: (number, masses as `_masses` has them)."""
    count, up, down, beyond = np.uint64(0), floors[0], -floors[1], np.empty(PART, np.uint8)
    total, small_up, small_down, number = 0.0, 0.0, 0.0, 0.0
    for first in range(np.uint64(0), np.uint64(len(line)), np.uint64(PART)):
        part = line[first : first + np.uint64(PART)]
        a, b, c, d = _masses(part, floors)
        total, small_up, small_down, number = total + a, small_up + b, small_down + c, number + d
        for i in range(np.uint64(len(part))):  # apart from the next loop, so that it uses vectors
            beyond[i] = (part[i] > up) | (part[i] < down)
        for i in range(np.uint64(len(part))):
            at[count] = first + i
            count += np.uint64(beyond[i])
    for k in range(count):
        found[k] = line[np.uint32(at[k])]
    return np.int64(count), (total, small_up, small_down, number)


@compiled
def _by_bucket(line, floors, scratch):
    """Collect what is beyond the floors and sum it up by bucket: (number, bits a bucket leaves out, sums, masses).

    A bucket holds the numbers of one sign and exponent (and three more bits, where there are many; of one sign, where
    there are very few).
    """
    at, values, bits, _, sums = scratch
    count, masses = _collect(line, floors, values, at)
    sign_bit, exponent = (31, 23) if values.itemsize == 4 else (63, 52)
    shift = np.uint64(sign_bit if count <= VERY_FEW else exponent if count <= FEW else exponent - 3)
    sums = sums[: 1 << (sign_bit + 1 - shift)]
    sums[:] = 0.0
    for i in range(np.uint64(count)):
        sums[bits[i] >> shift] += values[i]
    return count, shift, sums, masses


@compiled
def _cut(line, cut, scratch, row):
    """Collect what may be left of signed relevance: (number, thresholds (up, down)); the statistics are written.

    First what is small beyond doubt goes, unless that was a wrong guess. Of the rest two passes: mass by bucket, then
    the numbers of one bucket a sign. What is not a number is neither small nor collected: MASS tells.
    """
    _, values, bits, crossing, _ = scratch
    nothing, (_, share_up, share_down) = line.dtype.type(0), cut
    floors = _floors(line, cut, scratch) if len(line) > MANY else (nothing, nothing)
    count, shift, sums, (total, small_up, small_down, number) = _by_bucket(line, floors, scratch)
    half = len(sums) >> 1
    mass_up, mass_down = small_up + np.sum(sums[:half]), small_down + np.sum(sums[half:])
    if small_up > share_up * mass_up or small_down < share_down * mass_down:  # a wrong guess
        floors = nothing, nothing
        count, shift, sums, (total, small_up, small_down, number) = _by_bucket(line, floors, scratch)
        half = len(sums) >> 1
    row[BEFORE] = number
    row[MASS] += total
    up, mass, dropped = _threshold(values, bits, count, shift, sums[:half], 0, 1.0, share_up, small_up, crossing)
    row[DROPPED_UP], row[SCALE_UP] = dropped, mass / (mass - dropped) if dropped > 0 else 1.0
    down, mass, dropped = _threshold(
        values, bits, count, shift, sums[half:], half, -1.0, share_down, -small_down, crossing
    )
    row[DROPPED_DOWN], row[SCALE_DOWN] = dropped, mass / (mass - dropped) if dropped > 0 else 1.0
    return count, (max(up, floors[0]), max(down, floors[1]))


@compiled
def _dots(x, weight, bias, entries, count, length, channels, into):
    """Write the sums of the outputs' contributions: their inputs times their weights, four outputs at a time."""
    last = np.uint64(count - 1)
    for j in range(np.uint64(0), np.uint64(count), np.uint64(4)):
        # Fewer than four at the end: the last is taken again. All are to be summed up in one way, or equal ones differ.
        k, m, n = min(j + np.uint64(1), last), min(j + np.uint64(2), last), min(j + np.uint64(3), last)
        a, b = np.uint64(entries[j, 1]) * channels, np.uint64(entries[k, 1]) * channels
        c, d = np.uint64(entries[m, 1]) * channels, np.uint64(entries[n, 1]) * channels
        e, f = np.uint64(entries[j, 2]) * length, np.uint64(entries[k, 2]) * length
        g, h = np.uint64(entries[m, 2]) * length, np.uint64(entries[n, 2]) * length
        one, two, three, four = x.dtype.type(0), x.dtype.type(0), x.dtype.type(0), x.dtype.type(0)
        for i in range(length):
            one += x[a + i] * weight[e + i]
            two += x[b + i] * weight[f + i]
            three += x[c + i] * weight[g + i]
            four += x[d + i] * weight[h + i]
        into[entries[j, 0]], into[entries[k, 0]] = one + bias[entries[j, 2]], two + bias[entries[k, 2]]
        into[entries[m, 0]], into[entries[n, 0]] = three + bias[entries[m, 2]], four + bias[entries[n, 2]]


@compiled
def _stable(z, epsilon):
    """z away from 0 by epsilon; at epsilon = 0 nothing is divided by 0."""
    if epsilon == 0 and z == 0:
        return np.inf
    return z + epsilon if z >= 0 else z - epsilon


@compiled
def _line_up(places, row_at, filters, last, by_row, slots, entries, channel, row, hit):
    """Write the outputs in the order in which they are taken, as (number in the list, first row read, channel).

    by_row: row by row, where all weights stay in the nearest caches; else channel by channel. Either way all inputs add
    up their outputs in the same order, so that repeats of a sequence tie exactly. channel and row are written in the
    list's order; hit: by output position. last: whether the outputs lie position by position.
    """
    beside, outer, first = np.uint32(filters if last else len(row_at)), np.uint32(0), np.uint32(0)
    keys = row if by_row else channel
    slots[:] = 0
    for k in range(np.uint64(len(places))):
        place = np.uint32(places[k])
        if np.uint32(place - first) >= beside:
            outer = np.uint32(place // beside)
            first = np.uint32(outer * beside)
        inner = np.uint32(place - first)
        c, t = (inner, outer) if last else (outer, inner)
        channel[k], row[k], hit[t] = c, row_at[t], True
        slots[np.uint32(keys[k]) + 1] += 1
    for key in range(1, len(slots)):
        slots[key] += slots[key - 1]
    for k in range(np.uint64(len(places))):
        key = np.uint32(keys[k])
        j = np.uint64(slots[key])
        slots[key] += 1
        entries[j, 0], entries[j, 1], entries[j, 2] = k, row[k], channel[k]


@compiled
def _is_other(z, sign):
    """Whether a term for outputs of one sign leaves this output out; 0 counts as positive."""
    return z < 0 if sign > 0 else z >= 0


@compiled
def _own(z, places, entries, count, sign, own):
    """Write the entries that a term for outputs of one sign does not leave out; how many."""
    kept = np.uint64(0)
    for j in range(np.uint64(count)):
        own[kept, 0], own[kept, 1], own[kept, 2] = entries[j, 0], entries[j, 1], entries[j, 2]
        kept += np.uint64(not _is_other(z[np.uint32(places[np.uint32(entries[j, 0])])], sign))
    return np.int64(kept)


@compiled
def _divide(z, places, values, channel, shares, term, bias):
    """Write over the sums what a unit of an output's inputs is handed; returns the relevance that is handed down.

    Where a term leaves an output out, what stands there is no share of it and is not read.
    """
    factor, sign, epsilon = term
    passed = 0.0
    for k in range(np.uint64(len(places))):
        if sign != 0 and _is_other(z[np.uint32(places[k])], sign):
            continue
        total = shares[k]
        shares[k] = factor * values[k] / _stable(total, epsilon)
        passed += shares[k] * (total - bias[np.uint32(channel[k])])
    return passed


@compiled
def _add_all(entries, count, shares, into, weight, length, channels, by_row):
    """All outputs of one sample add their shares times their weights to the multipliers of their inputs."""
    j, count = np.uint64(0), np.uint64(count)
    while j < count:
        k, m, n = j + np.uint64(1), j + np.uint64(2), j + np.uint64(3)
        row = entries[j, 1]
        start, a = np.uint64(row) * channels, np.uint64(entries[j, 2]) * length
        one = shares[np.uint32(entries[j, 0])]
        if by_row and n < count and entries[n, 1] == row:
            b, two = np.uint64(entries[k, 2]) * length, shares[np.uint32(entries[k, 0])]
            c, three = np.uint64(entries[m, 2]) * length, shares[np.uint32(entries[m, 0])]
            d, four = np.uint64(entries[n, 2]) * length, shares[np.uint32(entries[n, 0])]
            for i in range(length):
                into[start + i] += (
                    one * weight[a + i] + two * weight[b + i] + three * weight[c + i] + four * weight[d + i]
                )
            j += np.uint64(4)
        elif by_row and k < count and entries[k, 1] == row:
            b, two = np.uint64(entries[k, 2]) * length, shares[np.uint32(entries[k, 0])]
            for i in range(length):
                into[start + i] += one * weight[a + i] + two * weight[b + i]
            j += np.uint64(2)
        else:
            for i in range(length):
                into[start + i] += one * weight[a + i]
            j += np.uint64(1)


@compiled
def _spread(x, z, places, values, lined, shares, into, terms, again):
    """All outputs of one sample add to the multipliers of their inputs; returns the relevance that they hand down.

    First all shares, then all that they add: neither has to wait for the other. `again`: x is not what z was computed
    from, so that z is not read.
    """
    weights, biases, factors, signs, given, epsilon, table = terms
    entries, own, channel, by_row = lined
    channels, length, passed = np.uint64(x.shape[1]), np.uint64(weights.shape[2]), 0.0
    known = (given or len(table) > 0) and not again
    for term in range(len(weights)):
        weight, sign = weights[term].ravel(), signs[term]
        taken, count = entries, len(places)
        if sign != 0:
            taken, count = own, _own(z, places, entries, count, sign, own)
        bias = biases[term]
        if known:
            for k in range(np.uint64(len(places))):
                place = np.uint32(places[k])
                shares[k] = z[place] - (table[place] if len(table) else 0)
        else:
            _dots(x.ravel(), weight, bias, taken, count, length, channels, shares)
        passed += _divide(z, places, values, channel, shares, (factors[term], sign, epsilon), bias)
        _add_all(taken, count, shares, into.ravel(), weight, length, channels, by_row)
    return passed


@compiled
def _lay_out(shape, rows, row_at):
    """Write the row of each padded input position and the first that an output position reads; the number of rows.

    Positions that a dilated call reads together lie beside each other, as those of any other call do.
    """
    stride, dilation, _, _, _, outputs = shape
    each = (len(rows) + dilation - 1) // dilation
    for t in range(len(rows)):
        rows[t] = t % dilation * each + t // dilation
    for t in range(outputs):
        row_at[t] = rows[t * stride]
    return each * dilation


@compiled
def _mark(hit, row_at, touched, taps, row_of, seen):
    """Mark the rows that the outputs at the marked positions read; the marks of the outputs are cleared.

    Writes the input positions that lie there; how many.
    """
    for t in range(len(hit)):
        if hit[t]:
            hit[t] = False
            touched[row_at[t] : row_at[t] + taps] = True
    number = np.uint64(0)
    for t in range(len(row_of)):
        seen[number] = t
        number += np.uint64(touched[row_of[t]])
    return np.int64(number)


@compiled
def _zero(rows, touched):
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
def _room(rows, columns, like):
    """Memory (rows, columns) that begins with a line of the cache: else every other load of a vector meets two."""
    memory = np.empty(rows * columns + 64 // like.itemsize, like.dtype)
    first = -memory.ctypes.data % 64 // like.itemsize
    return memory[first : first + rows * columns].reshape(rows, columns)


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
def _put(line, places, values):
    """Add relevance by its places."""
    for k in range(np.uint64(len(places))):
        line[np.uint32(places[k])] += values[k]


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
def _list(line, cut, scratch, row, out, sample):
    """List what is left of one sample's relevance, rescaled unless by PLRP-M."""
    at, found, _, _, _ = scratch
    starts, stops, places, values = out
    to, nothing, scales = starts[sample], line.dtype.type(0), (1.0, 1.0)
    if cut[0] == LIST:
        limits = nothing, nothing
        count, masses = _collect(line, limits, found, at)
        row[MASS] += masses[0]
    else:
        count, limits = _cut(line, cut, scratch, row)
    if cut[0] == LAMBDA:
        scales = row[SCALE_UP], row[SCALE_DOWN]
    kept = _emit(found, at, count, limits, scales, places[to:], values[to:])
    if cut[0] != LIST:
        row[AFTER] = kept
    stops[sample] = to + kept


@compiled
def _relevance(x, multiplier, seen, row_of, last, relevance):
    """Relevance of the positions seen, in the order of the inputs' memory."""
    if last:
        _weigh_rows(x, multiplier, seen, row_of, relevance)
    else:
        _turn_back(x, multiplier, seen, row_of, relevance)


@compiled
def _apart(turned, found, at, count, limits, row_of, last, left):
    """Into `left` only the inputs whose relevance is above the thresholds; how many."""
    kept, up, down = np.uint64(0), limits[0], -limits[1]
    for i in range(np.uint64(count)):
        at[kept] = at[i]
        kept += np.uint64((found[i] > up) | (found[i] < down))
    beside, outer, first = np.uint32(turned.shape[1] if last else len(row_of)), np.uint32(0), np.uint32(0)
    for i in range(kept):
        place = np.uint32(at[i])
        if np.uint32(place - first) >= beside:
            outer = np.uint32(place // beside)
            first = np.uint32(outer * beside)
        inner = np.uint32(place - first)
        c, position = (inner, outer) if last else (outer, inner)
        row = row_of[position]
        left[row, c] = turned[row, c]
    return np.int64(kept)


@compiled
def linear(x, z, last, rows, onto, shape, terms, cut, bits, dense, out, statistics, samples):
    """Relevance of a linear call's input, for the samples from samples[0] to samples[1].

    x (n, channels, positions) or (n, positions, channels); z (n, outputs), flat; last: for x and for z whether they lie
    position by position, in which order what is listed of them lies, too; rows: relevance of the output as (starts,
    stops, places, values); onto: the same of the input, to add to; shape: (stride, dilation, taps, before, after,
    output positions); terms: see `genoplrp.lrp.sparse.terms`; cut: (what, share of positive mass, share of negative
    mass). bits: an empty array of integers of x's size. Without a cut the result is added to dense, of x's shape; with
    one it is written to the lists `out`, whose starts are given. statistics (n, STATISTICS) are filled in.
    """
    starts, stops, places, values = rows
    onto_starts, onto_stops, onto_places, onto_values = onto
    _, _, taps, before, after, outputs = shape
    what, filters, length = cut[0], terms[0].shape[1], terms[0].shape[2]
    channels, positions = (x.shape[2], x.shape[1]) if last[0] else (x.shape[1], x.shape[2])
    padded, row_at = np.empty(before + positions + after, np.int32), np.empty(outputs, np.int32)
    height = _lay_out(shape, padded, row_at)
    row_of = padded[before : before + positions]

    turned, into = _room(height, channels, x), _room(height, channels, x)
    relevance = _room(x.shape[1], x.shape[2], x)
    left, line = _room(height if what == MASK else 0, channels, x), relevance.ravel()
    for t in range(before + after):  # padding is read as 0, whatever the memory held
        turned[padded[t if t < before else t + positions]] = 0
    hit, touched, seen = np.zeros(outputs, np.bool_), np.zeros(height, np.bool_), np.empty(positions + 1, np.int32)
    by_row = filters * length * x.itemsize <= NEAR
    slots = np.zeros((height if by_row else filters) + 1, np.int64)
    most = np.max(stops[samples[0] : samples[1]] - starts[samples[0] : samples[1]])
    entries, own = np.empty((most, 3), np.int32), np.empty((most if np.any(terms[3] != 0) else 0, 3), np.int32)
    channel, row_in, shares = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, x.dtype)
    scratch = _scratch(len(line), x, bits)

    for sample in range(samples[0], samples[1]):
        mine, added = slice(starts[sample], stops[sample]), slice(onto_starts[sample], onto_stops[sample])
        row, own_places, own_values = statistics[sample], places[mine], values[mine]
        _line_up(own_places, row_at, filters, last[1], by_row, slots, entries, channel, row_in, hit)
        lined = entries, own, channel, by_row
        some = seen[: _mark(hit, row_at, touched, taps, row_of, seen)]
        if last[0]:
            _copy_rows(x[sample], turned, some, row_of)
        else:
            _turn(x[sample], turned, some, row_of)
        _zero(into, touched)
        row[PASSED] = row[GIVEN] = _spread(turned, z[sample], own_places, own_values, lined, shares, into, terms, False)
        if len(some) < positions:
            line[:] = 0
        _relevance(turned, into, some, row_of, last[0], relevance)
        if what == MASK:
            count, limits = _cut(line, cut, scratch, row)
            row[AFTER] = row[BEFORE]
            if row[DROPPED_UP] + row[DROPPED_DOWN] > 0:
                _zero(left, touched)
                row[AFTER] = _apart(turned, scratch[1], scratch[0], count, limits, row_of, last[0], left)
                _zero(into, touched)
                row[PASSED] = _spread(left, z[sample], own_places, own_values, lined, shares, into, terms, True)
                _relevance(left, into, some, row_of, last[0], relevance)
        touched[:] = False
        # What other calls handed the input is not pruned by PLRP-M.
        _put(line, onto_places[added], onto_values[added])
        if what == NO_CUT:
            row[MASS] += _sum(line)
            dense[sample] += relevance
        else:
            _list(line, (LIST, 0.0, 0.0) if what == MASK else cut, scratch, row, out, sample)


@compiled
def divide(sums, table, z, last, rows, biases, term, shares, statistics, samples):
    """Add to shares (n, outputs) what a unit of an output's inputs is handed: its relevance by its denominator.

    sums (n, outputs): the denominators, but for `table`, where that is not empty, to be taken from them; z: the
    call's outputs, last: whether they lie position by position; biases: of the term, by channel; term: (factor, sign,
    epsilon) as in `genoplrp.lrp.sparse.terms`. PASSED and GIVEN are added to the statistics.
    """
    starts, stops, places, values = rows
    factor, sign, epsilon = term
    filters, biased = np.uint32(len(biases)), np.any(biases != 0)
    outputs = np.uint32(z.shape[1] // filters)
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
            passed += share * (total - (biases[place % filters if last else place // outputs] if biased else 0))
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
        _put(line, places[starts[sample] : stops[sample]], values[starts[sample] : stops[sample]])
        _list(line, cut, scratch, statistics[sample], out, sample)


@compiled
def turn_places(rows, sides, into, samples):
    """Write the places of matrices whose rows become columns; sides: (how long a row is, how many there are)."""
    starts, stops, places, _ = rows
    inner, outer = np.uint32(sides[0]), np.uint32(sides[1])
    for sample in range(samples[0], samples[1]):
        for k in range(starts[sample], stops[sample]):
            line = np.uint32(places[k]) // inner
            into[k] = (np.uint32(places[k]) - line * inner) * outer + line


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
        mine = slice(starts[sample], stops[sample])
        _put(into[sample], places[mine], values[mine])


@compiled
def select(relevance, cut, bits, out, statistics, samples):
    """The entries of relevance (n, k) that are not 0, or those kept by PLRP-lambda, as `linear` lists them."""
    scratch = _scratch(relevance.shape[1], relevance, bits)
    for sample in range(samples[0], samples[1]):
        _list(relevance[sample], cut, scratch, statistics[sample], out, sample)
