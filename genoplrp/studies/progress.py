"""The bar of a study: on stderr, and only where that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(total: int, text: str, wanted: bool) -> Iterator[Callable[[], None]]:
    """A function that advances the bar by one of ``total``; without a terminal, or unwanted, nothing is shown."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not (wanted and console.is_terminal)) as shown:
        task = shown.add_task("", total=total)
        yield lambda: shown.update(task, advance=1)
