"""``genoplrp compare``: several methods on one locus, side by side."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from genoplrp.cli import options as o
from genoplrp.cli.failing import failing, say_warnings
from genoplrp.cli.progress import spinner


def compare(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Shipped network (vertebrate20) or a model file.")],
    fasta: Annotated[
        str, typer.Argument(metavar="SEQUENCES.fa", help="FASTA file, plain, gzip or bgzip; '-' for standard input.")
    ],
    *,
    out: o.Out = Path("genoplrp_compare"),
    record: Annotated[str | None, typer.Option(help="Name of the record; by default the first.")] = None,
    start: Annotated[
        int | None, typer.Option(help="First base to explain, 0-based, in a record longer than the network's input.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Output to explain, by label or index; by default the one with the top score.")
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Names with commas: gradient, corrected-gradient, integrated-gradients, deep-lift-shap, ism, lrp, "
            "plrp, plrp-m, plrp-references. By default all whose packages are installed."
        ),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="BED file of true sites; by default matches of the label's matrix.")
    ] = None,
    p: o.P = 0.1,
    references: Annotated[int, typer.Option(help="Shuffled references, of the methods that measure from them.")] = 20,
    steps: Annotated[int, typer.Option(help="Steps of integrated gradients.")] = 50,
    seed: o.Seed = 0,
    batch_size: o.BatchSize = 64,
    overwrite: o.Overwrite = False,
    trust: o.Trust = False,
) -> None:
    """Explain one sequence by several methods: logos under each other, agreement, time.

    OUT holds comparison.png and .svg, methods.tsv (time and metrics),
    agreement.tsv (each pair), scores.tsv (each base) and params.json.

    Exit code: 0 all done, 2 unusable input or options.
    """
    with failing(), spinner() as report:
        from genoplrp.compare import compare_locus

        names = None if methods is None else tuple(name.strip() for name in methods.split(",") if name.strip())
        result = compare_locus(
            model,
            fasta,
            out,
            record=record,
            start=start,
            target=target,
            methods=names,
            truth=truth,
            options=_options(names, p=p, references=references, steps=steps, seed=seed),
            batch_size=batch_size,
            overwrite=overwrite,
            trust=trust,
            report=report,
            command=shlex.join(["genoplrp", *sys.argv[1:]]),
        )
    table = result.comparison.table.set_index("title").rename_axis(None)
    typer.echo(f"{result.label} of {result.locus.record.name}\n{table.round(3).to_string()}", err=True)
    say_warnings(result.warnings)
    typer.echo(f"maps side by side: {result.out / 'comparison.png'}", err=True)


def _options(names: tuple[str, ...] | None, *, p: float, references: int, steps: int, seed: int) -> dict[str, Any]:
    """The options of those methods that are compared."""
    from genoplrp.baselines import METHODS
    from genoplrp.lrp import PruneLambda, PruneM

    all_options = {
        "integrated-gradients": {"steps": steps},
        "deep-lift-shap": {"references": references, "seed": seed},
        "plrp": {"pruner": PruneLambda(p)},
        "plrp-m": {"pruner": PruneM(p)},
        "plrp-references": {"pruner": PruneLambda(p), "references": references, "seed": seed},
    }
    compared = [name for name, method in METHODS.items() if method.available] if names is None else names
    return {name: own for name, own in all_options.items() if name in compared}
