"""The notebooks as pages of the site: their text, code and kept outputs, as they lie in notebooks/; nothing is run."""

import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

FOLDER = "notebooks"
_COLUMNS = re.compile(r"\S  +\S")
_STYLE = re.compile(r"<style scoped>.*?</style>", re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The site's files, and a page with its pictures for every notebook."""
    root = Path(config.config_file_path).parent
    for path in sorted((root / FOLDER).glob("*.ipynb")):
        for name, content in _page(path):
            files.append(File.generated(config, f"{FOLDER}/{name}", content=content))
    return files


def _page(path: Path) -> Iterator[tuple[str, str | bytes]]:
    """(name, content) of every picture of a notebook, then of its page."""
    notebook, parts, drawn = nbformat.read(path, as_version=4), list[str](), 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(_linked(cell.source))
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                name, drawn = f"{path.stem}_{drawn}.png", drawn + 1
                yield name, b64decode(data["image/png"])
                # The whole of it at the width of the text; by itself, at a click, as large as it was drawn.
                parts.append(f'[![{_caption(cell)}]({name})]({name} "Show at full size")')
            elif "text/html" in data:
                table = _STYLE.sub("", data["text/html"])
                parts.append(f'<div class="output" markdown="0">\n{table}\n</div>')
            else:
                text = output.get("text") or data["text/plain"]
                # Sentences are wrapped; what is set in columns scrolls.
                kind = "output" if _COLUMNS.search(text) else "output .said"
                parts.append(f"```{{.text .{kind}}}\n{text}\n```")
    parts.append(f"*This page is `{FOLDER}/{path.name}`: run it, change it.*")
    yield f"{path.stem}.md", "\n\n".join(parts)


def _linked(text: str) -> str:
    """Links to other notebooks and into docs/, as they are on the site."""
    return re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.md)", text).replace("](../docs/", "](../")


def _caption(cell: Any) -> str:
    """What a picture shows: the cell's own words, in its metadata."""
    return str(cell.metadata.get("alt", "Figure drawn by the code above"))
