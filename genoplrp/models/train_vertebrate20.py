"""The command that makes the shipped network: ``python -m genoplrp.models.train_vertebrate20``.

Simulated sequences of 200 bp with instances of the 20 shipped matrices on both strands, in backgrounds whose GC content
and CpG depletion differ from sequence to sequence as those of real loci do. The network sees no real sequence.

What counts as present
----------------------
A label is 1 where an instance was planted, and also where a chance match is so good (p <= 1e-5) that no network could
tell it from a planted one. It is unknown, and counts for nothing, where a weaker match (p <= 1e-4) overlaps a planted
instance of another motif: GATA1::TAL1 holds a GATA1 site, and SP1 and KLF4 sites look alike. Without the last rule the
network has to learn that a motif does not count inside another one, which makes its explanations hard to read.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genoplrp.models.cnn import CNNConfig, MotifCNN
from genoplrp.models.files import save_model
from genoplrp.models.training import auroc, predict, train
from genoplrp.motifs import Background, Simulation, scan, shipped_motifs, simulate
from genoplrp.resources import pretrained_dir
from genoplrp.sequence import one_hot

NAME = "vertebrate20"
WEAK, STRONG = 1e-4, 1e-5


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, on one machine."""

    seed: int = 0
    sequences: int = 40_000
    held_out: int = 10_000
    length: int = 200
    counts: tuple[int, int] = (0, 5)
    gc: tuple[float, float] = (0.3, 0.7)
    cpg: tuple[float, float] = (0.1, 1.2)
    filters: tuple[int, ...] = (96, 64)
    widths: tuple[int, ...] = (21, 5)
    pools: tuple[int, ...] = (4, 1)
    dense: tuple[int, ...] = ()
    epochs: int = 12
    batch_size: int = 64
    lr: float = 5e-3
    weight_decay: float = 0.1
    patience: int = 5


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure on held-out simulations, save weights and card, print the AUROC of each motif."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    recipe = Recipe(seed=options.seed, sequences=options.sequences, held_out=options.held_out, epochs=options.epochs)
    command = (
        f"python -m genoplrp.models.train_vertebrate20 --seed {recipe.seed} --sequences {recipe.sequences} "
        f"--held-out {recipe.held_out} --epochs {recipe.epochs} --threads {options.threads}"
    )
    model, facts = make(recipe)
    labels = tuple(motif.name for motif in shipped_motifs())
    motifs = {motif.name: motif.matrix_id for motif in shipped_motifs()}
    spec = model.describe(labels, motifs=motifs, training={"command": command, **facts})
    path = save_model(model, options.out / NAME, spec)
    for label, area in facts["auroc"].items():
        print(f"{label:14s} {area}")
    print(f"{path}: {path.stat().st_size:,} bytes, {facts['seconds']} s")


def make(recipe: Recipe) -> tuple[MotifCNN, dict[str, Any]]:
    """Trained network and the facts for its card."""
    started = time.monotonic()
    learnt, measured = _data(recipe, recipe.sequences, recipe.seed), _data(recipe, recipe.held_out, recipe.seed + 1)
    config = CNNConfig(
        length=recipe.length,
        outputs=len(learnt.motifs),
        filters=recipe.filters,
        widths=recipe.widths,
        pools=recipe.pools,
        dense=recipe.dense,
        batch_norm=True,
        head="max",
    )
    model = MotifCNN(config, seed=recipe.seed)
    card = train(
        model,
        encoded(learnt.sequences),
        presence(learnt),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        lr=recipe.lr,
        weight_decay=recipe.weight_decay,
        patience=recipe.patience,
        seed=recipe.seed,
    )
    facts = {"recipe": asdict(recipe), "run": card.to_dict(), **_measure(model, measured)}
    facts["seconds"] = round(time.monotonic() - started, 1)
    return model, facts


def presence(simulation: Simulation) -> Tensor:
    """Targets ``(n, m)``: 1 present, 0 absent, NaN unknown, by the rules at the top of this module.

    Examples
    --------
    >>> simulation = simulate(shipped_motifs(), 4, 200, counts=(1, 1), seed=3)
    >>> bool((presence(simulation)[torch.from_numpy(simulation.labels) > 0] == 1).all())
    True
    """
    targets = simulation.labels.astype(np.float32)
    planted = _places(simulation)
    for hit in scan(simulation.sequences, simulation.motifs, p_value=WEAK):
        at = (hit.sequence, hit.motif)
        if targets[at] == 1:
            continue
        if hit.p_value <= STRONG:
            targets[at] = 1
        elif any(start < hit.end and hit.start < end for start, end in planted[hit.sequence]):
            targets[at] = np.nan
    return torch.from_numpy(targets)


def encoded(sequences: Sequence[str]) -> Tensor:
    """One-hot sequences ``(n, 4, l)`` as uint8, a quarter of the memory of float32."""
    parts = [one_hot(sequences[start : start + 4096]).to(torch.uint8) for start in range(0, len(sequences), 4096)]
    return torch.cat(parts)


def _data(recipe: Recipe, n: int, seed: int) -> Simulation:
    background = Background.varied(gc=recipe.gc, cpg=recipe.cpg)
    motifs = shipped_motifs()
    return simulate(motifs, n, recipe.length, counts=recipe.counts, background=background, seed=seed)


def _places(simulation: Simulation) -> list[list[tuple[int, int]]]:
    """Start and end of the planted instances, 0-based half-open, a list a sequence.

    An instance's own motif needs no exception: its label is 1 already.
    """
    places: list[list[tuple[int, int]]] = [[] for _ in simulation.sequences]
    for site in simulation.sites:
        places[site.sequence].append((site.start, site.end))
    return places


def _measure(model: MotifCNN, simulation: Simulation) -> dict[str, Any]:
    """Held-out AUROC of each motif, against `presence` and against what was planted alone, and the calls at p > 0.5."""
    outputs = predict(model, encoded(simulation.sequences))
    targets, planted = presence(simulation), torch.from_numpy(simulation.labels)
    absent = (targets == 0).double()
    false_calls = ((outputs > 0) * absent).sum(0) / absent.sum(0)
    true_calls = ((outputs > 0) * planted).sum(0) / planted.sum(0)
    names = [motif.name for motif in simulation.motifs]

    def named(values: Tensor) -> dict[str, float | None]:
        rounded = [round(value, 4) for value in values.tolist()]
        # JSON has no NaN, the figure of a motif that a tiny held-out set does not hold.
        return {name: None if np.isnan(value) else value for name, value in zip(names, rounded, strict=True)}

    return {
        "auroc": named(auroc(outputs, targets)),
        "auroc_planted": named(auroc(outputs, planted)),
        "called_where_planted": named(true_calls),
        "called_where_absent": named(false_calls),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m genoplrp.models.train_vertebrate20", description=main.__doc__)
    recipe = Recipe()
    parser.add_argument("--out", type=Path, default=pretrained_dir(), help="folder of the two files")
    parser.add_argument("--seed", type=int, default=recipe.seed)
    parser.add_argument("--sequences", type=int, default=recipe.sequences, help="simulated for training and validation")
    parser.add_argument("--held-out", type=int, default=recipe.held_out, help="simulated for the card's AUROC")
    parser.add_argument("--epochs", type=int, default=recipe.epochs, help="at most; training stops early")
    parser.add_argument("--threads", type=int, default=1, help="the weights depend on it in the last digits")
    return parser


if __name__ == "__main__":
    main()
