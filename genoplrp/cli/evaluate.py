"""``genoplrp evaluate``: measure again what the project claims about explanations."""

from pathlib import Path
from typing import Annotated

import typer

from genoplrp.cli.failing import failing

_SEEDS = [0, 1, 2, 3, 4]


def evaluate(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="motifs, koo, faithfulness, defaults; dna (these four); or images. See docs/evidence.md.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of tables, figures and trained networks.")],
    small: Annotated[bool, typer.Option("--small", help="A size that shows that it runs, in minutes.")] = False,
    seed: Annotated[
        list[int], typer.Option(help="Train a network of each kind from this seed; may be given again.")
    ] = _SEEDS,
) -> None:
    """Run a study from its seeds: train networks, explain, measure, and write tables (CSV) and figures (PNG).

    A stopped run goes on where it was: networks and scores in OUT are found again.

    Exit code: 0 all done, 2 unusable options, or a package that the study needs is missing.
    """
    with failing():
        from genoplrp.studies.catalog import run_studies

        for path in run_studies(study, out, small=small, seeds=seed):
            typer.echo(path)
