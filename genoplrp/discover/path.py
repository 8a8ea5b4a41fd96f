"""The way that relevance takes through a network: from the patterns in the sequences, by units, to an output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from genoplrp.discover.names import NO_MATCH, Name, name_motifs
from genoplrp.discover.patterns import Pattern
from genoplrp.discover.units import Flow
from genoplrp.motifs import Motif

UNKNOWN, NO_MOTIF = "no known match", "no motif"

_SHOWN = 6  # patterns
_THIN = 0.01  # of the relevance: what carries less is left out


@dataclass(frozen=True, eq=False)
class Box:
    """A unit, a pattern, the output, or others taken together.

    Attributes
    ----------
    column
        0 for what lies in the sequences, then layer by layer; the output is last.
    title, match
        What it is, and what its motif is called.
    amount
        Of the relevance, without its sign: of the most that any column carries.
    motif
        What is drawn in it.
    last
        Whether it stands below all others of its column.
    """

    column: int
    title: str
    match: str
    amount: float
    motif: Motif | None = None
    last: bool = False


@dataclass(frozen=True)
class Line:
    """What box `above` hands to box `below`: amount as in `Box`, and whether it speaks for the output."""

    above: int
    below: int
    amount: float
    speaks_for: bool


@dataclass(frozen=True, eq=False)
class Route:
    """What `draw_route` draws: headings of the columns, boxes, and lines between them."""

    label: str
    heads: tuple[str, ...]
    boxes: tuple[Box, ...] = field(repr=False)
    lines: tuple[Line, ...] = field(repr=False)


def route_of(
    flow: Flow, motifs: Mapping[int, tuple[Motif, Name]], patterns: Sequence[Pattern], database: Sequence[Motif]
) -> Route:
    """The route of a label's relevance.

    Parameters
    ----------
    flow
        From `genoplrp.discover.units.read_flow`.
    motifs
        Motif and name of those nodes that have one.
    patterns
        The label's.
    database
        For the names of the patterns.
    """
    scale, k = _largest(flow), len(flow.nodes)
    ends, reached = _ends(flow, patterns, database, scale)
    inner = [_unit_box(flow, i, motifs.get(i), scale) for i in range(k)]
    boxes = [*inner, *ends, Box(len(flow.layers) + 1, flow.label, "", float(flow.output.sum()) / scale)]
    handed = np.zeros((2, len(boxes), len(boxes)))  # without the sign and with it
    handed[:, :k, :k] = flow.handed, flow.net
    handed[:, :k, k:-1] = reached
    handed[:, -1, :k] = flow.output, flow.output_net
    kept = [i for i, box in enumerate(boxes) if box.amount >= _THIN or not 0 < box.column <= len(flow.layers)]
    amount, net = handed[:, kept][:, :, kept] / scale
    heads = [f"{layer.name}\n{layer.units} units" for layer in flow.layers]
    return Route(
        flow.label,
        (f"in the sequences\n{len(flow.rows):,} windows", *heads, "output"),
        tuple(boxes[i] for i in kept),
        tuple(Line(i, j, float(amount[i, j]), bool(net[i, j] >= 0)) for i, j in np.argwhere(amount >= _THIN).tolist()),
    )


def _largest(flow: Flow) -> float:
    """The most that a layer carries, or the output gives."""
    by_layer = [sum(node.amount for node in flow.nodes if node.layer == i) for i in range(len(flow.layers))]
    return max(*by_layer, float(flow.output.sum())) or 1.0


def _unit_box(flow: Flow, k: int, motif: tuple[Motif, Name] | None, scale: float) -> Box:
    node = flow.nodes[k]
    if node.together:
        return Box(node.layer + 1, f"{len(node.units)} others", "", node.amount / scale, last=True)
    match = NO_MOTIF if motif is None else _called(motif[1])
    return Box(node.layer + 1, f"unit {node.units[0]}", match, node.amount / scale, motif[0] if motif else None)


def _called(name: Name) -> str:
    return UNKNOWN if name.match == NO_MATCH else name.match


def _ends(
    flow: Flow, patterns: Sequence[Pattern], database: Sequence[Motif], scale: float
) -> tuple[list[Box], NDArray[np.float64]]:
    """Boxes of the patterns and of all other bases, and what each node hands to the bases there: (2, nodes, boxes),
    without the sign and with it. A base in the sites of two patterns is the first one's."""
    shown = sorted(patterns, key=lambda pattern: -len(pattern))[:_SHOWN]
    motifs = [pattern.motif() for pattern in shown]
    names = name_motifs(motifs, database) if motifs else []
    boxes = [
        Box(0, "for" if one.sign > 0 else "against", _called(name), 0.0, motif)
        for one, motif, name in zip(shown, motifs, names, strict=True)
    ]
    boxes.append(Box(0, "elsewhere", "", 0.0, last=True))
    row_of = {row: i for i, row in enumerate(flow.rows)}
    owner = np.full(flow.nodes[0].direct.shape, len(shown)) if flow.nodes else np.zeros((0, 0), int)
    for e, pattern in reversed(list(enumerate(shown))):
        for row, start, end, _ in pattern.sites():
            if row in row_of:
                owner[row_of[row], max(start, 0) : end] = e
    reached = np.zeros((2, len(flow.nodes), len(boxes)))
    for a, node in enumerate(flow.nodes):
        for sums, values in zip(reached, (np.abs(node.direct), node.direct), strict=True):
            sums[a] = np.bincount(owner.ravel(), weights=values.ravel(), minlength=len(boxes))
    amounts = (reached[0].sum(axis=0) / scale).tolist()
    return [replace(box, amount=amount) for box, amount in zip(boxes, amounts, strict=True)], reached
