"""Whether the compiled loops can be used, and how they are shared out among threads."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from importlib import import_module
from itertools import pairwise
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MOST_PLACES = 2**31 - 1
"""Places in a sample are 32-bit numbers."""
RANGES = 4
"""Ranges of samples a thread: with one each, a thread that was woken late or has the longer samples is waited for."""


@cache
def kernels() -> ModuleType | None:
    """The compiled loops, or None where numba is not installed, does not work or is told not to compile."""
    try:
        if import_module("numba").config.DISABLE_JIT:
            return None
        from genoplrp.lrp.sparse import kernels as compiled
    except ImportError:
        return None
    return compiled


def usable(*tensors: Tensor) -> bool:
    """Whether the loops can read these tensors: on a processor, of one type that they know, not too large a sample."""
    first = tensors[0]
    return (
        first.dtype in (torch.float32, torch.float64)
        and all(tensor.device.type == "cpu" and tensor.dtype == first.dtype for tensor in tensors)
        and all(tensor.ndim > 0 and tensor.numel() <= MOST_PLACES * max(1, tensor.shape[0]) for tensor in tensors)
        and kernels() is not None
    )


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
        while waiting:
            try:
                samples = waiting.popleft()
            except IndexError:  # another thread was quicker
                return
            work(samples)

    # The calling thread takes its share: it would otherwise only wait to be woken.
    others = [_pool(threads, os.getpid()).submit(drain) for _ in range(min(threads, len(waiting)) - 1)]
    try:
        drain()
    finally:  # nobody writes any more once this function is left, be it by an error
        waiting.clear()
        wait(others)
    for other in others:
        other.result()


def _ranges(weights: NDArray[np.int64], number: int) -> Sequence[tuple[int, int]]:
    """Up to `number` ranges of samples with about equal work."""
    if number == 1:
        return [(0, len(weights))]
    done = np.cumsum(weights + 1)
    edges = np.searchsorted(done, done[-1] * np.arange(1, number) / number) + 1
    cuts = np.unique(np.concatenate([[0], edges, [len(weights)]]).clip(0, len(weights)))
    return [(int(first), int(last)) for first, last in pairwise(cuts)]


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """The threads of this process; a forked one has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="genoplrp")
