"""Memory that one batch frees is kept for the next: fresh pages take longer to come by than many a layer to compute."""

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache

# malloc.h of glibc. KEPT and LARGEST are the largest numbers that it takes: a walk back through a deep network holds
# 2 GB. HEAP is the size of the pieces that an arena of a thread consists of.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8
KEPT, LARGEST, HEAP = 2**31 - 1, 32 * 2**20, 64 * 2**20
_OWN_SETTINGS = (
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_ARENA_MAX",
    "GLIBC_TUNABLES",
)


@cache
def keep_freed_memory() -> bool:
    """Have glibc keep up to 2 GB of what is freed, once a process; whether it does.

    By default it gives freed memory back to the system, batch after batch, and asks for it again. Threads that begin
    later share the arenas that there are. Of those but the first whole pieces of 64 MB would go back nevertheless; not
    so if as much is to be kept at an arena's end. Nothing is changed where the environment has settings of its own
    (``MALLOC_TRIM_THRESHOLD_``, ``MALLOC_TOP_PAD_``, ``MALLOC_MMAP_THRESHOLD_``, ``MALLOC_ARENA_MAX``,
    ``GLIBC_TUNABLES``), and another allocator put before glibc's is not affected.
    """
    mallopt = _of_glibc("mallopt")
    settings = {_MMAP_THRESHOLD: LARGEST, _TRIM_THRESHOLD: KEPT, _ARENA_MAX: 1, _TOP_PAD: HEAP}
    return mallopt is not None and all(mallopt(name, value) for name, value in settings.items())


def give_back_freed_memory() -> None:
    """Have glibc give back what is free now, between what is in use, too.

    For a long job to do now and then: what is freed is cut into pieces that fit less and less, and new memory is asked
    for beside it, without end. Nothing is done where the environment has settings of its own.
    """
    malloc_trim = _of_glibc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    """A function of glibc's; None where there is another C library, or the environment has settings for this one."""
    if not sys.platform.startswith("linux") or any(name in os.environ for name in _OWN_SETTINGS):
        return None
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    return function
