"""What the figures share: a notebook shows them, rows lie under each other on one axis of bases, marks lie above."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrow, Rectangle
from numpy.typing import NDArray

from genoplrp.errors import OptionError

INK = "#6e7781"  # readable on white and on the dark page
TRUTH = "#8a63d2"

Spans = Sequence[tuple[int, int]]

_MARKS = 0.32  # height of the row of marks, that of a map being 1


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


def rows(
    heights: Sequence[float],
    length: int,
    *,
    spans: Spans,
    hits: Iterable[Stranded],
    start: int,
    title: str,
    width: float,
) -> tuple[NotebookFigure, list[Any]]:
    """Figure `width` inches wide with a row for each of `heights`; above, where there are any, spans and hits.

    Every row's x-axis runs over the `length` bases from `start` on; spans are shaded in each.
    """
    marks = list(hits)
    full = [*([_MARKS] if spans or marks else []), *heights]
    high = 0.35 + 1.1 * sum(full)
    figure = NotebookFigure(figsize=(width, high))
    edges = {"left": 0.7 / width, "right": 1 - 0.1 / width, "top": 1 - 0.29 / high, "bottom": 0.44 / high}
    figure.subplots_adjust(**edges, hspace=0.08)
    found = list(figure.subplots(len(full), 1, sharex=True, height_ratios=full, squeeze=False)[:, 0])
    for axes in found:
        plain(axes)
    for axes in found[:-1]:
        axes.tick_params(axis="x", length=0)
    own = found[-len(heights) :]
    if len(own) < len(found):
        _draw_marks(found[0], spans, marks, length)
    for axes in own:
        for first, last in _united(spans):
            axes.axvspan(first - 0.5, last - 0.5, color=TRUTH, alpha=0.1, linewidth=0, zorder=-1)
    found[0].set_xlim(start - 0.6, start + length - 0.4)
    found[0].set_title(title, loc="left", fontsize=9, color=INK, pad=3)
    return figure, own


def checked(name: str, given: Any, length: int) -> NDArray[np.float64]:
    """A map as an array; an error if it has not one number a base."""
    try:
        values, got = np.asarray(given, dtype=np.float64), str(np.shape(given))
    except (TypeError, ValueError):  # an Attribution, or rows of unequal length
        values, got = np.empty(0), type(given).__name__
    if values.shape != (length,) or not np.isfinite(values).all():
        raise OptionError(
            f"map {name!r} must have one finite number a base, shape ({length},); got {got}. "
            "Attribution.per_base[i] is the map of sequence i."
        )
    return values


def plain(axes: Any) -> None:
    """Axes without a frame, in the one grey that reads on light and dark."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=INK, labelsize=8, length=2)
    axes.set_yticks([])
    axes.yaxis.label.set(color=INK, fontsize=9)
    axes.xaxis.label.set(color=INK, fontsize=8)


def _draw_marks(axes: Any, spans: Spans, hits: Iterable[Stranded], length: int) -> None:
    """Boxes of the instances, and an arrow for each hit."""
    for start, end in _united(spans):
        axes.add_patch(Rectangle((start - 0.5, 0.08), end - start, 0.84, color=TRUTH, alpha=0.35, linewidth=0))
    for hit in hits:
        first, last = hit.start - 0.5, hit.end - 0.5
        if hit.strand == "-":
            first, last = last, first
        head = 0.0 if hit.strand == "." else min(max(2.2, 0.012 * length), hit.end - hit.start)
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
                color=INK,
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
