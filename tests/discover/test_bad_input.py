"""Nothing found, or nothing to find it in: what is said, and that the files are valid all the same."""

import json
from dataclasses import replace
from inspect import signature

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from genoplrp import save_model
from genoplrp.cli.app import app
from genoplrp.cli.discover import discover as command_discover
from genoplrp.discover import discover
from genoplrp.discover.maps import WindowExplainer
from genoplrp.errors import MotifError, OptionError, SequenceError
from genoplrp.motifs import read_motifs, shipped_motifs, write_motifs
from tests.annotate.networks import matrix_network
from tests.annotate.sequences import planted, write_fasta
from tests.discover.conftest import LENGTH


def random_records(n: int) -> list[tuple[str, str]]:
    rng = np.random.default_rng(5)
    return [(f"r{i}", "".join(rng.choice(list("ACGT"), LENGTH))) for i in range(n)]


def assert_valid_and_empty(out) -> None:
    params = json.loads((out / "params.json").read_text())
    assert {path.name for path in out.iterdir()} == set(params["files"])
    assert params["counts"]["patterns"] == 0 and params["warnings"]
    for name in ("patterns", "seqlets", "instances"):
        assert len(pd.read_csv(out / f"{name}.tsv", sep="\t").columns) > 5
    assert (out / "instances.bed").read_text() == ""
    assert (out / "patterns.meme").read_text().startswith("MEME version")
    with h5py.File(out / "patterns.h5") as file:
        assert list(file) == ["neg_patterns", "pos_patterns"] and not len(file["pos_patterns"])
    regions = np.load(out / "regions.npz")
    assert len(regions["sequences"]) == len(regions["contributions"]) == len(regions["chr"])


@pytest.fixture(scope="module")
def network():
    return matrix_network(LENGTH)


def test_sequences_without_a_motif_are_called_by_no_output(network, tmp_path):
    found = discover(network, write_fasta(tmp_path / "in.fa", random_records(60)), tmp_path / "out")
    assert found.patterns.empty
    assert "no output is called more often than on the same sequences shuffled" in found.warnings[0]
    assert "--all-sequences" in found.warnings[0]
    assert_valid_and_empty(tmp_path / "out")


def test_one_sequence_makes_no_pattern_and_says_so(network, tmp_path):
    record = planted(1, LENGTH)[0]
    fasta = write_fasta(tmp_path / "in.fa", [(record.name, record.sequence)])
    found = discover(network, fasta, tmp_path / "out", labels=["CTCF"])
    assert len(found.seqlets) == 1 and found.patterns.empty
    assert found.seqlets.loc[0, "start"] <= record.start + 5 and found.seqlets.loc[0, "end"] >= record.end - 5
    assert "1 seqlets, but no 20 of them look alike; try fewer (--least), more sequences" in found.warnings[0]
    assert_valid_and_empty(tmp_path / "out")


def test_maps_that_are_zero_are_named(network, tmp_path):
    deaf = matrix_network(LENGTH)
    with torch.no_grad():
        deaf.dense[2].weight.zero_()
    fasta = write_fasta(tmp_path / "in.fa", random_records(5))
    found = discover(deaf, fasta, tmp_path / "out", labels=["CTCF"], everywhere=True)
    assert found.warnings == ("CTCF: the maps are zero everywhere, and its score is the same for all these sequences",)
    assert_valid_and_empty(tmp_path / "out")


def test_maps_that_are_zero_though_the_score_varies_are_not_called_indifferent(network, tmp_path, monkeypatch):
    """As where contributions cancel base by base."""
    original = WindowExplainer._attribute

    def cancelled(self, *args, **options):
        found = original(self, *args, **options)
        return replace(found, relevance=torch.zeros_like(found.relevance))

    monkeypatch.setattr(WindowExplainer, "_attribute", cancelled)
    records = [(record.name, record.sequence) for record in planted(5, LENGTH)]
    fasta = write_fasta(tmp_path / "in.fa", records + random_records(5))
    (warning,) = discover(network, fasta, labels=["CTCF"], everywhere=True).warnings
    assert "zero everywhere, though its score differs" in warning and "--composite" in warning


def test_no_seqlet_says_what_to_try(network, tmp_path):
    records = [(record.name, record.sequence) for record in planted(40, LENGTH)]
    found = discover(network, write_fasta(tmp_path / "in.fa", records), tmp_path / "out", labels=["CTCF"], fdr=1e-4)
    assert "try a higher --fdr (it is 0.0001), more sequences (there were 40)" in found.warnings[0]
    assert_valid_and_empty(tmp_path / "out")


def test_more_patterns_than_can_be_looked_at_are_written_and_said(network, tmp_path, monkeypatch):
    """As for thousands, from a bound of none."""
    monkeypatch.setattr("genoplrp.discover.job._MANY", 0)
    records = [(record.name, record.sequence) for record in planted(60, LENGTH)]
    fasta = write_fasta(tmp_path / "in.fa", records)
    found = discover(network, fasta, tmp_path / "out", least=5, logos=0)
    count = len(found.patterns)
    assert count and found.warnings[0].startswith(f"{count} patterns are more than a network uses")
    assert "(--least, it is 5)" in found.warnings[0]
    assert len(read_motifs(tmp_path / "out" / "patterns.meme")) == count


def test_the_seed_is_that_of_the_shuffles(network, tmp_path):
    """Maps measured from other shuffles are other maps; from the same, the same."""
    fasta = write_fasta(tmp_path / "in.fa", [(record.name, record.sequence) for record in planted(30, LENGTH)])
    scores = [discover(network, fasta, labels=["CTCF"], seed=seed).seqlets["score"].tolist() for seed in (0, 1, 1)]
    assert scores[0] != scores[1] == scores[2]


def test_a_missing_database_is_an_error_before_anything_is_written(network, tmp_path):
    fasta = write_fasta(tmp_path / "in.fa", random_records(2))
    with pytest.raises(MotifError, match=r"absent\.meme: cannot be read as a motif file"):
        discover(network, fasta, tmp_path / "out", database=tmp_path / "absent.meme")
    assert not (tmp_path / "out").exists()


def test_unknown_labels_and_odd_options_are_errors(network, tmp_path):
    fasta = write_fasta(tmp_path / "in.fa", random_records(2))
    with pytest.raises(OptionError, match="no output 'SOX2'; its labels are CTCF, REST"):
        discover(network, fasta, labels=["SOX2"])
    with pytest.raises(OptionError, match="method must be one of quick, modisco"):
        discover(network, fasta, method="slow")
    with pytest.raises(OptionError, match="least must be 2 or more"):
        discover(network, fasta, least=1)


def test_no_usable_record_is_an_error(network, tmp_path):
    fasta = write_fasta(tmp_path / "in.fa", [("a", "NNNN"), ("b", "AC?")])
    with pytest.raises(SequenceError, match="none of its 2 records can be used"):
        discover(network, fasta)


def test_a_database_without_the_motif_gives_no_known_match(network, tmp_path):
    """Named by a database of other factors only, the pattern stays without a name."""
    others = [motif for motif in shipped_motifs() if motif.name not in {"CTCF", "REST"}]
    write_motifs(others, tmp_path / "others.meme")
    records = [(record.name, record.sequence) for record in planted(60, LENGTH)]
    found = discover(
        network, write_fasta(tmp_path / "in.fa", records), tmp_path / "out", database=tmp_path / "others.meme"
    )
    assert found.patterns["match"].tolist() == ["no_known_match"]
    assert found.patterns["q"].between(0.05, 1).all()
    assert "no_known_match" in (tmp_path / "out" / "patterns.meme").read_text()


def test_command_and_function_agree_on_what_is_not_given():
    function, command = (
        {name: given.default for name, given in signature(one).parameters.items()}
        for one in (discover, command_discover)
    )
    shared = (function.keys() & command.keys()) - {"model", "fasta", "out", "pruner"}
    assert "references" in shared and len(shared) > 10
    assert {name: function[name] for name in shared} == {name: command[name] for name in shared}
    assert function["references"] == 5


def test_the_command_says_what_it_found_and_what_it_could_not_use(network, tmp_path):
    model = save_model(network, tmp_path / "net", network.spec)
    records = [(record.name, record.sequence) for record in planted(60, LENGTH)]
    good = write_fasta(tmp_path / "good.fa", records)
    mixed = write_fasta(tmp_path / "mixed.fa", [*records, ("bad", "AC?T")])

    def call(*words: object):
        return CliRunner().invoke(app, ["discover", *(str(word) for word in words)])

    done = call(model, good, "-o", tmp_path / "one")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "" and "CTCF_pos_0" in done.stderr and "1 pattern, 60 instances" in done.stderr
    assert call(model, mixed, "-o", tmp_path / "two").exit_code == 1
    assert "'?'" in (tmp_path / "two" / "rejected.tsv").read_text()
    failed = call(model, good, "-o", tmp_path / "one")
    assert failed.exit_code == 2 and "--overwrite" in failed.stderr
    assert call(model, good, "-o", tmp_path / "three", "--database", tmp_path / "no.meme").exit_code == 2
