"""The command line: exit codes, messages, and what is left behind when something goes wrong."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from genoplrp import __version__, save_model
from genoplrp.annotate import calibrate
from genoplrp.cli.app import app
from genoplrp.cli.progress import count_records, progress_bar
from genoplrp.resources import example_file
from tests.annotate.networks import matrix_network
from tests.annotate.sequences import planted, write_fasta
from tests.processes import gone

# In small steps, so that there is a middle to be stopped in after a second.
SMALL_STEPS = (
    "from genoplrp.annotate import calibrate, job, survey\n"
    "job.RECORDS = job._FEW = calibrate.SHUFFLES = 20; survey._CHUNK_BASES = 3000\n"
    "from genoplrp.cli import main; main()"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = matrix_network(60)
    return save_model(network, tmp_path_factory.mktemp("model") / "matrices", network.spec)


@pytest.fixture(scope="module", autouse=True)
def few_shuffles() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "SHUFFLES", 50)
        yield


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return write_fasta(tmp_path / "in.fa", [(record.name, record.sequence) for record in planted(6, 60)])


def call(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_all_done_is_0_and_says_where_to_look(model: Path, fasta: Path, tmp_path: Path) -> None:
    result = call("annotate", fasta, "--model", model, "-o", tmp_path / "out", "--logos", 0)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"6 sequences annotated; open {tmp_path / 'out' / 'report.html'}" in result.stderr
    assert (tmp_path / "out" / "report.html").exists()


def test_some_rejected_is_1_and_the_rest_is_annotated(model: Path, tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "in.fa", [("good", "ACGT" * 15), ("bad", "ACGT*")])
    result = call("annotate", fasta, "-m", model, "-o", tmp_path / "out", "--logos", 0)
    assert result.exit_code == 1
    assert f"1 record rejected; the reason is in {tmp_path / 'out' / 'rejected.tsv'}" in result.stderr
    assert "good" in (tmp_path / "out" / "predictions.tsv").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "nothing"], "there is no model 'nothing'"),
        (["--fpr", "1.5"], "fpr must be at least 0 and below 1; got 1.5"),
        (["--p", "1"], "p must be in [0, 1)"),
        (["--composite", "magic"], "magic"),
        (["--truth", "none.bed"], "none.bed"),
        (["--strands", "sideways"], "sideways"),
        (["--out", "{fasta}"], "is there and is no folder"),
        (["--out", "{fasta}/out"], "cannot be written"),
        (["--frobnicate"], "--frobnicate"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_unusable_options_are_2_with_one_clear_message(
    model: Path, fasta: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    words = [word.replace("{fasta}", str(fasta)) for word in options]
    result = call("annotate", fasta, "--model", model, "--out", tmp_path / "out", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.fa"]


def test_protein_file_is_2_with_a_hint_and_writes_nothing(model: Path, tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "p53.fa", [("P53", "MEEPQSDPSVEPPLSQETFSDLWK")])
    result = call("annotate", fasta, "-m", model, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith("genoplrp: error: ")
    assert "looks like protein" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["p53.fa"]


def test_results_of_another_run_are_2_unless_overwritten(model: Path, fasta: Path, tmp_path: Path) -> None:
    words = ("annotate", fasta, "-m", model, "-o", tmp_path / "out", "--logos", 0)
    assert call(*words).exit_code == 0
    again = call(*words)
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    assert call(*words, "--overwrite").exit_code == 0


def test_full_disk_is_2_without_a_traceback(
    model: Path, fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("genoplrp.annotate.job.write_report", full)
    result = call("annotate", fasta, "-m", model, "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (2, "genoplrp: error: No space left on device\n")
    assert [path.name for path in tmp_path.iterdir()] == ["in.fa"]


def test_interrupt_is_130_and_leaves_nothing(
    model: Path, fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("genoplrp.annotate.job.write_report", interrupted)
    result = call("annotate", fasta, "-m", model, "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (130, "genoplrp: interrupted; nothing was written\n")
    assert [path.name for path in tmp_path.iterdir()] == ["in.fa"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)], ids=["kill -9", "Ctrl-C"])
def test_run_stopped_in_the_middle_leaves_no_results(model: Path, tmp_path: Path, number: int, code: int) -> None:
    words = ("annotate", "-", "-m", model, "-o", tmp_path / "out")
    with subprocess.Popen(
        [sys.executable, "-c", SMALL_STEPS, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as endless:
        assert endless.stdin is not None
        try:  # many records, then silence: the run waits in the middle of its work
            endless.stdin.write("".join(f">{r.name}\n{r.sequence}\n" for r in planted(800, 60)))
            endless.stdin.flush()
            assert _wait_for_rows(tmp_path) and not (tmp_path / "out").exists()
            recorder = _children(endless.pid)
            os.kill(endless.pid, number)
            endless.communicate(timeout=30)
        finally:
            endless.kill()
    assert endless.returncode == code
    assert (len(recorder) == 1 or sys.platform != "linux") and all(map(gone, recorder))
    assert not (tmp_path / "out").exists()
    left = [path.name for path in tmp_path.iterdir()]
    assert all(name.startswith(".out.part-") for name in left)
    assert bool(left) is (number == signal.SIGKILL)


def _children(pid: int) -> list[int]:
    """Processes that another one has begun, where the system lists them (Linux)."""
    return [int(one) for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()]


def _wait_for_rows(folder: Path) -> bool:
    """Whether the table of a run that is under way gets its first lines within a while."""
    for _ in range(600):
        if any(path.stat().st_size > 1000 for path in folder.glob(".out.part-*/predictions.tsv")):
            return True
        time.sleep(0.1)
    return False


def test_after_a_kill_the_next_run_names_what_was_left_and_works(model: Path, fasta: Path, tmp_path: Path) -> None:
    (tmp_path / ".out.part-0123abcd").mkdir()
    result = call("annotate", fasta, "-m", model, "-o", tmp_path / "out", "--logos", 0)
    assert result.exit_code == 0
    assert ".out.part-0123abcd is left from a run that was killed" in result.stderr
    assert (tmp_path / ".out.part-0123abcd").exists()


def test_demo_runs_the_main_job_on_the_shipped_peaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def annotate(fasta: str, model: str, out: Path, **options: object) -> None:
        seen.update(fasta=fasta, model=model, out=out, **options)
        raise KeyboardInterrupt  # nothing more is to be shown here

    monkeypatch.setattr("genoplrp.annotate.annotate", annotate)
    assert call("demo", "-o", tmp_path / "out").exit_code == 130
    assert (seen["fasta"], seen["model"], seen["out"]) == (str(example_file()), "vertebrate20", tmp_path / "out")


def test_inspect_lists_every_call_with_its_rule(model: Path) -> None:
    result = call("inspect", model)
    assert result.exit_code == 0
    for word in ("conv1d", "relu", "linear", "ZBox", "Epsilon", "Every call has a rule"):
        assert word in result.stdout


def test_inspect_with_another_composite_and_length(model: Path) -> None:
    assert "ZBox" not in call("inspect", model, "--composite", "epsilon").stdout
    wrong = call("inspect", model, "--length", 50)
    assert wrong.exit_code == 2
    assert "reads (n, 4, 60), got (1, 4, 50)" in wrong.stderr


def test_inspect_of_what_is_no_model_is_2(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"junk")
    result = call("inspect", tmp_path / "a.safetensors")
    assert result.exit_code == 2
    assert result.stderr.startswith("genoplrp: error: ")


def test_help_answers_in_half_a_second_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['genoplrp', '--help']\n"
        "from genoplrp.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'matplotlib', 'zarr', 'Bio'} & set(sys.modules)))"
    )
    seconds = []
    for _ in range(3):
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)  # not the clock: other tests may run beside this one
        seconds.append(ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime)
    assert done.stdout.rstrip().endswith("[]")
    for command in ("annotate", "demo", "inspect"):
        assert command in done.stdout
    assert min(seconds) < 0.5


def test_version_and_bare_call() -> None:
    assert call("--version").stdout == f"genoplrp {__version__}\n"
    assert call().exit_code == 2


def test_progress_is_silent_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str], fasta: Path) -> None:
    with progress_bar(str(fasta)) as report:
        report("annotating", 3)
    assert capfd.readouterr() == ("", "")


def test_records_are_counted_where_that_is_cheap(fasta: Path, tmp_path: Path) -> None:
    assert count_records(str(fasta)) == 6
    (tmp_path / "in.fa.gz").write_bytes(b"\x1f\x8b")
    assert count_records(str(tmp_path / "in.fa.gz")) is None
    assert count_records("-") is None
