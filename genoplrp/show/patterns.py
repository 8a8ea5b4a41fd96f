"""The figure of patterns: a logo each, side by side, with names and counts."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from genoplrp.errors import OptionError
from genoplrp.motifs.matrices import information
from genoplrp.show.figure import INK, NotebookFigure, plain
from genoplrp.show.letters import LetterStyle, draw_letters
from genoplrp.show.page import Pattern

Matrix = Literal["pwm", "cwm"]

_CELL = (2.6, 1.45)  # inches
_BITS = 2.0


def plot_patterns(
    patterns: Sequence[Pattern],
    *,
    matrix: Matrix = "pwm",
    columns: int = 3,
    title: str = "",
    style: LetterStyle | str = "okabe-ito",
) -> NotebookFigure:
    """Figure of patterns as logos; what has no such matrix says so in its place.

    Parameters
    ----------
    patterns
        At least one, in the order in which they are drawn, row by row.
    matrix
        ``"pwm"``: probabilities, letters as high as probability times information (bits, 0 to 2, on one scale);
        ``"cwm"``: mean relevance, each on its own scale.
    columns
        Logos beside each other, at least 1.
    title
        Above the figure.
    style
        A `LetterStyle`, or the name of a colour scheme.

    Raises
    ------
    OptionError
        No pattern, no column, or a matrix of another name.

    Examples
    --------
    >>> figure = plot_patterns([Pattern("ACT", "no known match", 12, pwm=np.eye(4)[[0, 1, 3]])])
    >>> figure.axes[0].get_title(loc="left")
    'ACT'
    """
    if not patterns or columns < 1 or matrix not in ("pwm", "cwm"):
        raise OptionError(
            "plot_patterns needs at least one pattern, at least one column, and the matrix 'pwm' or 'cwm'; "
            f"got {len(patterns)}, {columns} and {matrix!r}"
        )
    across = min(columns, len(patterns))
    down = -(-len(patterns) // across)
    width, high = _CELL[0] * across + 0.3, _CELL[1] * down + (0.3 if title else 0.1)
    figure = NotebookFigure(figsize=(width, high))
    figure.subplots_adjust(
        left=0.5 / width,
        right=1 - 0.1 / width,
        top=1 - (0.65 if title else 0.42) / high,
        bottom=0.22 / high,
        wspace=0.2,
        hspace=0.85,
    )
    if title:
        figure.suptitle(title, x=0.08 / width, y=1 - 0.05 / high, ha="left", va="top", fontsize=10, color=INK)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    widest = max((len(found) for pattern in patterns if (found := getattr(pattern, matrix)) is not None), default=1)
    for axes, pattern in zip(grid, patterns, strict=False):
        _draw(axes, pattern, matrix, widest, style)
    for axes in grid[len(patterns) :]:
        axes.set_axis_off()
    return figure


def _draw(axes: Any, pattern: Pattern, matrix: Matrix, widest: int, style: LetterStyle | str) -> None:
    """One pattern; logos of all patterns have letters of one width."""
    plain(axes)
    found = getattr(pattern, matrix)
    axes.set_title(_short(pattern.name), loc="left", fontsize=9, pad=15, weight="bold")
    axes.text(
        0, 1.09, _short(f"{pattern.source}, n = {pattern.count:,}", 44), color=INK, fontsize=7, transform=axes.transAxes
    )
    axes.set_xlim(0.4, widest + 0.6)
    if found is None:
        axes.set_xticks([])
        axes.text(0.5, 0.5, f"no {matrix.upper()}", color=INK, fontsize=8, ha="center", transform=axes.transAxes)
        return
    heights = np.asarray(found, dtype=np.float64)
    if matrix == "pwm":
        heights = heights * information(heights.T)[:, None]
    draw_letters(axes, heights, start=1, style=style)
    axes.axhline(0, color=INK, linewidth=0.6)
    low = float(np.minimum(heights, 0).sum(1).min())
    high = _BITS if matrix == "pwm" else max(float(np.maximum(heights, 0).sum(1).max()), 1e-9)
    axes.set_ylim(low, high)
    axes.set_yticks([0, _BITS] if matrix == "pwm" else [])
    axes.set_ylabel("bits" if matrix == "pwm" else "relevance", fontsize=7, color=INK)
    axes.set_xticks([1, *range(5, len(found) - 1, 5), len(found)])


def _short(text: str, most: int = 30) -> str:
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
