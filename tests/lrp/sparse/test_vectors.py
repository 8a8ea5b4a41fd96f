"""Dot products, updates and picking by vectors: what they give, where they write, and that equal outputs stay equal."""

import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from genoplrp.lrp.sparse.kernels.vectors import append_by_lanes, append_one_by_one, dots, dots_apart, update

DTYPES = (np.float32, np.float64)
# With every remainder of a division by the lanes, and several whole vectors.
LENGTHS = (*range(1, 36), 60, 192)
NUMBERS = range(1, 18)
ALL = np.uint64


class Call:
    """Inputs at overlapping offsets, weights of some channels, and room for results between canaries."""

    def __init__(self, length: int, outputs: int, dtype: type) -> None:
        generator = np.random.default_rng(length * 100 + outputs)
        self.length, self.outputs = length, outputs
        self.x, self.weight = (generator.standard_normal(size).astype(dtype) for size in (3 * length + 7, 5 * length))
        self.rows, self.channels = np.arange(3) * np.int64(length // 2 + 1), np.arange(5) * np.int64(length)
        self.row, self.channel = (generator.integers(0, n, outputs).astype(np.int32) for n in (3, 5))
        self.results = np.full(outputs + 6, 7, dtype)
        self.rounding = 1e-4 if dtype is np.float32 else 1e-12

    def expected(self, k: int, row: int) -> float:
        inputs = self.x[self.rows[row] :][: self.length].astype(np.float64)
        return float(inputs @ self.weight[self.channels[self.channel[k]] :][: self.length].astype(np.float64))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("outputs", NUMBERS)
def test_dots_are_sums_of_products(outputs: int, dtype: type) -> None:
    for length in LENGTHS:
        call = Call(length, outputs, dtype)
        other = np.concatenate([np.zeros(3, np.int32), call.channel])
        dots(call.x, ALL(call.rows[1]), call.weight, call.channels, other, 3, 3 + outputs, ALL(length), call.results)
        assert (call.results[:3] == 7).all() and (call.results[3 + outputs :] == 7).all()
        expected = [call.expected(k, 1) for k in range(outputs)]
        np.testing.assert_allclose(call.results[3:][:outputs], expected, rtol=0, atol=call.rounding * np.sqrt(length))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("outputs", NUMBERS)
def test_an_output_has_the_same_sum_with_any_others_beside_it(outputs: int, dtype: type) -> None:
    """To the last bit: repeats of a sequence would part otherwise."""
    for length in LENGTHS:
        call = Call(length, outputs, dtype)
        weights = call.weight, call.channels, call.channel
        dots_apart(call.x, call.rows, call.row, *weights, outputs, ALL(length), call.results)
        assert (call.results[outputs:] == 7).all()
        for k in range(outputs):
            alone, row = np.empty(outputs, dtype), ALL(call.rows[call.row[k]])
            dots(call.x, row, *weights, k, k + 1, ALL(length), alone)
            assert alone[k] == call.results[k]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("outputs", NUMBERS)
def test_updates_are_added_one_after_the_other(outputs: int, dtype: type) -> None:
    """All at once to the last bit as one by one, which is by the formula."""
    for length in LENGTHS:
        call = Call(length, outputs, dtype)
        weights = call.weight, call.channels, call.channel
        shares = np.random.default_rng(0).standard_normal(outputs).astype(dtype)
        together, singly = call.x.copy(), call.x.copy()
        start = ALL(call.rows[1])
        update(together, start, *weights, 0, outputs, ALL(length), shares)
        for k in range(outputs):
            update(singly, start, *weights, k, k + 1, ALL(length), shares)
        assert (together == singly).all()
        expected = call.x.astype(np.float64)
        for k, share in enumerate(shares):
            expected[start : start + ALL(length)] += share * call.weight[call.channels[call.channel[k]] :][:length]
        np.testing.assert_allclose(together, expected, rtol=0, atol=call.rounding * outputs)
        outside = np.ones(len(call.x), bool)
        outside[int(start) : int(start) + length] = False
        assert (together[outside] == call.x[outside]).all()


def flags(number: int, share: float) -> NDArray[np.uint8]:
    """So many flags, this share of them set, and behind them what an earlier use may have left."""
    chosen = np.ones(256, np.uint8)
    chosen[:number] = np.random.default_rng(number).random(number) < share
    return chosen


@pytest.mark.parametrize("append", [append_by_lanes, append_one_by_one])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 1.0])
def test_the_places_of_the_flags_that_are_set(append: object, share: float) -> None:
    assert callable(append)
    for number in (0, 1, 15, 16, 17, 31, 200, 256):
        chosen, at = flags(number, share), np.full(5 + number + 3, -1, np.int32)
        expected = np.flatnonzero(chosen[:number]) + 1000
        assert append(chosen, number, ALL(1000), at, ALL(5)) == 5 + len(expected)
        assert (at[5:][: len(expected)] == expected).all()
        assert (at[:5] == -1).all() and (at[5 + number :] == -1).all()


def test_where_numba_is_told_not_to_compile_it_is_not_used() -> None:
    script = "from genoplrp.lrp.sparse.backend import kernels; print(kernels())"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "None\n"
