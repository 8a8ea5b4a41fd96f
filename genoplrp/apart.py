"""An object that does its work in a process of its own, beside this one's: two interpreters never wait for each other.

`Apart` starts the process; `Here` has the same calls and makes them in this one. What they take and give is pickled.
The other process begins with nothing of this one: no script has to guard its lines from running twice, as
`multiprocessing` asks for, and threads that are at work do no harm.
"""

import gc
import os
import pickle
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.spawn import get_executable
from typing import IO, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar


class Closable(Protocol):
    """What can be let go."""

    def close(self) -> None:
        """Let go of files and the like."""


T = TypeVar("T", bound=Closable)
P = ParamSpec("P")
R = TypeVar("R")

_BEGIN = """
import os, sys
answers = os.dup(1)
os.dup2(2, 1)  # what is printed must not come between the answers
sys.path[:] = sys.argv[1:]
from genoplrp.apart import serve
serve(answers)
"""
_LENGTH = struct.Struct("<Q")
_MARK = b"\0genoplrp answers\0"
"""Before the first answer: what an interpreter prints when it starts is left out."""
_KILL = 9  # signal.SIGKILL, which Windows does not have
_OUT_OF_REACH = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # what a new session is elsewhere, on Windows

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""The other process works beside this one, which has the other cores: with threads of its own, on arrays as small as
those of `genoplrp.annotate.recorder`, it took half as much time again to wait for them."""

_BETWEEN_SEARCHES = 50_000
"""Objects made between two of the other process' searches for garbage in cycles; at the interpreter's own 700 they took
an eighth of the time of `genoplrp.annotate.recorder`."""


class Here(Generic[T]):
    """An object in this process; arguments are those of its class.

    Examples
    --------
    >>> from contextlib import closing
    >>> from io import StringIO
    >>> with closing(Here(StringIO, "made here")) as text:
    ...     text.call(StringIO.read, 4)
    'made'
    """

    def __init__(self, kind: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> None:
        self._made = kind(*arguments, **named)

    def call(self, method: Callable[Concatenate[T, P], R], *arguments: P.args, **named: P.kwargs) -> R:
        """What a method of the object gives, which is named as a function of the class; an error of it is raised."""
        return method(self._made, *arguments, **named)

    def close(self) -> None:
        """Close the object."""
        self._made.close()


class Apart(Generic[T]):
    """An object in a process of its own; arguments are those of its class.

    The class, and what its arguments are made of, must be importable by name in a fresh interpreter: nothing that a
    script defines is. The process imports what the class needs and makes the object while this one goes on. An error
    there is raised here, by the next call, with the traceback from there as a note. Torch and numpy have one thread
    there. The process ends when it is closed or this one ends, be it killed; a Ctrl-C in the terminal does not reach
    it.

    Raises
    ------
    OSError
        From the constructor, if no process can be started.
    ChildProcessError
        If the process has ended early.

    Examples
    --------
    >>> from contextlib import closing
    >>> from io import StringIO
    >>> with closing(Apart(StringIO, "made there")) as text:
    ...     text.call(StringIO.read, 4)
    'made'
    """

    def __init__(self, kind: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> None:
        first = _packed(kind, arguments, named)  # before anything is begun: it may fail
        self._process = subprocess.Popen(
            [os.fsdecode(get_executable()), "-c", _BEGIN, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD},
            start_new_session=True,
            creationflags=_OUT_OF_REACH,
        )
        self._begun = False
        self._send(first)

    def call(self, method: Callable[Concatenate[T, P], R], *arguments: P.args, **named: P.kwargs) -> R:
        """What a method of the object gives, which is named as a function of the class; an error of it is raised."""
        question = _packed(method, arguments, named)
        if not self._begun:
            _find_mark(self._pipes()[1])
            self._answer()
            self._begun = True
        self._send(question)
        found: R = self._answer()
        return found

    def close(self) -> None:
        """End the process: what it was asked for is done, or not wanted any more."""
        self._process.kill()
        for pipe in self._pipes():
            with suppress(OSError):  # what was still to be sent has nobody to go to
                pipe.close()
        self._process.wait()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process.stdin is not None and self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def _send(self, question: bytes) -> None:
        try:
            _write(self._pipes()[0], question)
        except OSError:
            raise self._ended() from None

    def _answer(self) -> Any:
        data = _read(self._pipes()[1])
        if data is None:
            raise self._ended()
        well, answer = pickle.loads(data)
        if not well:
            raise answer
        return answer

    def _ended(self) -> ChildProcessError:
        code = self._process.wait()
        if code == -_KILL:
            return ChildProcessError("the process beside this one was killed; was there memory enough for both?")
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        return ChildProcessError(f"the process beside this one {how} before its work was done")


def beside(kind: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Here[T] | Apart[T]:
    """`Apart` where another process can be started, else `Here`: a program with its interpreter inside starts none."""
    if getattr(sys, "frozen", False) or not get_executable():
        return Here(kind, *arguments, **named)
    try:
        return Apart(kind, *arguments, **named)
    except ChildProcessError:  # one that was started may have done something already
        raise
    except OSError:
        return Here(kind, *arguments, **named)


def serve(number: int) -> None:
    """Make the object and answer calls, to the file of this number, until nobody asks any more: the other process."""
    gc.set_threshold(_BETWEEN_SEARCHES, *gc.get_threshold()[1:])
    questions, answers = sys.stdin.buffer, os.fdopen(number, "wb")
    answers.write(_MARK)
    made: Any = None
    while (data := _read(questions)) is not None:
        try:
            what, arguments, named = pickle.loads(data)
            if made is None:
                made, found = what(*arguments, **named), None
            else:
                found = what(made, *arguments, **named)
            answer = _packed(True, found)
        except Exception as error:
            answer = _told(error)
        try:
            _write(answers, answer)
        except BrokenPipeError:
            return
        if made is None:
            return


def _told(error: Exception) -> bytes:
    """An error as it goes back; one that cannot be pickled goes by its words."""
    error.add_note("In the process beside this one:\n" + "".join(traceback.format_exception(error)))
    try:
        data = _packed(False, error)
        pickle.loads(data)
    except Exception:
        words = RuntimeError(f"{type(error).__name__}: {error}")
        words.add_note(error.__notes__[-1])
        return _packed(False, words)
    return data


def _packed(*message: Any) -> bytes:
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def _find_mark(pipe: IO[bytes]) -> None:
    """Read up to the mark, or to the end where there is none."""
    last = b""
    while last != _MARK and (byte := pipe.read(1)):
        last = (last + byte)[-len(_MARK) :]


def _write(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes | None:
    """The next message; None where the other side has gone, be it in the middle of one."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    return data if len(data) == length else None
