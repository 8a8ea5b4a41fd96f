"""The figure of one explanation: truth, LRP and PLRP under each other, letters as high as their relevance."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import logomaker
import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrow, Rectangle
from numpy.typing import NDArray

from genoplrp.annotate.gallery import Exhibit
from genoplrp.annotate.truth import Spans

COLOURS = {"A": "#2e9e4f", "C": "#2f6fd0", "G": "#e69a00", "T": "#d6402f"}
_INK = "#6e7781"  # readable on white and on the dark page
_TRUTH = "#8a63d2"
_INVISIBLE = 0.004  # of the highest letter: too low to be seen, but as slow to draw as any other
_DPI = 160


def draw_exhibit(exhibit: Exhibit) -> Figure:
    """Figure of one explanation: boxes where the motif is, then the LRP and the PLRP logo on one scale.

    Filled boxes are the instances of the truth, arrows the hits, pointing along their strand. The axis counts bases of
    the record from 0.

    Examples
    --------
    >>> flat = np.linspace(0, 1, 30, dtype=np.float32)
    >>> figure = draw_exhibit(Exhibit("peak", "CTCF", 2.0, 1.0, 0, 30, "ACGTA" * 6, flat, flat, [(3, 9)], [], {}))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['motif', 'LRP', 'PLRP']
    """
    width = 0.1 * len(exhibit.letters) + 0.7
    figure = Figure(figsize=(width, 2.9))
    figure.subplots_adjust(left=0.55 / width, right=1 - 0.1 / width, top=0.9, bottom=0.15, hspace=0.08)
    truth, lrp, plrp = figure.subplots(3, 1, sharex=True, height_ratios=[0.32, 1, 1])
    _draw_truth(truth, exhibit)
    low = min(0.0, float(exhibit.lrp.min()), float(exhibit.plrp.min()))
    high = max(1e-9, float(exhibit.lrp.max()), float(exhibit.plrp.max()))
    margin = 0.05 * (high - low)
    for axes, name, values in ((lrp, "LRP", exhibit.lrp), (plrp, "PLRP", exhibit.plrp)):
        _draw_letters(axes, exhibit, values)
        for start, end in _united(exhibit.spans):
            axes.axvspan(start - 0.5, end - 0.5, color=_TRUTH, alpha=0.1, linewidth=0)
        axes.set_ylim(low - margin, high + margin)
        axes.set_ylabel(name)
    for axes in (truth, lrp, plrp):
        _plain(axes)
    truth.tick_params(length=0)
    stop = exhibit.start + len(exhibit.letters)
    plrp.set_xlim(exhibit.start - 0.6, stop - 0.4)
    truth.set_title(f"{exhibit.label}   {exhibit.record}", loc="left", fontsize=9, color=_INK, pad=3)
    return figure


def write_logos(exhibits: Sequence[Exhibit], folder: Path) -> list[str]:
    """Names, without suffix, of the figures written to `folder`, each as PNG (on white) and SVG (transparent)."""
    if exhibits:
        folder.mkdir()
    names = []
    for rank, exhibit in enumerate(exhibits, start=1):
        name = f"{rank:02d}_" + re.sub(r"[^A-Za-z0-9.-]+", "_", f"{exhibit.label}_{exhibit.record}")[:100]
        figure = draw_exhibit(exhibit)
        figure.savefig(folder / f"{name}.png", dpi=_DPI, facecolor="white")
        with mpl.rc_context({"svg.hashsalt": name}):  # else its ids are drawn at random
            figure.savefig(folder / f"{name}.svg", transparent=True, metadata={"Date": None})
        names.append(name)
    return names


def _draw_letters(axes: Any, exhibit: Exhibit, values: NDArray[np.float32]) -> None:
    """One letter a base, as high as its relevance."""
    letters = np.array(list(exhibit.letters.upper().replace("U", "T")))
    heights = np.where(letters[:, None] == np.array(list(COLOURS)), values[:, None], 0.0)  # (l, 4)
    seen = np.abs(heights).max(1) > _INVISIBLE * np.abs(heights).max()
    frame = pd.DataFrame(heights, columns=list(COLOURS), index=exhibit.start + np.arange(len(letters)))
    axes.axhline(0, color=_INK, linewidth=0.6)
    if seen.any():  # logomaker spends a hundredth of a second on each base, drawn or not
        logomaker.Logo(frame[seen], ax=axes, color_scheme=COLOURS, flip_below=False, baseline_width=0)


def _draw_truth(axes: Any, exhibit: Exhibit) -> None:
    """Boxes of the instances, and an arrow for each hit."""
    for start, end in _united(exhibit.spans):
        axes.add_patch(Rectangle((start - 0.5, 0.08), end - start, 0.84, color=_TRUTH, alpha=0.35, linewidth=0))
    for hit in exhibit.hits:
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


def _united(spans: Spans) -> Spans:
    """Sorted spans with those that overlap made one, lest the boxes lie over each other."""
    united: Spans = []
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
