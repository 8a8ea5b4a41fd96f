"""Linear calls: relevance of their inputs, by lists or, in parts, around products of matrices."""

import numpy as np

from genoplrp.lrp.sparse.kernels.columns import (
    AFTER,
    BEFORE,
    DROPPED_DOWN,
    DROPPED_UP,
    GIVEN,
    LIST,
    MASK,
    NO_CUT,
    ODD,
    PASSED,
)
from genoplrp.lrp.sparse.kernels.compiled import allocating, compiled
from genoplrp.lrp.sparse.kernels.cutting import list_line, scratch_for, thresholds
from genoplrp.lrp.sparse.kernels.inputs import clear_padding, keep, lay_out, mark, rows_for, take, weigh_by, zero
from genoplrp.lrp.sparse.kernels.lists import add, any_in, put, sum_of
from genoplrp.lrp.sparse.kernels.outputs import (
    left_out,
    line_up,
    room_for_runs,
    room_for_shares,
    spread,
    stable,
    ways_of,
)
from genoplrp.lrp.sparse.kernels.queue import drain

NEAR = 65536
"""Up to so many bytes of weights stay in the nearest caches beside the inputs of a few outputs."""


@allocating
def linear(x, z, last, rows, onto, shape, terms, cut, bits, dense, out, statistics, queue):
    """Relevance of a linear call's input.

    x (n, channels, positions) or (n, positions, channels); z (n, outputs), flat; last: for x and for z whether they lie
    position by position, in which order what is listed of them lies, too; rows: relevance of the output as (starts,
    stops, places, values); onto: the same of the input, to add to; shape: (stride, dilation, taps, before, after,
    output positions); terms: see `genoplrp.lrp.sparse.terms`; cut: (what, share of positive mass, share of negative
    mass). bits: an empty array of integers of x's size. Without a cut the result is added to dense, of x's numbers of
    a sample (n, k); with one it is written to the lists `out`, whose starts are given. statistics (n, STATISTICS) are
    filled in.
    """
    starts, stops, _, _ = rows
    _, _, taps, before, after, outputs = shape
    what, filters, length = cut[0], terms[0].shape[1], terms[0].shape[2]
    channels, positions = (x.shape[2], x.shape[1]) if last[0] else (x.shape[1], x.shape[2])
    padded, row_at = np.empty(before + positions + after, np.int32), np.empty(outputs, np.int32)
    height = lay_out(shape, padded, row_at)

    turned, into = rows_for(height, channels, x), rows_for(height, channels, x)
    relevance, left = rows_for(x.shape[1], x.shape[2], x), rows_for(height if what == MASK else 0, channels, x)
    clear_padding(padded, before, positions, turned)
    if what == MASK:
        clear_padding(padded, before, positions, left)
    hit, touched, seen = np.zeros(outputs, np.bool_), np.zeros(height, np.bool_), np.empty(positions, np.int32)
    # Row by row where all weights stay in the nearest caches, or all outputs read one row; else channel by channel.
    # Either way all inputs add up their outputs in the same order, so that repeats of a sequence tie exactly.
    by_row = outputs == 1 or filters * length * x.itemsize <= NEAR
    ways, keys = ways_of(row_at, channels, filters, length, by_row), outputs if by_row else filters
    # At another stride outputs of several phases may read one input, which is to add them up by position.
    phases = shape[1] if by_row and shape[0] == 1 else 1
    beside, by_outer = np.uint32(filters if last[1] else outputs), by_row == last[1]
    most = np.max(stops - starts)
    room = room_for_runs(keys, phases, most, x), room_for_shares(keys, most, any_in(terms[3]), x)
    scratch = scratch_for(x.shape[1] * x.shape[2], x, bits)

    order = by_row, beside, by_outer, phases, taps, ways
    marks = padded[before : before + positions], row_at, hit, touched, seen
    memory = marks, (turned, into, left, relevance, relevance.ravel()), room, scratch
    drain(_by_sample, (x, z, last, rows, onto, order, terms, cut, memory, dense, out, statistics), queue)


@compiled
def _by_sample(x, z, last, rows, onto, order, terms, cut, memory, dense, out, statistics, samples):
    """As `linear`, once it is known where everything lies.

    order: how the outputs are gone through; memory: what one sample after the other is computed in.
    """
    starts, stops, places, values = rows
    onto_starts, onto_stops, onto_places, onto_values = onto
    by_row, beside, by_outer, phases, taps, ways = order
    marks, (turned, into, left, relevance, line), (line_room, share_room), scratch = memory
    row_of, row_at, hit, touched, seen = marks
    for sample in range(samples[0], samples[1]):
        mine, added = slice(starts[sample], stops[sample]), slice(onto_starts[sample], onto_stops[sample])
        row = statistics[sample]
        listed, runs = line_up(places[mine], values[mine], beside, by_outer, phases, line_room)
        some = seen[: mark(runs[0], listed[2], by_row, row_at, hit, touched, taps, row_of, seen)]
        take(x[sample], turned, some, row_of, last[0])
        zero(into, touched)
        row[PASSED] = row[GIVEN] = spread(turned, z[sample], listed, runs, ways, by_row, share_room, into, terms, False)
        if len(some) < len(row_of):
            line[:] = 0
        weigh_by(turned, into, some, row_of, last[0], relevance)
        if cut[0] == MASK:
            _, limits = thresholds(line, cut, scratch, row)
            row[AFTER] = row[BEFORE]
            if row[DROPPED_UP] + row[DROPPED_DOWN] > 0:
                row[AFTER] = keep(turned, relevance, limits, some, row_of, last[0], left)
                zero(into, touched)
                row[PASSED] = spread(left, z[sample], listed, runs, ways, by_row, share_room, into, terms, True)
                weigh_by(left, into, some, row_of, last[0], relevance)
        touched[:] = False
        # What other calls handed the input is not pruned by PLRP-M.
        put(line, onto_places[added], onto_values[added])
        if cut[0] == NO_CUT:
            row[ODD] += sum_of(line)
            add(line, dense[sample])
        else:
            list_line(line, (LIST, 0.0, 0.0) if cut[0] == MASK else cut, scratch, row, out, sample)


@compiled
def divide(sums, table, z, last, rows, biases, term, shares, statistics, queue):
    """Add to shares (n, outputs) what a unit of an output's inputs is handed: its relevance by its denominator.

    sums (n, outputs): the denominators, but for `table`, where that is not empty, to be taken from them; z: the
    call's outputs, last: whether they lie position by position; biases: of the term, by channel; term: (factor, sign,
    epsilon) as in `genoplrp.lrp.sparse.terms`. PASSED and GIVEN are added to the statistics.
    """
    drain(_divide, (sums, table, z, last, rows, biases, term, shares, statistics), queue)


@compiled
def _divide(sums, table, z, last, rows, biases, term, shares, statistics, samples):
    starts, stops, places, values = rows
    factor, sign, epsilon = term
    filters, biased = np.uint32(len(biases)), any_in(biases)
    outputs = np.uint32(z.shape[1] // filters)
    for sample in range(samples[0], samples[1]):
        passed = 0.0
        for k in range(starts[sample], stops[sample]):
            place = np.uint32(places[k])
            if sign != 0 and left_out(z[sample, place], sign):
                continue
            total = sums[sample, place]
            if len(table):
                total -= table[place]
            share = sums.dtype.type(factor * values[k] / stable(total, epsilon))
            shares[sample, place] += share
            passed += share * (total - (biases[place % filters if last else place // outputs] if biased else 0))
        statistics[sample, PASSED] += passed
        statistics[sample, GIVEN] += passed


@allocating
def weigh(x, multipliers, onto, cut, bits, out, statistics, queue):
    """List relevance as `linear` does: inputs (n, k) times multipliers (n, k).

    Of PLRP-M this is the first half, what is kept: its relevance is to be computed again from these inputs.
    """
    line, scratch = np.empty(x.shape[1], x.dtype), scratch_for(x.shape[1], x, bits)
    drain(_weigh, (x, multipliers, onto, cut, line, scratch, out, statistics), queue)


@compiled
def _weigh(x, multipliers, onto, cut, line, scratch, out, statistics, samples):
    starts, stops, places, values = onto
    for sample in range(samples[0], samples[1]):
        inputs, slopes = x[sample], multipliers[sample]
        for i in range(len(line)):
            line[i] = inputs[i] * slopes[i]
        put(line, places[starts[sample] : stops[sample]], values[starts[sample] : stops[sample]])
        list_line(line, cut, scratch, statistics[sample], out, sample)
