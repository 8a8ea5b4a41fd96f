"""The notebooks run from top to bottom, and what they keep of their output is light and belongs to no machine."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
LARGEST = 300_000  # bytes, of a notebook with its outputs
MACHINE = re.compile(r"/(home|root|tmp|Users|var|work|mnt|opt)/\w")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_shows_its_figures(path, monkeypatch):
    # The networks are too small for threads to help; on a busy machine they hinder.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(path, as_version=4)
    drawn = [figures(cell) for cell in notebook.cells]
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=path.parent)
    assert [figures(cell) for cell in notebook.cells] == drawn
    assert any(drawn)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_outputs_are_whole_light_and_of_no_machine(path):
    notebook = nbformat.read(path, as_version=4)
    assert path.stat().st_size < LARGEST
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs and not [
        output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"
    ]
    for cell in notebook.cells:
        texts = [cell.source, *(text for output in cell.get("outputs", []) for text in words(output))]
        assert not [text for text in texts if MACHINE.search(text)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_opens_with_a_question(path):
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# [^\n]*\?", first.source)


def figures(cell) -> int:
    """How many outputs of the cell are pictures."""
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def words(output) -> list[str]:
    """What an output says in letters."""
    data = output.get("data", {})
    return [output.get("text", ""), *(data[kind] for kind in ("text/plain", "text/html") if kind in data)]
