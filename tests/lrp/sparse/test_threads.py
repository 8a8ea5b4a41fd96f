"""Work shared out among threads: all of it is done once, by torch's own threads, and errors come through."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genoplrp.lrp.sparse import threads
from genoplrp.lrp.sparse.kernels.queue import next_samples
from tests.processes import run_script

SAMPLES = 600


@numba.njit(nogil=True)
def count_takes(queue: NDArray[np.int64], took: NDArray[np.int64]) -> None:
    """Count how often each sample is taken, as fast as can be."""
    first, last = next_samples(queue)
    while first < last:
        took[first] += 1
        first, last = next_samples(queue)


def taken(queue: NDArray[np.int64]) -> Iterator[range]:
    """The samples that a thread takes from a queue, one batch after the other."""
    samples = range(*next_samples(queue))
    while samples:
        yield samples
        samples = range(*next_samples(queue))


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
@given(st.integers(0, 40), st.integers(1, 50))
def test_a_queue_hands_out_every_sample_once_and_in_order(number: int, step: int) -> None:
    queue = np.array([0, step, number])
    batches = list(taken(queue))
    assert [sample for batch in batches for sample in batch] == list(range(number))
    assert all(len(batch) == step for batch in batches[:-1])
    assert list(taken(queue)) == []


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("samples", [2, 7, SAMPLES])
def test_three_threads_do_all_of_it(samples: int) -> None:
    """Each of them waits until all are there."""
    done, who, together = [], set(), threading.Barrier(3)

    def work(queue: NDArray[np.int64]) -> None:
        together.wait(10)
        who.add(threading.get_ident())
        for batch in taken(queue):
            done.extend(batch)

    threads.in_threads(work, samples)
    assert sorted(done) == list(range(samples))
    assert len(who) == 3 and threading.get_ident() in who


@pytest.mark.usefixtures("three_threads")
def test_no_sample_is_taken_twice_at_the_same_time() -> None:
    """200,000 takes by three threads that do nothing else; a counter that is read and then written would lose some."""
    took, together = np.zeros(200_000, np.int64), threading.Barrier(3)

    def work(queue: NDArray[np.int64]) -> None:
        queue[1] = 1  # sample by sample
        together.wait(10)
        count_takes(queue, took)

    threads.in_threads(work, len(took))
    assert (took == 1).all()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the process's threads")
def test_torch_s_own_threads_do_it(tmp_path: Path) -> None:
    script = """
import os, threading
import torch
from genoplrp.lrp.sparse import threads
torch.set_num_threads(3)
torch.ones(1_000_000).exp()
before = set(os.listdir("/proc/self/task"))
who = set()
def work(queue):
    who.add(str(threading.get_native_id()))
threads.in_threads(work, 60)
assert len(who) == 3 and who <= before, (who, before)
assert set(os.listdir("/proc/self/task")) == before
"""
    done = run_script(tmp_path / "script.py", script)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("failing", [0, 40])
def test_nobody_writes_once_a_thread_has_failed(failing: int) -> None:
    """Whichever thread meets the error, the others finish what they have begun and take nothing more."""
    done, failed = [], threading.Event()

    def work(queue: NDArray[np.int64]) -> None:
        for batch in taken(queue):
            if failing in batch:
                failed.set()
                raise ValueError("meant")
            if batch.start > failing:
                failed.wait(10)
                time.sleep(0.3)
            done.append(batch)

    with pytest.raises(ValueError, match="meant"):
        threads.in_threads(work, SAMPLES)
    finished = len(done)
    at_a_time = SAMPLES // (threads.TAKES * 3)
    assert finished <= failing // at_a_time + 2  # what came before, and what two other threads had begun
    time.sleep(0.2)
    assert len(done) == finished


@pytest.mark.usefixtures("three_threads")
def test_interrupt_ends_it() -> None:
    done, interrupted = [], threading.Event()

    def work(queue: NDArray[np.int64]) -> None:
        for batch in taken(queue):
            if threading.current_thread() is threading.main_thread():
                interrupted.set()
                signal.raise_signal(signal.SIGINT)
            interrupted.wait(10)
            time.sleep(0.3)
            done.append(batch)

    with pytest.raises(KeyboardInterrupt):
        threads.in_threads(work, SAMPLES)
    assert len(done) <= 2


def test_interrupt_that_openmp_would_swallow_comes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        threads._by_torch(lambda *_: None, lambda: None, 2)


def test_small_stacks_of_openmp_are_not_python_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 kB would overflow: the loops run in threads of Python's own."""
    monkeypatch.setenv("OMP_STACKSIZE", "64k")
    script = """
import torch
from genoplrp import attribute, one_hot
torch.set_num_threads(3)
model = torch.nn.Sequential(torch.nn.Conv1d(4, 8, 5), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(128, 2))
attribute(model.eval(), one_hot(["ACGTTGCAACGTAGCATCGA"] * 9).float(), target=0)
"""
    done = run_script(tmp_path / "script.py", script)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_forked_process_has_threads(tmp_path: Path) -> None:
    """torch's own are the parent's: waiting for them would never end."""
    script = """
import os, signal
import torch
from genoplrp.lrp.sparse import threads
torch.set_num_threads(2)
threads.in_threads(lambda queue: None, 60)
child = os.fork()
if child == 0:
    signal.alarm(20)
    done = []
    threads.in_threads(lambda queue: done.append(queue[2]), 60)
    os._exit(0 if done == [60, 60] else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    done = run_script(tmp_path / "script.py", script)
    assert done.returncode == 0, done.stderr
