"""Figures of explained sequences: letters as high as their relevance, or, of long stretches, areas."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoplrp.errors import OptionError
from genoplrp.show.figure import INK, NotebookFigure, Spans, Stranded, checked, rows
from genoplrp.show.letters import LetterStyle, base_heights, draw_letters

_MARGIN = 0.05
_PALE = "#b9c0c8"
_AREA = "#0072b2"
_BELOW = "#d55e00"
_TRACK_WIDTH = 9.0  # inches
_SEEN = 0.2  # of the larger end of a track: the other one has room for its number


def plot_maps(
    sequence: str | Mapping[str, str],
    maps: Mapping[str, Any],
    *,
    spans: Spans = (),
    hits: Iterable[Stranded] = (),
    start: int = 0,
    title: str = "",
    style: LetterStyle | str = "okabe-ito",
) -> NotebookFigure:
    """Figure of one sequence's relevance maps, as logos under each other on one scale.

    Above them, where there are any, filled boxes show where the motif is, and arrows the hits, pointing along their
    strand.

    Parameters
    ----------
    sequence
        The l bases to draw; from a longer sequence cut what is to be seen, maps alike: letters of more than about 150
        bases cannot be read (`plot_tracks` draws areas). Where maps are of different alleles, map name -> its bases.
    maps
        Name -> (l,) signed relevance a base (array or tensor), for instance a row of ``Attribution.per_base``.
    spans
        (start, end) of the true motif instances, 0-based half-open.
    hits
        Things with start, end and strand: `genoplrp.annotate` hits, `genoplrp.motifs` hits, BED intervals.
    start
        Coordinate of the first base drawn; spans, hits and the axis count alike.
    title
        Above the figure.
    style
        A `LetterStyle`, or the name of a colour scheme.

    Raises
    ------
    OptionError
        No map, a map that has not one number a base, or alleles that are not the maps' or not of one length.

    Examples
    --------
    >>> figure = plot_maps("ACGTA" * 6, {"LRP": np.linspace(0, 1, 30)}, spans=[(3, 9)])
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['motif', 'LRP']
    """
    letters = _alleles(sequence, maps)
    length = len(next(iter(letters.values()), ""))
    values = _maps(maps, length, "plot_maps")
    figure, own = _letter_rows([1.0] * len(values), length, spans=spans, hits=hits, start=start, title=title)
    _draw_maps(own, letters, values, start, style)
    return figure


def plot_triptych(
    sequence: str,
    maps: Mapping[str, Any],
    *,
    truth: Spans = (),
    hits: Iterable[Stranded] = (),
    start: int = 0,
    title: str = "",
    style: LetterStyle | str = "okabe-ito",
    truth_name: str = "truth",
) -> NotebookFigure:
    """Figure of the sequence with its true instances, and of maps of it: the paper's way of showing what pruning does.

    The first row has every letter, high and coloured where the truth is; the maps, as a rule LRP and PLRP, share one
    scale.

    Parameters
    ----------
    sequence
        The l bases to draw.
    maps
        Name -> (l,) signed relevance a base (array or tensor).
    truth
        (start, end) of the true motif instances, 0-based half-open.
    hits, start, title, style
        As in `plot_maps`.
    truth_name
        What `truth` is called beside the first row, for instance ``"match"`` if it is only a matrix that says so.

    Raises
    ------
    OptionError
        No map, or a map that has not one number a base.

    Examples
    --------
    >>> maps = {"LRP": [0, 0.4, 1, 0.5, 0.1], "PLRP": [0, 0, 1, 0.6, 0]}
    >>> figure = plot_triptych("ACGTA", maps, truth=[(2, 4)])
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['motif', 'truth', 'LRP', 'PLRP']
    """
    length = len(sequence)
    values = _maps(maps, length, "plot_triptych")
    figure, own = _letter_rows([0.42, *[1.0] * len(values)], length, spans=truth, hits=hits, start=start, title=title)
    within = np.zeros(length, dtype=bool)
    for first, last in truth:
        within[max(0, first - start) : max(0, last - start)] = True
    draw_letters(own[0], base_heights(sequence, within.astype(float)), start=start, style=style)
    pale = LetterStyle(dict.fromkeys("ACGT", _PALE))
    draw_letters(own[0], base_heights(sequence, np.where(within, 0.0, 0.6)), start=start, style=pale)
    own[0].set_ylim(-0.05, 1.05)
    own[0].set_ylabel(truth_name if len(truth) else "bases", rotation=0, ha="right", va="center")
    _draw_maps(own[1:], dict.fromkeys(values, sequence), values, start, style)
    return figure


def plot_tracks(
    tracks: Mapping[str, Any],
    *,
    spans: Spans = (),
    hits: Iterable[Stranded] = (),
    start: int = 0,
    title: str = "",
) -> NotebookFigure:
    """Figure of a long stretch: a filled area a track, under each other, each on its own scale.

    Parameters
    ----------
    tracks
        Name -> (l,) a number a base: relevance, conservation, read depth.
    spans, hits, start, title
        As in `plot_maps`.

    Raises
    ------
    OptionError
        No track, or tracks of different lengths.

    Examples
    --------
    >>> figure = plot_tracks({"LRP": np.sin(np.arange(500)), "PLRP": np.eye(500)[250]}, start=1000)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['LRP', 'PLRP']
    """
    length = np.shape(next(iter(tracks.values()), ()))[:1]
    values = _maps(tracks, length[0] if length else 0, "plot_tracks")
    (size,) = next(iter(values.values())).shape
    heights = [0.85] * len(values)
    figure, own = rows(heights, size, spans=spans, hits=hits, start=start, title=title, width=_TRACK_WIDTH)
    edges = start - 0.5 + np.arange(size + 1)
    for axes, (name, row) in zip(own, values.items(), strict=True):
        for part, colour in ((np.maximum(row, 0), _AREA), (np.minimum(row, 0), _BELOW)):
            axes.stairs(part, edges, fill=True, color=colour, linewidth=0)
        axes.axhline(0, color=INK, linewidth=0.6)
        low, high = _limits([row])
        axes.set_ylim(low, high)
        ends = [float(row.min()), float(row.max())]
        axes.set_yticks([end for end in ends if abs(end) > _SEEN * max(map(abs, ends))])
        axes.yaxis.set_major_formatter("{x:.3g}")
        axes.set_ylabel(name, fontsize=8)
        axes.yaxis.set_label_coords(-0.075, 0.5)
    figure.subplots_adjust(left=1.0 / _TRACK_WIDTH, hspace=0.25)
    return figure


def densest(mass: ArrayLike, width: int) -> int:
    """Start of the `width` bases with most mass (l,); of those that hold about as much, the one in the middle.

    Examples
    --------
    >>> densest([0, 0, 0, 1, 5, 1, 0], 3)
    3
    """
    values = np.asarray(mass, dtype=np.float64)
    if len(values) <= width:
        return 0
    running = np.concatenate([[0.0], np.cumsum(values)])
    held = running[width:] - running[:-width]
    alike = np.flatnonzero(held >= 0.95 * held.max())
    return int(alike[len(alike) // 2])


def _maps(maps: Mapping[str, Any], length: int, caller: str) -> dict[str, NDArray[np.float64]]:
    if not maps or not length:
        raise OptionError(f"{caller} needs at least one map, as {{name: relevance of every base}}, and a base")
    return {name: checked(name, given, length) for name, given in maps.items()}


def _alleles(sequence: str | Mapping[str, str], maps: Mapping[str, Any]) -> Mapping[str, str]:
    """The letters of each map, all of one length."""
    if isinstance(sequence, str):
        return dict.fromkeys(maps, sequence)
    if set(sequence) != set(maps) or len({len(letters) for letters in sequence.values()}) > 1:
        wanted = ", ".join(map(repr, maps))
        given = ", ".join(f"{name!r} ({len(letters)} bases)" for name, letters in sequence.items())
        raise OptionError(f"alleles must have the names of the maps, {wanted}, and one length; got {given or 'none'}")
    return {name: sequence[name] for name in maps}


def _letter_rows(heights: list[float], length: int, **marks: Any) -> tuple[NotebookFigure, list[Any]]:
    return rows(heights, length, width=max(0.1 * length + 0.85, 2.5), **marks)


def _draw_maps(
    own: list[Any],
    letters: Mapping[str, str],
    values: Mapping[str, NDArray[np.float64]],
    start: int,
    style: LetterStyle | str,
) -> None:
    """A row a map, letters as high as their relevance, all on one scale."""
    low, high = _limits(values.values())
    for axes, (name, row) in zip(own, values.items(), strict=True):
        axes.axhline(0, color=INK, linewidth=0.6)
        draw_letters(axes, base_heights(letters[name], row), start=start, style=style)
        axes.set_ylim(low, high)
        axes.set_ylabel(name)


def _limits(values: Iterable[NDArray[np.float64]]) -> tuple[float, float]:
    """Of the y-axis: 0 and all values, with a margin."""
    found = list(values)
    low = min(0.0, *(float(row.min()) for row in found))
    high = max(1e-9, *(float(row.max()) for row in found))
    margin = _MARGIN * (high - low)
    return low - margin, high + margin
