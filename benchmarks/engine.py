"""What does an explanation cost? Time a sequence, relative to gradient x input measured in the same rounds.

    pip install -c constraints.txt -e ".[fast,peers]"     # in an environment of its own
    pip install --no-deps zennit==0.5.1
    python benchmarks/engine.py FOLDER [--rounds 7] [--networks Basset BPNet] [--device cuda]

FOLDER holds the trained networks (`networks.py` trains what is missing) and gets ``engine.csv``, the times of each
round, ``engine.png``, the cost over p, and ``engine_machine.json``. In each round every method runs once, one after the
other, on two threads; ratios are taken within a round, and their median is printed. Slow methods run on fewer
sequences. All methods but the two of tangermeme, which choose their own, use the engine's batch size; gradient x input
has the size that suits it best. On a GPU there are eight times as many sequences, and the files end in ``_cuda``.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import networks
import pandas as pd
import torch
import zennit_plrp
from tangermeme.deep_lift_shap import deep_lift_shap
from tangermeme.saturation_mutagenesis import saturation_mutagenesis
from torch import Tensor, nn

from genoplrp import NoPrune, PruneLambda, PruneM, attribute
from genoplrp.inputs import samples_at_once

SEQUENCES = {"MotifCNN 4": 2048, "MotifCNN 32": 2048, "Basset": 240, "BPNet": 64, "DeePaC": 384}
FEWER = {"DeepSHAP, 20 references": 16, "in-silico mutagenesis": 64}
"""Of how many times fewer sequences a method is shown."""
GRADIENT = "gradient x input"


def gradient_times_input(network: nn.Module, x: Tensor, batch: int) -> None:
    """The gradient of the largest output, times the input."""
    for part in torch.split(x, batch):
        leaf = part.clone().requires_grad_()
        output = network(leaf)
        (torch.autograd.grad(output.amax(1).sum(), leaf)[0] * part).detach()


def forward(network: nn.Module, x: Tensor, batch: int) -> None:
    """The network alone."""
    with torch.no_grad():
        for part in torch.split(x, batch):
            network(part)


def best_batch(network: nn.Module, x: Tensor) -> int:
    """The batch size at which gradient x input is fastest."""

    def typical(batch: int) -> float:
        return statistics.median(seconds(lambda: gradient_times_input(network, x, batch), x.device) for _ in range(3))

    return min((8, 16, 32, 64, 128, 256, 512, 1024, 2048), key=typical)


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """How long it takes, what it leaves running on a GPU included."""
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def methods(network: nn.Module, x: Tensor, target: int) -> dict[str, Callable[[Tensor], object]]:
    """Name -> what explains some sequences."""
    batch, own, folded = samples_at_once(network, x, None), best_batch(network, x), zennit_plrp.folded(network)
    ours = {"LRP": NoPrune(), "PLRP-lambda .1": PruneLambda(0.1), "PLRP-lambda .25": PruneLambda(0.25)}
    ours |= {"PLRP-lambda .5": PruneLambda(0.5), "PLRP-lambda .9": PruneLambda(0.9)}
    ours |= {"PLRP-M .1": PruneM(0.1), "PLRP-M .25": PruneM(0.25)}
    return {
        GRADIENT: lambda part: gradient_times_input(network, part, own),
        "forward pass": lambda part: forward(network, part, batch),
        **{name: lambda part, p=pruner: attribute(network, part, pruner=p) for name, pruner in ours.items()},
        "zennit LRP": lambda part: zennit_plrp.plrp(folded, part, 0.0, batch),
        "zennit PLRP-lambda .1": lambda part: zennit_plrp.plrp(folded, part, 0.1, batch),
        "zennit PLRP-lambda .25": lambda part: zennit_plrp.plrp(folded, part, 0.25, batch),
        "DeepSHAP, 20 references": lambda part: deep_lift_shap(
            network, part, target=target, n_shuffles=20, device=x.device.type, warning_threshold=1e9
        ),
        "in-silico mutagenesis": lambda part: saturation_mutagenesis(
            network, part, target=target, device=x.device.type
        ),
    }


def measured(name: str, folder: Path, rounds: int, device: torch.device) -> pd.DataFrame:
    """Milliseconds a sequence of every method in every round, after a round that warms up."""
    network, times = networks.trained(folder, name).to(device), 8 if device.type == "cuda" else 1
    x = networks.sequences(name, times * SEQUENCES[name]).to(device)
    rows = []
    runs = methods(network, x, target=0)
    for turn in range(rounds + 1):
        for method, run in runs.items():
            part = x[: max(2, len(x) // FEWER.get(method, 1))]
            if method in FEWER and turn > 2:
                continue  # minutes a round, and their ratios are large
            rows.append((name, turn, method, 1000 * seconds(partial(run, part), device) / len(part)))
    table = pd.DataFrame(rows, columns=["network", "round", "method", "milliseconds"])
    return table[table["round"] > 0]


def relative(times: pd.DataFrame, to: str = GRADIENT) -> pd.Series:
    """Median over the rounds of a method's time over another's in the same round, by network and method."""
    wide = times.pivot_table(index=["network", "round"], columns="method", values="milliseconds", sort=False)
    return wide.div(wide[to], axis=0).groupby("network", sort=False).median().T


def draw(table: pd.DataFrame, path: Path) -> None:
    """Cost over p, a line a network."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    shares = {"PLRP-lambda .1": 0.1, "PLRP-lambda .25": 0.25, "PLRP-lambda .5": 0.5, "PLRP-lambda .9": 0.9}
    for (network, costs), marker in zip(table.loc[list(shares)].items(), "os^Dv", strict=False):
        axes.plot(list(shares.values()), costs, marker=marker, label=str(network))
    axes.axhline(1, color="0.5", linestyle="--", linewidth=1)
    axes.set(xlabel="p, the share of relevance that is dropped", ylabel="time, gradient x input = 1", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=2, fontsize=8)
    figure.savefig(path, dpi=110)


def machine(device: torch.device) -> dict[str, object]:
    """What it ran on."""
    with Path("/proc/cpuinfo").open() as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    found = {
        "processor": model,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    return found | ({"gpu": torch.cuda.get_device_name()} if device.type == "cuda" else {})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--networks", nargs="+", default=list(SEQUENCES), choices=list(SEQUENCES))
    parser.add_argument("--device", type=torch.device, default="cpu")
    options = parser.parse_args()
    end = "_cuda" if options.device.type == "cuda" else ""
    torch.set_num_threads(2)
    warnings.simplefilter("ignore")
    parts = []
    for name in options.networks:
        parts.append(measured(name, options.folder, options.rounds, options.device))
        pd.concat(parts).to_csv(options.folder / f"engine{end}.csv", index=False, float_format="%.5g")
        print(relative(parts[-1]).round(2).to_string(), file=sys.stderr, flush=True)
    (options.folder / f"engine{end}_machine.json").write_text(json.dumps(machine(options.device), indent=1) + "\n")
    times = pd.concat(parts)
    print(relative(times).round(2).to_string())
    draw(relative(times), options.folder / f"engine{end}.png")
    gradient = times[times["method"] == GRADIENT].groupby("network", sort=False)["milliseconds"]
    print("\ngradient x input, milliseconds a sequence:", gradient.agg(statistics.median).round(3).to_dict())


if __name__ == "__main__":
    main()
