"""What a run keeps: the same in this process and in one of its own, and nothing of it where something fails."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

from genoplrp import Composite
from genoplrp.annotate import annotate, job
from genoplrp.annotate.job import Result
from genoplrp.annotate.recorder import Recorder
from genoplrp.annotate.tables import Tables
from genoplrp.apart import Apart, Here
from tests.annotate.networks import matrix_network
from tests.annotate.sequences import CTCF, planted, planted_fasta, write_fasta
from tests.processes import gone, run_script


@pytest.fixture
def few_calibrate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds come from five records, and another process is worth while from ten on."""
    monkeypatch.setattr(job, "RECORDS", 5)
    monkeypatch.setattr(job, "_FEW", 5)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Apart[Recorder]]:
    """The processes that recorders were given."""
    found: list[Apart[Recorder]] = []

    def kept(*arguments: Any, **named: Any) -> Apart[Recorder]:
        found.append(Apart(*arguments, **named))
        return found[-1]

    monkeypatch.setattr(job, "beside", kept)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but those that say when the run ended."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in {"params.json", "report.html"})
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def params(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((result.out / "params.json").read_text())
    return {name: value for name, value in found.items() if name != "finished"}


@pytest.mark.usefixtures("few_calibrate")
@pytest.mark.parametrize("truth", [False, True])
@pytest.mark.parametrize("length", [60, 150])
def test_files_are_the_same_wherever_and_in_whatever_parts_they_are_recorded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    begun: list[Apart[Recorder]],
    truth: bool,
    length: int,
) -> None:
    fasta = planted_fasta(tmp_path, length=length)
    bed = tmp_path / "sites.bed"
    bed.write_text("".join(f"{one.name}\t{one.start}\t{one.end}\n" for one in planted(40, length)[::2]))
    options: dict[str, Any] = {"truth": bed if truth else None, "batch_size": 1}  # alone: no rounding differs
    found = {"apart": annotate(fasta, matrix_network(60), tmp_path / "apart", **options)}
    monkeypatch.setattr(job, "beside", Here)
    found["here"] = annotate(fasta, matrix_network(60), tmp_path / "here", **options)
    monkeypatch.setattr("genoplrp.annotate.survey._CHUNK_BASES", 450)
    monkeypatch.setattr("genoplrp.annotate.run._GROUP_BASES", 60)
    found["parts"] = annotate(fasta, matrix_network(60), tmp_path / "parts", **options)
    assert len(begun) == 1
    whole = contents(tmp_path / "here")
    assert {"hits.tsv", "rma.tsv", "rejected.tsv", "attributions.zarr/zarr.json"} <= set(whole)
    for result in found.values():
        assert contents(result.out) == whole
        assert params(result) == params(found["here"])
        assert (result.factors, result.qualities) == (found["here"].factors, found["here"].qualities)
        assert result.shown.sequences[0].name == found["here"].shown.sequences[0].name


def test_records_of_mixed_lengths_are_recorded_together_as_each_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some are shorter than the matrices, as long as one or than the network reads, others longer by some windows."""
    lengths = [1, 10, 18, 19, 20, 30, 59, 60, 61, 90, 150, 151, 300]
    records = [(f"r{length}_{record.name}", record.sequence) for length in lengths[3:] for record in planted(4, length)]
    records += [(f"r{length}", CTCF[:length]) for length in lengths[:3]]
    fasta = write_fasta(tmp_path / "in.fa", records)
    together = annotate(fasta, matrix_network(60), tmp_path / "together", batch_size=1)
    monkeypatch.setattr("genoplrp.annotate.survey._CHUNK_BASES", 1)
    alone = annotate(fasta, matrix_network(60), tmp_path / "alone", batch_size=1)
    assert contents(alone.out) == contents(together.out)
    assert alone.factors == together.factors
    assert (together.out / "hits.bed").read_text().count("\n") > 20


def test_a_few_records_need_no_other_process(tmp_path: Path, begun: list[Apart[Recorder]]) -> None:
    assert annotate(planted_fasta(tmp_path), matrix_network(60), tmp_path / "out", logos=0).annotated == 40
    assert not begun


class Odd(nn.Module):
    """A network that no other process could be given."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.scale = matrix_network(60), lambda y: 2 * y
        self.spec = replace(self.network.spec, training={"loss": self.scale})

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.scale(self.network(x))
        return y


@pytest.mark.usefixtures("few_calibrate")
def test_network_and_rules_stay_in_this_process(tmp_path: Path, begun: list[Apart[Recorder]]) -> None:
    composite = Composite.named("genomic").with_op("tanh", lambda relevance, *_: relevance)
    result = annotate(planted_fasta(tmp_path), Odd().eval(), tmp_path / "out", composite=composite, logos=0)
    assert result.annotated == 40 and begun


def test_a_table_that_cannot_be_written_ends_the_job_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Tables, "add_quality", full)
    with pytest.raises(OSError, match="No space left"):
        annotate(planted_fasta(tmp_path), matrix_network(60), tmp_path / "out", logos=0)
    assert [path.name for path in tmp_path.iterdir()] == ["in.fa"]


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may become larger than 30 kB."""
    resource = pytest.importorskip("resource")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, usual[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@pytest.mark.usefixtures("few_calibrate", "small_files")
def test_a_table_that_the_other_process_cannot_write_ends_the_job_too(
    tmp_path: Path, begun: list[Apart[Recorder]]
) -> None:
    fasta = write_fasta(tmp_path / "in.fa", [(f"{'x' * 60}{k}", "ACGT" * 4) for k in range(300)])
    with pytest.raises(OSError, match="too large"):
        annotate(fasta, matrix_network(60), tmp_path / "out", logos=0, page=0)
    assert [path.name for path in tmp_path.iterdir()] == ["in.fa"]
    assert begun[0]._process.poll() is not None


@pytest.mark.usefixtures("few_calibrate")
def test_a_process_that_is_killed_ends_the_job_with_a_clear_error(
    tmp_path: Path, begun: list[Apart[Recorder]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genoplrp.annotate.survey._CHUNK_BASES", 300)

    def kill(stage: str, records: int) -> None:
        if records == 10:
            os.kill(begun[0]._process.pid, signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="was killed; was there memory enough"):
        annotate(planted_fasta(tmp_path), matrix_network(60), tmp_path / "out", logos=0, batch_size=5, progress=kill)
    assert [path.name for path in tmp_path.iterdir()] == ["in.fa"]


@pytest.mark.usefixtures("few_calibrate")
def test_an_interrupted_job_leaves_no_process_and_no_folder(
    tmp_path: Path, begun: list[Apart[Recorder]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genoplrp.annotate.survey._CHUNK_BASES", 300)

    def interrupt(stage: str, records: int) -> None:
        if records >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        annotate(
            planted_fasta(tmp_path), matrix_network(60), tmp_path / "out", logos=0, batch_size=5, progress=interrupt
        )
    assert [path.name for path in tmp_path.iterdir()] == ["in.fa"]
    assert begun[0]._process.poll() is not None


@pytest.mark.parametrize("n", [10, 11])
@pytest.mark.usefixtures("few_calibrate")
def test_another_process_is_begun_where_there_are_more_than_a_few_records(
    tmp_path: Path, begun: list[Apart[Recorder]], n: int
) -> None:
    assert annotate(planted_fasta(tmp_path, n), matrix_network(60), tmp_path / "out", logos=0).annotated == n
    assert bool(begun) is (n > 10)


SCRIPT = """
import os, signal, sys
from genoplrp.annotate import annotate, job
from genoplrp.apart import Apart
from tests.annotate.networks import matrix_network

job.RECORDS = job._FEW = 5

class Told(Apart):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        print(self._process.pid, flush=True)

def progress(stage, records):
    if records and len(sys.argv) > 3:
        os.kill(os.getpid(), signal.SIGINT)

job.beside = Told
result = annotate(sys.argv[1], matrix_network(60), sys.argv[2], logos=0, page=0, progress=progress)
print(result.annotated)
"""


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    ran = run_script(tmp_path / "script.py", SCRIPT, planted_fasta(tmp_path), tmp_path / "out")
    assert ran.stdout.split()[1:] == ["40"] and not ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal of a terminal's Ctrl-C for one process")
def test_an_interrupted_script_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    ran = run_script(tmp_path / "script.py", SCRIPT, planted_fasta(tmp_path), tmp_path / "out", "interrupted")
    assert "KeyboardInterrupt" in ran.stderr and gone(int(ran.stdout))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.fa", "script.py"]
