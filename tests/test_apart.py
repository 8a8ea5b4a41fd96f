"""An object in another process: calls, errors, what ends with what, and scripts that know nothing of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from genoplrp import apart
from genoplrp.apart import Apart, Here, beside
from genoplrp.errors import OptionError
from tests.processes import gone, run_script


class Unsendable(Exception):
    """An error that cannot be made again from its words."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


class Counter:
    """Counts; what it is asked for tells where it runs."""

    def __init__(self, start: int = 0, *, folder: Path | None = None) -> None:
        if start < 0:
            raise OptionError("start must be 0 or more")
        self.count, self.folder = start, folder

    def add(self, n: int, *, times: int = 1) -> int:
        self.count += n * times
        return self.count

    def home(self) -> int:
        print("printed")  # must not come between the answers
        return os.getpid()

    def threads(self) -> int:
        import torch

        return torch.get_num_threads()

    def fail(self) -> None:
        raise OSError(28, "No space left on device", "hits.tsv")

    def fail_unsendably(self) -> None:
        raise Unsendable("not ", "to be sent")

    def give_a_function(self) -> Callable[[], None]:
        return lambda: None

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def terminate(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    def leave(self) -> None:
        sys.exit(3)

    def size(self, data: bytes) -> int:
        return len(data)

    def wait(self) -> None:
        assert self.folder is not None
        (self.folder / "waiting").touch()
        time.sleep(600)

    def close(self) -> None:
        self.count = -1


@pytest.mark.parametrize("where", [Here, Apart])
def test_an_object_keeps_what_it_has_between_calls(where: type[Here[Counter]] | type[Apart[Counter]]) -> None:
    with closing(where(Counter, 5)) as counter:
        assert [counter.call(Counter.add, k) for k in range(4)] == [5, 6, 8, 11]
        assert counter.call(Counter.add, 2, times=3) == 17
        assert (counter.call(Counter.home) == os.getpid()) is (where is Here)


@pytest.mark.parametrize("where", [Here, Apart])
def test_an_error_there_is_raised_here_and_calls_go_on(where: type[Here[Counter]] | type[Apart[Counter]]) -> None:
    with closing(where(Counter)) as counter:
        with pytest.raises(OSError, match="No space left on device") as caught:
            counter.call(Counter.fail)
        assert (caught.value.errno, caught.value.filename) == (28, "hits.tsv")
        assert counter.call(Counter.add, 1) == 1
    if where is Apart:
        assert "in fail" in caught.value.__notes__[0]


def test_the_process_has_one_thread_whatever_this_one_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with closing(Apart(Counter)) as counter:
        assert counter.call(Counter.threads) == 1


def test_an_error_that_cannot_be_sent_comes_by_its_words() -> None:
    with closing(Apart(Counter)) as counter, pytest.raises(RuntimeError, match="Unsendable: not to be sent"):
        counter.call(Counter.fail_unsendably)


def test_an_answer_that_cannot_be_sent_is_an_error() -> None:
    with closing(Apart(Counter)) as counter:
        with pytest.raises(Exception, match="lambda"):
            counter.call(Counter.give_a_function)
        assert counter.call(Counter.add, 1) == 1


def test_an_object_that_cannot_be_made_is_an_error_of_the_next_call() -> None:
    with closing(Apart(Counter, -1)) as counter, pytest.raises(OptionError, match="start must be 0 or more"):
        counter.call(Counter.add, 1)


@pytest.mark.parametrize(
    ("end", "words"), [(Counter.die, "was killed"), (Counter.terminate, "signal 15"), (Counter.leave, "code 3")]
)
def test_a_process_that_ends_early_is_a_clear_error_however_often_it_is_asked(
    end: Callable[[Counter], None], words: str
) -> None:
    with closing(Apart(Counter)) as counter:
        for _ in range(2):
            with pytest.raises(ChildProcessError, match=words):
                counter.call(end)


def test_messages_larger_than_a_pipe_pass() -> None:
    with closing(Apart(Counter)) as counter:
        assert counter.call(Counter.size, bytes(3 << 20)) == 3 << 20


def test_the_process_ends_when_it_is_closed_whatever_it_does(tmp_path: Path) -> None:
    counter = Apart(Counter, folder=tmp_path)
    with closing(counter):
        pid = counter.call(Counter.home)
        counter._send(apart._packed(Counter.wait, (), {}))  # a call that would take ten minutes
        while not (tmp_path / "waiting").exists():
            time.sleep(0.01)
    assert gone(pid)


def test_what_cannot_be_sent_begins_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("begun"))
    with pytest.raises(Exception, match="lambda"):
        Apart(Counter, folder=lambda: None)  # type: ignore[arg-type]  # a path would be sent


def test_what_the_interpreter_prints_when_it_starts_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('Welcome to this cluster')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with closing(Apart(Counter, 3)) as counter:
        assert counter.call(Counter.add, 1) == 4


SCRIPT = """
from pathlib import Path
from genoplrp.apart import Apart
from tests.test_apart import Counter
Path({folder!r}, "begun").open("a").write("x")
counter = Apart(Counter, folder=Path({folder!r}))
print(counter.call(Counter.home), flush=True)
{end}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that ends a process at once")
@pytest.mark.parametrize("end", ["import os; os.kill(os.getpid(), 9)", "raise SystemExit", "1 / 0"])
def test_the_process_ends_with_its_script_which_runs_once_and_needs_no_guard(tmp_path: Path, end: str) -> None:
    ran = run_script(tmp_path / "script.py", SCRIPT.format(folder=str(tmp_path), end=end))
    assert gone(int(ran.stdout)), ran.stderr
    assert (tmp_path / "begun").read_text() == "x"


@pytest.mark.parametrize("setting", ["frozen", "embedded", "no room"])
def test_where_no_process_can_be_started_the_object_is_here(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    if setting == "frozen":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    elif setting == "embedded":
        monkeypatch.setattr(apart, "get_executable", lambda: None)
    else:
        monkeypatch.setattr(subprocess, "Popen", full)
    with closing(beside(Counter, 3)) as counter:
        assert counter.call(Counter.home) == os.getpid()


def test_beside_is_another_process_where_one_can_be_started() -> None:
    with closing(beside(Counter, 3)) as counter:
        assert counter.call(Counter.home) != os.getpid()
        assert counter.call(Counter.add, 1) == 4
