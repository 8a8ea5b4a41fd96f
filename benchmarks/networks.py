"""The networks of the benchmarks, trained on simulated data: random weights have other sparsity than trained ones.

    python benchmarks/networks.py FOLDER          # trains what FOLDER lacks, some minutes each on two cores

Shapes: MotifCNN with 4 and 32 filters (250 bp; the networks of the genomics study); Basset's (600 bp: 300 filters of
19, 200 of 11, 200 of 7, pools 3, 4, 4, dense 1000, 1000, 164); BPNet's with a counts head (2,114 bp: 64 filters of 21,
9 residual layers of 3 with dilation 2 to 512, mean, dense); DeePaC's (250 bp: 1,024 filters of 15, averaged over
stretches of 5 and over the read, dense 256).
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from genoplrp import MotifCNN, one_hot
from genoplrp.models import auroc, predict, train
from genoplrp.motifs import shipped_motifs, simulate, simulate_grammar
from genoplrp.studies.motifs.design import Design
from genoplrp.studies.motifs.networks import HELD_OUT_SEED
from genoplrp.studies.motifs.networks import network as motif_network


class Residual(nn.Module):
    """``h + relu(conv(h))``, as in BPNet."""

    def __init__(self, filters: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(filters, filters, 3, padding=dilation, dilation=dilation)

    def forward(self, h: Tensor) -> Tensor:
        return h + torch.relu(self.conv(h))


class Mean(nn.Module):
    """The mean over positions."""

    def forward(self, h: Tensor) -> Tensor:
        return h.mean(dim=-1)


def basset() -> nn.Module:
    """Kelley, Snoek and Rinn (2016), figure 1."""
    layers: list[nn.Module] = []
    shape = [(4, 300, 19, 3), (300, 200, 11, 4), (200, 200, 7, 4)]
    for channels, filters, width, pool in shape:
        conv = nn.Conv1d(channels, filters, width, padding=width // 2)
        layers += [conv, nn.BatchNorm1d(filters), nn.ReLU(), nn.MaxPool1d(pool)]
    dense = [nn.Flatten(), nn.Linear(200 * 12, 1000), nn.ReLU(), nn.Dropout(0.3), nn.Linear(1000, 1000), nn.ReLU()]
    return nn.Sequential(*layers, *dense, nn.Dropout(0.3), nn.Linear(1000, 164))


def bpnet() -> nn.Module:
    """Avsec et al. (2021) with the length of its successors; counts only."""
    first = [nn.Conv1d(4, 64, 21, padding=10), nn.ReLU()]
    return nn.Sequential(*first, *(Residual(64, 2**k) for k in range(1, 10)), Mean(), nn.Linear(64, 1))


def deepac() -> nn.Module:
    """Bartoszewicz et al. (2020), one convolution deep."""
    pools = [nn.AvgPool1d(5), nn.AdaptiveAvgPool1d(1), nn.Flatten()]
    dense = [nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 1)]
    return nn.Sequential(nn.Conv1d(4, 1024, 15, padding=7), nn.ReLU(), *pools, *dense)


@dataclass(frozen=True)
class Case:
    """A network's shape, and how it is trained."""

    make: Callable[[], nn.Module]
    length: int
    outputs: int = 1
    sequences: int = 10_000
    epochs: int = 8
    batch: int = 64


MOTIFS = ("CTCF", "REST", "TP53", "NFKB1", "GABPA", "YY1", "SPI1", "HNF4A")
CASES = {
    "MotifCNN 4": Case(lambda: MotifCNN(Design().network(4)), 250),
    "MotifCNN 32": Case(lambda: MotifCNN(Design().network(32)), 250),
    "Basset": Case(basset, 600, 164, 6_000, 4, batch=32),
    "BPNet": Case(bpnet, 2114, 1, 1_600, 4, batch=16),
    "DeePaC": Case(deepac, 250, epochs=4),
}


def data(length: int, outputs: int, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Sequences with motifs in them, and labels.

    One output: 2 to 4 motifs a 250 bp, of CTCF and REST (1) or TP53 and NFKB1 (0). Several: 1 to 3 of eight motifs in
    the middle 120 bp, as in peaks, between flanks of nothing; output k asks for motif k modulo 8.
    """
    motifs = [motif for name in MOTIFS for motif in shipped_motifs() if motif.name == name]
    if outputs > 1:
        made = simulate(motifs, n, 120, counts=(1, 3), seed=seed)
        flanks = simulate([], 2 * n, (length - 120) // 2, counts=(0, 0), seed=seed + 1_000).sequences
        whole = [left + middle + right for left, middle, right in zip(flanks, made.sequences, flanks[n:], strict=False)]
        return one_hot(whole).bool(), torch.from_numpy(made.labels).float()[:, torch.arange(outputs) % 8]
    counts = (2 * (length // 250), 4 * (length // 250))
    halves = [
        simulate(some, n // 2, length, counts=counts, seed=2 * seed + half).sequences
        for half, some in enumerate((motifs[2:4], motifs[:2]))
    ]
    order = torch.randperm(2 * (n // 2), generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(2 * (n // 2)) >= n // 2
    return one_hot([*halves[0], *halves[1]]).bool()[order], labels[order, None].float()


def trained(folder: Path, name: str) -> nn.Module:
    """The network in eval mode, trained and saved first where the folder does not hold it."""
    case, path = CASES[name], _path(folder, name)
    if name.startswith("MotifCNN"):
        return motif_network(folder, Design(), int(name.split()[1]), 0, progress=True)
    torch.manual_seed(0)
    network = case.make()
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        x, y = data(case.length, case.outputs, case.sequences, seed=0)
        train(network, x, y, epochs=case.epochs, batch_size=case.batch, patience=case.epochs)
        safetensors.torch.save_file(network.state_dict(), path)
    network.load_state_dict(safetensors.torch.load_file(path))
    return network.eval()


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '_')}.safetensors"


def sequences(name: str, n: int) -> Tensor:
    """Sequences of the task that training did not see, one-hot (n, 4, l)."""
    case = CASES[name]
    if name.startswith("MotifCNN"):
        return one_hot(simulate_grammar(n, seed=HELD_OUT_SEED).sequences)
    return data(case.length, case.outputs, n, seed=1)[0].float()


def quality(folder: Path, name: str) -> float:
    """Mean AUROC over the outputs on 1,000 sequences that training did not see."""
    network, case = trained(folder, name), CASES[name]
    if name.startswith("MotifCNN"):
        made = simulate_grammar(1_000, seed=HELD_OUT_SEED)
        return float(auroc(predict(network, one_hot(made.sequences)), torch.from_numpy(made.labels)).nanmean())
    x, y = data(case.length, case.outputs, 1_000, seed=1)
    return float(auroc(predict(network, x), y).nanmean())


if __name__ == "__main__":
    for name in CASES:
        print(f"{name}: test AUROC {quality(Path(sys.argv[1]), name):.3f}", flush=True)
