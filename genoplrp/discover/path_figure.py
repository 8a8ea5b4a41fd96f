"""The figure of a route: a column a layer, a box a unit, bands as wide as the relevance that is handed on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from genoplrp.discover.logos import logo
from genoplrp.discover.path import NO_MOTIF, UNKNOWN, Box, Line, Route
from genoplrp.show.figure import INK, NotebookFigure

_FOR, _AGAINST = "#0072b2", "#d55e00"  # Okabe and Ito's blue and vermilion
_BOX, _GAP, _SPACE = 1.95, 1.1, 0.14  # inches: width of a box, between columns, between boxes
_PLAIN, _LOGO = 0.26, 0.62  # height of a box without and with a logo, at least
_SCALE = 2.2  # inches that all of the relevance is high
_HEAD, _FOOT, _SIDE, _BAR = 0.75, 0.45, 0.15, 0.06


def draw_route(route: Route) -> NotebookFigure:
    """Figure of a route; see `genoplrp.discover.Concepts.plot_path`."""
    layout = _layout(route)
    figure = NotebookFigure(figsize=(layout.width, layout.height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, layout.width)
    axes.set_ylim(0, layout.height)
    axes.set_axis_off()
    _draw_lines(axes, route, layout)
    for i, place in layout.places.items():
        _draw_box(figure, axes, route.boxes[i], place, len(route.heads))
    for column, head in enumerate(route.heads):
        x = _left(column) + _BOX / 2
        name, _, facts = head.partition("\n")
        top = layout.height
        axes.text(x, top - 0.3, name, ha="center", va="center", fontsize=9, weight="bold", parse_math=False)
        axes.text(x, top - 0.48, facts, ha="center", va="center", fontsize=8, color=INK)
    _draw_key(axes)
    return figure


@dataclass(frozen=True)
class _Place:
    """Where a box lies, in inches: left and lower edge, height; and how high the bars at its sides are."""

    x: float
    y: float
    height: float
    bar: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class _Layout:
    """Places by number of the box, and for lines around a column their height below all boxes, in inches."""

    places: Mapping[int, _Place]
    lanes: Mapping[Line, float]
    width: float
    height: float


def _left(column: int) -> float:
    return _SIDE + column * (_BOX + _GAP)


def _span(route: Route, line: Line) -> int:
    """Columns from one end of a line to the other."""
    return route.boxes[line.above].column - route.boxes[line.below].column


def _layout(route: Route) -> _Layout:
    """From the output on, each column in the order of what lies to its right, so that few lines cross; the others of a
    layer last. Below them a lane for each line that goes around a column, the longest lowest."""
    columns = len(route.heads)
    heights = [max(_LOGO if box.motif else _PLAIN, _SCALE * box.amount + 0.08) for box in route.boxes]
    members = [[i for i, box in enumerate(route.boxes) if box.column == column] for column in range(columns)]
    totals = [sum(heights[i] for i in own) + _SPACE * max(len(own) - 1, 0) for own in members]
    around = sorted((line for line in route.lines if _span(route, line) > 1), key=lambda line: _span(route, line))
    below = sum(_SCALE * line.amount + 0.03 for line in around) + (_SPACE if around else 0)
    height = _HEAD + max(totals) + below + _FOOT
    places: dict[int, _Place] = {}
    for column in reversed(range(columns)):
        pulled = {i: _pull(route, i, places) for i in members[column]}
        y = height - _HEAD - (max(totals) - totals[column]) / 2
        for i in sorted(members[column], key=lambda i: (route.boxes[i].last, -pulled[i], -route.boxes[i].amount)):
            y -= heights[i]
            places[i] = _Place(_left(column), y, heights[i], _SCALE * route.boxes[i].amount)
            y -= _SPACE
    lanes, y = {}, _FOOT + below - _SPACE
    for line in around:
        lanes[line] = y - _SCALE * line.amount / 2
        y -= _SCALE * line.amount + 0.03
    return _Layout(places, lanes, _left(columns) - _GAP + _SIDE, height)


def _pull(route: Route, box: int, places: Mapping[int, _Place]) -> float:
    """The mean height of what hands relevance to a box."""
    above = [(line.amount, places[line.above].middle) for line in route.lines if line.below == box]
    total = sum(amount for amount, _ in above)
    return sum(amount * middle for amount, middle in above) / total if total else 0.0


def _draw_lines(axes: Any, route: Route, layout: _Layout) -> None:
    """Bands between boxes, at each box one above the other in the order of what lies at their other ends."""

    def rank(line: Line, box: int) -> float:
        return -float(_span(route, line)) if line in layout.lanes else layout.places[box].middle

    right = _ports(route.lines, layout, lambda line: line.below, lambda line: rank(line, line.above))
    left = _ports(route.lines, layout, lambda line: line.above, lambda line: rank(line, line.below))
    for line in sorted(route.lines, key=lambda line: -line.amount):
        start = (layout.places[line.below].x + _BOX, *right[line])
        path = _band(start, (layout.places[line.above].x, *left[line]), layout.lanes.get(line))
        colour = _FOR if line.speaks_for else _AGAINST
        axes.add_patch(PathPatch(path, facecolor=colour, alpha=0.3, linewidth=0))


def _ports(
    lines: Sequence[Line], layout: _Layout, here: Callable[[Line], int], rank: Callable[[Line], float]
) -> dict[Line, tuple[float, float]]:
    """Where each line begins at a box: its middle, and its width; narrower where all are higher than the box's bar."""
    found = {}
    for box in {here(line) for line in lines}:
        own = sorted((line for line in lines if here(line) == box), key=rank, reverse=True)
        widths = np.array([_SCALE * line.amount for line in own])
        widths *= min(1.0, layout.places[box].bar / widths.sum())
        y = layout.places[box].middle + widths.sum() / 2
        for line, width in zip(own, widths.tolist(), strict=True):
            found[line] = (y - width / 2, width)
            y -= width
    return found


def _band(one: tuple[float, float, float], other: tuple[float, float, float], lane: float | None) -> Path:
    """A band from (x, middle, width) to another, curved; by a lane of that height where it goes around a column."""
    (x0, y0, w0), (x1, y1, w1) = one, other
    if lane is None:
        knots = [(x0, y0, w0), (x1, y1, w1)]
    else:
        width = max(w0, w1)
        knots = [(x0, y0, w0), (x0 + 0.9 * _GAP, lane, width), (x1 - 0.9 * _GAP, lane, width), (x1, y1, w1)]
    upper = _curve([(x, y + w / 2) for x, y, w in knots])
    lower = _curve([(x, y - w / 2) for x, y, w in reversed(knots)])
    codes = [Path.MOVETO, *[Path.CURVE4] * (len(upper) - 1), Path.LINETO, *[Path.CURVE4] * (len(lower) - 1)]
    return Path([*upper, *lower, upper[0]], [*codes, Path.CLOSEPOLY])


def _curve(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points and, between any two, the controls of a curve that leaves and arrives level."""
    curve = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        curve += [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1), (x1, y1)]
    return curve


def _draw_box(figure: NotebookFigure, axes: Any, box: Box, place: _Place, columns: int) -> None:
    axes.add_patch(
        Rectangle((place.x, place.y), _BOX, place.height, facecolor="white", edgecolor="#d0d7de", linewidth=0.8)
    )
    bars = [place.x] * (box.column > 0) + [place.x + _BOX - _BAR] * (box.column < columns - 1)
    for x in bars:
        axes.add_patch(Rectangle((x, place.middle - place.bar / 2), _BAR, place.bar, facecolor=INK, linewidth=0))
    size = {"fontsize": 7.5, "va": "center", "parse_math": False}
    y = place.middle if box.motif is None else place.middle + 0.19
    left, right = place.x + _BAR + 0.06, place.x + _BOX - _BAR - 0.06
    axes.text(left, y, f"{box.title}, {box.amount:.0%}", color=INK, **size)
    axes.text(right, y, box.match, ha="right", weight="normal" if box.match in (UNKNOWN, NO_MOTIF) else "bold", **size)
    if box.motif is not None:
        width, height = figure.get_size_inches()
        corner = (left / width, (place.middle - 0.25) / height, (right - left) / width, 0.32 / height)
        inset = figure.add_axes(corner)
        inset.set_axis_off()
        logo(inset, box.motif)


def _draw_key(axes: Any) -> None:
    """What colours and heights mean."""
    x = _SIDE
    for colour, text in ((_FOR, "speaks for the output"), (_AGAINST, "speaks against it")):
        axes.add_patch(Rectangle((x, 0.12), 0.22, 0.12, facecolor=colour, alpha=0.5, linewidth=0))
        axes.text(x + 0.28, 0.18, text, fontsize=8, color=INK, va="center")
        x += 1.75
    axes.text(
        x,
        0.18,
        "heights, widths and %: relevance, of the most that a column carries",
        fontsize=8,
        color=INK,
        va="center",
    )
