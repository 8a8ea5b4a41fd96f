"""Dot products, updates and the picking of flags, written as vectors: three quarters of the time of plain loops.

What the compiler makes of a plain loop over so few numbers as an output's inputs is half preparation: whether arrays
overlap, what is left over at the end. Here this is known. And how sums are ordered is: an output's contributions in one
way however many outputs are taken together, an input's one after the other, so that equal ones stay equal. LLVM makes
of vectors what the processor has.
"""

from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from genoplrp.lrp.sparse.kernels.compiled import compiled, inlined

LANES = 16
"""Numbers of a vector, and flags."""
_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_FUSED = ("contract",)
"""A product and a sum may be one operation; the order of sums is as written, or outputs would differ by company."""


class _Writer:
    """Writes the machine's instructions of one function.

    Attributes
    ----------
    builder
        LLVM's.
    arrays
        Where the contents of the function's arrays begin, in the order of its arguments.
    number
        Type of the numbers of the first of them; `size`: its bytes.
    """

    def __init__(self, context: Any, builder: Any, kinds: Any, arguments: Any) -> None:
        self.builder = builder
        self.arrays = [
            cgutils.create_struct_proxy(kind)(context, builder, value=given).data
            for kind, given in zip(kinds, arguments, strict=True)
            if isinstance(kind, types.Array)
        ]
        self.number, self.size = context.get_value_type(kinds[0].dtype), kinds[0].dtype.bitwidth // 8

    def load(self, array: Any, first: Any, lanes: int = 1) -> Any:
        """A vector (or number) of the array, from its element `first` on."""
        pointer = self.builder.gep(array, [first])
        if lanes > 1:
            pointer = self.builder.bitcast(pointer, ir.VectorType(array.type.pointee, lanes).as_pointer())
        return self.builder.load(pointer, align=self.size)

    def store(self, vector: Any, array: Any, first: Any) -> None:
        """Write a vector (or number) to the array, from its element `first` on."""
        pointer = self.builder.gep(array, [first])
        self.builder.store(vector, self.builder.bitcast(pointer, vector.type.as_pointer()), align=self.size)

    def lanes(self, one: Any, other: Any, numbers: list[int]) -> Any:
        """The lanes of these numbers, of two vectors one behind the other."""
        return self.builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(_I32, len(numbers)), numbers))

    def repeated(self, number: Any, lanes: int) -> Any:
        """A vector of equal numbers."""
        anything = ir.Constant(ir.VectorType(number.type, lanes), ir.Undefined)
        first = self.builder.insert_element(anything, number, _I32(0))
        return self.lanes(first, anything, [0] * lanes)

    def halved(self, vector: Any) -> Any:
        """The sums of the lanes of its two halves."""
        count = vector.type.count
        low, high = list(range(count // 2)), list(range(count // 2, count))
        return self.builder.fadd(self.lanes(vector, vector, low), self.lanes(vector, vector, high))

    def plus_product(self, total: Any, one: Any, other: Any) -> Any:
        """total + one * other."""
        return self.builder.fadd(total, self.builder.fmul(one, other, flags=_FUSED), flags=_FUSED)

    def whole(self, length: Any, lanes: int) -> Any:
        """How much of a length so long vectors come to."""
        return self.builder.and_(length, _I64(-lanes & (1 << 64) - 1))

    def offsets(self, offset_of: Any, other: Any, first: Any, outputs: int) -> list[Any]:
        """offset_of[other[first]] and those of the outputs that follow."""
        places = [self.builder.add(first, _I64(k)) for k in range(outputs)]
        indices = [self.builder.load(self.builder.gep(other, [place])) for place in places]
        return [self.builder.load(self.builder.gep(offset_of, [self.builder.zext(index, _I64)])) for index in indices]


def _sums(write: _Writer, vectors: list[Any]) -> list[Any]:
    """The sums of four lanes each, (0 + 2) + (1 + 3): a number a vector, or of four vectors each one vector."""
    if len(vectors) > 4:
        return _sums(write, vectors[:4]) + _sums(write, vectors[4:])
    if len(vectors) < 4:
        halves = [write.halved(vector) for vector in vectors]
        parts = [[write.builder.extract_element(half, _I32(lane)) for lane in range(2)] for half in halves]
        return [write.builder.fadd(*part) for part in parts]
    one, two, three, four = vectors
    low, high = [0, 4, 1, 5], [2, 6, 3, 7]
    front = write.builder.fadd(write.lanes(one, two, low), write.lanes(one, two, high))
    back = write.builder.fadd(write.lanes(three, four, low), write.lanes(three, four, high))
    return [write.builder.fadd(write.lanes(front, back, [0, 1, 4, 5]), write.lanes(front, back, [2, 3, 6, 7]))]


def _write_dots(write: _Writer, one: Any, ones: list[Any], two: Any, twos: list[Any], length: Any) -> list[Any]:
    """Sums of products of the arrays `one` and `two` from these offsets on, up to the last whole four of `length`.

    A number an output, or of four outputs each one vector. Where outputs have an offset in common (the very same
    object), what lies there is read once.
    """
    builder, begin = write.builder, _I64(0)
    sums = [ir.Constant(ir.VectorType(write.number, LANES), None)] * len(twos)
    for lanes in (LANES, LANES // 2, LANES // 4):
        memory = [cgutils.alloca_once_value(builder, total) for total in sums]
        end = write.whole(length, lanes)
        with cgutils.for_range_slice(builder, begin, end, _I64(lanes), _I64) as (i, _):
            read = {id(offset): write.load(one, builder.add(offset, i), lanes) for offset in ones}
            for total, first, second in zip(memory, ones, twos, strict=True):
                other = write.load(two, builder.add(second, i), lanes)
                builder.store(write.plus_product(builder.load(total), read[id(first)], other), total)
        begin, sums = end, [builder.load(total) for total in memory]
        if lanes > LANES // 4:
            sums = [write.halved(total) for total in sums]
    return _sums(write, sums)


def _write_rest(
    write: _Writer, one: Any, ones: list[Any], two: Any, twos: list[Any], length: Any, into: Any, first: Any
) -> None:
    """Add the products that `_write_dots` leaves, fewer than four an output."""
    builder = write.builder
    with cgutils.for_range_slice(builder, write.whole(length, LANES // 4), length, _I64(1), _I64) as (i, _):
        for k, (offset, second) in enumerate(zip(ones, twos, strict=True)):
            place = builder.add(first, _I64(k))
            numbers = write.load(one, builder.add(offset, i)), write.load(two, builder.add(second, i))
            write.store(write.plus_product(write.load(into, place), *numbers), into, place)


def _write_all(
    write: _Writer, one: Any, ones: list[Any], two: Any, twos: list[Any], length: Any, into: Any, first: Any
) -> None:
    """Write the sums of products, all of them, to the array `into`."""
    sums = _write_dots(write, one, ones, two, twos, length)
    for k, total in enumerate(sums):
        write.store(total, into, write.builder.add(first, _I64(k * (len(twos) // len(sums)))))
    _write_rest(write, one, ones, two, twos, length, into, first)


def _dots(outputs: int) -> Any:
    """Of so many outputs at once the dot products: see `dots`."""

    @intrinsic
    def dots(
        _: Any, fixed: Any, start: Any, varying: Any, offset_of: Any, other: Any, first: Any, length: Any, into: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            write = _Writer(context, builder, signature.args, given)
            fixed, varying, offset_of, other, into = write.arrays
            _, start, _, _, _, first, length, _ = given
            offsets = write.offsets(offset_of, other, first, outputs)
            _write_all(write, fixed, [start] * outputs, varying, offsets, length, into, first)
            return context.get_dummy_value()

        arrays = fixed, types.uint64, varying, offset_of, other, types.uint64, types.uint64, into
        return types.void(*arrays), generate

    return dots


def _dots_apart(outputs: int) -> Any:
    """The same of outputs that have nothing in common: see `dots_apart`."""

    @intrinsic
    def dots(
        _: Any, one: Any, one_of: Any, ones: Any, two: Any, two_of: Any, twos: Any, first: Any, length: Any, into: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            write = _Writer(context, builder, signature.args, given)
            one, one_of, ones, two, two_of, twos, into = write.arrays
            first, length = given[6:8]
            offsets = [write.offsets(*where, first, outputs) for where in ((one_of, ones), (two_of, twos))]
            _write_all(write, one, offsets[0], two, offsets[1], length, into, first)
            return context.get_dummy_value()

        arrays = one, one_of, ones, two, two_of, twos, types.uint64, types.uint64, into
        return types.void(*arrays), generate

    return dots


def _updates(outputs: int) -> Any:
    """Of so many outputs at once the updates: see `update`."""

    @intrinsic
    def updates(
        _: Any, into: Any, start: Any, weight: Any, offset_of: Any, other: Any, first: Any, length: Any, shares: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            write = _Writer(context, builder, signature.args, given)
            into, weight, offset_of, other, shares = write.arrays
            _, start, _, _, _, first, length, _ = given
            offsets = write.offsets(offset_of, other, first, outputs)
            factors = [write.load(shares, builder.add(first, _I64(k))) for k in range(outputs)]
            begin = _I64(0)
            for lanes in (LANES, LANES // 2, LANES // 4, 1):
                repeated = [write.repeated(factor, lanes) if lanes > 1 else factor for factor in factors]
                end = write.whole(length, lanes)
                with cgutils.for_range_slice(builder, begin, end, _I64(lanes), _I64) as (i, _):
                    total = write.load(into, builder.add(start, i), lanes)
                    for factor, offset in zip(repeated, offsets, strict=True):
                        own = write.load(weight, builder.add(offset, i), lanes)
                        total = write.plus_product(total, factor, own)
                    write.store(total, into, builder.add(start, i))
                begin = end
            return context.get_dummy_value()

        arrays = into, types.uint64, weight, offset_of, other, types.uint64, types.uint64, shares
        return types.void(*arrays), generate

    return updates


def _has_avx512() -> bool:
    """Whether machine code is made for this very processor, and it has AVX-512: 32 registers, and packing of lanes."""
    told = numba.config.CPU_NAME or numba.config.CPU_FEATURES
    return not told and bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))


AT_ONCE = 8 if _has_avx512() else 4
"""So many outputs at once, at most: twice as many share what they have in common where there are 32 registers."""
_dots_of_most, _dots_of_4, _dots_of_2, _dots_of_1 = _dots(AT_ONCE), _dots(4), _dots(2), _dots(1)
_dots_apart_of_4, _dots_apart_of_1 = _dots_apart(4), _dots_apart(1)
_updates_of_most, _updates_of_4, _updates_of_2, _updates_of_1 = _updates(AT_ONCE), _updates(4), _updates(2), _updates(1)


@inlined
def dots(fixed, start, varying, offset_of, other, first, stop, length, into):
    """Write the sum of `length` fixed[start + i] * varying[offset_of[other[k]] + i] to into[k], first <= k < stop."""
    k = np.uint64(first)
    while k + np.uint64(AT_ONCE) <= np.uint64(stop):
        _dots_of_most(fixed, start, varying, offset_of, other, k, length, into)
        k += np.uint64(AT_ONCE)
    if k + np.uint64(4) <= np.uint64(stop):
        _dots_of_4(fixed, start, varying, offset_of, other, k, length, into)
        k += np.uint64(4)
    if k + np.uint64(2) <= np.uint64(stop):
        _dots_of_2(fixed, start, varying, offset_of, other, k, length, into)
        k += np.uint64(2)
    if k < np.uint64(stop):
        _dots_of_1(fixed, start, varying, offset_of, other, k, length, into)


@inlined
def dots_apart(one, one_of, ones, two, two_of, twos, count, length, into):
    """Write to into[k], k < count, the sum of `length` one[one_of[ones[k]] + i] * two[two_of[twos[k]] + i]."""
    k = np.uint64(0)
    while k + np.uint64(4) <= np.uint64(count):
        _dots_apart_of_4(one, one_of, ones, two, two_of, twos, k, length, into)
        k += np.uint64(4)
    while k < np.uint64(count):
        _dots_apart_of_1(one, one_of, ones, two, two_of, twos, k, length, into)
        k += np.uint64(1)


@inlined
def update(into, start, weight, offset_of, other, first, stop, length, shares):
    """Add to `length` into[start + i] shares[k] * weight[offset_of[other[k]] + i], first <= k < stop, in order.

    `into` shares no memory with the other arrays.
    """
    k = np.uint64(first)
    while k + np.uint64(AT_ONCE) <= np.uint64(stop):
        _updates_of_most(into, start, weight, offset_of, other, k, length, shares)
        k += np.uint64(AT_ONCE)
    if k + np.uint64(4) <= np.uint64(stop):
        _updates_of_4(into, start, weight, offset_of, other, k, length, shares)
        k += np.uint64(4)
    if k + np.uint64(2) <= np.uint64(stop):
        _updates_of_2(into, start, weight, offset_of, other, k, length, shares)
        k += np.uint64(2)
    if k < np.uint64(stop):
        _updates_of_1(into, start, weight, offset_of, other, k, length, shares)


def compresses() -> bool:
    """Whether machine code is made for a processor that packs the lanes of a vector fast.

    LLVM has an instruction for it on every processor. Where there is none in hardware (before AVX-512), or a slow one
    (AMD's Zen 4), it takes several times as long as a plain loop; on Zen 5 a quarter of it.
    """
    return _has_avx512() and llvmlite.binding.get_host_cpu_name() != "znver4"


@intrinsic
def _compress(_: Any, flags: Any, i: Any, first: Any, places: Any, count: Any) -> Any:
    """`append_places` of LANES flags from flags[i] on."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        write = _Writer(context, builder, signature.args, given)
        flags, into = write.arrays
        _, start, number, _, count = given
        vector = write.load(flags, start, LANES)
        mask = builder.icmp_unsigned("!=", vector, ir.Constant(vector.type, [0] * LANES))
        numbers = ir.Constant(ir.VectorType(_I32, LANES), list(range(LANES)))
        places = builder.add(write.repeated(builder.trunc(number, _I32), LANES), numbers)
        kind = ir.FunctionType(ir.VoidType(), [places.type, _I32.as_pointer(), mask.type])
        pack = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.compressstore.v{LANES}i32")
        builder.call(pack, [places, builder.gep(into, [count]), mask])
        return builder.add(count, builder.zext(builder.ctpop(builder.bitcast(mask, ir.IntType(LANES))), _I64))

    return types.uint64(flags, types.uint64, types.uint64, places, types.uint64), generate


@compiled
def append_by_lanes(flags, number, first, places, count):
    """See `append_places`."""
    end = (np.uint64(number) + np.uint64(LANES - 1)) & ~np.uint64(LANES - 1)
    flags[number:end] = 0
    for i in range(np.uint64(0), end, np.uint64(LANES)):
        count = _compress(flags, i, np.uint64(first) + i, places, np.uint64(count))
    return np.uint64(count)


@compiled
def append_one_by_one(flags, number, first, places, count):
    """See `append_places`."""
    count = np.uint64(count)
    for i in range(np.uint64(number)):
        places[count] = np.uint64(first) + i
        count += np.uint64(flags[i])
    return count


append_places = append_by_lanes if compresses() else append_one_by_one
"""Append the places of the flags that are set; how many places there are then.

Called with (flags, number, first, places, count): `number` flags, 0 or 1 each (uint8), in memory for a multiple of
LANES; `first` is the place of the first of them; `count` places (int32) are there before, with room for `number` more.
"""
