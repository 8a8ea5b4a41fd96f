"""Work shared out among threads: all of it is done once, by torch's own threads, and errors come through."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genoplrp.lrp.sparse import threads
from tests.processes import run_script

SAMPLES = np.ones(60, np.int64)


@pytest.fixture(params=["torch", "pool"])
def three_threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three threads of torch, or three of Python's where torch has another library than OpenMP."""
    if request.param == "pool":
        monkeypatch.setattr(threads, "_parallel", lambda: None)
    elif threads._parallel() is None:
        pytest.skip("torch was built with another library for threads")
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(1, 8))
def test_threads_get_every_sample_once_and_in_order(work: list[int], number: int) -> None:
    ranges = threads._ranges(np.array(work), number)
    assert [sample for first, last in ranges for sample in range(first, last)] == list(range(len(work)))
    assert len(ranges) <= number and all(first < last for first, last in ranges)


@pytest.mark.usefixtures("three_threads")
def test_three_threads_do_all_of_it() -> None:
    done, who = [], set()

    def work(samples: tuple[int, int]) -> None:
        time.sleep(0.02)
        done.extend(range(*samples))
        who.add(threading.get_ident())

    threads.in_threads(work, SAMPLES)
    assert sorted(done) == list(range(60))
    assert len(who) == 3 and threading.get_ident() in who


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the process's threads")
def test_torch_s_own_threads_do_it(tmp_path: Path) -> None:
    script = """
import os, threading, time
import numpy as np, torch
from genoplrp.lrp.sparse import threads
torch.set_num_threads(3)
torch.ones(1_000_000).exp()
before = set(os.listdir("/proc/self/task"))
who = set()
def work(samples):
    time.sleep(0.02)
    who.add(str(threading.get_native_id()))
threads.in_threads(work, np.ones(60, np.int64))
assert len(who) == 3 and who <= before, (who, before)
assert set(os.listdir("/proc/self/task")) == before
"""
    done = run_script(tmp_path / "script.py", script)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("failing", [0, 5])
def test_nobody_writes_once_a_thread_has_failed(failing: int) -> None:
    """Whether the calling thread meets the error or another one."""
    done = []

    def work(samples: tuple[int, int]) -> None:
        if samples[0] <= failing < samples[1]:
            raise ValueError("meant")
        time.sleep(0.01)
        done.append(samples)

    with pytest.raises(ValueError, match="meant"):
        threads.in_threads(work, SAMPLES)
    finished = len(done)
    assert finished < 8  # of 12 ranges: the others were not begun
    time.sleep(0.1)
    assert len(done) == finished
    threads.in_threads(done.append, SAMPLES)
    assert sorted(done[finished:])[-1][1] == 60


@pytest.mark.usefixtures("three_threads")
def test_interrupt_ends_it() -> None:
    done = []

    def work(samples: tuple[int, int]) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.01)
        done.append(samples)

    with pytest.raises(KeyboardInterrupt):
        threads.in_threads(work, SAMPLES)
    assert len(done) < 8


def test_interrupt_that_openmp_would_swallow_comes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        threads._by_torch(lambda *_: None, lambda: None, 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_forked_process_has_threads(tmp_path: Path) -> None:
    """torch's own are the parent's: waiting for them would never end."""
    script = """
import os, signal, time
import numpy as np, torch
from genoplrp.lrp.sparse import threads
torch.set_num_threads(2)
threads.in_threads(lambda samples: time.sleep(0.01), np.ones(60, np.int64))
child = os.fork()
if child == 0:
    signal.alarm(20)
    done = []
    threads.in_threads(done.append, np.ones(60, np.int64))
    os._exit(0 if max(last for _, last in done) == 60 else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    done = run_script(tmp_path / "script.py", script)
    assert done.returncode == 0, done.stderr
