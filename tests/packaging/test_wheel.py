"""An installed wheel, not only a checkout, finds its matrices, its network and its example data."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIND = """
import genoplrp
from genoplrp.motifs import shipped_motifs
from genoplrp.resources import example_file
print(genoplrp.__file__)
print(len(shipped_motifs()), len(genoplrp.load_model("vertebrate20").spec.labels))
print(sum(1 for _ in genoplrp.read_fasta(example_file())))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder in which the wheel, freshly built, is installed; the test environment supplies the dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    return folder / "site"


def run(site, *command, **options):
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(command, cwd=site, env=environment, capture_output=True, text=True, check=False, **options)


def test_wheel_finds_what_it_ships(site):
    done = run(site, sys.executable, "-c", FIND)
    place, counts, records = done.stdout.splitlines()
    assert Path(place).is_relative_to(site)
    assert counts == "20 20"
    assert records == "500"


def test_wheel_annotates_from_the_command_line(site, tmp_path):
    start = (
        "from genoplrp.resources import example_file; print(*example_file().read_text().splitlines()[:8], sep='\\n')"
    )
    (tmp_path / "some.fa").write_text(run(site, sys.executable, "-c", start).stdout)
    command = [site / "bin" / "genoplrp", "annotate", tmp_path / "some.fa", "--model", "vertebrate20", "--logos", "1"]
    done = run(site, sys.executable, *command, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
