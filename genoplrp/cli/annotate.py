"""``genoplrp annotate``: the main job on a user's file."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from genoplrp.cli import options as o
from genoplrp.cli.failing import end_with_rejected, failing, say_warnings
from genoplrp.cli.progress import progress_bar


def annotate(
    fasta: Annotated[
        str, typer.Argument(metavar="SEQUENCES.fa", help="FASTA file, plain, gzip or bgzip; '-' for standard input.")
    ],
    *,
    model: Annotated[str, typer.Option("--model", "-m", help="Shipped network (vertebrate20) or a model file.")],
    out: o.Out,
    fpr: o.Fpr = 0.01,
    composite: o.CompositeName = "genomic",
    pruner: o.PrunerChoice = o.PrunerName.LAMBDA,
    p: o.P = 0.1,
    strands: o.Strands = o.StrandsName.FORWARD,
    references: o.References = 0,
    batch_size: o.BatchSize = 128,
    truth: o.Truth = None,
    logos: o.Logos = 6,
    page: o.Page = 500,
    seed: o.Seed = 0,
    overwrite: o.Overwrite = False,
    trust: o.Trust = False,
) -> None:
    """Annotate every sequence of a FASTA file with what a network sees in it, and write a report.

    OUT holds report.html (start there), hits.bed, hits.tsv, predictions.tsv,
    rma.tsv, attributions.zarr, logos/, rejected.tsv and params.json.

    Exit code: 0 all done, 1 some records were rejected, 2 unusable input or
    options.
    """
    with failing(), progress_bar(fasta) as report:
        from genoplrp.annotate import annotate as run

        _warn_of_leftovers(out)
        result = run(
            fasta,
            model,
            out,
            fpr=fpr,
            composite=composite,
            pruner=o.pruner_of(pruner, p),
            strands=strands.value,
            references=references,
            batch_size=batch_size,
            truth=truth,
            logos=logos,
            page=page,
            seed=seed,
            overwrite=overwrite,
            trust=trust,
            progress=report,
            command=shlex.join(["genoplrp", *sys.argv[1:]]),
        )
    typer.echo(result.headline, err=True)
    say_warnings(result.warnings)
    noun = "sequence" if result.annotated == 1 else "sequences"
    typer.echo(f"{result.annotated:,} {noun} annotated; open {result.out / 'report.html'}", err=True)
    end_with_rejected(result.rejected, result.out)


def _warn_of_leftovers(out: Path) -> None:
    """Name the hidden folders of killed runs: they are not deleted, for a run may still be at work in one."""
    from genoplrp.annotate.output import leftovers, set_aside

    for folder in set_aside(out):
        typer.echo(f"genoplrp: {folder} holds earlier results that a killed run set aside; keep or delete it", err=True)
    for folder in leftovers(out):
        typer.echo(f"genoplrp: {folder} is left from a run that was killed (or still goes); delete it if so", err=True)
