"""Who is explained: networks trained here on planted motifs, several seeds, and the shipped network on real peaks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genoplrp.errors import ModelError
from genoplrp.models import CNNConfig, auroc, load_model, predict, spec_of
from genoplrp.motifs import Simulation, shipped_motifs, simulate
from genoplrp.resources import example_file
from genoplrp.sequence import one_hot, read_fasta
from genoplrp.studies.networks import trained

SIMULATED, PEAKS = "simulated", "vertebrate20"
MOTIFS = ("CTCF", "GABPA", "CEBPB", "YY1")
MIN_SCORE = 1.0
"""Only sequences with a score (logit) above it are explained: relative scores mean nothing near 0."""


@dataclass(frozen=True)
class Size:
    """How much is computed."""

    sequences: int = 10_000
    epochs: int = 15
    lr: float = 3e-3
    batch_size: int = 64
    explained: int = 80
    perturbed: int = 40  # of them, for the measures that explain many neighbours or networks
    samples: int = 25
    draws: int = 5
    p: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


SMALL = Size(
    sequences=2_000, epochs=6, lr=1e-2, batch_size=32, explained=12, perturbed=4, samples=4, draws=2, p=(0.1, 0.5)
)


@dataclass(frozen=True, eq=False)
class Subject:
    """A network with the sequences it is explained on.

    Attributes
    ----------
    network, seed
        `SIMULATED` and the seed of its data and training, or `PEAKS` and 0.
    model, x, target
        The network, sequences (n, 4, l) and the explained output of each, (n,), whose score exceeds `MIN_SCORE`.
    facts
        How good it is and how many sequences there were to choose from.
    """

    network: str
    seed: int
    model: nn.Module
    x: Tensor
    target: Tensor
    facts: dict[str, Any]

    def first(self, n: int) -> "Subject":
        """The same with the first n sequences."""
        return replace(self, x=self.x[:n], target=self.target[:n])


def subjects(folder: Path, size: Size, seeds: Sequence[int]) -> Iterator[Subject]:
    """The simulated networks, trained where `folder` does not hold them, then the shipped one."""
    for seed in seeds:
        yield _simulated(folder / f"simulated_seed{seed}.safetensors", size, seed)
    yield _peaks(size)


def _simulated(path: Path, size: Size, seed: int) -> Subject:
    """A MotifCNN with 32 filters that says which of four motifs a sequence of 250 bases holds."""

    def data() -> tuple[Tensor, Tensor]:
        simulation = _simulation(size.sequences, 2 * seed)
        return one_hot(simulation.sequences), torch.from_numpy(simulation.labels).float()

    facts = {"data": "simulate", "data_seed": 2 * seed, "sequences": size.sequences, "motifs": ",".join(MOTIFS)}
    config = CNNConfig(length=250, outputs=len(MOTIFS), filters=(32,), batch_norm=True, head="max")
    options: dict[str, Any] = {"epochs": size.epochs, "lr": size.lr, "batch_size": size.batch_size}
    model = trained(path, config, data, labels=MOTIFS, seed=seed, facts=facts, progress=False, **options)
    held_out = _simulation(20 * size.explained, 2 * seed + 1)
    x, labels = one_hot(held_out.sequences), torch.from_numpy(held_out.labels)
    scores = predict(model, x)
    areas = auroc(scores, labels.float())
    facts = {"auroc_min": areas.min().item(), "auroc_mean": areas.mean().item()}
    allowed = scores.masked_fill(labels == 0, -torch.inf)
    return _chosen(Subject(SIMULATED, seed, model, x, allowed.argmax(1), facts), allowed, size)


def _simulation(n: int, seed: int) -> Simulation:
    by_name = {motif.name: motif for motif in shipped_motifs()}
    return simulate([by_name[name] for name in MOTIFS], n, 250, counts=(0, 3), seed=seed)


def _peaks(size: Size) -> Subject:
    """The shipped network's CTCF output on the 500 real CTCF peaks."""
    model = load_model(PEAKS)
    x = one_hot([record.sequence for record in read_fasta(example_file())])
    scores = predict(model, x)
    others = torch.arange(scores.shape[1]) != spec_of(model).labels.index("CTCF")
    allowed = scores.masked_fill(others, -torch.inf)
    return _chosen(Subject(PEAKS, 0, model, x, allowed.argmax(1), {}), allowed, size)


def _chosen(subject: Subject, scores: Tensor, size: Size) -> Subject:
    """With the first sequences that score above `MIN_SCORE`, each with its best output among the allowed (finite)."""
    best, target = scores.max(1)
    rows = (best > MIN_SCORE).nonzero()[:, 0]
    if not len(rows):
        raise ModelError(f"{subject.network}, seed {subject.seed}: no sequence scores above {MIN_SCORE}; train longer")
    kept = rows[: size.explained]
    facts = {**subject.facts, "above_min_score": len(rows), "of": len(scores), "explained": len(kept)}
    return replace(subject, x=subject.x[kept], target=target[kept], facts=facts)
