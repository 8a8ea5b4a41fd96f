"""Do explanations find the planted sites? A network that others trained, with the exact position of every site.

Prints base-level AUPRC, RMA (positive), motif recall, Gini and the time per sequence of the methods people know, of LRP
and of PLRP, from zero and from references, on the held-out sequences that the network calls positive (probability > .5,
at least one true site). With OUT the table is also written there, as CSV.

    python benchmarks/talgata.py [FOLDER [OUT.csv]]

FOLDER holds the TAL1/GATA1 network and its simulated sequences (default: ../shared/data/talgata beside the checkout).
"""

import gzip
import re
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from genoplrp import NoPrune, PruneLambda, PruneM, SparsityGain, attribute, auprc, gini, one_hot, rma
from genoplrp.baselines import (
    corrected_gradient,
    deep_lift_shap,
    gradient_times_input,
    in_silico_mutagenesis,
    integrated_gradients,
)
from genoplrp.evaluate import motif_recall
from genoplrp.motifs import Site

TASKS = {"TAL1": (2, ("TAL",)), "GATA1": (1, ("GATA",)), "both": (0, ("TAL", "GATA"))}
METHODS = {
    "gradient x input": gradient_times_input,
    "corrected gradient": corrected_gradient,
    "integrated gradients": partial(integrated_gradients, steps=50),
    "DeepSHAP, 20 references": partial(deep_lift_shap, references=20),
    "in-silico mutagenesis": in_silico_mutagenesis,
    "LRP": partial(attribute, pruner=NoPrune()),
    "PLRP-lambda p=.10": partial(attribute, pruner=PruneLambda(0.10)),
    "PLRP-lambda p=.25": partial(attribute, pruner=PruneLambda(0.25)),
    "PLRP-lambda p=auto": partial(attribute, pruner=PruneLambda("auto")),
    "PLRP-lambda gain (gini)": partial(attribute, pruner=PruneLambda(SparsityGain())),
    "PLRP-lambda p=.10, epsilon-gamma-box": partial(attribute, pruner=PruneLambda(0.10), composite="epsilon-gamma-box"),
    "PLRP-M p=.10": partial(attribute, pruner=PruneM(0.10)),
    **{
        f"{name}, {composite}, {references} references": partial(
            attribute, pruner=pruner, composite=composite, references=references
        )
        for composite, references in (("epsilon", 20), ("epsilon", 5), ("genomic", 5), ("genomic", 2))
        for name, pruner in (("LRP", NoPrune()), ("PLRP-lambda p=.10", PruneLambda(0.10)))
    },
}
"""Name -> method; epsilon from references is DeepLIFT's Rescale, genomic from references is Rescale with zbox first."""
PLANTED = re.compile(r"pos-(\d+)_([A-Za-z]+)\w*?-([ACGT]+)")


class TalGata(nn.Module):
    """The network of the TF-MoDISco authors' example."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(4, 50, 11), nn.Conv1d(50, 50, 11)
        self.pool = nn.AvgPool1d(180)
        self.fc1, self.out = nn.Linear(50, 50), nn.Linear(50, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 3) from (n, 4, 200)."""
        h = self.pool(self.conv2(self.conv1(x).relu()).relu()).flatten(1)
        return self.out(self.fc1(h).relu())


@dataclass(frozen=True)
class Task:
    """The sequences of one output, with their truth."""

    output: int
    x: Tensor  # (n, 4, 200)
    mask: np.ndarray  # (n, 200)
    sites: list[Site]


def load(folder: Path) -> tuple[nn.Module, dict[str, Task]]:
    """The network and, per output, the held-out sequences that it calls positive."""
    model = TalGata().eval()
    model.load_state_dict(load_file(folder / "talgata.safetensors"))
    with gzip.open(folder / "test.txt.gz", "rt") as lines:
        held_out = set(lines.read().split())
    table = pd.read_csv(folder / "sequences.simdata.gz", sep="\t", keep_default_na=False)
    table = table[table["seqName"].isin(held_out)].reset_index(drop=True)
    x = one_hot(table["sequence"])
    with torch.no_grad():
        positive = model(x).numpy() > 0
    planted = [[(int(s), name, len(word)) for s, name, word in PLANTED.findall(text)] for text in table["embeddings"]]
    return model, {name: _task(x, positive, planted, *chosen) for name, chosen in TASKS.items()}


def _task(x: Tensor, positive: np.ndarray, planted: list, output: int, factors: tuple[str, ...]) -> Task:
    own = [[(start, width) for start, name, width in sites if name.upper().startswith(factors)] for sites in planted]
    rows = [i for i, sites in enumerate(own) if sites and positive[i, output]]
    sites = [Site(k, start, start + width, 0, "+") for k, i in enumerate(rows) for start, width in own[i]]
    mask = np.zeros((len(rows), x.shape[2]), bool)
    for site in sites:
        mask[site.sequence, site.start : site.end] = True
    return Task(output, x[rows], mask, sites)


def measure(model: nn.Module, task: Task, method: str) -> dict[str, float]:
    """One row of the table."""
    start = time.perf_counter()
    scores = METHODS[method](model, task.x, target=task.output).per_base
    seconds = time.perf_counter() - start
    return {
        "n": len(scores),
        "AUPRC": np.nanmean(auprc(scores, task.mask)),
        "RMA": np.nanmean(rma(scores, task.mask)),
        "recall": np.nanmean(motif_recall(scores, task.sites)),
        "Gini": np.nanmean(gini(scores)),
        "ms/sequence": 1000 * seconds / len(scores),
    }


def main() -> int:
    """Print the table; 1 where the data is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data" / "talgata"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    if not (folder / "talgata.safetensors").exists():
        print(f"{folder} holds no talgata.safetensors; give the folder that does", file=sys.stderr)
        return 1
    model, tasks = load(folder)
    rows = {(name, method): measure(model, task, method) for name, task in tasks.items() for method in METHODS}
    table = pd.DataFrame(rows).T.astype({"n": int}).rename_axis(["output", "method"]).round(3)
    print(table.to_string())
    if len(sys.argv) > 2:
        table.to_csv(sys.argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
