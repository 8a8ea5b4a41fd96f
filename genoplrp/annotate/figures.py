"""The figures that a run writes: its best explanations, one file each."""

import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from genoplrp.annotate.gallery import Exhibit
from genoplrp.show.maps import plot_maps

_DPI = 160


def draw_exhibit(exhibit: Exhibit) -> Figure:
    """Figure of one explanation, LRP and PLRP under each other; the axis counts bases of the record from 0."""
    return plot_maps(
        exhibit.letters,
        {"LRP": exhibit.lrp, "PLRP": exhibit.plrp},
        spans=exhibit.spans,
        hits=exhibit.hits,
        start=exhibit.start,
        title=f"{exhibit.label}   {exhibit.record}",
    )


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
