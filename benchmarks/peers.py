"""How long does each method take? Processor time a sequence in milliseconds, and relative to gradient x input.

    python benchmarks/peers.py [SEQUENCES]

Runs the shipped vertebrate20 on real CTCF peaks (200 bp) and an untrained MotifCNN with 32 filters on random 250-bp
sequences, 64 of them by default, on one thread; each method's time is the least of three runs after one that warms up.
"""

import sys
import time
import warnings

import pandas as pd
import torch
from torch import Tensor, nn

from genoplrp import MotifCNN, load_model, one_hot, read_fasta
from genoplrp.baselines import METHODS
from genoplrp.models import CNNConfig
from genoplrp.resources import example_file

RUNS = 3


def cases(n: int) -> dict[str, tuple[nn.Module, Tensor]]:
    """The networks, each with `n` sequences."""
    peaks = one_hot([record.sequence for record, _ in zip(read_fasta(example_file()), range(n), strict=False)])
    codes = torch.randint(0, 4, (n, 250), generator=torch.Generator().manual_seed(0))
    random = nn.functional.one_hot(codes, 4).movedim(2, 1).float()
    network = MotifCNN(CNNConfig(length=250, filters=(32,))).eval()
    return {"vertebrate20": (load_model("vertebrate20"), peaks), "MotifCNN 32": (network, random)}


def seconds(function, model: nn.Module, x: Tensor) -> float:
    """Processor time, the least of some runs, after one that warms up."""
    function(model, x[:4])
    found = []
    for _ in range(RUNS):
        start = time.process_time()
        function(model, x)
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    """Print the table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UserWarning)
    times = {
        (name, method.title): 1000 * seconds(method.function, model, x) / n
        for name, (model, x) in cases(n).items()
        for method in METHODS.values()
    }
    table = pd.Series(times).unstack(0)[list(cases(1))].loc[[method.title for method in METHODS.values()]]
    relative = (table / table.loc["gradient"]).add_suffix(", relative")
    print(pd.concat([table, relative], axis=1).round(2).to_string())


if __name__ == "__main__":
    main()
