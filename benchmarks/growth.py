"""How do time and memory grow? PLRP-lambda at .1 beside gradient x input, over sequences, length, and filters.

    python benchmarks/growth.py FOLDER [--axes sequences length filters]     # trains what FOLDER lacks, then minutes

Number: 250-bp sequences through MotifCNN 32. Length: BPNet's shape, trained at 2,114 bp, takes any; 100,000 bases in
all. Filters: MotifCNNs trained alike, 1,024 sequences. Each point and method has a process of its own, on torch's own
number of threads: the median of three runs, and by how much the process's peak memory exceeds that before. Gradient x
input takes the engine's batch size. Writes ``growth.csv`` and ``growth.png``; growth over p is in `engine.py`'s figure.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import engine
import networks
import pandas as pd
from torch import Tensor, nn

from genoplrp import attribute, one_hot
from genoplrp.inputs import samples_at_once
from genoplrp.motifs import shipped_motifs, simulate
from genoplrp.studies.motifs.design import Design
from genoplrp.studies.motifs.networks import network as motif_network

POINTS = {
    "sequences": (1, 16, 256, 4096, 16384),
    "length": (250, 1000, 5000, 20_000, 100_000),
    "filters": (4, 16, 64, 256),
}
METHODS = ("PLRP-lambda .1", "gradient x input")
BASES_BY_LENGTH = 100_000
"""Of which there are as many sequences as hold these bases, at least one."""


def case(folder: Path, axis: str, value: int) -> tuple[nn.Module, Tensor]:
    """A point's network and its sequences."""
    if axis == "sequences":
        few = networks.sequences("MotifCNN 32", min(value, 2048))
        return networks.trained(folder, "MotifCNN 32"), few.repeat(-(-value // len(few)), 1, 1)[:value]
    if axis == "filters":
        return motif_network(folder, Design(), value, 0, progress=True), networks.sequences("MotifCNN 32", 1024)
    counts = (2 * max(1, value // 250), 3 * max(1, value // 250))
    n = max(1, BASES_BY_LENGTH // value)
    return networks.trained(folder, "BPNet"), one_hot(simulate(shipped_motifs(), n, value, counts=counts).sequences)


def point(folder: Path, axis: str, value: int, method: str) -> dict[str, float]:
    """Seconds and additional peak memory in MB of one method at one point."""
    network, x = case(folder, axis, value)
    batch = samples_at_once(network, x, None)
    run = partial(attribute, network) if method == METHODS[0] else partial(_gradient, network, batch)
    run(x[:1])
    before = _peak()
    times = [engine.seconds(lambda: run(x), x.device) for _ in range(3)]
    return {"seconds": statistics.median(times), "memory": _peak() - before, "n": len(x)}


def _gradient(network: nn.Module, batch: int, x: Tensor) -> None:
    engine.gradient_times_input(network, x, batch)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def draw(table: pd.DataFrame, path: Path) -> None:
    """A column an axis: time a sequence (of a length: a kilobase) above, additional memory below."""
    from matplotlib.figure import Figure

    columns = table["axis"].nunique()
    figure = Figure(figsize=(3 * columns, 5), layout="constrained")
    for column, (axis, points) in enumerate(table.groupby("axis", sort=False)):
        for row, quantity in enumerate(("seconds", "memory")):
            axes = figure.add_subplot(2, columns, row * columns + column + 1)
            for (method, part), style in zip(points.groupby("method", sort=False), ("o-", "s--"), strict=False):
                per = part["n"] * (part["value"] / 1000 if axis == "length" else 1)
                values = 1000 * part["seconds"] / per if quantity == "seconds" else part["memory"]
                axes.plot(part["value"], values, style, label=method)
            axes.set(xscale="log", yscale="linear" if row else "log", xlabel=axis if row else "")
            if quantity == "seconds":
                axes.set_ylabel("ms a kilobase" if axis == "length" else "ms a sequence")
            else:
                axes.set_ylabel("additional memory, MB")
            axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure every point in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--axes", nargs="+", default=list(POINTS), choices=list(POINTS))
    parser.add_argument("--point", nargs=3, metavar=("AXIS", "VALUE", "METHOD"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.point:
        axis, value, method = options.point
        print(json.dumps(point(options.folder, axis, int(value), method)))
        return
    rows = []
    for axis in options.axes:
        for value in POINTS[axis]:
            case(options.folder, axis, value)  # trained here, not in the process that is measured
            for method in METHODS:
                command = [sys.executable, __file__, str(options.folder), "--point", axis, str(value), method]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                rows.append({"axis": axis, "value": value, "method": method, **found})
                print(rows[-1], file=sys.stderr, flush=True)
    table = pd.DataFrame(rows)
    table.to_csv(options.folder / "growth.csv", index=False, float_format="%.4g")
    draw(table, options.folder / "growth.png")


if __name__ == "__main__":
    main()
