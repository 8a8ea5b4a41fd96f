"""What a linear call's outputs hand to its inputs: a dot product and an update for each that still has relevance.

The outputs are gone through in runs, of one position or of one channel: what those of a run have in common, inputs or
weights, stays in the nearest cache.
"""

import numpy as np

from genoplrp.lrp.sparse.kernels.compiled import allocating, compiled, inlined
from genoplrp.lrp.sparse.kernels.vectors import dots, dots_apart, update

SHORT = 3
"""Runs shorter than so many on average are not worth to be taken one by one."""


@compiled
def stable(z, epsilon):
    """z away from 0 by epsilon; at epsilon = 0 nothing is divided by 0."""
    if epsilon == 0 and z == 0:
        return np.inf
    return z + epsilon if z >= 0 else z - epsilon


@allocating
def ways_of(row_at, channels, filters, length, by_row):
    """Where what the outputs of a run have in common begins, by key, and what each has of its own, by other index."""
    rows, weights = np.empty(len(row_at), np.int64), np.arange(filters) * np.int64(length)
    for t in range(len(row_at)):
        rows[t] = np.int64(row_at[t]) * channels
    return (rows, weights) if by_row else (weights, rows)


@allocating
def _entries_for(most, like):
    """Memory for so many entries: places, values, other indices."""
    return np.empty(most, np.int32), np.empty(most, like.dtype), np.empty(most, np.int32)


@allocating
def _runs_for(most):
    """Memory for so many runs: keys, where each begins, where it ends."""
    return np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)


@compiled
def _runs_as_listed(places, beside, runs, inner):
    """Write the runs of equal outer indices as they are listed, and all inner indices; how many runs.

    -1 where they are not in order.
    """
    keys, begins, ends = runs
    number, outer, first = np.uint64(0), np.uint32(0), np.uint32(0)
    for k in range(np.uint64(len(places))):
        place = np.uint32(places[k])
        if np.uint32(place - first) >= beside or k == 0:
            now = np.uint32(place // beside)
            if k > 0:
                if now < outer:
                    return -1
                ends[number - 1] = k
            outer, first = now, np.uint32(now * beside)
            keys[number], begins[number] = now, k
            number += np.uint64(1)
        inner[k] = np.uint32(place - first)
    if number > 0:
        ends[number - 1] = len(places)
    return np.int64(number)


@compiled
def _into_runs(places, values, beside, by_outer, slots, runs, entries):
    """Write the entries by their outer or else their inner index, and the other index of each; how many runs."""
    keys, begins, ends = runs
    to_places, to_values, other = entries
    slots[:] = 0
    for turn in range(2):
        outer, first = np.uint32(0), np.uint32(0)
        for k in range(np.uint64(len(places))):
            place = np.uint32(places[k])
            if np.uint32(place - first) >= beside:
                outer = np.uint32(place // beside)
                first = np.uint32(outer * beside)
            inner = np.uint32(place - first)
            key = outer if by_outer else inner
            if turn == 0:
                slots[key + 1] += 1
            else:
                j = np.uint64(slots[key])
                slots[key] += 1
                to_places[j], to_values[j], other[j] = place, values[k], inner if by_outer else outer
        if turn == 0:
            for key in range(1, len(slots)):
                slots[key] += slots[key - 1]
    number, begin = np.uint64(0), np.int64(0)
    for key in range(len(slots) - 1):  # where a key's entries end now the next key's begin
        keys[number], begins[number], ends[number] = key, begin, slots[key]
        number += np.uint64(slots[key] > begin)
        begin = slots[key]
    return np.int64(number)


@allocating
def _phases_for(keys, phases, most):
    """The phase of each key, its remainder, and memory to order so many runs by it."""
    phase_of = np.arange(keys) % phases
    return phase_of, np.empty(phases + 1, np.int64), _runs_for(most)


@allocating
def room_for_runs(keys, phases, most, like):
    """Memory for `line_up`: so many keys, phases and entries at most."""
    by_phase = _phases_for(keys, phases, keys if phases > 1 else 0)
    return np.empty(keys + 1, np.int64), _entries_for(most, like), _runs_for(keys), by_phase


@allocating
def room_for_shares(keys, most, signed, like):
    """Memory for `spread`; signed: whether a term is for outputs of one sign."""
    own, own_runs = _entries_for(most if signed else 0, like), _runs_for(keys if signed else 0)
    return own, own_runs, np.empty(most, like.dtype), np.empty(most, like.dtype), np.empty(most, np.int32)


@inlined
def _by_phase(runs, room):
    """The runs by their keys' phases, those of one phase in their order."""
    keys, begins, ends = runs
    phase_of, slots, (to_keys, to_begins, to_ends) = room
    slots[:] = 0
    for r in range(len(keys)):
        slots[phase_of[keys[r]] + 1] += 1
    for phase in range(1, len(slots)):
        slots[phase] += slots[phase - 1]
    for r in range(len(keys)):
        phase = phase_of[keys[r]]
        j = slots[phase]
        slots[phase] += 1
        to_keys[j], to_begins[j], to_ends[j] = keys[r], begins[r], ends[r]
    return to_keys[: len(keys)], to_begins[: len(keys)], to_ends[: len(keys)]


@inlined
def line_up(places, values, beside, by_outer, phases, room):
    """The entries run by run: ((places, values, other index), (keys, begins, ends) of the runs that hold any).

    An entry lies at outer * beside + inner; by_outer: which of these its run's key is. phases: with more than one the
    runs are taken by their keys' remainders, so that those that read neighbouring rows follow each other.
    """
    slots, entries, runs, by_phase = room
    to_places, to_values, other = entries
    number, listed = -1, (places, values, other[: len(places)])
    if by_outer:
        number = _runs_as_listed(places, beside, runs, other)
    if number < 0:
        number = _into_runs(places, values, beside, by_outer, slots, runs, entries)
        listed = to_places[: len(places)], to_values[: len(places)], other[: len(places)]
    keys, begins, ends = runs
    ours = keys[:number], begins[:number], ends[:number]
    return listed, _by_phase(ours, by_phase) if phases > 1 else ours


@compiled
def left_out(z, sign):
    """Whether a term for outputs of one sign leaves this output out; 0 counts as positive."""
    return z < 0 if sign > 0 else z >= 0


@inlined
def _own(z, listed, runs, sign, own, own_runs):
    """The entries, and their runs, that a term for outputs of one sign does not leave out."""
    places, values, other = listed
    keys, begins, ends = runs
    own_places, own_values, own_other = own
    own_keys, own_begins, own_ends = own_runs
    kept = np.uint64(0)
    for r in range(len(keys)):
        own_keys[r], own_begins[r] = keys[r], kept
        for k in range(np.uint64(begins[r]), np.uint64(ends[r])):
            own_places[kept], own_values[kept], own_other[kept] = places[k], values[k], other[k]
            kept += np.uint64(not left_out(z[np.uint32(places[k])], sign))
        own_ends[r] = kept
    number = len(keys)
    return (own_places[:kept], own_values[:kept], own_other[:kept]), (
        own_keys[:number],
        own_begins[:number],
        own_ends[:number],
    )


@inlined
def _add_bias(bias, runs, other, by_row, shares, sign):
    """Add the bias of each output's channel, sign times."""
    keys, begins, ends = runs
    if by_row:
        for k in range(np.uint64(len(other))):
            shares[k] += sign * bias[np.uint32(other[k])]
    else:
        for r in range(len(keys)):
            for k in range(np.uint64(begins[r]), np.uint64(ends[r])):
                shares[k] += sign * bias[keys[r]]


@inlined
def _divide(values, totals, factor, epsilon, shares):
    """Write over the inputs' sums what a unit of an output's inputs is handed; returns the relevance handed down."""
    passed = 0.0
    for k in range(np.uint64(len(values))):
        own = shares[k]
        shares[k] = factor * values[k] / stable(totals[k], epsilon)
        passed += shares[k] * own
    return passed


@inlined
def _sums(fixed, varying, runs, other, key_of, ways, length, into):
    """Write the sums of the outputs' contributions, their inputs times their weights.

    What the outputs of a run have in common, inputs or weights, is `fixed`, the other `varying`.
    """
    keys, begins, ends = runs
    fixed_offset, varying_offset = ways
    if len(other) >= SHORT * len(keys):
        for r in range(len(keys)):
            start = np.uint64(fixed_offset[keys[r]])
            dots(fixed, start, varying, varying_offset, other, begins[r], ends[r], length, into)
        return
    for r in range(len(keys)):
        for k in range(np.uint64(begins[r]), np.uint64(ends[r])):
            key_of[k] = keys[r]
    dots_apart(fixed, fixed_offset, key_of, varying, varying_offset, other, len(other), length, into)


@inlined
def _add_rows(shares, weight, runs, other, ways, length, into):
    """Position by position the outputs add their shares times their weights to the multipliers of their inputs."""
    keys, begins, ends = runs
    row_offset, weight_offset = ways
    for r in range(len(keys)):
        start = np.uint64(row_offset[keys[r]])
        update(into, start, weight, weight_offset, other, begins[r], ends[r], length, shares)


@compiled
def _add_channels(shares, weight, runs, other, ways, length, into):
    """The same channel by channel."""
    keys, begins, ends = runs
    weight_offset, row_offset = ways
    for r in range(len(keys)):
        a = np.uint64(weight_offset[keys[r]])
        for k in range(np.uint64(begins[r]), np.uint64(ends[r])):
            start, share = np.uint64(row_offset[np.uint32(other[k])]), shares[k]
            for i in range(length):
                into[start + i] += share * weight[a + i]


@compiled
def spread(x, z, listed, runs, ways, by_row, room, into, terms, again):
    """All outputs of one sample add to the multipliers of their inputs; returns the relevance that they hand down.

    First all shares, then all that they add: neither has to wait for the other. `again`: x is not what z was computed
    from, so that z is not read.
    """
    weights, biases, factors, signs, given, epsilon, table = terms
    own, own_runs, shares, totals, key_of = room
    length, passed = np.uint64(weights.shape[2]), 0.0
    inputs, multipliers = x.reshape(x.size), into.reshape(into.size)
    known = (given or len(table) > 0) and not again
    for term in range(len(weights)):
        weight, bias = weights[term].reshape(weights[term].size), biases[term]
        ours, our_runs = listed, runs
        if signs[term] != 0:
            ours, our_runs = _own(z, listed, runs, signs[term], own, own_runs)
        places, values, other = ours
        if known:
            for k in range(np.uint64(len(places))):
                place = np.uint32(places[k])
                totals[k] = shares[k] = z[place] - (table[place] if len(table) else 0)
            _add_bias(bias, our_runs, other, by_row, shares, -1)
        else:
            if by_row:
                _sums(inputs, weight, our_runs, other, key_of, ways, length, shares)
            else:
                _sums(weight, inputs, our_runs, other, key_of, ways, length, shares)
            for k in range(np.uint64(len(places))):
                totals[k] = shares[k]
            _add_bias(bias, our_runs, other, by_row, totals, 1)
        passed += _divide(values, totals, factors[term], epsilon, shares)
        if by_row:
            _add_rows(shares, weight, our_runs, other, ways, length, multipliers)
        else:
            _add_channels(shares, weight, our_runs, other, ways, length, multipliers)
    return passed
