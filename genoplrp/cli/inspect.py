"""``genoplrp inspect``: what of a network will be explained, and by which rule."""

from typing import Annotated

import typer

from genoplrp.cli import options as o
from genoplrp.cli.failing import UNUSABLE, failing


def inspect(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Shipped network (vertebrate20) or a model file.")],
    composite: o.CompositeName = "genomic",
    length: Annotated[
        int | None, typer.Option(min=1, help="Input length to try, for networks that read any; by default the file's.")
    ] = None,
    trust: o.Trust = False,
) -> None:
    """Tell, call by call, how a network will be explained, and what has no rule.

    Exit code: 0 if every call has a rule, 2 if not or if the model cannot be read.
    """
    with failing():
        import torch

        from genoplrp.lrp import inspect_model
        from genoplrp.models import load_model, spec_of

        network = load_model(model, trust=trust)
        spec = spec_of(network)
        bases = torch.arange(length or spec.length) % spec.channels
        x = torch.nn.functional.one_hot(bases, spec.channels).T[None].float()  # (1, c, l)
        coverage = inspect_model(network, x, composite=composite)
    typer.echo(f"{model}: {spec.architecture}, reads {x.shape[2]} bases, {len(spec.labels)} outputs\n\n{coverage}")
    if not coverage.ok:
        raise typer.Exit(UNUSABLE)
