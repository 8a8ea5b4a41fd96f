"""Errors at the command line: one clear line on standard error and an exit code, no traceback."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from genoplrp.errors import GenoPLRPError

REJECTED = 1
UNUSABLE = 2
INTERRUPTED = 130


@contextmanager
def failing() -> Iterator[None]:
    """Context of a command's work: what the user can mend becomes a message, everything else stays a traceback."""
    try:
        yield
    except GenoPLRPError as error:
        message, code = str(error), UNUSABLE
    except OSError as error:  # a full disk, a folder taken away: not this program's fault, nor worth a traceback
        message, code = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", UNUSABLE
    except KeyboardInterrupt:
        message, code = "interrupted; nothing was written", INTERRUPTED
    else:
        return
    typer.echo(f"genoplrp: {'' if code == INTERRUPTED else 'error: '}{message}", err=True)
    raise typer.Exit(code)


def say_warnings(warnings: Iterable[str]) -> None:
    """A line on standard error for each."""
    for warning in warnings:
        typer.echo(f"genoplrp: warning: {warning}", err=True)


def end_with_rejected(rejected: int, out: Path) -> None:
    """Where records were rejected, say where their reasons are and end with the code that stands for it."""
    if rejected:
        reasons = "record rejected; the reason is" if rejected == 1 else "records rejected; reasons are"
        typer.echo(f"{rejected:,} {reasons} in {out / 'rejected.tsv'}", err=True)
        raise typer.Exit(REJECTED)
