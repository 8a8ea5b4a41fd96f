"""The page of a discovery in a real browser: from a pattern to its places, and back by search."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genoplrp.discover import Discovery, discover
from genoplrp.motifs import shipped_motifs, simulate
from tests.annotate.networks import LABELS, matrix_network
from tests.annotate.sequences import write_fasta
from tests.show.page.test_browser import entries, press, view

Visit = Callable[..., Any]


def discovered(folder: Path, **options: Any) -> Discovery:
    """Two planted motifs, found."""
    motifs = tuple(motif for motif in shipped_motifs() if motif.name in LABELS)
    truth = simulate(motifs, 120, 80, counts=(0, 2), seed=3)
    fasta = write_fasta(folder / "in.fa", [(f"s{i}", sequence) for i, sequence in enumerate(truth.sequences)])
    return discover(matrix_network(80), fasta, folder / "out", references=0, **options)


@pytest.fixture(scope="module")
def found(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Discovery:
    return discovered(tmp_path_factory.mktemp("discovery"))


def opened(visit: Visit, found: Discovery, **options: Any) -> Any:
    assert found.out is not None
    return visit(found.out / "report.html", ready=".logo", **options)


def test_patterns_come_first_with_their_names_counts_and_logos(visit: Visit, found: Discovery) -> None:
    page = opened(visit, found)
    assert page.get_by_role("tab", name="Motifs").get_attribute("aria-selected") == "true"
    for row in found.patterns.itertuples():
        card = page.get_by_role("article", name=f"{row.match} ({row.name})")
        assert f"{row.instances} hits" in card.inner_text() and f"{row.seqlets} seqlets" in card.inner_text()
        assert card.locator("figcaption").count() == 3
        assert row.consensus in card.get_by_role("img", name="Sequence logo").get_attribute("aria-label")
    cells = page.locator("table.figures tbody tr td:first-child").all_text_contents()
    assert cells == found.patterns["name"].tolist()


def test_an_example_leads_to_its_place_in_its_sequence(visit: Visit, found: Discovery) -> None:
    page = opened(visit, found)
    for row in found.patterns.itertuples():
        page.get_by_role("tab", name="Motifs").click()
        site = page.get_by_role("article", name=row.name).locator(".site").nth(2)
        bases, _, name, start = site.get_attribute("aria-label").replace(",", "").split()[:4]
        site.click()
        assert page.locator(".detail h3").text_content() == name
        places = found.instances[(found.instances["record"] == name) & (found.instances["pattern"] == row.name)]
        assert int(start) in places["start"].tolist() and len(bases) == row.width
        first, last = view(page)
        assert first <= int(start) and int(start) + row.width <= last
        assert page.get_by_role("button", name=f"Show the {row.match} hit at {start}").count() == 1


def test_sequences_are_searched_by_the_names_of_their_hits(visit: Visit, found: Discovery) -> None:
    page = opened(visit, found)
    page.get_by_role("tab", name="Sequences").click()
    page.get_by_role("searchbox", name="Search sequences").fill("rest")
    own = found.instances[found.instances["match"] == "REST"]["record"].nunique()
    assert entries(page).count() >= own > 10


def test_the_first_sequence_is_looked_at_as_wide_as_the_page_is(visit: Visit, found: Discovery) -> None:
    page = opened(visit, found, width=420)
    page.get_by_role("tab", name="Sequences").click()
    first, last = view(page)
    width = page.locator("canvas.track").bounding_box()["width"]
    assert (width - 60) / (last - first) >= 5  # pixels a base: letters


def test_nothing_is_wider_than_a_phone(visit: Visit, found: Discovery) -> None:
    page = opened(visit, found, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_page_without_sequences_shows_the_patterns(visit: Visit, tmp_path: Path) -> None:
    page = opened(visit, discovered(tmp_path, page=0))
    assert page.locator(".card").count() == 2 and page.locator(".site").count() == 0


def test_page_of_nothing_says_so(visit: Visit, tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "in.fa", [("a", "ACGT" * 20)])
    out = tmp_path / "out"
    discover(matrix_network(80), fasta, out, references=0)
    text = visit(out / "report.html", ready="#viewer p").inner_text("main")
    assert "No pattern was found." in text and "Careful:" in text and "no sequence to show" in text


def test_the_next_hit_is_reckoned_from_where_a_motion_ends(visit: Visit, found: Discovery) -> None:
    """As without motion, however soon the key comes."""
    several = found.instances.groupby("record").size().idxmax()
    seen = []
    for motion in ("reduce", "no-preference"):
        page = opened(visit, found, width=420, reduced_motion=motion)
        page.get_by_role("tab", name="Sequences").click()
        page.get_by_role("searchbox", name="Search sequences").fill(str(several))
        entries(page).first.click()
        press(page, "End", "Escape", "0", "p")
        page.wait_for_timeout(400)
        cursor = page.locator("canvas.track").get_attribute("data-cursor")
        seen.append((view(page), cursor))
    assert seen[0] == seen[1] and seen[0][1]
