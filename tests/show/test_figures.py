"""The figures: rows and scales, letters as vectors in SVG and PDF, and what cannot be drawn."""

import re
from io import BytesIO
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from matplotlib.path import Path

from genoplrp import MotifCNN, NoPrune, attribute, one_hot
from genoplrp.errors import OptionError
from genoplrp.models import CNNConfig
from genoplrp.motifs import MotifHit, Stretch, shipped_motifs
from genoplrp.sequence import Record
from genoplrp.show import (
    LetterStyle,
    NotebookFigure,
    Viewer,
    plot_maps,
    plot_patterns,
    plot_tracks,
    plot_triptych,
    view,
)
from genoplrp.show.page import Pattern, page_html

LETTERS = "ACGTNACGTACGTTGCA"
RNG = np.random.default_rng(0)
MAPS = {"LRP": RNG.normal(size=17), "PLRP": RNG.normal(size=17) * 2}
PATTERNS = [
    Pattern(motif.name, motif.matrix_id, 3, pwm=motif.probabilities(0.0).T, cwm=motif.probabilities(0.0).T - 0.25)
    for motif in shipped_motifs()[:4]
]
HIT = SimpleNamespace(start=4, end=9, strand="-")
SVG = "{http://www.w3.org/2000/svg}"

FIGURES = {
    "maps": lambda: plot_maps(LETTERS, MAPS, spans=[(2, 6)], hits=[HIT], style="classic"),
    "triptych": lambda: plot_triptych(LETTERS, MAPS, truth=[(2, 6)], hits=[HIT]),
    "tracks": lambda: plot_tracks(MAPS, spans=[(2, 6)], hits=[HIT]),
    "patterns": lambda: plot_patterns(PATTERNS, columns=2, title="four"),
    "contributions": lambda: plot_patterns(PATTERNS, matrix="cwm", style=LetterStyle(flip_below=True)),
}


def saved(figure: NotebookFigure, form: str) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format=form)
    return buffer.getvalue()


@pytest.mark.parametrize("name", FIGURES)
def test_files_are_vectors(name: str) -> None:
    figure = FIGURES[name]()
    drawing = ElementTree.fromstring(saved(figure, "svg"))
    assert not drawing.findall(f".//{SVG}image")
    fills = {
        found.group(1)
        for path in drawing.iter(f"{SVG}path")
        if (found := re.search(r"fill: (#\w{6})", path.get("style") or ""))
    }
    assert len(fills) >= 3
    assert b"/Subtype /Image" not in saved(figure, "pdf")
    assert figure._repr_png_().startswith(b"\x89PNG")


def letters_of(axes: Any) -> dict[int, float]:
    """Height of each position's letters, from their outlines; below 0 where they hang."""
    found: dict[int, float] = {}
    for patch in axes.patches:
        path = patch.get_path()
        starts = [*np.flatnonzero(path.codes == Path.MOVETO), len(path.codes)]
        for first, last in pairwise(starts):
            box = Path(path.vertices[first:last], path.codes[first:last]).get_extents()
            if box.width < 1:  # a letter, not a span
                place = round((box.x0 + box.x1) / 2)
                found[place] = max(found.get(place, 0.0), box.y0, box.y1, key=abs)
    return found


def test_letters_are_as_high_as_relevance_on_one_scale() -> None:
    figure = plot_maps(LETTERS, MAPS, spans=[(102, 106)], start=100)
    rows = figure.axes[1:]
    for axes, values in zip(rows, MAPS.values(), strict=True):
        drawn = letters_of(axes)
        assert sorted(drawn) == [100 + i for i, letter in enumerate(LETTERS) if letter != "N"]
        for place, height in drawn.items():
            assert height == pytest.approx(values[place - 100], rel=1e-9)
    assert rows[0].get_ylim() == rows[1].get_ylim()
    assert rows[0].get_xlim() == (99.4, 116.6)


def test_alleles_are_drawn_with_their_own_letters() -> None:
    values = np.ones(5)
    figure = plot_maps({"before": "ACGTA", "after": "ACTTA"}, {"after": values, "before": values})
    for axes, letters in zip(figure.axes, ("ACTTA", "ACGTA"), strict=True):
        lone = plot_maps(letters, {"one": values}).axes[0]
        assert [patch.get_facecolor() for patch in axes.patches] == [patch.get_facecolor() for patch in lone.patches]
        for drawn, wanted in zip(axes.patches, lone.patches, strict=True):
            np.testing.assert_array_equal(drawn.get_path().vertices, wanted.get_path().vertices)


def test_triptych_lifts_the_letters_of_the_truth() -> None:
    figure = plot_triptych(LETTERS, MAPS, truth=[(2, 6)])
    assert [axes.get_ylabel() for axes in figure.axes] == ["motif", "truth", "LRP", "PLRP"]
    heights = letters_of(figure.axes[1])
    assert {place for place, height in heights.items() if height > 0.9} == {2, 3, 5}  # 4 is N
    assert plot_triptych(LETTERS, MAPS).axes[0].get_ylabel() == "bases"


def test_gallery_is_as_high_as_the_information() -> None:
    figure = plot_patterns(PATTERNS)
    for axes, motif in zip(figure.axes[:4], shipped_motifs()[:4], strict=True):
        heights = letters_of(axes)
        np.testing.assert_allclose([heights.get(i + 1, 0.0) for i in range(motif.width)], motif.information, atol=1e-9)
    assert "no CWM" in [text.get_text() for text in plot_patterns([Pattern("a", "b", 1)], matrix="cwm").axes[0].texts]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: plot_maps("ACGT", {}), "plot_maps needs at least one map"),
        (lambda: plot_maps("", {"a": []}), "plot_maps needs at least one map"),
        (lambda: plot_maps("ACGT", {"a": [1, 2]}), r"shape \(4,\); got \(2,\)"),
        (lambda: plot_maps("ACGT", {"a": [1, 2, 3, np.nan]}), "finite number a base"),
        (lambda: plot_maps("ACGT", {"a": [[1], [1, 2]]}), r"shape \(4,\); got list. Attribution.per_base\[i\]"),
        (
            lambda: plot_maps({"a": "ACGT"}, {"b": [1] * 4}),
            r"of the maps, 'b', and one length; got 'a' \(4 bases",
        ),
        (lambda: plot_maps({"a": "AC", "b": "A"}, {"a": [1] * 2, "b": [1]}), r"one length; got 'a' \(2 .*'b' \(1 "),
        (lambda: plot_maps({}, {"a": [1]}), "one length; got none"),
        (lambda: plot_tracks({}), "plot_tracks needs at least one map"),
        (lambda: plot_tracks({"a": [1, 2], "b": [1]}), r"map 'b'"),
        (lambda: plot_patterns([]), "at least one pattern"),
        (lambda: plot_patterns(PATTERNS, columns=0), "at least one column"),
        (lambda: plot_patterns(PATTERNS, matrix="ppm"), "'ppm'"),
        (lambda: plot_maps("ACGT", {"a": [0] * 4}, style="sunset"), "scheme must be one of"),
        (lambda: view([], {"a": []}), "at least one sequence"),
        (lambda: view("ACGT", {}), "at least one sequence and one map"),
        (lambda: view("ACGT", {"a": [[1] * 4] * 2}), "is of 2 sequences, but there are 1"),
        (lambda: view("ACGT", {"a": [[1] * 4]}, names=("a", "b")), "a name for each of 1 sequences; got 2"),
        (lambda: view("ACGT", {"a": [[1] * 4]}, hits=[MotifHit(0, 2, 9, 0, "+", 1, 0)]), "hit .* lies outside"),
        (lambda: view("ACGT", {"a": [[1] * 4]}, truth=[Stretch(1, 0, 2)]), "site .* lies outside"),
        (lambda: view("ACGT", {"a": [[1] * 4]}).figure(1), "sequence must be one of 1; got 1"),
    ],
)
def test_what_cannot_be_shown_is_refused(build: Any, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        build()


def test_map_of_zeros_is_drawn() -> None:
    figure = plot_triptych("ACGT", {"LRP": np.zeros(4)})
    low, high = figure.axes[1].get_ylim()
    assert low <= 0 < high and saved(figure, "png")


def small() -> tuple[MotifCNN, list[Record]]:
    network = MotifCNN(CNNConfig(length=30, filters=(4,), widths=(5,), dense=(4,), outputs=3))
    letters = ["".join(RNG.choice(list("ACGT"), 30)) for _ in range(3)]
    return network, [Record(f"r{i}", text) for i, text in enumerate(letters)]


def test_view_holds_the_attributions_it_is_given() -> None:
    network, records = small()
    x = one_hot([record.sequence for record in records])
    target = torch.tensor([2, 0, 2])
    maps = {
        "LRP": attribute(network, x, target=target, pruner=NoPrune()),
        "PLRP": attribute(network, x, target=target),
    }
    hit = MotifHit(1, 4, 20, 1, "-", 9.0, 1e-6)
    shown = view(
        records, maps, labels=("a", "b", "c"), hits=[hit], motifs=shipped_motifs(), truth=[Stretch(1, 5, 9)], title="t"
    )
    data = shown.data
    assert (data.labels, [setting.name for setting in data.settings]) == (("a", "c"), ["LRP", "PLRP"])
    assert [(page.name, page.letters) for page in data.sequences] == [(r.name, r.sequence) for r in records]
    for i, page in enumerate(data.sequences):
        (explained,) = page.explained
        assert data.labels[explained.label] == "abc"[int(target[i])]
        np.testing.assert_array_equal(explained.relevance, [m.per_base[i].double() for m in maps.values()])
        assert page.scores[explained.label] == pytest.approx(float(maps["LRP"].output[i]))
    (span,) = data.sequences[1].explained[0].hits
    positive = maps["PLRP"].per_base[1].clamp(min=0)
    assert (span.name, span.strand, span.start, span.end) == (shipped_motifs()[1].name, "-", 4, 20)
    assert span.share == pytest.approx(float(positive[4:20].sum() / positive.sum()), rel=1e-5)
    assert [page.explained[0].truth for page in data.sequences] == [(), ((5, 9),), ()]
    with pytest.raises(OptionError, match="explain different outputs"):
        view(records, {**maps, "other": attribute(network, x, target=1)})


def test_figure_of_a_long_sequence_is_cut_where_most_relevance_lies(tmp_path: Any) -> None:
    values = np.zeros((1, 2000))
    values[0, 1500:1512] = 1
    shown = view("ACGT" * 500, {"LRP": values, "PLRP": values}, truth=[Stretch(0, 1495, 1505), Stretch(0, 3, 9)])
    low, high = shown.figure().axes[0].get_xlim()
    assert low < 1490 and high > 1522 and high - low < 122
    shown.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page_html(shown.data, title="Sequences")
    assert isinstance(shown, Viewer) and repr(shown) == "Viewer of 1 sequence"
