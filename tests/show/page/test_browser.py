"""The page in a real browser: steered by pointer and by keys; what it shows and saves is the run's own data."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from genoplrp.annotate import Result, read_attributions
from genoplrp.annotate.store import StoredExplanation
from genoplrp.attribution import attribute
from genoplrp.evaluate import rma
from genoplrp.lrp import PruneLambda
from genoplrp.motifs import shipped_motifs
from genoplrp.sequence import one_hot, read_bed
from genoplrp.show.page import Explained, PageData, PageSequence, Pattern, Setting, Site, Span, page_html
from tests.annotate.networks import matrix_network
from tests.show.page.conftest import EVIL

Visit = Callable[..., Any]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def page(visit: Visit, run: Result) -> Any:
    return visit(run.out / "report.html")


def view(page: Any) -> tuple[float, float]:
    """First and last base shown, after the next frame."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    data = page.locator("canvas.track").evaluate("(node) => ({ ...node.dataset })")
    return float(data["from"]), float(data["to"])


def track_box(page: Any) -> dict[str, float]:
    """Where the track is, in the window."""
    track = page.locator("canvas.track")
    track.scroll_into_view_if_needed()
    box: dict[str, float] = track.bounding_box()
    return box


def entries(page: Any) -> Any:
    """Items of the list of sequences."""
    return page.get_by_role("listbox", name="Sequences").get_by_role("option")


def choose(page: Any, name: str) -> None:
    """Open a sequence through the list."""
    page.get_by_role("tab", name="Sequences").click()
    page.get_by_role("searchbox", name="Search sequences").fill(name)
    entries(page).first.click()


def saved(page: Any, button: str, tmp_path: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).first.click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    return path


def stored(run: Result, record: str, label: str = "CTCF") -> StoredExplanation:
    return next(item for item in read_attributions(run.out) if (item.record, item.label) == (record, label))


def map_at(item: StoredExplanation, p: float) -> NDArray[np.float32]:
    """The map of a record as long as the network's input, made anew."""
    found = attribute(matrix_network(60), one_hot(item.sequence), target=0, pruner=PruneLambda(p))
    values: NDArray[np.float32] = found.per_base[0].numpy()
    return values


def test_page_lists_every_sequence_best_first_and_shows_the_first(page: Any, run: Result) -> None:
    store = read_attributions(run.out)
    thresholds = np.array(store.attributes["thresholds"])
    order = np.argsort(-(store.predictions - thresholds).max(1), kind="stable")
    names = page.locator("[role=option] .name").all_text_contents()
    assert names == [store.names[i] for i in order]
    assert entries(page).first.get_attribute("aria-selected") == "true"
    assert page.get_by_role("heading", level=3).first.text_content() == names[0]
    assert run.headline.split(".")[0] in page.inner_text("main")


def test_search_finds_names_motifs_and_bases_of_both_strands(page: Any, run: Result) -> None:
    field, found = page.get_by_role("searchbox", name="Search sequences"), entries(page)
    predictions = pd.read_csv(run.out / "predictions.tsv", sep="\t", keep_default_na=False)
    field.fill("chr1:7000-")
    assert found.locator(".name").all_text_contents() == ["chr1:7000-7060"]
    for label in ("REST", "CTCF"):
        field.fill(f"chr1 {label.lower()}")
        rows = predictions[predictions["record"].str.startswith("chr1:")]
        assert found.count() == sum(label in called.split(",") for called in rows["called"])
    sequence = stored(run, "chr1:7000-7060").sequence
    complement = sequence.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    for bases in (sequence, complement.lower()):
        field.fill(bases)
        assert found.locator(".name").all_text_contents() == ["chr1:7000-7060"]
    field.fill("no such thing")
    assert (found.count(), page.locator(".list .found").text_content()) == (0, "0 of 43 sequences")
    field.fill("")
    page.get_by_label("Show sequences that call").select_option("0")
    assert found.count() == sum("CTCF" in called.split(",") for called in predictions["called"])


def test_pointer_zooms_and_moves_the_view(page: Any) -> None:
    choose(page, "long")
    start, end = view(page)
    assert end - start < 399
    page.get_by_role("button", name="Show the whole sequence").click()
    assert view(page) == (0, 399)
    page.get_by_role("button", name="Zoom in").click()
    first, last = view(page)
    assert last - first == pytest.approx(399 / 1.5, abs=0.02)
    assert (first + last) / 2 == pytest.approx(199.5, abs=0.02)
    box = track_box(page)
    left, wide = box["x"] + 52, box["width"] - 60
    under = first + (last - first) * (400 - 52) / wide
    page.mouse.move(box["x"] + 400, box["y"] + 200)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -60)
    page.keyboard.up("Control")
    closer = view(page)
    assert closer[1] - closer[0] < last - first
    # The base under the pointer stays there.
    assert closer[0] + (closer[1] - closer[0]) * (400 - 52) / wide == pytest.approx(under, abs=0.05)
    page.mouse.down()
    page.mouse.move(box["x"] + 400 + wide / 4, box["y"] + 200, steps=3)
    page.mouse.up()
    moved = view(page)
    assert moved[0] == pytest.approx(closer[0] - (closer[1] - closer[0]) / 4, abs=0.05)
    page.mouse.click(left + wide * 0.9, box["y"] + 18)  # in the overview
    there = view(page)
    assert there[1] == 399 or sum(there) / 2 == pytest.approx(0.9 * 399, abs=0.5)
    page.mouse.dblclick(left + wide / 2, box["y"] + 200)
    assert view(page)[1] - view(page)[0] < there[1] - there[0]


def test_motion_ends_where_a_jump_does(visit: Visit, run: Result) -> None:
    page = visit(run.out / "report.html", reduced_motion="no-preference")
    choose(page, "long")
    page.get_by_role("button", name="Show the whole sequence").click()
    page.wait_for_selector("canvas[data-from='0.00'][data-to='399.00']")


def press(page: Any, *keys: str) -> None:
    """Keys on the track, two frames after each other: well within a glide."""
    page.evaluate(
        """async (keys) => {
          const frame = () => new Promise(requestAnimationFrame);
          for (const key of keys) {
            document.querySelector("canvas.track").dispatchEvent(new KeyboardEvent("keydown", { key }));
            await frame();
            await frame();
          }
        }""",
        keys,
    )


def test_keys_during_motion_start_from_where_it_is_going(visit: Visit, run: Result) -> None:
    """Zooms add up however fast they come, and a walk keeps what it reads out in view."""
    page = visit(run.out / "report.html", reduced_motion="no-preference")
    choose(page, "long")
    page.get_by_role("button", name="Show the whole sequence").click()
    page.wait_for_selector("canvas[data-from='0.00'][data-to='399.00']")
    press(page, "End", "+", "+", "+", "Home")
    page.wait_for_timeout(400)  # longer than any glide
    first, last = view(page)
    assert last - first == pytest.approx(399 / 1.5**3, abs=0.02)
    assert page.locator("canvas.track").get_attribute("data-cursor") == "0"
    assert first == 0


def half_step(values: NDArray[np.float32]) -> float:
    """By how much a map of 16-bit numbers may be off."""
    return float(np.abs(values).max()) / 32767 / 2 * 1.001


@pytest.mark.parametrize("p", [0.0, 0.05, 0.1, 0.2, 0.5])
def test_slider_shows_the_map_at_its_amount(page: Any, run: Result, p: float) -> None:
    choose(page, "chr1:3000-")
    item = stored(run, "chr1:3000-3060")
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    for _ in range([0.0, 0.05, 0.1, 0.2, 0.5].index(p)):
        page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == f"p = {p:g}"
    page.locator("canvas.track").focus()
    page.keyboard.press("n")
    values, lrp = map_at(item, p), map_at(item, 0.0)
    (hit,) = (hit for hit in read_bed(run.out / "hits.bed") if hit.chrom == item.record)
    for position in range((hit.start + hit.end) // 2, min(hit.end + 3, 60)):
        said = page.locator(".panel [role=status]").text_content().replace("\N{MINUS SIGN}", "-")
        form = r"(.) at (\d+); PLRP, p = [\d.]+ ([-\d.]+); LRP ([-\d.]+)"
        letter, place, pruned, full = re.match(form, said).groups()
        assert (letter, int(place)) == (item.sequence[position], position)
        assert float(pruned) == pytest.approx(values[position], abs=0.0005 + half_step(values))
        assert float(full) == pytest.approx(lrp[position], abs=0.0005 + half_step(lrp))
        page.keyboard.press("ArrowRight")


def test_lrp_and_plrp_are_toggled_and_their_share_on_the_truth_is_the_rma(page: Any, run: Result) -> None:
    choose(page, "chr1:3000-")
    item, rows = stored(run, "chr1:3000-3060"), pd.read_csv(run.out / "rma.tsv", sep="\t")
    share = page.locator(".share")
    chosen = rows[(rows["record"] == item.record) & (rows["label"] == "CTCF")].set_index("method")["rma"]
    both = share.text_content()
    for name, method in (("PLRP, p = 0.1", "PLRP"), ("LRP", "LRP")):
        assert f"{name}: {100 * chosen[method]:.0f}\N{NO-BREAK SPACE}%" in both
    height = page.locator("canvas.track").bounding_box()["height"]
    page.get_by_role("radio", name="LRP", exact=True).check()
    assert "PLRP" not in share.text_content()
    view(page)
    assert page.locator("canvas.track").bounding_box()["height"] < height
    page.get_by_role("radio", name="PLRP").check()
    assert re.search("PLRP, p = 0.1", share.text_content()) and ": LRP" not in share.text_content()
    page.get_by_role("slider").fill("4")
    hit = next(hit for hit in read_bed(run.out / "hits.bed") if (hit.chrom, hit.name) == (item.record, "CTCF"))
    mask = np.zeros((1, 60), dtype=bool)
    mask[0, hit.start : hit.end] = True
    assert f"{100 * rma(map_at(item, 0.5)[None], mask)[0]:.0f}\N{NO-BREAK SPACE}%" in share.text_content()


def test_tooltip_names_base_relevance_hit_and_truth(page: Any, run: Result) -> None:
    choose(page, "chr1:3000-")
    item = stored(run, "chr1:3000-3060")
    hit = next(hit for hit in read_bed(run.out / "hits.bed") if (hit.chrom, hit.name) == (item.record, "CTCF"))
    start, end = view(page)
    box = track_box(page)
    position = hit.start + 8
    x = box["x"] + 52 + (position + 0.5 - start) / (end - start) * (box["width"] - 60)
    page.mouse.move(x, box["y"] + 160)
    text = page.locator(".tooltip").inner_text().replace("\N{MINUS SIGN}", "-")
    assert text.startswith(f"{item.sequence[position]} at {position}")
    assert f"chr1:{3000 + position + 1:,}" in text
    for value in (item.relevance[position], item.relevance_lrp[position]):
        assert f"{value:.3f}" in text
    assert f"CTCF hit, {'forward' if hit.strand == '+' else 'reverse'} strand" in text
    assert "inside the match" in text


def test_saved_bed_and_tsv_are_the_tables_of_the_run(page: Any, run: Result, tmp_path: Path) -> None:
    for name in ("chr1:3000-3060", "long"):
        choose(page, name)
        lines = [line for line in (run.out / "hits.bed").read_text().splitlines() if line.startswith(f"{name}\t")]
        assert saved(page, "Download the hits of this sequence", tmp_path).read_text().splitlines() == lines
        item = stored(run, name)
        table = pd.read_csv(saved(page, "Download the relevance of every base", tmp_path), sep="\t")
        assert list(table.columns[:4]) == ["position", "base", "LRP", "PLRP p=0.05"]
        assert "".join(table["base"]) == item.sequence and table["position"].tolist() == list(range(len(item.sequence)))
        maps = {"LRP": item.relevance_lrp, "PLRP p=0.1": item.relevance}
        if len(item.sequence) == 60:
            maps |= {f"PLRP p={p:g}": map_at(item, p) for p in (0.05, 0.2, 0.5)}
        for column, values in maps.items():
            np.testing.assert_allclose(table[column], values, atol=half_step(values) + 1e-6)
        inside = {i for line in lines if "\tCTCF\t" in line for i in range(*map(int, line.split("\t")[1:3]))}
        assert set(np.flatnonzero(table["hit"])) == inside


def test_saved_svg_has_every_letter_in_its_place_and_at_its_height(page: Any, run: Result, tmp_path: Path) -> None:
    choose(page, "chr1:3000-")
    page.get_by_role("radio", name="PLRP").check()
    start, end = view(page)
    file = ElementTree.parse(saved(page, "Download what the track shows", tmp_path)).getroot()
    assert file.tag == f"{SVG}svg" and "chr1:3000-3060" in file.findtext(f"{SVG}title")
    item = stored(run, "chr1:3000-3060")
    values = item.relevance
    wide = float(file.get("width"))
    scale = (wide - 60) / (end - start)
    unit = 172 / (max(values.max(), 0) - min(values.min(), 0))
    drawn = {}
    for letter in file.iter(f"{SVG}path"):
        if letter.get("class", "").startswith("letter"):
            width, _, _, height, x, _ = map(float, re.findall(r"[-\d.]+", letter.get("transform")))
            drawn[round((x - 52) / scale + start - 0.04)] = (letter.get("class")[-1], height, width)
    seen = np.flatnonzero(np.abs(values) * unit >= 0.4)
    assert sorted(drawn) == [i for i in seen if start - 1 < i < end]
    for i, (name, height, width) in drawn.items():
        assert name == item.sequence[i]
        assert height == pytest.approx(abs(values[i]) * unit, abs=0.01)
        assert width == pytest.approx(0.92 * scale, abs=0.01)


def test_gallery_names_counts_and_examples_lead_to_the_sequence(page: Any, run: Result, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Motifs").click()
    card = page.get_by_role("article", name="CTCF")
    factor = next(factor for factor in run.factors if factor.label == "CTCF")
    assert f"{factor.hits} hits" in card.inner_text() and "MA0139.1" in card.inner_text()
    assert card.get_by_role("img").count() == 2
    matrix = pd.read_csv(saved(page, "Download the matrices of CTCF", tmp_path), sep="\t")
    motif = next(motif for motif in shipped_motifs() if motif.name == "CTCF")
    np.testing.assert_allclose(matrix.filter(like="pwm").T, motif.probabilities(0.0), atol=1e-5)
    sites = read_bed(saved(page, "Download the example sites of CTCF", tmp_path))
    hits = {(hit.chrom, hit.start, hit.end, hit.strand) for hit in read_bed(run.out / "hits.bed") if hit.name == "CTCF"}
    assert {(site.chrom, site.start, site.end, site.strand) for site in sites} <= hits and len(sites) == 30
    logo = ElementTree.parse(saved(page, "Download the logo of CTCF", tmp_path)).getroot()
    heights = [p for p in logo.iter(f"{SVG}path") if p.get("class", "").startswith("letter")]
    assert len(heights) >= motif.width
    before = card.get_by_role("img").first.get_attribute("aria-label")
    card.get_by_role("radio", name="other strand").check()
    word, turned = before.split(": ")[1], card.get_by_role("img").first.get_attribute("aria-label").split(": ")[1]
    assert turned == word.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    card.locator("button.site").nth(2).click()
    assert page.get_by_role("tab", name="Sequences").get_attribute("aria-selected") == "true"
    assert page.locator(".detail h3").text_content() == sites[2].chrom
    start, end = view(page)
    assert start <= sites[2].start and sites[2].end <= end
    page.get_by_role("tab", name="Motifs").click()
    page.get_by_role("searchbox", name="Search motifs").fill("ma0139")
    assert page.get_by_role("article").count() == 1


def test_hit_of_another_output_is_gone_to_with_its_map(page: Any, run: Result) -> None:
    choose(page, "both")
    hits = [hit for hit in read_bed(run.out / "hits.bed") if hit.chrom == "both"]
    for label in ("REST", "CTCF"):
        page.get_by_role("radio", name=label).check()
        other = {"REST": "CTCF", "CTCF": "REST"}[label]
        (hit,) = (hit for hit in hits if hit.name == other)
        page.get_by_role("button", name="Show the whole sequence").click()
        start, end = view(page)
        box = track_box(page)
        x = box["x"] + 52 + ((hit.start + hit.end) / 2 - start) / (end - start) * (box["width"] - 60)
        page.mouse.click(x, box["y"] + 46 + 19 + 10)  # below the overview and the truth
        assert page.get_by_role("radio", name=other).is_checked()
        start, end = view(page)
        assert start <= hit.start and hit.end <= end


def test_names_that_are_markup_stay_text(page: Any, run: Result, tmp_path: Path) -> None:
    choose(page, "pwned")
    assert page.locator(".detail h3").text_content() == EVIL
    file = ElementTree.parse(saved(page, "Download what the track shows", tmp_path)).getroot()
    assert EVIL in file.findtext(f"{SVG}title")
    assert all(element.tag != f"{SVG}script" for element in file.iter())
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_has_no_sideways_overflow(visit: Visit, run: Result, scheme: str) -> None:
    page = visit(run.out / "report.html", width=375, height=750, color_scheme=scheme, has_touch=True)
    for name in ("pwned", "long"):
        choose(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.locator("canvas.track").tap(position={"x": 200, "y": 150})
    assert page.locator(".tooltip").is_visible()
    page.get_by_role("tab", name="Motifs").tap()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    box = page.get_by_role("article").first.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 375


def test_two_fingers_zoom_and_one_moves(visit: Visit, run: Result) -> None:
    page = visit(run.out / "report.html", width=375, height=750, has_touch=True)
    choose(page, "long")
    page.get_by_role("button", name="Show the whole sequence").click()
    box = track_box(page)
    hand = page.context.new_cdp_session(page)

    def touch(kind: str, *places: float) -> None:
        points = [{"x": box["x"] + x, "y": box["y"] + 150, "id": i} for i, x in enumerate(places)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 150, 200)
    for apart in (60, 80, 100):
        touch("touchMove", 175 - apart / 2, 175 + apart / 2)
    touch("touchEnd")
    start, end = view(page)
    assert end - start == pytest.approx(399 / 2, rel=0.02)
    touch("touchStart", 200)
    for x in (180, 160, 140):
        touch("touchMove", x)
    touch("touchEnd")
    moved = view(page)
    assert moved[1] - moved[0] == pytest.approx(end - start)
    assert moved[0] > start + 10


def luminance(colour: str) -> float:
    """Relative luminance after WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_have_the_contrast_that_wcag_asks_for(visit: Visit, run: Result, scheme: str) -> None:
    page = visit(run.out / "report.html", color_scheme=scheme)
    read = """(names) => {
      const style = getComputedStyle(document.querySelector('#viewer'));
      return names.map((name) => style.getPropertyValue('--' + name).trim());
    }"""
    names = [
        "page",
        "card",
        "soft",
        "ink",
        "quiet",
        "accent",
        "onaccent",
        "A-text",
        "C-text",
        "G-text",
        "T-text",
        "edge",
    ]
    colour = dict(zip(names, page.evaluate(read, names), strict=True))
    assert (luminance(colour["page"]) < 0.1) == (scheme == "dark")
    for ground in ("page", "card"):
        for text in ("ink", "quiet", "accent", "A-text", "C-text", "G-text", "T-text"):
            assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
        assert contrast(colour["edge"], colour[ground]) >= 3
    for text, ground in (("ink", "soft"), ("quiet", "soft"), ("onaccent", "accent")):
        assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)


def test_everything_is_reached_and_done_by_keyboard(page: Any, run: Result, tmp_path: Path) -> None:
    def focused() -> str:
        return str(
            page.evaluate(
                "document.activeElement.ariaLabel || document.activeElement.innerText || document.activeElement.type"
            )
        )

    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(focused())
        if seen[-1] == "search":
            break
    page.keyboard.type("long")
    page.keyboard.press("ArrowDown")  # into the list, onto its first
    assert page.locator(".detail h3").text_content() == "long"
    assert page.evaluate("document.activeElement.getAttribute('role')") == "listbox"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "CANVAS":
            break
    page.keyboard.press("0")
    assert view(page) == (0, 399)
    page.keyboard.press("+")
    assert view(page)[1] - view(page)[0] == pytest.approx(399 / 1.5, abs=0.02)
    page.keyboard.press("n")
    assert "CTCF hit, forward strand" in page.locator(".panel [role=status]").text_content()
    page.keyboard.press("Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "CTCF_long.svg"
    page.get_by_role("tab", name="Sequences").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Motifs").get_attribute("aria-selected") == "true"
    assert page.locator(".gallery").is_visible()


def test_every_control_has_a_name(page: Any) -> None:
    nameless = """() => {
      const controls = 'button, input, select, summary, a, canvas, [role=listbox], [role=img]';
      const name = (node) => node.ariaLabel || node.labels?.[0]?.textContent.trim() || node.textContent.trim();
      return [...document.querySelectorAll(controls)].filter((node) => !name(node)).map((node) => node.outerHTML);
    }"""
    for tab in ("Sequences", "Motifs"):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate(nameless) == []


def by_hand() -> PageData:
    """A page as another program might ask for it: no thresholds, one map, long sequences, patterns half known."""
    rng = np.random.default_rng(0)
    letters = "".join(rng.choice(list("acgtnRYU"), 9000))
    relevance = np.zeros((1, 9000))
    relevance[0, 4000:4012], relevance[0, 7000:7012] = np.arange(1, 13), -0.5
    hit = Span(504_000, 504_012, "pattern 1", "-", 1.0)
    first = PageSequence(
        "a",
        letters,
        np.array([np.nan, 2.0]),
        (Explained(1, True, relevance, (hit,), ((503_990, 504_005), (507_000, 507_006))),),
        500_000,
        600_000,
    )
    blank = PageSequence("b", "N", np.zeros(2), (Explained(0, False, np.zeros((1, 1)), (), ()),))
    unknown = PageSequence("third", "ACGT", np.zeros(2), (Explained(0, True, np.ones((1, 4))),))
    patterns = (
        Pattern(
            "pattern 1", "GATA1, q = 2e-5", 7, cwm=rng.normal(size=(12, 4)), sites=(Site(0, 1, 504_000, 504_012, "-"),)
        ),
        Pattern("pattern 2", "no known match", 1, pwm=rng.dirichlet(np.ones(4), 8)),
        Pattern("pattern 3", "no known match", 0),
    )
    return PageData(("open", "closed"), (Setting("LRP", 0.0),), 0, (first, blank, unknown), patterns)


def test_page_made_by_hand_needs_no_thresholds_no_truth_and_no_matrices(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page_html(by_hand(), title="By hand"), encoding="utf-8")
    page = visit(path)
    assert page.get_by_role("slider").count() == 0 and page.get_by_role("radio", name="PLRP").count() == 0
    assert "bases 500,000 to 509,000 of 600,000" in page.locator(".detail").inner_text()
    start, end = view(page)
    assert start <= 504_000 and 504_012 <= end
    page.get_by_role("button", name="Show the whole sequence").click()
    assert view(page) == (500_000, 509_000)
    assert saved(page, "Download the hits", tmp_path).read_text() == "a\t504000\t504012\tpattern 1\t1000\t-\n"
    table = pd.read_csv(saved(page, "Download the relevance of every base", tmp_path), sep="\t")
    assert table["position"].iloc[[0, -1]].tolist() == [500_000, 508_999]
    assert np.flatnonzero(table["LRP"]).tolist() == [*range(4000, 4012), *range(7000, 7012)]
    mask = np.zeros((1, 9000), dtype=bool)
    mask[0, 3990:4005] = mask[0, 7000:7006] = True
    assert (table["truth"] == mask[0]).all()
    share = rma(by_hand().sequences[0].explained[0].relevance, mask)[0]
    assert 0.1 < share < 0.9
    assert f"LRP: {100 * share:.0f}\N{NO-BREAK SPACE}%" in page.locator(".share").text_content()
    page.get_by_role("tab", name="Motifs").click()
    assert page.get_by_role("article").count() == 3
    assert "No matrix is known" in page.get_by_role("article", name="pattern 3").inner_text()
    page.get_by_role("article", name="pattern 1").locator("button.site").click()
    assert page.locator("canvas.track").evaluate("(node) => node === document.activeElement")
    choose(page, "b")
    assert "No known site here" in page.locator(".share").text_content()
    assert view(page) == (0, 1)
    choose(page, "third")
    assert page.locator(".share").text_content() == ""
    table = pd.read_csv(saved(page, "Download the relevance of every base", tmp_path), sep="\t")
    assert table["truth"].isna().all()


def test_zoomed_out_letters_become_bars(page: Any) -> None:
    choose(page, "long")
    colours = """(node) => {
      const copy = new OffscreenCanvas(node.width, node.height).getContext('2d', { willReadFrequently: true });
      copy.drawImage(node, 0, 0);
      const { data } = copy.getImageData(0, 0, node.width, node.height);
      const seen = new Set();
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) seen.add(data.slice(i, i + 3).join());
      return [...seen];
    }"""
    track = page.locator("canvas.track")
    bases = {"A": "0,158,115", "C": "0,114,178", "G": "230,159,0", "T": "213,94,0"}
    view(page)
    assert set(bases.values()) <= set(track.evaluate(colours))
    page.get_by_role("button", name="Show the whole sequence").click()
    assert view(page) == (0, 399)
    seen = set(track.evaluate(colours))
    assert bases["G"] in seen and bases["C"] in seen
    assert len(seen) < 5000
