"""The compiled loops: sample by sample, over what is kept only.

Every function runs on one thread without the interpreter's lock and writes nothing but its results; `queue` hands out
samples to the threads, which `threads.in_threads` begins. Numbers that index are unsigned in the innermost loops: a
signed one may count from the end, which keeps the compiler from using vectors. Imported only where numba is installed.

`linear` is a linear call, of `inputs` and `outputs`; `cutting` what is kept of its relevance; `pools` has pools and
sums, `lists` what is done to lists as they are. All of them rest on `vectors` and `compiled`.
"""

from genoplrp.lrp.sparse.kernels.columns import (
    AFTER,
    BEFORE,
    DROPPED_DOWN,
    DROPPED_UP,
    GIVEN,
    LAMBDA,
    LIST,
    MASK,
    NO_CUT,
    ODD,
    PASSED,
    SCALE_DOWN,
    SCALE_UP,
    STATISTICS,
)
from genoplrp.lrp.sparse.kernels.cutting import SAMPLE, select
from genoplrp.lrp.sparse.kernels.linear import divide, linear, weigh
from genoplrp.lrp.sparse.kernels.lists import totals, turn_places, whole
from genoplrp.lrp.sparse.kernels.pools import shares, summands, winners

__all__ = [
    "AFTER",
    "BEFORE",
    "DROPPED_DOWN",
    "DROPPED_UP",
    "GIVEN",
    "LAMBDA",
    "LIST",
    "MASK",
    "NO_CUT",
    "ODD",
    "PASSED",
    "SAMPLE",
    "SCALE_DOWN",
    "SCALE_UP",
    "STATISTICS",
    "divide",
    "linear",
    "select",
    "shares",
    "summands",
    "totals",
    "turn_places",
    "weigh",
    "whole",
    "winners",
]
