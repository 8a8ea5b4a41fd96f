"""Letters drawn in bulk against logomaker's, one by one: place, height, outline, order and colour."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import logomaker
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from logomaker.src.colors import COLOR_SCHEME_DICT
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.path import Path
from numpy.typing import NDArray

from genoplrp.errors import OptionError
from genoplrp.show.letters import BASES, SCHEMES, LetterStyle, draw_letters

# Two ways of adding the same numbers differ by a few units in the last place of the largest.
ULPS = 64 * np.finfo(float).eps


def subpaths(path: Path) -> Iterator[tuple[NDArray[np.float64], list[int]]]:
    """Each closed outline of a path: its corners, in order, without the one of CLOSEPOLY, which is no place."""
    starts = [*np.flatnonzero(path.codes == Path.MOVETO), len(path.codes)]
    for first, last in pairwise(starts):
        codes = path.codes[first:last]
        keep = codes != Path.CLOSEPOLY
        yield path.vertices[first:last][keep], codes.tolist()


def theirs(heights: NDArray[np.float64], style: LetterStyle, start: int) -> Any:
    axes = Figure().subplots()
    frame = pd.DataFrame(heights, columns=list(BASES), index=start + np.arange(len(heights)))
    logo = logomaker.Logo(
        frame,
        ax=axes,
        color_scheme=style.scheme if isinstance(style.scheme, str) else dict(style.scheme),
        flip_below=style.flip_below,
        shade_below=style.shade_below,
        fade_below=style.fade_below,
        stack_order=style.stack_order,
        alpha=style.alpha,
        width=style.width,
    )
    return logo.glyph_list


def compared(heights: NDArray[np.float64], style: LetterStyle, start: int) -> None:
    """Every outline of every letter is where logomaker has it, in the same colour, and there is none besides."""
    axes = Figure().subplots()
    draw_letters(axes, heights, start=start, style=style)
    mine = [
        (*outline, tuple(patch.get_facecolor()), patch.get_zorder())
        for patch in axes.patches
        for outline in subpaths(patch.get_path())
    ]
    glyphs = [glyph for glyph in theirs(heights, style, start) if glyph.patch is not None]
    wanted = [
        (*outline, tuple(glyph.patch.get_facecolor()), glyph.patch.get_zorder())
        for base in BASES
        for below in (False, True)
        for glyph in sorted(glyphs, key=lambda glyph: glyph.p)
        if glyph.c == base and (heights[int(glyph.p) - start, BASES.index(base)] < 0) == below
        for outline in subpaths(glyph.patch.get_path())
    ]
    assert len(mine) == len(wanted)
    limit = ULPS * (np.abs(heights).sum(1).max() + start + len(heights))
    for (corners, codes, colour, order), (corners2, codes2, colour2, order2) in zip(mine, wanted, strict=True):
        assert codes == codes2 and order == order2
        np.testing.assert_allclose(corners, corners2, rtol=0, atol=limit)
        np.testing.assert_allclose(colour, colour2, atol=1e-12)


columns = arrays(
    np.float64, st.tuples(st.integers(1, 4), st.just(4)), elements=st.integers(-12, 12).map(lambda n: n / 8)
).filter(
    lambda heights: heights.any()  # of no letter at all logomaker warns
)
styles = st.builds(
    LetterStyle,
    scheme=st.sampled_from([name for name in SCHEMES if name != "okabe-ito"]),
    flip_below=st.booleans(),
    shade_below=st.sampled_from([0.0, 0.4]),
    fade_below=st.sampled_from([0.0, 0.5]),
    stack_order=st.sampled_from(["big_on_top", "small_on_top", "fixed"]),
    width=st.sampled_from([0.95, 0.5]),
    alpha=st.sampled_from([1.0, 0.7]),
)


@settings(max_examples=25)
@given(columns, styles, st.integers(0, 1000))
def test_letters_are_where_logomaker_puts_them(heights: NDArray[np.float64], style: LetterStyle, start: int) -> None:
    compared(heights, style, start)


@pytest.mark.parametrize("seed", range(3))
def test_dense_random_matrices_are_drawn_as_logomaker_draws_them(seed: int) -> None:
    heights = np.random.default_rng(seed).normal(size=(25, 4)) * 10.0 ** (seed - 1)
    compared(heights, LetterStyle(SCHEMES["okabe-ito"], flip_below=seed > 0), start=90)


def test_schemes_are_logomakers() -> None:
    for name, scheme in SCHEMES.items():
        if name != "okabe-ito":
            published = {base: colour for bases, colour in COLOR_SCHEME_DICT[name].items() for base in bases}
            assert {base: to_rgb(scheme[base]) for base in BASES} == {base: to_rgb(published[base]) for base in BASES}


def test_many_letters_cover_what_logomaker_covers() -> None:
    """As pixels, too; T is left out, which logomaker moves to whole pixels and this does not."""
    rng = np.random.default_rng(0)
    heights = rng.normal(size=(40, 4))
    heights[:, 3] = 0
    images = []
    for draw in (
        lambda axes: draw_letters(axes, heights, style="classic"),
        lambda axes: logomaker.Logo(
            pd.DataFrame(heights, columns=list(BASES)), ax=axes, flip_below=False, color_scheme="classic"
        ),
    ):
        figure = Figure(figsize=(12, 2))
        canvas, axes = FigureCanvasAgg(figure), figure.subplots()
        draw(axes)
        axes.set(xlim=(-0.5, 39.5), ylim=(-4, 4))
        axes.axis("off")
        for line in axes.lines:
            line.set_visible(False)
        canvas.draw()
        images.append(np.asarray(canvas.buffer_rgba()).astype(int))
    apart = np.abs(images[0] - images[1]).max(2)
    # Where two letters of one outline share a pixel, each covers its part at once or one after the other.
    assert np.mean(apart > 8) < 0.01 and np.mean(images[0][..., :3].min(2) < 250) > 0.1


def test_thousands_of_letters_fit_into_one_figure() -> None:
    figure = Figure(figsize=(60, 2))
    canvas, axes = FigureCanvasAgg(figure), figure.subplots()
    draw_letters(axes, np.random.default_rng(0).normal(size=(5000, 4)))
    axes.autoscale_view()
    canvas.draw()
    assert axes.get_xlim()[1] > 4990 and len(axes.patches) == 8


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: LetterStyle("sunset"), "scheme must be one of okabe-ito, classic"),
        (lambda: LetterStyle({"A": "red"}), "no colour for C, G, T"),
        (lambda: LetterStyle(stack_order="odd"), "stack_order must be one of big_on_top"),
        (lambda: LetterStyle(width=0), "width must be above 0"),
        (lambda: LetterStyle(alpha=2), "alpha must be from 0 to 1; got 2"),
        (lambda: draw_letters(Figure().subplots(), np.zeros((4, 3))), r"shape \(l, 4\)"),
        (lambda: draw_letters(Figure().subplots(), np.full((3, 4), np.nan)), "heights must be finite"),
    ],
)
def test_what_cannot_be_drawn_is_refused(build: Any, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        build()


def test_no_letter_is_no_patch() -> None:
    axes = Figure().subplots()
    draw_letters(axes, np.zeros((0, 4)))
    draw_letters(axes, np.zeros((5, 4)))
    assert not axes.patches
