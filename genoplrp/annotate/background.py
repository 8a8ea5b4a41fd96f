"""Work that is done beside the caller's, in a thread of its own: calls in order, and what comes next made ahead."""

import gc
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self, TypeVar

S = TypeVar("S")
T = TypeVar("T")

_WAITING = 2
"""Calls whose arguments are held in memory while an earlier one runs."""

_BETWEEN_SEARCHES = 5_000
"""Objects made between two searches for garbage in cycles, some batches' worth; at the interpreter's own 700 the
searches took 4 % of a run."""


class _Searches:
    """Makes searches for garbage rare from the first beginning to the last end, in whatever order these come."""

    def __init__(self) -> None:
        self._lock, self._open = threading.Lock(), 0
        self._usual = gc.get_threshold()

    def begin(self) -> None:
        with self._lock:
            if not self._open:
                self._usual = gc.get_threshold()
                if self._usual[0]:  # 0: somebody has turned it off
                    gc.set_threshold(max(_BETWEEN_SEARCHES, self._usual[0]), *self._usual[1:])
            self._open += 1

    def end(self) -> None:
        with self._lock:
            self._open -= 1
            if not self._open:
                gc.set_threshold(*self._usual)


_searches = _Searches()


class Background:
    """Context that makes calls one after the other in a thread of its own, while the caller goes on.

    An error of a call is raised by a later `do`, or when the context is left; calls behind it are not made. While a
    context is open the interpreter searches for garbage less often (`gc.set_threshold`).

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
        _searches.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            while kind is None and self._calls:
                self._calls.popleft().result()
        finally:
            try:
                self._thread.shutdown(cancel_futures=True)
            finally:
                _searches.end()


def ahead(make: Callable[[S, Callable[[], bool]], T], items: Iterable[S]) -> Generator[tuple[S, T]]:
    """Each item with what is made of it; the next one's is made in a thread while the caller works with the last.

    An error of `make` is raised when its item's turn comes, one of `items` at once. Close the iterator where it is not
    used to its end: this waits for `make`, which can ask by its second argument, now and then, whether to give up.

    Examples
    --------
    >>> list(ahead(lambda item, given_up: len(item), ["A", "CG"]))
    [('A', 1), ('CG', 2)]
    """
    thread, given_up = ThreadPoolExecutor(1, thread_name_prefix="genoplrp-ahead"), threading.Event()
    waiting: deque[tuple[S, Future[T]]] = deque()
    try:
        for item in items:
            waiting.append((item, thread.submit(make, item, given_up.is_set)))
            if len(waiting) > 1:
                last, made = waiting.popleft()
                yield last, made.result()
        for last, made in waiting:
            yield last, made.result()
    finally:
        given_up.set()
        thread.shutdown(cancel_futures=True)


def in_turn(make: Callable[[S, Callable[[], bool]], T], items: Iterable[S]) -> Generator[tuple[S, T]]:
    """As `ahead`, but each is made when it is asked for, by the caller's thread."""
    for item in items:
        yield item, make(item, lambda: False)
