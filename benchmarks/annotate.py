"""How much of a batch job's time is the engine's? `genoplrp annotate` beside the network and the engine alone.

    python benchmarks/annotate.py FOLDER [--records 10000 100000]

For each number of records a FASTA file of 250-bp sequences with motifs is written to FOLDER and annotated by the
command line, start-up, calibration, page and logos included; its memory is the sum of its two processes' peaks. Then
the network and the engine run alone: what they take for the scores of all windows, and for maps with and without
pruning of as many windows as were explained, comes from their rate on 4,096 windows (median of three). So does what the
engine takes where it keeps the network's runs, as the job does: each window goes through the network once, for its
scores and for all its maps.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from genoplrp import NoPrune, PruneLambda, load_model, one_hot
from genoplrp.annotate import read_attributions
from genoplrp.annotate.scorer import scorer_for
from genoplrp.explainer import Explainer
from genoplrp.motifs import shipped_motifs, simulate
from genoplrp.sequence import tile

LENGTH, BATCH = 250, 128


def write_fasta(path: Path, records: int) -> None:
    """One to three of the shipped motifs in each record."""
    with path.open("w") as file:
        for first in range(0, records, 10_000):
            made = simulate(shipped_motifs(), min(10_000, records - first), LENGTH, counts=(1, 3), seed=first)
            file.writelines(f">s{first + k}\n{sequence}\n" for k, sequence in enumerate(made.sequences))


def annotated(fasta: Path, out: Path) -> tuple[float, float]:
    """Seconds of a whole run of the command line, and the peaks of its processes' memory in MB, added up."""
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    command = [Path(sys.executable).with_name("genoplrp"), "annotate", fasta, "-m", "vertebrate20", "-o", out]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peaks: dict[int, float] = {}
    while process.poll() is None:
        for pid in (process.pid, *children(process.pid)):
            peaks[pid] = max(peaks.get(pid, 0.0), peak_memory(pid))
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"genoplrp annotate ended with {process.returncode}")
    return time.perf_counter() - start, sum(peaks.values())


def children(pid: int) -> list[int]:
    """Processes that another has started and that still run (Linux)."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:  # the thread has ended meanwhile
            continue
    return found


def peak_memory(pid: int) -> float:
    """Largest resident memory of a process so far, in MB; pages that processes share count for each (Linux)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def windows_of(sequences: list[str], width: int) -> Tensor:
    """One-hot windows of the network's length, (n, 4, width), 4,096 at most."""
    own = tile(LENGTH, width)
    return one_hot([sequence[w.start : w.end] for sequence in sequences for w in own][:4096])


def windows_explained(sequences: list[str], model: nn.Module, thresholds: Tensor) -> int:
    """Windows that call a label, for every label, and one of each record that calls none."""
    scores = scorer_for(model, BATCH, "forward").scores(sequences)
    return sum(max(1, int((own > thresholds.numpy()).sum())) for own in scores)


def engine_seconds(model: nn.Module, x: Tensor, thresholds: Tensor, scored: int, explained: int) -> tuple[float, float]:
    """What the network and the engine alone take for so many windows, by their rate on these; and with runs kept."""
    explain = Explainer(model, pruners=(PruneLambda(0.1), NoPrune()))
    parts = torch.split(x, BATCH)

    def at_once(part: Tensor) -> None:
        kept = explain.run(part)
        assert kept is not None, "the shipped network's runs can be kept"
        kept.explain(*(kept.scores > thresholds).nonzero().T)

    def rate(run: Callable[[Tensor], object]) -> float:
        run(parts[0])
        found = []
        for _ in range(3):
            start = time.perf_counter()
            for part in parts:
                run(part)
            found.append((time.perf_counter() - start) / len(x))
        return statistics.median(found)

    with torch.no_grad():
        forward = rate(model)
    return forward * scored + rate(explain) * explained, rate(at_once) * scored


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 100_000])
    options = parser.parse_args()
    model = load_model("vertebrate20")
    options.folder.mkdir(parents=True, exist_ok=True)
    for records in options.records:
        fasta, out = options.folder / f"{records}.fa", options.folder / f"{records}_out"
        write_fasta(fasta, records)
        seconds, memory = annotated(fasta, out)
        sequences = fasta.read_text().splitlines()[1::2]
        thresholds = torch.tensor(read_attributions(out).attributes["thresholds"])
        explained = windows_explained(sequences, model, thresholds)
        x, scored = windows_of(sequences, model.spec.length), records * len(tile(LENGTH, model.spec.length))
        engine, kept = engine_seconds(model, x, thresholds, scored, explained)
        print(
            f"{records} records, {explained} windows explained: annotate {seconds:.1f} s, engine {engine:.1f} s, "
            f"ratio {engine / seconds:.2f}, engine with kept runs {kept:.1f} s, peak memory {memory:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
