"""Work that is done beside the network's: in order, in one thread of its own."""

import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

_WAITING = 2
"""Calls whose arguments are held in memory while an earlier one runs."""

_SWITCH = 5e-5
"""Seconds after which a thread that runs Python code lets the other one in. The network's thread asks for it after each
of its hundreds of operations a batch; at the interpreter's own 5 ms nothing is gained."""


class _Hurry:
    """Shortens the interpreter's switch interval from the first beginning to the last end, in whatever order."""

    def __init__(self) -> None:
        self._lock, self._open, self._usual = threading.Lock(), 0, 0.0

    def begin(self) -> None:
        with self._lock:
            if not self._open:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(_SWITCH)
            self._open += 1

    def end(self) -> None:
        with self._lock:
            self._open -= 1
            if not self._open:
                sys.setswitchinterval(self._usual)


_hurry = _Hurry()


class Background:
    """Context that makes calls one after the other in a thread of its own, while the caller goes on.

    An error of a call is raised by a later `do`, or when the context is left; calls behind it are not made. While a
    context is open the interpreter switches threads more often (`sys.setswitchinterval`).

    Examples
    --------
    >>> done = []
    >>> with Background() as later:
    ...     for k in range(5):
    ...         later.do(done.append, k)
    >>> done
    [0, 1, 2, 3, 4]
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="genoplrp-annotate")
        self._calls: deque[Future[None]] = deque()
        self._failed = False

    def do(self, call: Callable[..., None], *arguments: Any) -> None:
        """Make this call when those before it are done; waits while too many are waiting."""
        while len(self._calls) > _WAITING or (self._calls and self._calls[0].done()):
            self._calls.popleft().result()
        self._calls.append(self._thread.submit(self._make, call, *arguments))

    def _make(self, call: Callable[..., None], *arguments: Any) -> None:
        if self._failed:
            return
        try:
            call(*arguments)
        except BaseException:
            self._failed = True
            raise

    def __enter__(self) -> Self:
        _hurry.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            while kind is None and self._calls:
                self._calls.popleft().result()
        finally:
            try:
                self._thread.shutdown(cancel_futures=True)
            finally:
                _hurry.end()
