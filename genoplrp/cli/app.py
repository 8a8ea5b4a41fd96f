"""The commands put together."""

import gc
from typing import Annotated

import typer

from genoplrp import __version__
from genoplrp.cli.annotate import annotate
from genoplrp.cli.compare import compare
from genoplrp.cli.demo import demo
from genoplrp.cli.discover import discover
from genoplrp.cli.evaluate import evaluate
from genoplrp.cli.inspect import inspect

_BETWEEN_SEARCHES = 50_000
"""Objects made between two searches for garbage in cycles: imports make some 300,000 that stay, and at the
interpreter's own 700 the searches took a quarter of their time."""

app = typer.Typer(
    name="genoplrp",
    help="Explain what a trained network sees in DNA: motif hits, sparse relevance base by base, how far to trust it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(annotate)
app.command()(demo)
app.command()(inspect)
app.command()(discover)
app.command()(compare)
app.command()(evaluate)


def main() -> None:
    """Run the command line; the process ends with the command's exit code."""
    gc.set_threshold(_BETWEEN_SEARCHES, *gc.get_threshold()[1:])
    app()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"genoplrp {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of genoplrp itself; the docstring of the app is its help text."""
