"""How long logos take: logomaker, which makes an object a letter, beside letters drawn in bulk.

    python benchmarks/drawing.py

Three logos of 250 bases: a letter each, a tenth of them as pruning leaves it, and all four letters at every position.
``make`` is until the axes hold the letters, ``draw`` until they are a PNG or SVG file besides, of a figure of 20 x 2
inches without ticks. Both ways take turns; medians over the rounds, and of the ratios within a round.
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

Heights = NDArray[np.float64]


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
    print(f"{'':22}{'':12}{'logomaker':>10}{'in bulk':>10}{'ratio':>8}   (ms)")
    for name, heights in logos().items():
        for what, form in (("make", None), ("draw, PNG", "png"), ("draw, SVG", "svg")):
            timed(in_bulk, heights, form)
            timed(by_logomaker, heights, form)
            found = np.array([[timed(act, heights, form) for act in (by_logomaker, in_bulk)] for _ in range(ROUNDS)])
            theirs, ours = 1000 * np.median(found, 0)
            print(f"{name:22}{what:12}{theirs:10.1f}{ours:10.2f}{np.median(found[:, 0] / found[:, 1]):8.1f}")


if __name__ == "__main__":
    main()
