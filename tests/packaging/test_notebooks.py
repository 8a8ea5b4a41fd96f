"""The notebooks run from top to bottom, and show their figures."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_shows_its_figures(path):
    notebook = nbformat.read(path, as_version=4)
    drawn = [figures(cell) for cell in notebook.cells]
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=path.parent)
    assert [figures(cell) for cell in notebook.cells] == drawn
    assert any(drawn)


def figures(cell) -> int:
    """How many outputs of the cell are pictures."""
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
