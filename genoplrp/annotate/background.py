"""Work that is done beside the caller's, in threads of their own: calls in order, and what comes next made ahead."""

import gc
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, Self, TypeVar

import torch

S = TypeVar("S")
T = TypeVar("T")

_WAITING = 2
"""Calls whose arguments are held in memory while an earlier one runs."""

_BETWEEN_SEARCHES = 5_000
"""Objects made between two searches for garbage in cycles, some batches' worth; at the interpreter's own 700 the
searches took 4 % of a run."""


class _Usual(Generic[T]):
    """A setting of the whole process that is as before once the last of those that change it is done.

    They may begin and end in any order: what the first finds is the usual value.
    """

    def __init__(self, read: Callable[[], T], write: Callable[[T], object]) -> None:
        self._read, self._write = read, write
        self._lock, self._open = threading.Lock(), 0
        self._usual = read()

    def begin(self) -> T:
        """The usual value, which the caller may change until he is done."""
        with self._lock:
            if not self._open:
                self._usual = self._read()
            self._open += 1
            return self._usual

    def end(self) -> None:
        """Set the usual value again, unless somebody else is not done yet."""
        with self._lock:
            self._open -= 1
            if not self._open:
                self._write(self._usual)


_searches = _Usual(gc.get_threshold, lambda usual: gc.set_threshold(*usual))
torch_threads = _Usual(torch.get_num_threads, torch.set_num_threads)
"""A thread that sets its own number changes that of all threads that begin later."""


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
        usual = _searches.begin()
        if usual[0]:  # 0: somebody has turned it off
            gc.set_threshold(max(_BETWEEN_SEARCHES, usual[0]), *usual[1:])
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


class Crew:
    """Context of threads that make what comes next while the caller works with the last.

    Parameters
    ----------
    size
        Number of threads; 0: the caller makes each thing himself, when he asks for it.
    begin
        Called in each thread before its first work.

    Examples
    --------
    >>> with Crew(2) as crew:
    ...     list(crew.ahead(len, ["A", "CG"]))
    [('A', 1), ('CG', 2)]
    """

    def __init__(self, size: int = 1, begin: Callable[[], object] | None = None) -> None:
        self.size = size
        self._threads = ThreadPoolExecutor(max(1, size), thread_name_prefix="genoplrp-crew", initializer=begin)

    def ahead(self, make: Callable[[S], T], items: Iterable[S]) -> Generator[tuple[S, T]]:
        """Each item, in order, with what is made of it; as many more are made as there are threads.

        An error of `make` is raised when its item's turn comes, one of `items` at once. Leaving the context waits for
        what is being made.
        """
        waiting: deque[tuple[S, Future[T]]] = deque()
        for item in items:
            if not self.size:
                yield item, make(item)
                continue
            waiting.append((item, self._threads.submit(make, item)))
            if len(waiting) > self.size:
                last, made = waiting.popleft()
                yield last, made.result()
        for last, made in waiting:
            yield last, made.result()

    def map(self, make: Callable[[S], T], items: Iterable[S]) -> Generator[T]:
        """What is made `ahead` of each item, in order."""
        return (made for _, made in self.ahead(make, items))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
