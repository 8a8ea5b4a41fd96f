"""The figure of explanations: the motif, then one logo a map under each other, letters as high as their relevance."""

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any, Protocol

import logomaker
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrow, Rectangle
from numpy.typing import NDArray

from genoplrp.errors import OptionError

COLOURS = {"A": "#2e9e4f", "C": "#2f6fd0", "G": "#e69a00", "T": "#d6402f"}
_INK = "#6e7781"  # readable on white and on the dark page
_TRUTH = "#8a63d2"
_INVISIBLE = 0.004  # of the highest letter: too low to be seen, but as slow to draw as any other

Spans = Sequence[tuple[int, int]]


class NotebookFigure(Figure):
    """A matplotlib figure that a notebook shows when it is the last line of a cell; pyplot knows nothing of it."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=110, facecolor="white")
        return buffer.getvalue()


class Stranded(Protocol):
    """What is drawn as an arrow: a hit, a site, a BED interval."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def strand(self) -> str: ...


def plot_maps(
    sequence: str,
    maps: Mapping[str, Any],
    *,
    spans: Spans = (),
    hits: Iterable[Stranded] = (),
    start: int = 0,
    title: str = "",
) -> NotebookFigure:
    """Figure of one sequence's relevance maps, as logos under each other on one scale.

    Above them, where there are any, filled boxes show where the motif is, and arrows the hits, pointing along their
    strand.

    Parameters
    ----------
    sequence
        The l bases to draw; from a longer sequence cut what is to be seen, maps alike: letters of more than about 150
        bases cannot be read.
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

    Raises
    ------
    OptionError
        No map, or a map that has not one number a base.

    Examples
    --------
    >>> figure = plot_maps("ACGTA" * 6, {"LRP": np.linspace(0, 1, 30)}, spans=[(3, 9)])
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['motif', 'LRP']
    """
    if not maps:
        raise OptionError("plot_maps needs at least one map, as {name: relevance of every base}")
    values = {name: _checked(name, given, len(sequence)) for name, given in maps.items()}
    hits = tuple(hits)
    heights = [*([0.32] if spans or hits else []), *[1.0] * len(values)]
    width, height = 0.1 * len(sequence) + 0.7, 0.35 + 1.1 * sum(heights)
    figure = NotebookFigure(figsize=(width, height))
    edges = {"left": 0.55 / width, "right": 1 - 0.1 / width, "top": 1 - 0.29 / height, "bottom": 0.44 / height}
    figure.subplots_adjust(**edges, hspace=0.08)
    axes_list = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0])
    rows = axes_list[-len(values) :]
    if len(rows) < len(axes_list):
        _draw_motif(axes_list[0], spans, hits)
    low = min(0.0, *(float(row.min()) for row in values.values()))
    high = max(1e-9, *(float(row.max()) for row in values.values()))
    margin = 0.05 * (high - low)
    for axes, (name, row) in zip(rows, values.items(), strict=True):
        _draw_letters(axes, sequence, row, start)
        for first, last in _united(spans):
            axes.axvspan(first - 0.5, last - 0.5, color=_TRUTH, alpha=0.1, linewidth=0)
        axes.set_ylim(low - margin, high + margin)
        axes.set_ylabel(name)
    for axes in axes_list:
        _plain(axes)
    if len(rows) < len(axes_list):
        axes_list[0].tick_params(length=0)
    axes_list[0].set_xlim(start - 0.6, start + len(sequence) - 0.4)
    axes_list[0].set_title(title, loc="left", fontsize=9, color=_INK, pad=3)
    return figure


def _checked(name: str, given: Any, length: int) -> NDArray[np.float64]:
    values = np.asarray(given, dtype=np.float64)
    if values.shape != (length,):
        raise OptionError(
            f"map {name!r} must have one number a base, shape ({length},); got {values.shape}. "
            "Attribution.per_base[i] is the map of sequence i."
        )
    return values


def _draw_letters(axes: Any, sequence: str, values: NDArray[np.float64], start: int) -> None:
    """One letter a base, as high as its relevance."""
    letters = np.array(list(sequence.upper().replace("U", "T")))
    heights = np.where(letters[:, None] == np.array(list(COLOURS)), values[:, None], 0.0)  # (l, 4)
    seen = np.abs(heights).max(1) > _INVISIBLE * np.abs(heights).max()
    frame = pd.DataFrame(heights, columns=list(COLOURS), index=start + np.arange(len(letters)))
    axes.axhline(0, color=_INK, linewidth=0.6)
    if seen.any():  # logomaker spends a hundredth of a second on each base, drawn or not
        logomaker.Logo(frame[seen], ax=axes, color_scheme=COLOURS, flip_below=False, baseline_width=0)


def _draw_motif(axes: Any, spans: Spans, hits: Iterable[Stranded]) -> None:
    """Boxes of the instances, and an arrow for each hit."""
    for start, end in _united(spans):
        axes.add_patch(Rectangle((start - 0.5, 0.08), end - start, 0.84, color=_TRUTH, alpha=0.35, linewidth=0))
    for hit in hits:
        first, last = hit.start - 0.5, hit.end - 0.5
        if hit.strand == "-":
            first, last = last, first
        head = 0.0 if hit.strand == "." else 2.2
        axes.add_patch(
            FancyArrow(
                first,
                0.5,
                last - first,
                0,
                width=0.16,
                head_width=0.62,
                head_length=head,
                length_includes_head=True,
                color=_INK,
                linewidth=0,
            )
        )
    axes.set_ylim(0, 1)
    axes.set_ylabel("motif", rotation=0, ha="right", va="center")


def _united(spans: Spans) -> list[tuple[int, int]]:
    """Sorted spans with those that overlap made one, lest the boxes lie over each other."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if united and start < united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _plain(axes: Any) -> None:
    """Axes without a frame, in the one grey that reads on light and dark."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=_INK, labelsize=8, length=2)
    axes.set_yticks([])
    axes.yaxis.label.set(color=_INK, fontsize=9)
    axes.xaxis.label.set(color=_INK, fontsize=8)
