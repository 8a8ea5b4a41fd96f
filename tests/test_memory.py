"""Freed memory is kept where the C library is glibc and the user has said nothing else."""

import os
import platform
import subprocess
import sys

import pytest

from genoplrp.memory import give_back_freed_memory

OWN = (
    "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES",
)  # fmt: skip
FREED = """
import numpy as np
from genoplrp.memory import give_back_freed_memory, keep_freed_memory
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
{keep}
blocks = [np.ones(2**20) for _ in range(16)]  # 8 MB each
full = resident()
del blocks
{then}
print((full - resident()) / 2**20)
"""


def given_back(keep: str, then: str = "", **settings: str) -> float:
    """MB that a new process gives back of the 128 that it frees."""
    return printed(FREED.format(keep=keep, then=then), **settings)


def printed(script: str, **settings: str) -> float:
    """The number that a script prints in a new process, whose environment has no other settings of memory."""
    plain = {name: value for name, value in os.environ.items() if name not in OWN}
    command = [sys.executable, "-c", script]
    return float(subprocess.run(command, env=plain | settings, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_kept_unless_the_user_says_otherwise() -> None:
    assert given_back("") > 100
    assert given_back("assert keep_freed_memory()") < 20
    assert given_back("assert not keep_freed_memory()", MALLOC_TRIM_THRESHOLD_="131072") > 100


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_a_thread_frees_is_kept_too() -> None:
    """A thread may have an arena of its own, made before anything was set."""
    script = """
import resource, sys, threading
import numpy as np
from genoplrp.memory import keep_freed_memory
begin, go = threading.Event(), threading.Event()
def work():
    np.ones(2**18)  # 2 MB: the thread has an arena from now on
    begin.set()
    go.wait()
    for turn in range(12):
        if turn == 2:
            faults.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt)
        blocks = [np.ones(2**20) for _ in range(12)]  # 8 MB each
        del blocks
    faults.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt)
faults = []
thread = threading.Thread(target=work)
thread.start()
begin.wait()
{keep}
go.set()
thread.join()
print(faults[1] - faults[0])
"""
    pages = {keep: printed(script.replace("{keep}", keep)) for keep in ("", "assert keep_freed_memory()")}
    assert pages[""] > 10 * 2000  # at least one block, of 2,048 pages, each time
    assert pages["assert keep_freed_memory()"] < pages[""] / 10


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_that_was_kept_is_given_back_when_asked_for() -> None:
    assert given_back("keep_freed_memory()", "give_back_freed_memory()") > 100


def test_giving_back_does_nothing_where_there_is_another_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("ctypes.CDLL", lambda name: asked.append(name) or object())
    give_back_freed_memory()
    monkeypatch.setattr("sys.platform", "darwin")
    give_back_freed_memory()
    assert len(asked) <= 1
