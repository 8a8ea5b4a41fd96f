"""``genoplrp compare``: what it writes, and what it says of what it cannot use."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from genoplrp import PruneLambda, attribute, load_model, one_hot, save_model
from genoplrp.baselines import METHODS
from genoplrp.cli.app import app
from tests.annotate.networks import matrix_network
from tests.annotate.sequences import planted, write_fasta

LENGTH = 60
QUICK = ("--methods", "gradient,ism,plrp")
RECORDS = planted(3, LENGTH)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = matrix_network(LENGTH)
    return save_model(network, tmp_path_factory.mktemp("model") / "matrices", network.spec)


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    records = [(record.name, record.sequence) for record in RECORDS]
    return write_fasta(
        tmp_path / "in.fa",
        [*records, ("long", "ACGTTGCA" * 10), ("short", "CCACCAGGGGGCGCTA"), ("n", "N" * LENGTH), ("odd", "ACG?")],
    )


def call(*words: object):
    return CliRunner().invoke(app, ["compare", *(str(word) for word in words)])


def test_the_folder_holds_figure_and_tables(model: Path, fasta: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = call(model, fasta, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert f"maps side by side: {out / 'comparison.png'}" in result.stderr
    params = json.loads((out / "params.json").read_text())
    assert {path.name for path in out.iterdir()} == set(params["files"])
    assert set(params["files"]) == {
        *("comparison.png", "comparison.svg", "methods.tsv", "agreement.tsv", "scores.tsv", "params.json")
    }
    assert pd.read_csv(out / "methods.tsv", sep="\t")["method"].tolist() == list(METHODS)
    assert len(pd.read_csv(out / "agreement.tsv", sep="\t")) == len(METHODS) * (len(METHODS) - 1) // 2
    assert (params["record"], params["window"]) == (RECORDS[0].name, [0, LENGTH])
    assert "rma" in result.stderr


def test_scores_are_those_of_the_method(model: Path, fasta: Path, tmp_path: Path) -> None:
    record = RECORDS[1]
    result = call(model, fasta, "-o", tmp_path / "out", "--record", record.name, "--target", 1, *QUICK, "--p", 0.3)
    assert result.exit_code == 0, result.stderr
    network = load_model(model)
    scores = pd.read_csv(tmp_path / "out" / "scores.tsv", sep="\t")
    assert "".join(scores["base"]) == record.sequence.upper()
    expected = attribute(network, one_hot(record.sequence), target=1, pruner=PruneLambda(0.3)).per_base[0].numpy()
    assert scores["plrp"].to_numpy() == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert f"{network.spec.labels[1]} of {record.name}" in result.stderr


def test_a_label_is_as_good_as_its_index(model: Path, fasta: Path, tmp_path: Path) -> None:
    labels = load_model(model).spec.labels
    for target in (labels[1], 1):
        assert call(model, fasta, "-o", tmp_path / str(target), "--target", target, *QUICK).exit_code == 0
    one, other = (pd.read_csv(tmp_path / str(target) / "scores.tsv", sep="\t") for target in (labels[1], 1))
    pd.testing.assert_frame_equal(one, other)


def test_a_short_record_is_centred_and_only_its_bases_are_written(model: Path, fasta: Path, tmp_path: Path) -> None:
    assert call(model, fasta, "-o", tmp_path / "out", "--record", "short", *QUICK).exit_code == 0
    scores = pd.read_csv(tmp_path / "out" / "scores.tsv", sep="\t")
    assert scores["position"].tolist() == list(range(16))
    assert "".join(scores["base"]) == "CCACCAGGGGGCGCTA"


def test_a_window_of_a_long_record_has_the_records_coordinates(model: Path, fasta: Path, tmp_path: Path) -> None:
    assert call(model, fasta, "-o", tmp_path / "out", "--record", "long", "--start", 13, *QUICK).exit_code == 0
    scores = pd.read_csv(tmp_path / "out" / "scores.tsv", sep="\t")
    assert scores["position"].tolist() == list(range(13, 13 + LENGTH))
    assert "".join(scores["base"]) == ("ACGTTGCA" * 10)[13 : 13 + LENGTH]


def test_the_truth_is_the_users_bed_file(model: Path, fasta: Path, tmp_path: Path) -> None:
    bed = tmp_path / "sites.bed"
    bed.write_text(f"{RECORDS[0].name}\t4\t12\n")
    result = call(model, fasta, "-o", tmp_path / "out", "--truth", bed, *QUICK)
    assert result.exit_code == 0
    assert json.loads((tmp_path / "out" / "params.json").read_text())["truth"] == "intervals of sites.bed"
    bed.write_text("elsewhere\t4\t12\n")
    result = call(model, fasta, "-o", tmp_path / "out", "--truth", bed, *QUICK, "--overwrite")
    assert "no site in this window (intervals of sites.bed): RMA, AUPRC and recall are undefined" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--record", "nobody"], "no record 'nobody'; its 7 records are "),
        (["--record", "long"], "record 'long' has 80 bases and the network reads 60: say which of them with start "),
        (["--record", "long", "--start", "21"], "start must be in 0 to 20 for record 'long'"),
        (["--record", "n"], "record 'n' cannot be explained: only N"),
        (["--record", "odd"], "record 'odd', offset 3 (0-based): '?' is no nucleotide code"),
        (["--target", "P53"], "there is no output 'P53'; give one of the labels "),
        (["--target", "99"], "there is no output '99'"),
        (["--methods", "gradient,shap"], "there is no method 'shap'; the methods are gradient, "),
        (["--p", "1"], "p must be in [0, 1)"),
        (["--steps", "0", "--methods", "integrated-gradients"], "steps must be a whole number from 1 on; got 0"),
        (["--truth", "none.bed"], "none.bed"),
        (["--out", "{fasta}"], "is there and is no folder"),
    ],
)
def test_unusable_input_is_2_with_one_line_and_nothing_written(
    options: list[str], message: str, model: Path, fasta: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    given = [word.replace("{fasta}", str(fasta)) for word in options]
    quick = [] if "--methods" in given else QUICK
    result = call(model, fasta, "-o", tmp_path / "out", *quick, *given)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_model_that_is_not_there_is_named(fasta: Path, tmp_path: Path) -> None:
    result = call("nothing", fasta, "-o", tmp_path / "out")
    assert (result.exit_code, "there is no model 'nothing'" in result.stderr) == (2, True)
