"""What becomes of DeepLIFT where hooks do not see a network: sums and AUPRC of tangermeme, captum and genoplrp.

    python benchmarks/hooks.py [FOLDER]

The first table is the TAL1/GATA1 network (see talgata.py), whose ReLUs are methods: the first 16 sequences that each
output calls positive, 20 shuffled references. The second is captum on a small network with a max-pool or an average
pool. ``misses`` is how far the relevance is from f(x) - f(reference), over the mean difference.
"""

import math
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from captum.attr import DeepLift
from talgata import load
from tangermeme.deep_lift_shap import deep_lift_shap as tangermeme
from torch import Tensor, nn

from genoplrp import auprc
from genoplrp.baselines import deep_lift_shap
from genoplrp.sequence import shuffled_references

SEQUENCES, REFERENCES = 16, 20


def misses(model: nn.Module, x: Tensor, references: Tensor, output: int, relevance: Tensor) -> float:
    """Mean distance of the sums from f(x) - f(reference), over the mean of that."""
    with torch.no_grad():
        start = model(references.flatten(0, 1))[:, output].view(len(x), -1).mean(1)
        difference = model(x)[:, output] - start
    return float((relevance.flatten(1).sum(1) - difference).abs().mean() / difference.abs().mean())


def functional_network(folder: Path) -> None:
    """The first table."""
    model, tasks = load(folder)
    print("output  misses: tangermeme  genoplrp   AUPRC: tangermeme  genoplrp")
    for name, task in tasks.items():
        x, mask = task.x[:SEQUENCES], task.mask[:SEQUENCES]
        references = shuffled_references(x, REFERENCES)
        theirs = tangermeme(
            model, x, target=task.output, references=references, device="cpu", warning_threshold=math.inf
        )
        ours = deep_lift_shap(model, x, target=task.output, references=references).relevance
        off = [misses(model, x, references, task.output, maps) for maps in (theirs, ours)]
        found = [np.nanmean(auprc(maps.sum(1), mask)) for maps in (theirs, ours)]
        print(f"{name:<6} {off[0]:19.2f} {off[1]:9.0e} {found[0]:19.2f} {found[1]:9.2f}")


def captum_pools() -> None:
    """The second table."""
    codes = torch.randint(0, 4, (8, 30), generator=torch.Generator().manual_seed(0))
    x = nn.functional.one_hot(codes, 4).movedim(2, 1).double()
    references = shuffled_references(x, 1)
    for pool in (nn.MaxPool1d(2), nn.AvgPool1d(2)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv1d(4, 6, 5), nn.ReLU(), pool, nn.Flatten(), nn.Linear(78, 3)).double()
        theirs = DeepLift(model).attribute(x, references[:, 0], target=0)
        ours = deep_lift_shap(model, x, target=0, references=references).relevance
        off = [misses(model, x, references, 0, maps) for maps in (theirs, ours)]
        print(f"{type(pool).__name__}: captum misses {off[0]:.2g}, genoplrp {off[1]:.0e}")


def main() -> int:
    """Print the tables; 1 where the data is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data" / "talgata"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    captum_pools()
    if not (folder / "talgata.safetensors").exists():
        print(f"{folder} holds no talgata.safetensors; give the folder that does", file=sys.stderr)
        return 1
    functional_network(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
