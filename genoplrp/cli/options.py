"""Options that several commands share, with their help."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # torch is imported when a command runs, so that --help answers at once
    from genoplrp.lrp.prune import Pruner


class PrunerName(StrEnum):
    """How pruned relevance is made up for."""

    LAMBDA = "lambda"
    M = "m"


class StrandsName(StrEnum):
    """Which strands are read."""

    FORWARD = "forward"
    BOTH = "both"


Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write; it appears when all is done, or not at all.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the folder if an earlier run wrote it.")]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Load model files that can run code (pickles, .pt2). Only if you know the source."),
]
Fpr = Annotated[
    float, typer.Option(help="Share of shuffled sequences that may exceed a factor's threshold, 0 <= FPR < 1.")
]
CompositeName = Annotated[
    str,
    typer.Option(
        "--composite",
        help="Rules: genomic, epsilon, epsilon-plus, epsilon-plus-flat, epsilon-alpha2-beta1, epsilon-gamma-box.",
    ),
]
PrunerChoice = Annotated[
    PrunerName,
    typer.Option("--pruner", help="lambda: scale what is kept; m: apply each rule again without what is not."),
]
P = Annotated[float, typer.Option("--p", help="Share of relevance dropped at each layer, 0 (plain LRP) <= P < 1.")]
Strands = Annotated[StrandsName, typer.Option(help="Explain the sequence as it is, or the mean of both strands.")]
References = Annotated[
    int,
    typer.Option(help="Shuffles of each sequence to measure relevance from; 0: from zero. 5 is slower and better."),
]
BatchSize = Annotated[int, typer.Option(help="Windows that go through the network at once.")]
Truth = Annotated[
    Path | None,
    typer.Option(help="BED file of true sites to compare with; by default matches of each factor's matrix."),
]
Logos = Annotated[int, typer.Option(help="How many of the best sequences are drawn.")]
Page = Annotated[int, typer.Option(help="How many of the best sequences the report lets one look at.")]
Seed = Annotated[int, typer.Option(help="Seed of the shuffles.")]


def pruner_of(name: PrunerName, p: float) -> "Pruner":
    """The pruner that ``--pruner`` and ``--p`` ask for."""
    from genoplrp.lrp import PruneLambda, PruneM

    return PruneLambda(p) if name is PrunerName.LAMBDA else PruneM(p)
