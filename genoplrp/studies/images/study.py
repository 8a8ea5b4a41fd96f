"""The study from start to end: networks, sweeps, tables, figures."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from genoplrp.errors import ModelError
from genoplrp.models import predict
from genoplrp.studies.images import figures
from genoplrp.studies.images.measure import Effort, compare_composites, sweep
from genoplrp.studies.images.tables import Result, curves, each_image, summary, write_all
from genoplrp.studies.images.task import Images, make_images
from genoplrp.studies.images.training import NETWORKS, accuracy, trained


@dataclass(frozen=True)
class Size:
    """How large the study is."""

    train: int = 6000
    epochs: int = 9
    test: int = 1000  # for the accuracy
    images: int = 64  # explained
    effort: Effort = field(default_factory=Effort)


SMALL = Size(train=1000, epochs=3, test=100, images=40, effort=Effort(neighbours=1, draws=1, shares=(0.0, 0.1, 0.5)))


def run(out: Path, *, small: bool = False, seeds: Sequence[int] = (0, 1, 2, 3, 4), progress: bool = True) -> list[Path]:
    """Paths of the tables (CSV) and figures (PNG) written to `out`.

    ``images.csv`` has a row an image, network, seed, pruner and p; ``summary.csv`` the means over images and networks
    with 95 % bootstrap intervals, and how many values are undefined; ``curves.csv`` the deletion curves;
    ``composites.csv`` the rules compared on images kept apart; ``networks.csv`` how good the networks are. Images that
    a network gets wrong are not explained: their values are undefined for it. Networks lie in ``out/networks`` and are
    found again.

    Parameters
    ----------
    out
        Folder, made where it is not there. Each file appears whole.
    small
        The same at a size for tests.
    seeds
        A network of each kind is trained from each.
    progress
        Whether to show a bar on stderr, where that is a terminal.

    Raises
    ------
    ModelError
        ``out/networks`` holds a network that was made otherwise, or a network calls no image right.
    OptionError
        scikit-learn is not installed.
    OutputError
        A file cannot be written.
    """
    out, size = Path(out), SMALL if small else Size()
    training = cache(lambda: make_images(size.train, part="train", seed=0))
    report, choice = (make_images(size.images, part=part, seed=1) for part in ("report", "choice"))
    test = make_images(size.test, part="report", seed=2)
    results, networks, composites = [], {}, []
    facts = []
    with _bar(len(NETWORKS) * len(seeds), progress) as advance:
        for name in NETWORKS:
            for seed in seeds:
                path = out / "networks" / f"{name}_{seed}.safetensors"
                model = trained(path, name, training, seed=seed, epochs=size.epochs, size=size.train)
                networks[name, seed] = model
                facts.append({"network": name, "seed": seed, "accuracy": accuracy(model, test), **_size_of(model)})
                composites.append(compare_composites(model, choice.rows(_right(model, choice))).assign(network=name))
                results.append(_swept(model, report, size.effort, name, seed))
                advance(f"{name}, seed {seed}")
    tables = {
        "images": each_image(results),
        "summary": summary(results),
        "curves": curves(results),
        "composites": pd.concat(composites).groupby(["network", "composite", "p"], sort=False).mean().reset_index(),
        "networks": pd.DataFrame(facts),
    }
    drawn = {
        "metrics": figures.metrics_figure(tables["summary"]),
        "curves": figures.curves_figure(tables["curves"]),
        "heatmaps": figures.heatmaps_figure({name: networks[name, seeds[0]] for name in NETWORKS}, report),
    }
    return write_all(out, tables, drawn)


def _swept(model: nn.Module, images: Images, effort: Effort, network: str, seed: int) -> Result:
    right = _right(model, images)
    return Result(network, seed, right.numpy(), tuple(sweep(model, images.rows(right), effort)), len(images))


def _right(model: nn.Module, images: Images) -> torch.Tensor:
    """Numbers of the images that the network calls right."""
    right = (predict(model, images.x).argmax(1) == images.label).nonzero()[:, 0]
    if not len(right):
        raise ModelError(f"a network calls none of {len(images)} images right: there is nothing to explain")
    return right


def _size_of(model: nn.Module) -> dict[str, int]:
    return {"parameters": sum(parameter.numel() for parameter in model.parameters())}


@contextmanager
def _bar(total: int, wanted: bool) -> Iterator[Callable[[str], None]]:
    """A function that advances the bar by a network; it shows nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not (wanted and console.is_terminal)) as progress:
        task = progress.add_task("training and explaining", total=total)
        yield lambda done: progress.update(task, advance=1, description=f"{done} done")
