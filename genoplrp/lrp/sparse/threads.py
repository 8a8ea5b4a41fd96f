"""How the loops are shared out among threads: among torch's own, where they can be had.

After an operation torch's threads look out for the next one for some milliseconds (OpenMP's busy waiting). Threads
beside them have to share the processor with that, which cost a tenth to a fourth of an explanation on two cores
(docs/performance.md); they themselves begin at once.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from threading import get_ident
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

TAKES = 16
"""About so many times a thread takes samples: the fewer at a time, the less others wait at the end."""
_STACKS = ("OMP_STACKSIZE", "GOMP_STACKSIZE", "KMP_STACKSIZE")
_PROCESS = os.getpid()
_Task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def in_threads(work: Callable[[NDArray[np.int64]], object], samples: int) -> None:
    """Do `work` for so many samples, on torch's number of threads; it writes what it finds.

    Parameters
    ----------
    work
        Called once a thread with a queue (`genoplrp.lrp.sparse.kernels.queue`), from which it takes samples until none
        are left. It releases the interpreter's lock.
    samples
        How many there are.
    """
    threads = torch.get_num_threads()
    queue = np.array([0, max(1, samples // (TAKES * threads)), samples])

    def drain() -> None:
        try:
            work(queue)
        except BaseException:  # nobody begins with what is left
            queue[0] = samples
            raise

    if threads == 1 or samples < 2:
        drain()
    elif (parallel := _parallel()) is not None and os.getpid() == _PROCESS:  # a forked process has no threads of torch
        _by_torch(parallel, drain, threads)
    else:
        _by_pool(drain, threads)


@cache
def _parallel() -> Any:
    """What a compiler makes of ``omp parallel``, in the very library that torch uses; None: torch has another one.

    GNU's interface, which the libraries of LLVM and Intel have as well on Linux: (function, its argument, threads,
    flags). Not used where the environment says how large its threads' stacks are: Python overflows small ones.
    """
    if any(name in os.environ for name in _STACKS):
        return None
    try:
        parallel = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (OSError, AttributeError):
        return None
    parallel.argtypes, parallel.restype = [_Task, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
    return parallel


def _by_torch(parallel: Any, drain: Callable[[], None], threads: int) -> None:
    """Call `drain` in the calling thread and in those that help it with torch's operations."""
    errors: list[BaseException] = []
    ended: dict[int, bool] = {}

    def task(_: object) -> None:
        me = get_ident()
        try:
            drain()
        except BaseException as error:  # it cannot pass through OpenMP
            errors.append(error)
        ended[me] = True  # behind which the interpreter looks for no interrupt any more, as it does behind a call

    parallel(_Task(task), None, threads, 0)
    if errors:
        raise errors[0]
    if get_ident() not in ended:  # interrupted outside of the `try`, which ctypes prints and forgets
        raise KeyboardInterrupt


def _by_pool(drain: Callable[[], None], threads: int) -> None:
    """Call `drain` in the calling thread, which would otherwise only wait to be woken, and in some of Python's own."""
    others = [_pool(threads, os.getpid()).submit(drain) for _ in range(threads - 1)]
    try:
        drain()
    finally:  # nobody writes any more once this function is left, be it by an error
        wait(others)
    for other in others:
        other.result()


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """The threads of this process; a forked one has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="genoplrp")
