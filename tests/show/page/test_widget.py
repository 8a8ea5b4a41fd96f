"""The viewer as a widget: its state is the page's data, and it runs in a browser with a stub of anywidget's model."""

import dataclasses
import json
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genoplrp.annotate import Result
from genoplrp.show import Viewer, view
from genoplrp.show.page import widget_module, widget_styles
from genoplrp.show.page.encode import page_json

Visit = Callable[..., Any]
WIDGET = "application/vnd.jupyter.widget-view+json"

# What anywidget hands to `render`: a model with these methods, and an element of the cell.
STUB = """
const model = {{
  state: {state}, heard: {{}}, saved: [],
  get(name) {{ return this.state[name]; }},
  set(name, value) {{
    if (this.state[name] === value) return;
    this.state[name] = value;
    (this.heard[`change:${{name}}`] ?? []).forEach((act) => act());
  }},
  save_changes() {{ this.saved.push(this.state.sequence); }},
  on(name, act) {{ (this.heard[name] ??= []).push(act); }},
  off(name, act) {{ this.heard[name] = this.heard[name].filter((other) => other !== act); }},
}};
window.model = model;
window.outside = [];
document.addEventListener("keydown", (event) => window.outside.push(event.key));
const text = document.getElementById("module").textContent;
const module = await import(URL.createObjectURL(new Blob([text], {{ type: "text/javascript" }})));
window.names = Object.keys(module);
window.leave = await module.default.render({{ model, el: document.getElementById("cell") }});
"""


def widget_state(shown: Viewer) -> dict[str, Any]:
    pytest.importorskip("anywidget", reason="anywidget is not installed: the widget is not tested")
    return {name: getattr(shown.widget, name) for name in ("data", "title", "sequence")}


def notebook(folder: Path, shown: Viewer, body: str = "<body>") -> Path:
    """A page that does for the widget what a notebook does."""
    state = json.dumps(widget_state(shown)).replace("<", "\\u003c")
    path = folder / "notebook.html"
    path.write_text(
        f"<!doctype html><html><head><meta charset='utf-8'><link rel='icon' href='data:,'>"
        f"<style>{widget_styles()}</style></head>{body}<div id='cell'></div>"
        f"<script type='text/plain' id='module'>{widget_module()}</script>"
        f"<script type='module'>{STUB.format(state=state)}</script></body></html>",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def shown(run: Result) -> Viewer:
    return Viewer(run.shown, run.headline)


def seen(page: Any) -> tuple[float, float]:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    data = page.locator("canvas.track").evaluate("(node) => ({ ...node.dataset })")
    return float(data["from"]), float(data["to"])


def test_state_is_the_data_of_the_page(run: Result, shown: Viewer) -> None:
    state = widget_state(shown)
    report = (run.out / "report.html").read_text(encoding="utf-8")
    written = report.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    assert json.loads(json.dumps(state["data"])) == json.loads(written) == page_json(run.shown)
    assert (state["title"], state["sequence"]) == (run.headline, 0)
    assert shown.widget.get_state(["_esm", "_css"]) == {"_esm": widget_module(), "_css": widget_styles()}


def test_sequence_that_is_not_there_is_refused(shown: Viewer) -> None:
    traitlets = pytest.importorskip("traitlets")
    widget_state(shown)
    with pytest.raises(traitlets.TraitError, match="sequence must be from 0 to 42; got 43"):
        shown.widget.sequence = 43


def test_bundle_has_widget_and_a_picture(run: Result) -> None:
    pytest.importorskip("anywidget", reason="anywidget is not installed: the widget is not tested")
    bundle = run._repr_mimebundle_()
    assert set(bundle) == {WIDGET, "image/png", "text/plain"}
    assert bundle["text/plain"].startswith(run.headline) and str(run.out) in bundle["text/plain"]
    picture = np.asarray(Image.open(BytesIO(b64decode(bundle["image/png"]))).convert("RGB")).astype(int)
    coloured = (picture.max(2) - picture.min(2) > 60).mean()
    assert picture.shape[1] > 300 and coloured > 0.01  # letters, not an empty frame


def test_picture_and_widget_open_at_the_label_of_the_headline(run: Result) -> None:
    """Pages list the best of every label first, which need not be of the one that the headline names."""
    pages, labels = run.shown.sequences, run.shown.labels
    firsts = [labels[page.explained[0].label] for page in pages]
    assert len(set(firsts)) > 1
    for name in set(firsts):
        about = sorted(run.factors, key=lambda factor: factor.label != name)
        view_state = widget_state(Viewer(run.shown, "", dataclasses.replace(run, factors=about)._first()))
        assert view_state["sequence"] == firsts.index(name)
    assert "match" in [axes.get_ylabel() for axes in Viewer(run.shown).figure().axes]  # no truth was given
    third = Viewer(run.shown, "", 3)
    assert pages[3].name in third.figure().axes[0].get_title(loc="left")
    assert pages[0].name in third.figure(0).axes[0].get_title(loc="left")


def test_without_anywidget_the_picture_is_left(run: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genoplrp.show.viewer.find_spec", lambda name: None)
    assert set(run._repr_mimebundle_()) == {"image/png", "text/plain"}
    with pytest.raises(ValueError, match=r'pip install "genoplrp\[notebook\]"'):
        _ = Viewer(run.shown).widget


def test_widget_renders_zooms_and_keeps_its_keys_to_itself(visit: Visit, shown: Viewer, tmp_path: Path) -> None:
    page = visit(notebook(tmp_path, shown), width=900)
    assert page.evaluate("window.names") == ["default"]
    assert page.locator("h2").text_content() == shown.title
    assert page.locator("[role=option]").count() == len(shown.data.sequences)
    page.locator("[role=option]", has_text="long").click()
    page.get_by_role("button", name="Show the whole sequence").click()
    assert seen(page) == (0, 399)
    page.get_by_role("button", name="Zoom in").click()
    first, last = seen(page)
    assert last - first == pytest.approx(399 / 1.5, abs=0.02)
    page.locator("canvas.track").focus()
    page.keyboard.press("0")
    assert seen(page) == (0, 399) and page.evaluate("window.outside") == []
    assert page.locator(".plrp-widget").get_attribute("data-lm-suppress-shortcuts") == "true"
    box = page.locator("canvas.track").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 160)
    assert " at " in page.locator(".tooltip").inner_text()


def test_picked_sequence_is_known_to_python_and_the_other_way_round(
    visit: Visit, shown: Viewer, tmp_path: Path
) -> None:
    page = visit(notebook(tmp_path, shown))
    names = [sequence.name for sequence in shown.data.sequences]
    page.locator("[role=option]").nth(4).click()
    assert page.evaluate("[model.state.sequence, model.saved]") == [4, [4]]
    page.evaluate("model.set('sequence', 7)")
    assert page.get_by_role("heading", level=3).first.text_content() == names[7]
    assert page.evaluate("model.saved") == [4]
    page.evaluate("leave()")
    page.evaluate("model.set('sequence', 2)")
    assert page.get_by_role("heading", level=3).first.text_content() == names[7]


@pytest.mark.parametrize(
    ("body", "page_colour"),
    [
        ("<body data-jp-theme-light='false'>", "rgb(20, 23, 28)"),
        ("<body data-jp-theme-light='true'>", "rgb(255, 255, 255)"),
        ("<body data-vscode-theme-kind='vscode-dark'>", "rgb(20, 23, 28)"),
        ("<body>", "rgb(20, 23, 28)"),
    ],
)
def test_widget_is_as_dark_as_the_notebook(
    visit: Visit, shown: Viewer, tmp_path: Path, body: str, page_colour: str
) -> None:
    page = visit(notebook(tmp_path, shown, body), color_scheme="dark")
    assert page.locator(".plrp-widget").evaluate("(node) => getComputedStyle(node).backgroundColor") == page_colour


def test_maps_go_by_their_own_names(visit: Visit, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    letters = "".join(rng.choice(list("ACGT"), 50))
    two = view([letters, letters], {"LRP": rng.normal(size=(2, 50)), "mutagenesis": rng.normal(size=(2, 50))})
    page = visit(notebook(tmp_path, two))
    assert page.get_by_role("radio", name="mutagenesis").count() == 1 and page.get_by_role("slider").count() == 0
    names = ("one", "other", "third")
    three = view(letters, {name: rng.normal(size=(1, 50)) for name in names})
    page = visit(notebook(tmp_path, three))
    slider = page.get_by_role("slider", name="map")
    assert slider.get_attribute("aria-valuetext") == "third"
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "other"
