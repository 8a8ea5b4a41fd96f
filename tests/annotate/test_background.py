"""Work beside the caller's: its order, how much waits, its errors, the interpreter's settings, and what it shares."""

import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from genoplrp.annotate import annotate
from genoplrp.annotate.background import Background, Crew, torch_threads
from genoplrp.annotate.scorer import scorer_for
from genoplrp.lrp import Composite
from tests.annotate.networks import matrix_network
from tests.annotate.sequences import planted_fasta


def test_calls_are_made_in_order_by_another_thread_and_are_done_at_the_end() -> None:
    done: list[tuple[int, int]] = []
    with Background() as later:
        for k in range(50):
            later.do(lambda k: done.append((k, threading.get_ident())), k)
    assert [k for k, _ in done] == list(range(50))
    threads = {thread for _, thread in done}
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_caller_waits_while_many_calls_are_waiting() -> None:
    """Memory stays bounded: with the first call stuck, a handful of others are taken and no more."""
    go, taken = threading.Event(), []

    def caller() -> None:
        with Background() as later:
            for k in range(20):
                later.do(go.wait)
                taken.append(k)

    thread = threading.Thread(target=caller)
    thread.start()
    thread.join(0.5)
    held = len(taken)
    go.set()
    thread.join()
    assert 1 <= held <= 4 and len(taken) == 20


def test_an_error_reaches_the_caller_and_later_calls_are_not_made() -> None:
    made = []

    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), Background() as later:
        later.do(fail)
        for k in range(1000):
            later.do(made.append, k)
    assert made == []


def test_an_error_of_the_last_call_is_raised_when_the_context_is_left() -> None:
    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), Background() as later:
        later.do(fail)


def test_the_callers_own_error_is_the_one_raised_and_no_thread_is_left() -> None:
    with pytest.raises(KeyboardInterrupt), Background() as later:
        later.do(lambda: None)
        raise KeyboardInterrupt
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("genoplrp-annotate")]


@pytest.mark.parametrize("fails", [False, True])
def test_searches_for_garbage_are_rarer_and_then_as_before(fails: bool) -> None:
    searches = gc.get_threshold()
    try:
        with Background():
            assert gc.get_threshold()[0] > searches[0]
            if fails:
                raise ValueError
    except ValueError:
        pass
    assert gc.get_threshold() == searches


def test_searches_for_garbage_that_are_turned_off_stay_off() -> None:
    usual = gc.get_threshold()
    gc.set_threshold(0)
    try:
        with Background():
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*usual)


def test_searches_for_garbage_are_as_before_when_contexts_overlap() -> None:
    before = gc.get_threshold()
    first, second = Background(), Background()
    first.__enter__()
    second.__enter__()
    first.__exit__(None)
    assert gc.get_threshold()[0] > before[0]
    second.__exit__(None)
    assert gc.get_threshold() == before


def test_next_item_is_made_while_the_caller_has_the_last() -> None:
    made, threads = [threading.Event() for _ in range(4)], set()

    def make(k: int) -> int:
        threads.add(threading.get_ident())
        made[k].set()
        return k * k

    found = []
    with Crew() as crew:
        for k, square in crew.ahead(make, range(4)):
            if k < 3:
                assert made[k + 1].wait(10)
            assert not any(event.is_set() for event in made[k + 2 :])  # one ahead and no more: memory is bounded
            found.append((k, square))
    assert found == [(0, 0), (1, 1), (2, 4), (3, 9)]
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_threads_of_a_crew_work_at_once_and_its_results_come_in_order() -> None:
    """The first item is not done before two others are, and three are taken: two made ahead, and the caller's."""
    begun, done, taken = threading.Barrier(2), [threading.Event() for _ in range(6)], []

    def make(k: int) -> int:
        if k < 2:
            begun.wait(10)  # breaks unless both are at work
        if k == 0:
            assert done[1].wait(10) and done[2].wait(10)
        done[k].set()
        return k * k

    def items() -> Iterator[int]:
        for k in range(6):
            taken.append(k)
            yield k

    with Crew(2) as crew:
        made = crew.ahead(make, items())
        assert next(made) == (0, 0)
        assert taken == [0, 1, 2]
        assert list(made) == [(k, k * k) for k in range(1, 6)]


def test_without_threads_the_caller_makes_each_when_he_asks() -> None:
    made: list[int] = []
    with Crew(0) as crew:
        for k, thread in crew.ahead(lambda k: (made.append(k), threading.get_ident())[1], range(3)):
            assert thread == threading.get_ident()
            assert made == list(range(k + 1))


def test_each_thread_of_a_crew_begins_as_it_is_told() -> None:
    own = threading.local()

    def begin() -> None:
        own.number = 7

    with Crew(3, begin) as crew:
        assert {number for _, number in crew.ahead(lambda k: own.number, range(9))} == {7}


@pytest.mark.parametrize("size", [0, 1, 3])
def test_an_error_ahead_is_raised_when_its_turn_comes(size: int) -> None:
    found = []
    with pytest.raises(ZeroDivisionError), Crew(size) as crew:
        for _, one in crew.ahead(lambda k: 6 // k, [3, 2, 0, 1]):
            found.append(one)
    assert found == [2, 3]


def test_no_thread_is_left_where_the_items_fail_or_are_not_all_taken() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise OSError("the file ends early")

    with pytest.raises(OSError, match="ends early"), Crew() as crew:
        list(crew.ahead(lambda k: k, items()))
    with Crew() as crew:
        next(crew.ahead(lambda k: k, range(9)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("genoplrp-crew")]


class Forgetful(nn.Module):
    """A network that keeps what its layers hand each other on itself, as much code does."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.spec = network, network.spec

    def forward(self, x: Tensor) -> Tensor:
        self.h = x
        if threading.active_count() > 1:
            time.sleep(0.005)  # another run may begin here
        return self.network(self.h)


def test_network_that_keeps_things_on_itself_is_scored_and_explained_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several threads score and explain by the same network, unless it may be disturbed."""
    fasta = planted_fasta(tmp_path)
    monkeypatch.setattr("genoplrp.annotate.survey._CHUNK_BASES", 60)
    plain = annotate(fasta, matrix_network(60), tmp_path / "plain", logos=0, batch_size=1)
    kept = annotate(fasta, Forgetful(matrix_network(60)).eval(), tmp_path / "kept", logos=0, batch_size=1)
    for name in ("predictions.tsv", "hits.tsv", "rma.tsv"):
        assert (kept.out / name).read_bytes() == (plain.out / name).read_bytes()


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_results_are_the_same_with_any_number_of_threads_of_torch_which_has_as_many_afterwards(
    tmp_path: Path, threads: int
) -> None:
    fasta, usual, found = planted_fasta(tmp_path), torch.get_num_threads(), {}
    try:
        for number in (1, threads):
            torch.set_num_threads(number)
            found[number] = annotate(fasta, matrix_network(60), tmp_path / str(number), logos=0, batch_size=3).out
            assert torch.get_num_threads() == number
            with ThreadPoolExecutor(1) as another:
                assert another.submit(torch.get_num_threads).result() == number
    finally:
        torch.set_num_threads(usual)
    for name in ("predictions.tsv", "hits.tsv", "rma.tsv"):
        assert (found[threads] / name).read_bytes() == (found[1] / name).read_bytes()


def test_a_rule_of_ones_own_is_applied_by_one_thread_at_a_time(tmp_path: Path) -> None:
    usual, at_once, most = torch.get_num_threads(), [0], [0]

    def own(inputs: tuple[Tensor, ...], output: Tensor, relevance: Tensor) -> tuple[Tensor, ...]:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        time.sleep(0.005)  # another batch would begin here
        at_once[0] -= 1
        return (relevance,)

    torch.set_num_threads(2)
    try:
        composite = Composite.named("genomic").with_op("relu", own)
        annotate(planted_fasta(tmp_path), matrix_network(60), tmp_path / "out", logos=0, batch_size=1,
                 composite=composite)  # fmt: skip
    finally:
        torch.set_num_threads(usual)
    assert most == [1]


def test_runs_that_overlap_leave_torch_its_number_of_threads() -> None:
    """Also where the one that began first ends first, after a thread of its own has set another number."""
    usual = torch.get_num_threads()
    assert torch_threads.begin() == usual
    with ThreadPoolExecutor(1) as worker:
        worker.submit(torch.set_num_threads, usual + 3).result()
    with ThreadPoolExecutor(1) as other:  # begins with the changed number
        assert other.submit(torch_threads.begin).result() == usual
        torch_threads.end()
        other.submit(torch_threads.end).result()
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == usual


def hooked(network: nn.Module) -> nn.Module:
    network[0].register_forward_hook(lambda *_: None)
    return network


def patched(network: nn.Module) -> nn.Module:
    network[1].forward = lambda x: x
    return network


class Own(nn.Sequential):
    """Somebody's class."""


@pytest.mark.parametrize(
    ("network", "may"),
    [
        (matrix_network(60), True),
        (nn.Sequential(nn.Conv1d(4, 2, 3), nn.BatchNorm1d(2), nn.ReLU()), True),
        (hooked(nn.Sequential(nn.Conv1d(4, 2, 3), nn.ReLU())), False),
        (patched(nn.Sequential(nn.Conv1d(4, 2, 3), nn.ReLU())), False),
        (Own(nn.Conv1d(4, 2, 3)), False),
        (nn.Sequential(nn.Conv1d(4, 2, 3), Own(nn.ReLU())), False),
    ],
    ids=["ours", "torch's", "hook", "patched", "own", "own-inside"],
)
def test_only_networks_of_known_modules_without_hooks_run_in_two_threads(network: nn.Module, may: bool) -> None:
    network.spec = matrix_network(60).spec
    assert scorer_for(network.eval(), 8, "forward").threads_may_share is may
