"""What of a sample's relevance is kept: thresholds without sorting.

What is small beyond doubt is guessed from a sample and goes while the sums of it are checked; of the rest the masses by
bucket of the numbers' first bits; of the one bucket in which the sum crosses the share the same by the next bits, until
so few are left that they are taken in order. Exact, ties included.
"""

import numpy as np

from genoplrp.lrp.sparse.kernels.columns import (
    AFTER,
    BEFORE,
    DROPPED_DOWN,
    DROPPED_UP,
    LAMBDA,
    LIST,
    ODD,
    SCALE_DOWN,
    SCALE_UP,
)
from genoplrp.lrp.sparse.kernels.compiled import allocating, compiled, inlined
from genoplrp.lrp.sparse.kernels.lists import sum_of
from genoplrp.lrp.sparse.kernels.queue import drain
from genoplrp.lrp.sparse.kernels.vectors import append_places

FEW = 4096
"""Up to so many numbers, buckets of one exponent are fine enough."""
MANY = 16384
"""Of more numbers than so many it pays to guess what is small from a sample."""
SAMPLE, SAFE = 2048, 0.5
"""How many numbers that guess reads, and how much of the share that may go it aims at."""
PART = 256
"""So many numbers are gone through loop by loop, the later times in the nearest cache."""
VERY_FEW = 48
"""Up to so many, a bucket a sign, taken in order."""
FINER = 8
"""By so many more bits the numbers of a bucket are told apart."""


@allocating
def scratch_for(size, like, bits):
    """Memory for a sample's entries and for cutting them.

    (places, values, the same as integers), (sizes of a bucket's values, the same as integers), (sums by bucket, sums by
    finer bucket), (flags, places of those set).
    """
    at, found, sizes = np.empty(size, np.int32), np.empty(size, bits.dtype), np.empty(size, bits.dtype)
    sums = np.empty(1 << (12 if like.itemsize == 4 else 15)), np.empty(1 << FINER)
    flags = np.empty(PART, np.uint8), np.empty(PART, np.int32)
    return (at, found.view(like.dtype), found), (sizes.view(like.dtype), sizes), sums, flags


@compiled
def _sort(values):
    """Sort a few numbers in place, by insertion."""
    for i in range(1, len(values)):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


@inlined
def _of_bucket(values, bits, count, shift, bucket, flags, sizes):
    """Write the sizes of the numbers of one bucket, over the numbers themselves if need be; how many."""
    filled, (chosen, some) = np.uint64(0), flags
    for first in range(np.uint64(0), np.uint64(count), np.uint64(PART)):
        number = min(np.uint64(PART), np.uint64(count) - first)
        for i in range(number):
            chosen[i] = (bits[first + i] >> shift) == bucket
        number = append_places(chosen, number, first, some, np.uint64(0))
        for k in range(number):
            sizes[filled + k] = abs(values[np.uint32(some[k])])
        filled += number
    return filled


@compiled
def _crossed(sums, sign, dropped, budget):
    """(the bucket in which what is dropped, from the first on, exceeds the budget; what went before; if it is the top).

    The top is the last that holds anything; it is -1 where none does.
    """
    top = len(sums) - 1
    while top >= 0 and sums[top] == 0.0:
        top -= 1
    for b in range(top):
        if dropped + sign * sums[b] > budget:
            return b, dropped, False
        dropped += sign * sums[b]
    return top, dropped, True


@inlined
def _narrowed(scratch, number, shift, dropped, budget):
    """Leave of the bucket's sizes those of the finer bucket in which the sum crosses the budget, in order.

    Returns (number, what goes before, whether none is larger).
    """
    _, (sizes, bits), (_, sums), flags = scratch
    is_top = True
    while number > np.uint64(VERY_FEW) and shift > np.uint64(0):
        step = min(shift, np.uint64(FINER))
        shift -= step
        ours = bits[0] >> (shift + step) << step  # the first bits, which all of them have
        sums[:] = 0.0
        for i in range(number):
            sums[(bits[i] >> shift) - ours] += sizes[i]
        bucket, dropped, last = _crossed(sums, 1.0, dropped, budget)
        is_top = is_top and last
        number = _of_bucket(sizes, bits, number, shift, ours + np.uint64(bucket), flags, sizes)
    if shift > np.uint64(0):  # else all are equal
        _sort(sizes[:number])
    return number, dropped, is_top


@inlined
def _threshold(scratch, count, shift, sums, first, sign, budget, below):
    """(threshold, mass dropped) of a sign's numbers, of which the smallest may go while they sum to the budget.

    sums: by bucket of this sign, the first of which has the number `first`; below: what smaller numbers than these come
    to, which all go. Equal numbers go together or not at all; the largest stay, however close to the whole the budget
    is and whatever sums are rounded to.
    """
    (_, values, bits), (sizes, _), _, flags = scratch
    bucket, dropped, is_top = _crossed(sums, sign, below, budget)
    if bucket < 0:
        return values.dtype.type(0), 0.0
    number = _of_bucket(values, bits, count, shift, np.uint64(first + bucket), flags, sizes)
    number, dropped, last = _narrowed(scratch, number, shift, dropped, budget)
    ordered = sizes[:number]
    # Anything between what is below and these numbers: what is below goes.
    limit = np.nextafter(ordered[0], values.dtype.type(0))
    most = ordered[-1] if is_top and last else np.inf
    i = 0
    while i < len(ordered) and ordered[i] < most:
        j, group = i, 0.0
        while j < len(ordered) and ordered[j] == ordered[i]:
            group += ordered[j]
            j += 1
        if dropped + group > budget:
            break
        dropped, limit, i = dropped + group, ordered[i], j
    return limit, dropped


@compiled
def _floors(line, cut, scratch):
    """(up, down): sizes below which numbers are likely to go by far, from a sample of the line."""
    (_, found, found_bits), _, (sums, _), _ = scratch
    _, share_up, share_down = cut
    shift = np.uint64(20 if line.itemsize == 4 else 49)  # buckets of an eighth of an exponent's numbers
    step, half = np.uint64(len(line) // SAMPLE | 1), len(sums) >> 1
    sums[:] = 0.0
    for i in range(np.uint64(0), np.uint64(len(line)), step):
        found[0] = line[i]
        sums[found_bits[0] >> shift] += line[i]
    # Where a bucket begins: its number are the first bits of the smallest number in it.
    up, _, _ = _crossed(sums[:half], 1.0, 0.0, SAFE * share_up * np.sum(sums[:half]))
    down, _, _ = _crossed(sums[half:], -1.0, 0.0, -SAFE * share_down * np.sum(sums[half:]))
    found_bits[0], found_bits[1] = np.uint64(max(0, up)) << shift, np.uint64(max(0, down)) << shift
    return np.nextafter(found[0], line.dtype.type(0)), np.nextafter(found[1], line.dtype.type(0))


@compiled
def _count(part):
    """(0 or, where something is not finite, NaN; how many are above 0, how many below) of a part of a line."""
    nothing, one = part.dtype.type(0), part.dtype.type(1)
    odd, above, below = nothing, nothing, nothing
    for i in range(np.uint64(len(part))):
        odd += part[i] * nothing
        above += one if part[i] > nothing else nothing
        below += one if part[i] < nothing else nothing
    return odd, above, below


@compiled
def _up_to(part, floor):
    """Sum of the positive numbers up to a floor."""
    total, nothing = 0.0, part.dtype.type(0)
    for i in range(np.uint64(len(part))):
        total += part[i] if (part[i] > nothing) & (part[i] <= floor) else nothing
    return total


@compiled
def _down_to(part, floor):
    """Sum of the negative numbers down to a floor."""
    total, nothing = 0.0, part.dtype.type(0)
    for i in range(np.uint64(len(part))):
        total += part[i] if (part[i] < nothing) & (part[i] >= floor) else nothing
    return total


@compiled
def _beyond(part, limits, chosen):
    """Set the flags of the numbers above the first limit or, in size, below 0 above the second; clear the others'."""
    up, down = limits[0], -limits[1]
    for i in range(np.uint64(len(part))):
        chosen[i] = (part[i] > up) | (part[i] < down)


@compiled
def collect(line, floors, chosen, found, at):
    """Collect what is beyond the floors, with its places.

    Returns (number, (0 or NaN as of `_count`, positive mass up to its floor, negative mass up to its own, how many are
    not 0)).
    """
    count, up, down = np.uint64(0), floors[0], -floors[1]
    odd, small_up, small_down, number = 0.0, 0.0, 0.0, 0.0
    for first in range(np.uint64(0), np.uint64(len(line)), np.uint64(PART)):
        part = line[first : first + np.uint64(PART)]
        wrong, above, below = _count(part)
        odd, number = odd + wrong, number + (above + below)
        if above > 0 and up > 0:
            small_up += _up_to(part, up)
        if below > 0 and down < 0:
            small_down += _down_to(part, down)
        _beyond(part, floors, chosen)
        count = append_places(chosen, len(part), first, at, count)
    for k in range(count):
        found[k] = line[np.uint32(at[k])]
    return np.int64(count), (odd, small_up, small_down, number)


@compiled
def _list_whole(line, chosen, values, places):
    """List everything that is not 0, what is not finite included; how many.

    In half the time of `collect`, which counts by sign.
    """
    count = np.uint64(0)
    for first in range(np.uint64(0), np.uint64(len(line)), np.uint64(PART)):
        part = line[first : first + np.uint64(PART)]
        for i in range(np.uint64(len(part))):
            chosen[i] = part[i] != 0
        filled = append_places(chosen, len(part), first, places, count)
        for k in range(count, filled):
            values[k] = line[np.uint32(places[k])]
        count = filled
    return np.int64(count)


@inlined
def _by_bucket(line, floors, scratch):
    """Collect what is beyond the floors and sum it up by bucket: (number, bits a bucket leaves out, sums, `collect`'s).

    A bucket holds the numbers of one sign and exponent (and three more bits, where there are many; of one sign, where
    there are very few).
    """
    (at, values, bits), _, (sums, _), (chosen, _) = scratch
    count, counted = collect(line, floors, chosen, values, at)
    sign_bit, exponent = (31, 23) if values.itemsize == 4 else (63, 52)
    shift = np.uint64(sign_bit if count <= VERY_FEW else exponent if count <= FEW else exponent - 3)
    sums = sums[: 1 << (sign_bit + 1 - shift)]
    sums[:] = 0.0
    for i in range(np.uint64(count)):
        sums[bits[i] >> shift] += values[i]
    return count, shift, sums, counted


@compiled
def thresholds(line, cut, scratch, row):
    """The sizes (up, down) up to which a line's numbers go, behind the number of those collected that may stay.

    First what is small beyond doubt goes, unless that was a wrong guess. What is not a number is neither small nor
    collected: ODD tells. BEFORE and what goes of the masses are written to the sample's statistics, too.
    """
    nothing, (_, share_up, share_down) = line.dtype.type(0), cut
    floors = _floors(line, cut, scratch) if len(line) > MANY else (nothing, nothing)
    count, shift, sums, (odd, small_up, small_down, number) = _by_bucket(line, floors, scratch)
    half = len(sums) >> 1
    mass_up, mass_down = small_up + np.sum(sums[:half]), small_down + np.sum(sums[half:])
    if small_up > share_up * mass_up or small_down < share_down * mass_down:  # a wrong guess
        floors = nothing, nothing
        count, shift, sums, (odd, small_up, small_down, number) = _by_bucket(line, floors, scratch)
        half = len(sums) >> 1
    row[BEFORE] = number
    row[ODD] += odd + 0.0 * (mass_up + mass_down)  # finite numbers may add up to more than there is
    up, dropped = _threshold(scratch, count, shift, sums[:half], 0, 1.0, share_up * mass_up, small_up)
    row[DROPPED_UP], row[SCALE_UP] = dropped, mass_up / (mass_up - dropped) if dropped > 0 else 1.0
    down, dropped = _threshold(scratch, count, shift, sums[half:], half, -1.0, -share_down * mass_down, -small_down)
    row[DROPPED_DOWN], row[SCALE_DOWN] = dropped, -mass_down / (-mass_down - dropped) if dropped > 0 else 1.0
    return count, (max(up, floors[0]), max(down, floors[1]))


@inlined
def _emit(scratch, count, limits, scales, places, values):
    """Write the entries beyond the thresholds, scaled by their sign's lambda; how many."""
    (at, found, _), _, _, (chosen, some) = scratch
    kept = np.uint64(0)
    for first in range(np.uint64(0), np.uint64(count), np.uint64(PART)):
        part = found[first : min(first + np.uint64(PART), np.uint64(count))]
        _beyond(part, limits, chosen)
        number = append_places(chosen, len(part), np.uint64(0), some, np.uint64(0))
        for k in range(number):
            places[kept + k] = at[first + np.uint32(some[k])]
        for k in range(number):
            values[kept + k] = part[np.uint32(some[k])]
        for k in range(number):
            values[kept + k] *= scales[0] if values[kept + k] > 0 else scales[1]
        kept += number
    return np.int64(kept)


@compiled
def list_line(line, cut, scratch, row, out, sample):
    """List what is left of one sample's relevance, rescaled unless by PLRP-M."""
    starts, stops, places, values, sums = out
    to, scales = starts[sample], (1.0, 1.0)
    if cut[0] == LIST:
        kept = _list_whole(line, scratch[3][0], values[to:], places[to:])  # the sum tells what is not finite
    else:
        count, limits = thresholds(line, cut, scratch, row)
        if cut[0] == LAMBDA:
            scales = row[SCALE_UP], row[SCALE_DOWN]
        kept = _emit(scratch, count, limits, scales, places[to:], values[to:])
        row[AFTER] = kept
    stops[sample], sums[sample] = to + kept, sum_of(values[to : to + kept])
    row[ODD] += 0.0 * sums[sample]


@allocating
def select(relevance, cut, bits, out, statistics, queue):
    """The entries of relevance (n, k) that are not 0, or those kept by PLRP-lambda, as `linear` lists them."""
    scratch = scratch_for(relevance.shape[1], relevance, bits)
    drain(_select, (relevance, cut, scratch, out, statistics), queue)


@compiled
def _select(relevance, cut, scratch, out, statistics, samples):
    for sample in range(samples[0], samples[1]):
        list_line(relevance[sample], cut, scratch, statistics[sample], out, sample)
