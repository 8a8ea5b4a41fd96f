"""How long logos take: logomaker, which makes an object a letter, beside letters drawn in bulk.

    python benchmarks/drawing.py

Three logos of 250 bases: a letter each, a tenth of them as pruning leaves it, and all four letters at every position.
``make`` is until the axes hold the letters; the other rows draw them besides, on a figure of 20 x 2 inches without
ticks: as pixels in memory, or as a PNG or SVG file. ``empty`` is the same without any letter, which no way of drawing
letters can undercut; it is part of the other two times. All take turns; medians over the rounds, and of the ratios
within a round. ``at most`` is the ratio of a way that took no time for its letters.
"""

import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import logomaker
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from genoplrp.show import LetterStyle, draw_letters

ROUNDS, LENGTH = 7, 250
FORMS = (("make", None), ("draw, pixels", "rgba"), ("draw, PNG", "png"), ("draw, SVG", "svg"))

Heights = NDArray[np.float64]


def empty(axes: Any, heights: Heights) -> None:
    """No letter: what the figure and its file cost."""


def by_logomaker(axes: Any, heights: Heights) -> None:
    """As it is used: flip_below as here, and only the positions that have a letter."""
    frame = pd.DataFrame(heights, columns=list("ACGT"))
    logomaker.Logo(frame[(heights != 0).any(1)], ax=axes, color_scheme="classic", flip_below=False, baseline_width=0)


def in_bulk(axes: Any, heights: Heights) -> None:
    """The same letters."""
    draw_letters(axes, heights, style=LetterStyle("classic"))


def timed(act: Callable[[Any, Heights], None], heights: Heights, form: str | None) -> float:
    """Seconds for one logo."""
    figure = Figure(figsize=(20, 2))
    axes = figure.subplots()
    axes.set_axis_off()
    start = time.perf_counter()
    act(axes, heights)
    axes.set(xlim=(-0.5, len(heights) - 0.5), ylim=(-4, 4))
    if form:
        figure.savefig(BytesIO(), format=form, dpi=100)
    return time.perf_counter() - start


def logos() -> dict[str, Heights]:
    """Heights (l, 4) by name."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=LENGTH)
    own = np.eye(4)[rng.integers(0, 4, LENGTH)]
    kept = values * (rng.random(LENGTH) < 0.1)
    return {
        "a letter a base": own * values[:, None],
        "a tenth of them": own * kept[:, None],
        "four letters a base": rng.normal(size=(LENGTH, 4)) / 2,
    }


def main() -> None:
    """Print the table."""
    ways = (empty, by_logomaker, in_bulk)
    print(f"{'':20}{'':14}{'empty':>8}{'logomaker':>11}{'in bulk':>9}{'ratio':>8}{'at most':>9}   (ms)")
    for name, heights in logos().items():
        for what, form in FORMS:
            for act in ways:
                timed(act, heights, form)
            found = np.array([[timed(act, heights, form) for act in ways] for _ in range(ROUNDS)])
            floor, theirs, ours = 1000 * np.median(found, 0)
            ratio, most = (np.median(found[:, 1] / found[:, i]) for i in (2, 0))
            print(f"{name:20}{what:14}{floor:8.2f}{theirs:11.1f}{ours:9.2f}{ratio:8.1f}{most:9.1f}")


if __name__ == "__main__":
    main()
