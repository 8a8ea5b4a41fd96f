"""Other people's programs read the files as they are, and TF-MoDISco finds patterns in our seqlets."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from genoplrp.discover import discover
from genoplrp.discover.modisco import origins

needs_modisco = pytest.mark.skipif(find_spec("modiscolite") is None, reason="modisco-lite is not installed")
needs_finemo = pytest.mark.skipif(find_spec("finemo") is None, reason="Fi-NeMo is not installed")


def run(program: str, *words: object) -> None:
    """A console script of this environment."""
    script = Path(sys.executable).with_name(program)
    done = subprocess.run([script, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_modisco
def test_modisco_report_reads_the_patterns(case, tmp_path):
    run("modisco", "report-simple", "-i", case.out / "patterns.h5", "-o", tmp_path / "report")
    page = (tmp_path / "report" / "motifs.html").read_text()
    with h5py.File(case.out / "patterns.h5") as file:
        for row in case.found.patterns.itertuples():
            inside = int(file[row.h5]["seqlets"]["n_seqlets"][0])
            assert row.seqlets / 2 < inside <= row.seqlets  # without those that reach beyond their window
            assert row.h5.replace("/", ".") in page and f"<td>{inside}</td>" in page


@needs_finemo
def test_fi_nemo_calls_hits_where_the_instances_are(case, tmp_path):
    run(
        "finemo", "call-hits", "-r", case.out / "regions.npz", "-m", case.out / "patterns.h5", "-o", tmp_path / "hits",
        "-S", 50, "-b", 64,
    )  # fmt: skip
    hits = pd.read_csv(tmp_path / "hits" / "hits.tsv", sep="\t")
    assert len(hits) > 50
    ours = case.found.instances.groupby("record")[["start", "end"]].apply(lambda rows: rows.to_numpy().tolist())
    inside = [
        any(start < row.end and row.start < end for start, end in ours.get(row.chr, [])) for row in hits.itertuples()
    ]
    assert sum(inside) > 0.8 * len(hits)


@needs_modisco
def test_tf_modisco_finds_the_same_motifs(case):
    found = discover(case.network, case.fasta, method="modisco", labels=["CTCF"])
    assert found.patterns["match"].tolist() == ["CTCF"]
    own = found.seqlets[found.seqlets["pattern"] == "CTCF_pos_0"]
    assert len(own) == found.patterns.loc[0, "seqlets"] and len(own) > 50
    assert found.patterns.loc[0, "instances"] == pytest.approx(
        (case.found.instances["label"] == "CTCF").sum(), rel=0.15
    )


@needs_modisco
def test_each_seqlet_of_tf_modisco_is_the_nearest_of_its_window_and_only_once():
    """Against the best of all ways to pair them, window by window."""
    rng = np.random.default_rng(2)
    seqlets = pd.DataFrame({"sequence": rng.integers(0, 5, 15), "start": rng.permutation(15) * 20}, index=range(40, 55))
    seqlets["end"] = seqlets["start"] + rng.integers(6, 12, 15)
    order = rng.permutation(15)[:11]
    moved = seqlets.iloc[order].to_numpy() + rng.integers(-3, 4, (11, 1)) * [0, 1, 1] + [0, -10, 10]
    assert origins(seqlets, moved).tolist() == (order + 40).tolist()
    doubled = origins(seqlets, np.concatenate([moved, moved]))
    most = np.minimum(2 * np.bincount(moved[:, 0], minlength=5), np.bincount(seqlets["sequence"], minlength=5))
    used = doubled[doubled >= 0]
    assert len(used) == len(set(used.tolist())) == most.sum()
