"""``genoplrp discover``: the patterns that a network uses, with their names and places."""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genoplrp.cli import options as o
from genoplrp.cli.failing import end_with_rejected, failing, say_warnings
from genoplrp.cli.progress import spinner


class MethodName(StrEnum):
    """How seqlets become patterns."""

    QUICK = "quick"
    MODISCO = "modisco"


def discover(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Shipped network (vertebrate20) or a model file.")],
    fasta: Annotated[
        str, typer.Argument(metavar="SEQUENCES.fa", help="FASTA file, plain, gzip or bgzip; '-' for standard input.")
    ],
    *,
    out: o.Out,
    labels: Annotated[
        str | None, typer.Option(help="Outputs to look into, with commas; by default those called beyond chance.")
    ] = None,
    all_sequences: Annotated[
        bool, typer.Option("--all-sequences", help="Explain every sequence, also where an output is not called.")
    ] = False,
    method: Annotated[
        MethodName, typer.Option(help="quick: built in; modisco: TF-MoDISco, which needs the extra of that name.")
    ] = MethodName.QUICK,
    database: Annotated[
        Path | None, typer.Option(help="MEME or JASPAR file of known motifs; by default the 20 shipped matrices.")
    ] = None,
    fdr: Annotated[float, typer.Option(help="False discovery rate of the seqlets, against shuffles.")] = 0.2,
    hit_fdr: Annotated[float, typer.Option(help="False discovery rate of the instances.")] = 0.1,
    least: Annotated[int, typer.Option(help="Seqlets that make a pattern.")] = 20,
    windows: Annotated[int, typer.Option(help="Windows of an output in which patterns are looked for.")] = 2000,
    fpr: o.Fpr = 0.01,
    composite: o.CompositeName = "genomic",
    pruner: o.PrunerChoice = o.PrunerName.LAMBDA,
    p: o.P = 0.1,
    strands: o.Strands = o.StrandsName.FORWARD,
    references: o.References = 5,
    batch_size: o.BatchSize = 64,
    filters: Annotated[
        bool, typer.Option("--filters", help="Also write what the first convolution's filters were used for.")
    ] = False,
    concepts: Annotated[
        bool, typer.Option("--concepts", help="Also write what the units of every layer were used for.")
    ] = False,
    logos: Annotated[int, typer.Option(help="Patterns drawn, the largest first.")] = 40,
    page: o.Page = 200,
    seed: o.Seed = 0,
    overwrite: o.Overwrite = False,
    trust: o.Trust = False,
) -> None:
    """Find the patterns that a network uses: names, counts, direction, every place.

    OUT holds report.html (start there), patterns.png and .svg, patterns.tsv,
    patterns.meme, patterns.jaspar, instances.bed and .tsv, seqlets.tsv,
    patterns.h5 and regions.npz (for modisco report and Fi-NeMo), rejected.tsv
    and params.json; with --filters also filters.png, filters.tsv and
    filters.meme; with --concepts also concepts.png, concepts.tsv,
    concepts.meme, and for every output path_LABEL.png and .svg.

    Exit code: 0 all done, 1 some records were rejected, 2 unusable input or
    options.
    """
    with failing(), spinner() as report:
        from genoplrp.discover import discover as run

        result = run(
            model,
            fasta,
            out,
            labels=None if labels is None else [name.strip() for name in labels.split(",") if name.strip()],
            everywhere=all_sequences,
            method=method.value,
            database=database,
            fdr=fdr,
            hit_fdr=hit_fdr,
            least=least,
            windows=windows,
            fpr=fpr,
            composite=composite,
            pruner=o.pruner_of(pruner, p),
            strands=strands.value,
            references=references,
            batch_size=batch_size,
            filters=filters,
            concepts=concepts,
            logos=logos,
            page=page,
            seed=seed,
            overwrite=overwrite,
            trust=trust,
            report=report,
            command=shlex.join(["genoplrp", *sys.argv[1:]]),
        )
    if len(result.patterns):
        shown = ["name", "match", "q", "sign", "seqlets", "sequences", "instances", "consensus"]
        typer.echo(result.patterns[shown].head(20).to_string(index=False, float_format="{:.2g}".format), err=True)
    say_warnings(result.warnings)
    count = len(result.patterns)
    noun = "pattern" if count == 1 else "patterns"
    typer.echo(f"{count:,} {noun}, {len(result.instances):,} instances; open {out / 'report.html'}", err=True)
    end_with_rejected(result.rejected, out)
