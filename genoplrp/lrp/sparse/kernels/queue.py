"""Samples handed out to threads: who is done takes the next ones, so that nobody waits for whom has longer lists.

A queue is three integers: the next sample, how many are taken at a time, how many there are.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from genoplrp.lrp.sparse.kernels.compiled import compiled, inlined

NEXT, STEP, SAMPLES = range(3)


@intrinsic
def _advance(_: Any, queue: Any) -> Any:
    """Add a step to the queue's next sample, which it returns as it was, whatever other threads do meanwhile."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        integers = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=given[0]).data
        step = builder.load(builder.gep(integers, [ir.IntType(64)(STEP)]))
        return builder.atomic_rmw("add", builder.gep(integers, [ir.IntType(64)(NEXT)]), step, "monotonic")

    return types.int64(queue), generate


@compiled
def next_samples(queue):
    """(first, last) of the samples that the calling thread takes; the same number twice: none are left."""
    first = min(_advance(queue), queue[SAMPLES])
    return first, min(first + queue[STEP], queue[SAMPLES])


@inlined
def drain(work, given, queue):
    """Call `work` with what is given and with the samples that the calling thread takes, until none are left."""
    samples = next_samples(queue)
    while samples[0] < samples[1]:
        work(*given, samples)
        samples = next_samples(queue)
