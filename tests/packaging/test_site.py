"""The site of the docs: it builds without a warning, needs nothing from elsewhere, and has every public name."""

import importlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

import genoplrp

ROOT = Path(__file__).parents[2]
PUBLIC = (
    "annotate",
    "attribution",
    "baselines",
    "compare",
    "datasets",
    "discover",
    "evaluate",
    "lrp",
    "models",
    "motifs",
    "sequence",
    "show",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folder of the built site. Strict: a warning, such as of a link that leads nowhere, is an error."""
    folder = tmp_path_factory.mktemp("site")
    # Not --quiet: that hides the warnings from --strict, too.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Needs(HTMLParser):
    """Addresses that a browser fetches by itself to show a page, not those that a reader may follow."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag in ("script", "img", "iframe", "source"):
            self.addresses.append(values.get("src") or "")
        if tag == "link" and values.get("rel") not in ("canonical", "next", "prev"):
            self.addresses.append(values.get("href") or "")


def pages(site):
    return sorted(path for path in site.rglob("*.html") if path.name != "404.html")


def test_no_page_fetches_anything_from_elsewhere(site):
    for path in pages(site):
        needs = Needs()
        needs.feed(path.read_text(encoding="utf-8"))
        assert not [address for address in needs.addresses if re.match(r"(https?:)?//", address)], path
        for address in filter(None, needs.addresses):
            assert (path.parent / address.split("?")[0]).exists() or address.startswith("data:"), (path, address)


def test_no_equation_is_left_as_it_was_written(site):
    method = (site / "method.html").read_text(encoding="utf-8")
    assert method.count("<math") > 40
    for path in pages(site):
        text = re.sub(r"<(pre|code)\b.*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert "arithmatex" not in text and not re.search(r"\\(sum|frac|mathrm|Delta)\b", text), path


def test_every_notebook_is_a_page_with_its_pictures(site):
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        page = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        pictures = re.findall(rf'src="({path.stem}_\d+\.png)"', page)
        cells = nbformat.read(path, as_version=4).cells
        kept = ["image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
        assert len(pictures) == sum(kept)
        assert all((site / "notebooks" / name).stat().st_size > 1000 for name in pictures)
        assert all(f'href="{name}"' in page for name in pictures)  # at full size, at a click


def test_the_reference_has_every_public_name(site):
    anchors, documented = set(), []
    for path in (site / "reference").glob("*.html"):
        anchors |= set(re.findall(r'id="(genoplrp\.[\w.]+)"', path.read_text(encoding="utf-8")))
    for package in PUBLIC:
        module = importlib.import_module(f"genoplrp.{package}")
        for name in module.__all__:
            value = getattr(module, name)
            # A function named like its module is found under its own name there.
            own = {f"genoplrp.{package}.{name}", f"{module.__name__}.{name}.{name}"}
            assert anchors & own, f"genoplrp.{package}.{name}"
            documented.append(value)
    for name in set(genoplrp.__all__) - {"__version__"}:
        value = getattr(genoplrp, name)
        assert any(value is other for other in documented) or f"{value.__module__}.{name}" in anchors, name


def test_the_gallery_has_every_picture_of_the_docs():
    gallery = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    assert set(re.findall(r'src="images/([\w.]+)"', gallery)) == {
        path.name for path in (ROOT / "docs" / "images").iterdir()
    }
