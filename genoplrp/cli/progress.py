"""The progress bar: on standard error, and only where somebody can see it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Report = Callable[[str, int], None]

_STAGES = {
    "calibrating": "finding thresholds on shuffled sequences",
    "annotating": "explaining",
    "drawing": "writing the report",
}
_GZIP = b"\x1f\x8b"


@contextmanager
def progress_bar(fasta: str) -> Iterator[Report]:
    """Context with a function that takes a stage and the number of records done; silent where there is no terminal."""
    if not sys.stderr.isatty():
        yield lambda stage, records: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading", total=count_records(fasta))
        yield lambda stage, records: bar.update(task, description=_STAGES[stage], completed=records)


@contextmanager
def spinner() -> Iterator[Callable[[str], None]]:
    """Context with a function that takes what is being done; silent where there is no terminal."""
    if not sys.stderr.isatty():
        yield lambda doing: None
        return
    from rich.console import Console

    with Console(stderr=True).status("loading") as status:
        yield status.update


def count_records(fasta: str) -> int | None:
    """Number of headers in a plain FASTA file; None for gzip and pipes, where counting costs."""
    path = Path(fasta)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if file.read(2) == _GZIP:
            return None
        file.seek(0)
        return sum(line.startswith(b">") for line in file)
