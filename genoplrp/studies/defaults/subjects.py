"""The networks that the defaults are chosen on, each with sequences to choose by and others to report.

Networks of the motif grammar: 4 and 32 filters (those of `genoplrp.studies.motifs`), four convolutions, residual blocks
with batch norm, and a mean over all positions as the head. Networks of Koo and Ploenzke's task
(`genoplrp.studies.koo`): cnn-local and cnn-dist, each with ReLU and with exponential activations.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genoplrp.models import CNNConfig, MotifCNN, predict
from genoplrp.motifs import INTERACTIONS, MotifGrammar, Stretch, simulate_grammar
from genoplrp.sequence import one_hot
from genoplrp.studies.koo.data import Part, data_facts, koo_data
from genoplrp.studies.koo.fitting import trained_koo
from genoplrp.studies.koo.networks import NETWORKS
from genoplrp.studies.motifs.design import FULL, SMALL, Design
from genoplrp.studies.motifs.networks import accuracies, encoded, network
from genoplrp.studies.networks import trained

CHOOSE_SEED, REPORT_SEED = 2_000_003, 3_000_003
"""Of the motif grammar's sequences to choose by and to report; no network was trained on either."""

SHAPES = {
    "deep": CNNConfig(
        length=250, outputs=7, filters=(32, 32, 32, 32), widths=(11, 7, 7, 7), pools=(2, 2, 2, 2), dense=(64,)
    ),
    "residual": CNNConfig(
        length=250, outputs=7, filters=(32, 32, 32, 32), widths=(15, 7, 7, 7), pools=(8, 1, 1, 4), dense=(64,),
        batch_norm=True, residual=True,
    ),
    "average": CNNConfig(
        length=250, outputs=7, filters=(32, 32), widths=(19, 9), pools=(8, 1), dense=(64,), batch_norm=True,
        head="mean",
    ),
}  # fmt: skip
"""Shapes beside those of the motif study."""


@dataclass(frozen=True)
class Size:
    """How much is measured: sequences an interaction, and Koo positives, to choose by and to report alike.

    ``networks`` names those measured, None: all. Koo's networks, whose training takes hours, are measured for the first
    ``koo_seeds`` seeds only.
    """

    design: Design
    each: int
    koo_sequences: int
    koo_epochs: int
    koo_each: int
    koo_seeds: int = 2
    networks: tuple[str, ...] | None = None


FULL_SIZE = Size(FULL, each=7, koo_sequences=20_000, koo_epochs=100, koo_each=49)
SMALL_SIZE = Size(SMALL, each=1, koo_sequences=200, koo_epochs=1, koo_each=2, networks=("4 filters", "residual"))


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences (n, 4, l), the explained output of each (n,), true bases (n, l), and true sites."""

    x: Tensor
    target: Tensor
    mask: NDArray[np.bool_]
    sites: list[Stretch]


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained network, with sequences to choose by and sequences to report."""

    network: str
    seed: int
    model: nn.Module
    choose: Sequences
    report: Sequences


@dataclass(frozen=True)
class Folders:
    """Where trained networks lie: this study's own, the motif study's and the Koo study's."""

    own: Path
    motifs: Path
    koo: Path


def subjects(folders: Folders, size: Size, seeds: Sequence[int]) -> list[tuple[str, int, Callable[[], Subject]]]:
    """(network, seed, function that makes the subject) of every network; what is not there is trained when made."""
    every: list[tuple[str, int, Callable[[], Subject]]] = []
    for place, seed in enumerate(seeds):
        for name in (*(f"{filters} filters" for filters in size.design.filters), *SHAPES):
            every.append((name, seed, partial(_grammar, folders, size, name, seed)))
        for name in NETWORKS if place < size.koo_seeds else ():
            every.append((f"cnn-{name}", seed, partial(_koo, folders.koo, size, name, seed)))
    return [row for row in every if size.networks is None or row[0] in size.networks]


def _grammar(folders: Folders, size: Size, name: str, seed: int) -> Subject:
    if name in SHAPES:
        model = _shaped(folders.own, size.design, name, seed)
    else:
        model = network(folders.motifs, size.design, int(name.split(maxsplit=1)[0]), seed, progress=False)
    made = [simulate_grammar(size.design.block * len(INTERACTIONS), seed=s) for s in (CHOOSE_SEED, REPORT_SEED)]
    facts = accuracies(model, made[0], size.design)
    learnt = facts.loc[facts["learnt"], "interaction"].tolist()
    return Subject(name, seed, model, *(_pooled(model, part, learnt, size.each) for part in made))


def _shaped(folder: Path, design: Design, name: str, seed: int) -> MotifCNN:
    def data() -> tuple[Tensor, Tensor]:
        made = simulate_grammar(design.train, seed=seed)
        return encoded(made), torch.from_numpy(made.labels).float()

    return trained(
        folder / f"{name}_seed{seed}.safetensors",
        SHAPES[name],
        data,
        labels=tuple(INTERACTIONS),
        seed=seed,
        facts={"train": design.train, "data_seed": seed},
        epochs=design.epochs,
        batch_size=64,
        lr=2e-3,
        reverse_complement=False,
        progress=False,
    )


def _pooled(model: MotifCNN, made: MotifGrammar, learnt: Sequence[str], each: int) -> Sequences:
    """The first sequences of every learnt interaction that are positive and called so, each for its own output."""
    scores = predict(model, encoded(made)).numpy()
    rows: list[int] = []
    target: list[int] = []
    sites: list[Stretch] = []
    masks = []
    for name in learnt:
        output = made.interactions.index(name)
        mask = made.mask(name)
        chosen = np.flatnonzero((scores[:, output] > 0) & mask.any(axis=1))[:each]
        place = {int(row): len(rows) + index for index, row in enumerate(chosen)}
        sites += [Stretch(place[s.sequence], s.start, s.end) for s in made.sites(name) if s.sequence in place]
        rows += chosen.tolist()
        target += [output] * len(chosen)
        masks.append(mask[chosen])
    x = one_hot([made.sequences[row] for row in rows])
    return Sequences(x, torch.tensor(target), np.concatenate(masks), sites)


def _koo(folder: Path, size: Size, name: str, seed: int) -> Subject:
    parts = koo_data(size.koo_sequences)
    facts = data_facts(size.koo_sequences)
    path = folder / f"{name}_{seed}.safetensors"
    model = trained_koo(path, name, parts, seed=seed, epochs=size.koo_epochs, facts=facts)
    chosen = (_positives(parts[part].positives(size.koo_each)) for part in ("valid", "test"))
    return Subject(f"cnn-{name}", seed, model, *chosen)


def _positives(part: Part) -> Sequences:
    places = [Stretch(site.sequence, site.start, site.end) for site in part.sites]
    return Sequences(part.x.float(), torch.zeros(len(part.x), dtype=torch.long), part.mask, places)
