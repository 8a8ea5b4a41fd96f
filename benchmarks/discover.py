"""Does discovery find what is there? Ten planted motifs, the TAL1/GATA1 network, and real CTCF peaks.

Prints the patterns with their names and, where every site is known, precision and recall of the seqlets beside
tangermeme's two callers on the same maps, and of the instances beside a scan with the discovered matrices alone and
Fi-NeMo. A span counts as right if it shares at least half of the shorter one's bases with a planted site of a motif of
its label.

    python benchmarks/discover.py ten [OUT]              # trains a network (a minute or two), then discovers
    python benchmarks/discover.py talgata FOLDER [OUT]   # FOLDER: ../shared/data/talgata; also with --references 0
    python benchmarks/discover.py ctcf [OUT]             # the shipped network, the shipped peaks
    python benchmarks/discover.py tomtom                 # p-values and time beside memelite's, shipped matrices

OUT (by default discover_NAME) receives the discovery. Fi-NeMo gets --finemo-steps steps (default 300).
"""

import argparse
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from talgata import PLANTED, load
from torch import nn

from genoplrp import MotifCNN, one_hot
from genoplrp.discover import Discovery, discover, tomtom
from genoplrp.models import CNNConfig, ModelSpec
from genoplrp.models.training import auroc, predict, train
from genoplrp.motifs import read_motifs, scan, shipped_motifs, simulate
from genoplrp.resources import example_file

TEN = ("CTCF", "GATA1::TAL1", "SPI1", "NRF1", "FOS::JUN", "YY1", "SP1", "Pou5f1::Sox2", "MEF2A", "FOXA1")
OVERLAP = 0.5
SCAN_P = 1e-4

Truth = dict[tuple[str, str], list[tuple[int, int]]]
"""(record, label) -> start and end of the sites, 0-based half-open."""


def ten(out: Path, references: int = 5) -> tuple[Discovery, Truth]:
    """Ten of the shipped motifs planted, a network trained on them, discovery in sequences that it has not seen."""
    motifs = tuple(motif for motif in shipped_motifs() if motif.name in TEN)
    names = tuple(motif.name for motif in motifs)
    seen, fresh = (simulate(motifs, n, 200, counts=(0, 4), seed=seed) for n, seed in ((16_000, 1), (2_000, 2)))
    network = MotifCNN(
        CNNConfig(
            length=200, outputs=10, filters=(64,), widths=(19,), pools=(8,), dense=(64,), head="max", batch_norm=True
        )
    )
    labels = torch.from_numpy(seen.labels).float()
    card = train(
        network, one_hot(seen.sequences).to(torch.uint8), labels, epochs=20, batch_size=64, lr=2e-3, progress=False
    )
    held_out = auroc(predict(network, one_hot(fresh.sequences)), torch.from_numpy(fresh.labels))
    print(f"trained in {card.seconds:.0f} s; held-out AUROC {held_out.min():.3f} to {held_out.max():.3f}")
    network.spec = network.describe(names)
    truth: Truth = defaultdict(list)
    for site in fresh.sites:
        truth[f"s{site.sequence}", names[site.motif]].append((site.start, site.end))
    fasta = _fasta(out, fresh.sequences)
    return _timed(network, fasta, out, references), truth


def talgata(folder: Path, out: Path, references: int = 5) -> tuple[Discovery, Truth]:
    """The TAL1/GATA1 network on its held-out sequences."""
    network, _ = load(folder)
    network.spec = ModelSpec("TalGata", {}, length=200, labels=("both", "GATA1", "TAL1"))
    table = pd.read_csv(folder / "sequences.simdata.gz", sep="\t", keep_default_na=False)
    held_out = set(pd.read_csv(folder / "test.txt.gz", header=None)[0])
    table = table[table["seqName"].isin(held_out)].reset_index(drop=True)
    truth: Truth = defaultdict(list)
    for i, text in enumerate(table["embeddings"]):
        for start, name, word in PLANTED.findall(text):
            factor = "TAL1" if name.upper().startswith("TAL") else "GATA1"
            for label in (factor, "both"):
                truth[f"s{i}", label].append((int(start), int(start) + len(word)))
    return _timed(network, _fasta(out, table["sequence"]), out, references), truth


def _timed(network: nn.Module | str, fasta: Path, out: Path, references: int) -> Discovery:
    start = time.perf_counter()
    found = discover(network, fasta, out, references=references, overwrite=True)
    print(f"discovered in {time.perf_counter() - start:.0f} s\n")
    return found


def _fasta(out: Path, sequences: Iterable[str]) -> Path:
    path = out.with_name(f"{out.name}.fa")
    path.write_text("".join(f">s{i}\n{sequence}\n" for i, sequence in enumerate(sequences)))
    return path


def judged(spans: pd.DataFrame, truth: Truth, explained: set[tuple[str, str]]) -> dict[str, float]:
    """Precision and recall of spans (record, label, start, end) in the explained pairs of record and label."""
    right, hit = 0, set()
    for row in spans.itertuples():
        for i, (start, end) in enumerate(truth.get((row.record, row.label), ())):
            if min(end, row.end) - max(start, row.start) >= OVERLAP * min(end - start, row.end - row.start):
                hit.add((row.record, row.label, i))
                right += 1
                break
    sites = sum(len(truth.get(pair, ())) for pair in explained)
    return {"found": len(spans), "precision": right / max(1, len(spans)), "sites": sites, "recall": len(hit) / sites}


def seqlet_callers(out: Path) -> dict[str, pd.DataFrame]:
    """tangermeme's callers on the maps that the discovery wrote, and ours at other rates."""
    from tangermeme.seqlet import recursive_seqlets, tfmodisco_seqlets

    regions = np.load(out / "regions.npz")
    maps = (regions["contributions"].astype(np.float32) * regions["sequences"]).sum(1)
    label, record = np.array([name.split("|") for name in regions["peak_name"]]).T
    found: dict[str, list[pd.DataFrame]] = defaultdict(list)
    for one in np.unique(label):
        rows = np.flatnonzero(label == one)
        attributions = torch.from_numpy(maps[rows])
        called = {
            "tangermeme recursive_seqlets, p .01": recursive_seqlets(attributions),
            "tangermeme recursive_seqlets, p .001": recursive_seqlets(attributions, threshold=0.001),
            "tangermeme tfmodisco_seqlets, FDR .2": tfmodisco_seqlets(attributions),
        }
        for name, spans in called.items():
            frame = spans[spans.iloc[:, 3] > 0]
            flank = 10 if "tfmodisco" in name else 0
            found[name].append(
                pd.DataFrame(
                    {
                        "record": record[rows[frame["example_idx"].to_numpy(int)]],
                        "label": one,
                        "start": frame["start"].to_numpy(int) + flank,
                        "end": frame["end"].to_numpy(int) - flank,
                    }
                )
            )
    return {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}


def matrix_scan(found: Discovery, out: Path, fasta: Path, explained: set[tuple[str, str]]) -> pd.DataFrame:
    """Every match of the discovered matrices, whatever the network says there."""
    names, sequences = zip(*(block.split("\n")[:2] for block in fasta.read_text().split(">")[1:]), strict=True)
    label_of = dict(zip(found.patterns["name"], found.patterns["label"], strict=True))
    motifs = read_motifs(out / "patterns.jaspar")
    rows = [
        (names[hit.sequence], label_of[motifs[hit.motif].matrix_id], hit.start, hit.end)
        for hit in scan(sequences, motifs, p_value=SCAN_P)
    ]
    frame = pd.DataFrame(rows, columns=["record", "label", "start", "end"])
    return frame[[pair in explained for pair in zip(frame["record"], frame["label"], strict=True)]]


def fi_nemo(found: Discovery, out: Path, steps: int, seconds: int) -> pd.DataFrame | None:
    """Fi-NeMo's hits of each pattern in the windows of its label; None if it did not end in time."""
    target = out.with_name(f"{out.name}_finemo")
    words = ["call-hits", "-r", out / "regions.npz", "-m", out / "patterns.h5", "-o", target, "-S", steps, "-b", 200]
    try:
        subprocess.run(
            [Path(sys.executable).with_name("finemo"), *map(str, words)], check=True, capture_output=True,
            timeout=seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    hits = pd.read_csv(target / "hits.tsv", sep="\t")
    keys = found.patterns["h5"].str.replace("/", ".")
    label_of = dict(zip(keys, found.patterns["label"], strict=True))
    hits["label"] = hits["motif_name"].map(label_of)
    hits = hits[hits["peak_name"].str.split("|").str[0] == hits["label"]]
    return hits.rename(columns={"chr": "record"})[["record", "label", "start", "end"]]


def beside_memelite() -> None:
    """How far our Tomtom's p-values are from memelite's, the shipped matrices against each other."""
    from memelite import tomtom as theirs

    motifs = shipped_motifs()
    matrices = [motif.probabilities(0.0) for motif in motifs]
    start = time.perf_counter()
    ours = tomtom(motifs, motifs).p_value
    seconds = time.perf_counter() - start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that twenty targets are few
        reference = theirs(matrices, matrices, n_target_bins=None)[0]
    apart = np.abs(np.log10(ours) - np.log10(reference))
    print(f"{ours.size} p-values down to {ours.min():.0e} in {seconds:.2f} s")
    print(f"log10 apart by {apart[ours > 1e-16].max():.3f} at most where p > 1e-16, {apart.max():.3f} over all")


def compare(found: Discovery, truth: Truth, out: Path, steps: int, seconds: int) -> None:
    """Print both tables, over all labels and, of our instances, by label."""
    explained = {tuple(reversed(name.split("|"))) for name in np.load(out / "regions.npz")["peak_name"].tolist()}
    positive = found.seqlets[found.seqlets["sign"] == 1]
    rows = {"genoplrp, FDR .2": positive, "genoplrp, FDR .05": positive[positive["q"] <= 0.05], **seqlet_callers(out)}
    print("\nseqlets\n" + _table({name: judged(spans, truth, explained) for name, spans in rows.items()}))
    speaking_for = set(found.patterns.loc[found.patterns["sign"] == 1, "name"])
    hits = found.instances[found.instances["pattern"].isin(speaking_for)]
    rows = {"genoplrp, FDR .1": hits, f"matrix alone, p {SCAN_P}": matrix_scan(found, out, _beside(out), explained)}
    theirs = fi_nemo(found, out, steps, seconds)
    if theirs is None:
        print(f"Fi-NeMo did not end within {seconds} s")
    else:
        rows[f"Fi-NeMo, {steps} steps"] = theirs
    print("\ninstances\n" + _table({name: judged(spans, truth, explained) for name, spans in rows.items()}))
    by_label = {
        label: judged(hits[hits["label"] == label], truth, {pair for pair in explained if pair[1] == label})
        for label in hits["label"].unique()
    }
    print("\ninstances of genoplrp by label\n" + _table(by_label))


def _beside(out: Path) -> Path:
    return out.with_name(f"{out.name}.fa")


def _table(rows: dict[str, dict[str, float]]) -> str:
    return pd.DataFrame(rows).T.astype({"found": int, "sites": int}).round(3).to_string()


def main() -> None:
    """Run one of the four."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("ten", "talgata", "ctcf", "tomtom"))
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--references", type=int, default=5)
    parser.add_argument("--finemo-steps", type=int, default=300)
    parser.add_argument("--finemo-seconds", type=int, default=1200)
    given = parser.parse_args()
    if given.what == "tomtom":
        beside_memelite()
        return
    out = given.paths[-1] if len(given.paths) > (given.what == "talgata") else Path(f"discover_{given.what}")
    if given.what == "ctcf":
        found, truth = _timed("vertebrate20", example_file(), out, given.references), None
    else:
        made = ten(out, given.references) if given.what == "ten" else talgata(given.paths[0], out, given.references)
        found, truth = made
    shown = ["name", "match", "q", "sign", "seqlets", "sequences", "instances", "relevance", "consensus"]
    print(found.patterns[shown].to_string(index=False, float_format="{:.2g}".format))
    print(*found.warnings, sep="\n")
    if truth is not None:
        compare(found, truth, out, given.finemo_steps, given.finemo_seconds)


if __name__ == "__main__":
    main()
