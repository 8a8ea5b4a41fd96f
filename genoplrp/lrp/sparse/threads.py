"""How the loops are shared out among threads: among torch's own, where they can be had.

After an operation torch's threads look out for the next one for some milliseconds (OpenMP's busy waiting). Threads
beside them have to share the processor with that, which cost a sixth of an explanation; they themselves begin at once.
"""

import ctypes
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from itertools import pairwise
from threading import get_ident
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

RANGES = 4
"""Ranges of samples a thread: with one each, a thread that was woken late or has the longer samples is waited for."""
_PROCESS = os.getpid()
_Task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def in_threads(work: Callable[[tuple[int, int]], object], weights: NDArray[np.int64]) -> None:
    """Do `work` for ranges of samples, on torch's number of threads; it writes what it finds.

    Parameters
    ----------
    work
        Called with (first, last) and releasing the interpreter's lock.
    weights
        How much work each sample is, (n,).
    """
    threads = torch.get_num_threads()
    waiting = deque(_ranges(weights, 1 if threads == 1 else RANGES * threads))

    def drain() -> None:
        try:
            while waiting:
                try:
                    samples = waiting.popleft()
                except IndexError:  # another thread was quicker
                    return
                work(samples)
        except BaseException:  # nobody begins with what is left
            waiting.clear()
            raise

    if len(waiting) < 2:
        drain()
    elif (parallel := _parallel()) is not None and os.getpid() == _PROCESS:  # a forked process has no threads of torch
        _by_torch(parallel, drain, threads)
    else:
        _by_pool(drain, threads)


def _ranges(weights: NDArray[np.int64], number: int) -> Sequence[tuple[int, int]]:
    """Up to `number` ranges of samples with about equal work."""
    if number == 1:
        return [(0, len(weights))]
    done = np.cumsum(weights + 1)
    edges = np.searchsorted(done, done[-1] * np.arange(1, number) / number) + 1
    cuts = np.unique(np.concatenate([[0], edges, [len(weights)]]).clip(0, len(weights)))
    return [(int(first), int(last)) for first, last in pairwise(cuts)]


@cache
def _parallel() -> Any:
    """What a compiler makes of ``omp parallel``, in the very library that torch uses; None: torch has another one.

    GNU's interface, which the libraries of LLVM and Intel have as well on Linux: (function, its argument, threads,
    flags).
    """
    try:
        parallel = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (OSError, AttributeError):
        return None
    parallel.argtypes, parallel.restype = [_Task, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
    return parallel


def _by_torch(parallel: Any, drain: Callable[[], None], threads: int) -> None:
    """Call `drain` in the calling thread and in those that help it with torch's operations."""
    errors: list[BaseException] = []
    ended = []

    def task(_: object) -> None:
        try:
            drain()
        except BaseException as error:  # it cannot pass through OpenMP
            errors.append(error)
        ended.append(get_ident())

    parallel(_Task(task), None, threads, 0)
    if errors:
        raise errors[0]
    if get_ident() not in ended:  # interrupted before or behind `drain`, where ctypes only prints it
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
