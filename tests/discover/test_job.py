"""The whole job on planted truth: names, counts, places, and the folder."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from genoplrp.discover import discover
from genoplrp.motifs import read_motifs
from tests.annotate.networks import matrix_network
from tests.annotate.sequences import write_fasta
from tests.discover.conftest import LENGTH

FILES = {
    "report.html",
    *("patterns.png", "patterns.svg", "patterns.tsv", "patterns.meme", "patterns.jaspar", "patterns.h5"),
    *("regions.npz", "seqlets.tsv", "instances.tsv", "instances.bed", "instances.genome.bed", "rejected.tsv"),
    "params.json",
}


def sites(case, label):
    """(record, start, end, strand) of every planted instance."""
    index = [motif.name for motif in case.truth.motifs].index(label)
    return [
        (f"chr1:{1000 * site.sequence}-{1000 * site.sequence + LENGTH}", site.start, site.end, site.strand)
        for site in case.truth.sites
        if site.motif == index
    ]


def test_each_motif_comes_back_once_for_its_output_under_its_name(case):
    patterns = case.found.patterns
    assert set(zip(patterns["label"], patterns["match"], patterns["sign"], strict=True)) == {
        ("CTCF", "CTCF", 1),
        ("REST", "REST", 1),
    }
    assert (patterns["q"] < 1e-6).all()
    assert patterns["seqlets"].is_monotonic_decreasing


@pytest.mark.parametrize("label", ["CTCF", "REST"])
def test_instances_are_the_planted_sites_with_their_strand(case, label):
    planted, found = sites(case, label), case.found.instances
    found = found[found["label"] == label]
    strands, right = set(), set()
    for row in found.itertuples():
        for site in planted:
            if site[0] == row.record and min(site[2], row.end) - max(site[1], row.start) >= 8:
                right.add(site)
                strands.add((site[3], row.strand))
    assert len(right) >= 0.9 * len(planted)
    assert len(right) >= 0.9 * len(found)
    assert len(strands) == 2  # the pattern may be either way round, but is so throughout
    assert (found["score"] > 0).all() and (found["share"] <= 1).all()


def test_scores_of_seqlets_and_counts_of_patterns_agree_with_the_tables(case):
    found = case.found
    for row in found.patterns.itertuples():
        assert row.instances == (found.instances["pattern"] == row.name).sum()
        own = found.seqlets[found.seqlets["pattern"] == row.name]
        assert row.sequences == own["record"].nunique()
        assert row.seqlets == len(own)
        assert set(own["strand"]) == {"+", "-"}
    assert (found.seqlets.loc[found.seqlets["pattern"] == "", "strand"] == ".").all()


def test_the_folder_is_whole_and_says_what_is_in_it(case):
    params = json.loads((case.out / "params.json").read_text())
    assert {path.name for path in case.out.iterdir()} == set(params["files"]) == FILES
    table = pd.read_csv(case.out / "patterns.tsv", sep="\t")
    assert table["name"].tolist() == case.found.patterns["name"].tolist()
    for suffix in ("meme", "jaspar"):
        motifs = read_motifs(case.out / f"patterns.{suffix}")
        assert [motif.matrix_id for motif in motifs] == table["name"].tolist()
        assert [motif.consensus for motif in motifs] == table["consensus"].tolist()
    bed = pd.read_csv(case.out / "instances.bed", sep="\t", header=None)
    genome = pd.read_csv(case.out / "instances.genome.bed", sep="\t", header=None)
    begins = bed[0].str.extract(r":(\d+)-")[0].astype(int)
    assert (genome[1] == bed[1] + begins).all() and bed[4].between(0, 1000).all()


def test_the_h5_file_points_at_the_regions(case):
    """A seqlet's bases and relevance are those of its place in regions.npz, read on its strand."""
    regions = np.load(case.out / "regions.npz")
    tracks = {
        "sequence": regions["sequences"].astype(np.float32),
        "contrib_scores": (regions["sequences"] * regions["contributions"]).astype(np.float32),
    }
    with h5py.File(case.out / "patterns.h5") as file:
        assert [f"pos_patterns/{key}" for key in file["pos_patterns"]] == case.found.patterns["h5"].tolist()
        for pattern in file["pos_patterns"].values():
            seqlets = pattern["seqlets"]
            assert seqlets["n_seqlets"][0] == len(seqlets["start"]) == len(seqlets["sequence"])
            for name, track in tracks.items():
                assert pattern[name][:] == pytest.approx(seqlets[name][:].mean(0), abs=1e-5)
                for k, (row, start, end) in enumerate(
                    zip(seqlets["example_idx"], seqlets["start"], seqlets["end"], strict=True)
                ):
                    assert 0 <= start < end <= LENGTH
                    there = track[row, :, start:end]
                    there = there[::-1, ::-1] if seqlets["is_revcomp"][k] else there
                    assert seqlets[name][k].T == pytest.approx(there, abs=0.02)  # contributions are float16


def test_the_same_input_gives_the_same_result_whatever_the_batch(case):
    again = discover(case.network, case.fasta, batch_size=7)
    for name in ("patterns", "seqlets", "instances"):
        one, two = getattr(case.found, name), getattr(again, name)
        pd.testing.assert_frame_equal(one, two, rtol=1e-4)


def test_windows_beyond_the_sample_are_searched_for_instances_too(case):
    fewer = discover(case.network, case.fasta, labels=["CTCF"], windows=40)
    instances = case.found.instances
    whole = instances[instances["label"] == "CTCF"]
    shared = pd.merge(whole, fewer.instances, on=["record", "start", "end"])
    assert len(shared) >= 0.8 * len(whole)
    assert fewer.patterns["seqlets"].sum() < len(shared)


def long_records(case):
    """Sequences with one CTCF site put end to end, random bases between them, and where the sites then begin."""
    ctcf = [motif.name for motif in case.truth.motifs].index("CTCF")
    per_sequence = [[] for _ in case.truth.sequences]
    for site in case.truth.sites:
        if site.motif == ctcf:
            per_sequence[site.sequence].append(site)
    single = [own[0] for own in per_sequence if len(own) == 1]
    rng = np.random.default_rng(9)
    records, places = [], []
    for k in range(0, len(single), 5):
        text = ""
        for site in single[k : k + 5]:
            text += "".join(rng.choice(list("ACGT"), 2 * LENGTH))
            places.append((f"long{k}", len(text) + site.start))
            text += case.truth.sequences[site.sequence]
        records.append((f"long{k}", text))
    return records, places


def test_long_records_give_each_instance_once_in_their_own_coordinates(case, tmp_path):
    records, places = long_records(case)
    fasta = write_fasta(tmp_path / "long.fa", records)
    found = discover(case.network, fasta, labels=["CTCF"], everywhere=True).instances
    near = [
        sum(row.record == record and abs(row.start - start) <= 8 for row in found.itertuples())
        for record, start in places
    ]
    assert max(near) == 1
    assert np.mean(near) >= 0.9


def test_windows_of_a_long_record_in_different_parts_give_each_instance_once(case, tmp_path, monkeypatch):
    """Every base lies in two windows, of which one may be in the sample and the other in a part of the rest."""
    monkeypatch.setattr("genoplrp.discover.maps._AT_ONCE", 64)
    fasta = write_fasta(tmp_path / "long.fa", long_records(case)[0])
    runs = [
        discover(case.network, fasta, labels=["CTCF"], everywhere=True, windows=windows).instances
        for windows in (2000, 150)
    ]
    for found in runs:
        for _, own in found.groupby("record"):
            assert (own["start"].to_numpy()[1:] >= own["end"].to_numpy()[:-1]).all()
    for one, other in (runs, runs[::-1]):
        near = [
            ((other["record"] == row.record) & ((other["start"] - row.start).abs() <= 8)).sum()
            for row in one.itertuples()
        ]
        assert max(near) == 1
        assert np.mean(near) >= 0.9


def test_labels_that_become_the_same_word_stay_apart(case, tmp_path):
    """As found under other labels, pattern by pattern."""
    network = matrix_network(LENGTH)
    network.spec = network.describe(("a b", "a_b"))
    found = discover(network, case.fasta, tmp_path / "out")
    shown = ["match", "seqlets", "sequences", "instances"]
    assert set(zip(found.patterns["name"], found.patterns["match"], strict=True)) == {
        ("a_b_pos_0", "CTCF"),
        ("a_b_2_pos_0", "REST"),
    }
    assert found.patterns[shown].values.tolist() == case.found.patterns[shown].values.tolist()
    ids = [motif.matrix_id for motif in read_motifs(tmp_path / "out" / "patterns.meme")]
    assert ids == found.patterns["name"].tolist()


def test_one_label_may_be_given_as_its_name(case):
    found = discover(case.network, case.fasta, labels="CTCF")
    assert set(found.patterns["label"]) == {"CTCF"}


def test_names_with_quotes_stand_in_the_files_as_they_are(case, tmp_path):
    network = matrix_network(LENGTH)
    network.spec = network.describe(('the "first"', "REST"))
    names = [f"a'b\"c{i}" for i in range(len(case.truth.sequences))]
    fasta = write_fasta(tmp_path / "in.fa", list(zip(names, case.truth.sequences, strict=True)))
    found = discover(network, fasta, tmp_path / "out", labels=['the "first"'])
    for name in ("instances.bed", "instances.tsv", "seqlets.tsv"):
        rows = [line.split("\t") for line in (tmp_path / "out" / name).read_text().splitlines()]
        table = found.seqlets if name == "seqlets.tsv" else found.instances
        if name != "instances.bed":
            assert rows.pop(0) == list(table.columns)
            label = list(table.columns).index("label")
            assert {row[label] for row in rows} == {'the "first"'}
        assert len(rows) == len(table)
        assert [row[0] for row in rows] == table["record"].tolist()
    assert set(found.instances["record"]) <= set(names)


def test_what_speaks_against_an_output_is_a_negative_pattern(case, tmp_path):
    """The network with the sign of its CTCF output turned: the same pattern, against it."""
    turned = matrix_network(LENGTH)
    with torch.no_grad():
        turned.dense[2].weight.neg_()
    found = discover(turned, case.fasta, tmp_path / "out", labels=["CTCF"], everywhere=True)
    assert found.patterns[["name", "match", "sign"]].values.tolist() == [["CTCF_neg_0", "CTCF", -1]]
    assert found.patterns.loc[0, "relevance"] < 0 and (found.instances["score"] < 0).all()
    assert found.instances["share"].between(0, 1).all() and len(found.instances) > 50
    with h5py.File(tmp_path / "out" / "patterns.h5") as file:
        assert list(file["neg_patterns"]) == ["pattern_0"] and not len(file["pos_patterns"])


def test_the_figure_shows_every_pattern(case):
    figure = case.found.plot()
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert {"CTCF", "REST"} <= set(texts)
    assert "CTCF" in case.found._repr_html_()
