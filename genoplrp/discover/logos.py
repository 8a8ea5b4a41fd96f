"""The gallery: for each pattern its relevance, its information content, and the motif that it is like."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoplrp.discover.names import Name
from genoplrp.discover.patterns import Pattern
from genoplrp.motifs import Motif
from genoplrp.show.figure import NotebookFigure
from genoplrp.show.letters import draw_letters

_INK = "#57606a"
_TITLES = ("relevance", "what the seqlets share", "closest known motif")
_ROW, _TOP, _BOTTOM = 1.0, 0.55, 0.15  # inches


def plot_matches(
    patterns: Sequence[Pattern], names: Sequence[Name], database: Mapping[str, Motif], *, total: int | None = None
) -> NotebookFigure:
    """Figure with a row a pattern: mean relevance of each base (height by the network), information content in bits,
    and the matching motif, turned to the same strand and in the same frame.

    Parameters
    ----------
    patterns, names
        One name a pattern.
    database
        Motif by accession, for the matches.
    total
        How many patterns there are in all, where only some are drawn.
    """
    rows = len(patterns)
    height = _TOP + _ROW * max(rows, 1) + _BOTTOM
    figure = NotebookFigure(figsize=(11.0, height))
    if not rows:
        text = "no pattern is drawn" if total else "no pattern was found"
        figure.text(0.5, 0.5, text, ha="center", va="center", color=_INK, fontsize=12)
        return figure
    axes = figure.subplots(rows, 3, squeeze=False)
    figure.subplots_adjust(
        left=0.235, right=0.985, top=1 - _TOP / height, bottom=_BOTTOM / height, hspace=0.5, wspace=0.1
    )
    for row, pattern, name in zip(axes, patterns, names, strict=True):
        _draw_row(row, pattern, name, database.get(name.matrix))
    for cell, title in zip(axes[0], _TITLES, strict=True):
        cell.set_title(title, fontsize=9, color=_INK, pad=8)
    if total is not None and total > rows:
        figure.text(0.01, 1 - 0.2 / height, f"the {rows} largest of {total:,} patterns", fontsize=9, color=_INK)
    return figure


def plot_motifs(rows: Sequence[tuple[str, Motif, Name, Motif | None]]) -> NotebookFigure:
    """Figure with a row a motif: its information content, and the known motif that it is like, in the same frame.

    Parameters
    ----------
    rows
        Text beside the logo, motif, its name, and the known motif where there is one.
    """
    height = _TOP + _ROW * max(len(rows), 1) + _BOTTOM
    figure = NotebookFigure(figsize=(8.5, height))
    if not rows:
        figure.text(0.5, 0.5, "nothing carries relevance", ha="center", va="center", color=_INK, fontsize=12)
        return figure
    axes = figure.subplots(len(rows), 2, squeeze=False)
    figure.subplots_adjust(
        left=0.3, right=0.985, top=1 - _TOP / height, bottom=_BOTTOM / height, hspace=0.5, wspace=0.1
    )
    for cells, (facts, motif, name, match) in zip(axes, rows, strict=True):
        _logo(cells[0], motif.heights, top=2.0)
        if match is not None:
            _logo(cells[1], in_frame(motif, match), top=2.0)
        for cell in cells:
            _bare(cell)
        _label(cells[0], name.match if match is not None else "no known match", facts)
    for cell, title in zip(axes[0], ("what it reads", _TITLES[2]), strict=True):
        cell.set_title(title, fontsize=9, color=_INK, pad=8)
    return figure


def _draw_row(axes: Sequence[Any], pattern: Pattern, name: Name, match: Motif | None) -> None:
    start, end = pattern.core
    motif = pattern.motif()
    _logo(axes[0], pattern.cwm[:, start:end], signed=True)
    _logo(axes[1], motif.heights, top=2.0)
    if match is not None:
        _logo(axes[2], in_frame(motif, match), top=2.0)
    for cell in axes:
        _bare(cell)
    called = name.match if match is not None else "no known match"
    q = f"q {name.q:.1g}" if match is not None else f"best q {name.q:.1g}"
    direction = "for" if pattern.sign > 0 else "against"
    _label(axes[0], called, f"{pattern.name} ({direction} {pattern.label})\n{len(pattern):,} seqlets, {q}")


def _label(axes: Any, name: str, facts: str) -> None:
    """The name, and two lines of facts, to the left of the axes; a dollar sign in them is one, not a formula's."""
    place = {"transform": axes.transAxes, "ha": "right", "va": "center", "parse_math": False}
    axes.text(-0.05, 0.80, name, fontsize=11, weight="bold", **place)
    axes.text(-0.05, 0.32, facts, fontsize=8, color=_INK, **place)


def in_frame(motif: Motif, match: Motif) -> NDArray[np.float64]:
    """Bits of the match, (4, w) in the columns of the motif, on the strand and at the offset where their logos share
    most; what reaches beyond the motif is cut off."""
    reach, width = match.width, motif.width
    wide = np.pad(motif.heights, ((0, 0), (reach, reach)))
    strands = [match.heights, match.reverse_complement().heights]
    shared = np.array(
        [[(wide[:, k : k + reach] * bits).sum() for k in range(width + reach + 1)] for bits in strands]
    )  # (strands, offsets)
    strand, k = np.unravel_index(shared.argmax(), shared.shape)
    shown = np.zeros_like(wide)
    shown[:, k : k + reach] = strands[strand]
    return shown[:, reach : reach + width]


def logo(axes: Any, motif: Motif) -> None:
    """The motif's logo, in bits, over the whole of the axes."""
    _logo(axes, motif.heights, top=2.0)


def _logo(axes: Any, heights: NDArray[np.float64], *, top: float | None = None, signed: bool = False) -> None:
    draw_letters(axes, heights.T)
    axes.set_xlim(-0.6, heights.shape[1] - 0.4)
    low, high = np.minimum(heights, 0).sum(axis=0).min(), np.maximum(heights, 0).sum(axis=0).max()
    axes.set_ylim(*((low, high if high > low else low + 1) if top is None else (0, top)))
    if signed:
        axes.axhline(0, color=_INK, linewidth=0.6)


def _bare(axes: Any) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
