"""What the README and the pages of docs/ that say how to do things show runs as printed."""

import re
from pathlib import Path

import matplotlib as mpl
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs" / name for name in ("getting_started.md", "page.md", "figures.md"))]
PAGES += sorted((ROOT / "docs" / "howto").glob("*.md"))
SNIPPETS = [
    pytest.param(snippet, id=f"{page.stem}-{i}")
    for page in PAGES
    for i, snippet in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippet_runs_as_printed(snippet, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with mpl.rc_context({"backend": "agg"}):
        exec(compile(snippet, "snippet", "exec"), {})


def test_readme_names_files_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target
