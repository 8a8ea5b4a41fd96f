"""Input that cannot be used at all: one clear error, and nothing is written."""

import gzip
from pathlib import Path

import pytest
import torch

from genoplrp import GenoPLRPError, PruneLambda, load_model, save_model
from genoplrp.annotate import annotate
from genoplrp.errors import ModelError, OptionError, SequenceError, UnsupportedCallError
from genoplrp.models import ModelSpec
from tests.annotate.networks import matrix_network
from tests.annotate.sequences import planted, write_fasta

GOOD = "".join(f">{r.name}\n{r.sequence}\n" for r in planted(300, 60))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; expected FASTA"),
        (b"ACGT\nACGT\n", "is not FASTA: it begins with 'ACGT'"),
        (b"@read\nACGT\n+\nIIII\n", "looks like FASTQ"),
        (b"\x00\x01\x02\x03binary\x00", "binary"),
        (gzip.compress(GOOD.encode())[:-2000], "Last whole record"),
        (
            b">p53\nMEEPQSDPSVEPPLSQETFSDLWK\n>p63\nMNFETSRCATLQYCPDPYIQ\n",
            "none of its 2 records.*nothing was written.*looks like protein",
        ),
        (b">n\nNNNNNNN\n", "none of its 1 records.*only N"),
        (b">cut\n", "none of its 1 records.*may have been cut short"),
    ],
    ids=["empty", "text", "fastq", "binary", "gzip-ends-early", "protein", "only-n", "cut"],
)
def test_unusable_sequences(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "in.fa").write_bytes(content)
    with pytest.raises(SequenceError, match=f"(?s){message}"):
        annotate(tmp_path / "in.fa", matrix_network(60), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in.fa"]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match=r"none\.fa"):
        annotate(tmp_path / "none.fa", matrix_network(60), tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fpr": 1.0}, "fpr must be at least 0 and below 1; got 1.0"),
        ({"fpr": float("nan")}, "fpr must be"),
        ({"references": -1}, r"references must be 0 \(measure from zero\) or more; got -1"),
        ({"pruner": PruneLambda("auto")}, "find it with genoplrp.find_amount"),
        ({"strands": "reverse"}, "strands must be one of forward, both; got 'reverse'"),
        ({"batch_size": 0}, "batch_size must be 1 or more; got 0"),
        ({"logos": -1}, "logos must be 0 or more"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"composite": "magic"}, "magic"),
    ],
    ids=str,
)
def test_options_out_of_range(tmp_path: Path, options: dict, message: str) -> None:
    fasta = write_fasta(tmp_path / "in.fa", [("a", "ACGT" * 15)])
    with pytest.raises(OptionError, match=message):
        annotate(fasta, matrix_network(60), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_models_that_cannot_be_used(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "in.fa", [("a", "ACGT" * 15)])
    (tmp_path / "foreign.safetensors").write_bytes(b"no model at all")
    network = matrix_network(60)
    path = save_model(network, tmp_path / "net", network.spec)
    path.write_bytes(path.read_bytes()[:-100])
    for model in ("no_such_model", tmp_path / "foreign.safetensors", path):
        with pytest.raises(ModelError):
            annotate(fasta, model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_model_of_another_channel_count(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Conv1d(5, 1, 3))
    network.spec = ModelSpec("Other", {}, length=60, labels=("a",), channels=5)
    with pytest.raises(ModelError, match="reads 5 channels; DNA has four"):
        annotate(write_fasta(tmp_path / "in.fa", [("a", "ACGT")]), network, tmp_path / "out")


def test_model_that_wants_another_length_than_its_spec_says(tmp_path: Path) -> None:
    network = matrix_network(60)
    network.spec = matrix_network(50).spec
    with pytest.raises(ModelError, match=r"reads \(n, 4, 60\), got \(\d+, 4, 50\)"):
        annotate(write_fasta(tmp_path / "in.fa", [("a", "ACGT")]), network, tmp_path / "out")


def test_model_without_a_spec(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no spec"):
        annotate(write_fasta(tmp_path / "in.fa", [("a", "ACGT")]), torch.nn.Linear(4, 1), tmp_path / "out")


def test_model_with_a_call_that_has_no_rule(tmp_path: Path) -> None:
    class Cumulative(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.cumprod(2).sum((1, 2))[:, None]

    network = Cumulative()
    network.spec = ModelSpec("Cumulative", {}, length=60, labels=("a",))
    with pytest.raises(UnsupportedCallError, match="cumprod"):
        annotate(write_fasta(tmp_path / "in.fa", [("a", "ACGT")]), network, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "chr1\tx\t5\n"], ids=["empty", "broken"])
def test_truth_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "truth.bed").write_text(text, encoding="utf-8")
    with pytest.raises(GenoPLRPError, match=r"truth\.bed"):
        annotate(
            write_fasta(tmp_path / "in.fa", [("a", "ACGT")]),
            matrix_network(60),
            tmp_path / "out",
            truth=tmp_path / "truth.bed",
        )


@pytest.mark.parametrize("name", ["#hash", "track", "browser", ""])
def test_names_that_bed_reserves_are_rejected_with_the_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / "in.fa").write_text(f"{GOOD}>{name}\n{'ACGT' * 15}\n")
    result = annotate(tmp_path / "in.fa", matrix_network(60), tmp_path / "out", logos=0)
    assert result.rejected == 1
    assert "a BED file cannot hold this name" in (tmp_path / "out" / "rejected.tsv").read_text()


def test_truth_that_lies_on_no_record_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "in.fa").write_text(GOOD)
    (tmp_path / "truth.bed").write_text("elsewhere\t5\t20\tCTCF\n")
    result = annotate(tmp_path / "in.fa", matrix_network(60), tmp_path / "out", logos=0, truth=tmp_path / "truth.bed")
    assert "lies on a record that was explained: compare the names" in result.warnings[0]
    assert "Careful:" in (tmp_path / "out" / "report.html").read_text()


def test_exported_network_for_a_fixed_number_of_sequences_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.fa").write_text(GOOD)
    network = torch.export.export(matrix_network(60), (torch.zeros(3, 4, 60),)).module()
    network.spec = ModelSpec("exported", {}, length=60, labels=("CTCF",))
    with pytest.raises(ModelError, match="must take any number of sequences"):
        annotate(tmp_path / "in.fa", network, tmp_path / "out")


def test_empty_model_name_is_named() -> None:
    with pytest.raises(ModelError, match="name a shipped network"):
        load_model("")
