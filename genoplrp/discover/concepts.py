"""Concepts: what the units of every layer were used for, how much, and by which units below they were fed.

What reaches the input through one unit alone is a map like any other: its spans, laid over each other, are the motif
that the unit was used for, however deep it lies and whatever its weights would fit.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from genoplrp.discover.files import write_table
from genoplrp.discover.filters import side_of
from genoplrp.discover.label import Found
from genoplrp.discover.logos import plot_motifs
from genoplrp.discover.maps import Maps, WindowExplainer
from genoplrp.discover.names import NO_MATCH, Name, name_motifs
from genoplrp.discover.path import Route, route_of
from genoplrp.discover.path_figure import draw_route
from genoplrp.discover.patterns import Pattern
from genoplrp.discover.quick import quick_patterns
from genoplrp.discover.seqlets import find_spans
from genoplrp.discover.units import Flow, Layer, read_flow
from genoplrp.errors import OptionError
from genoplrp.motifs import Motif, write_motifs
from genoplrp.show.figure import NotebookFigure

CONCEPT_COLUMNS = (
    *("layer", "unit", "label", "share", "share_against", "sequences", "match", "matrix", "q", "others", "also"),
    *("consensus", "fed_by"),
)

LEAST = 10
"""Spans that make a unit's motif: few windows are followed, and what is no motif has no lookalikes."""

_SPANS = 400  # strongest spans of a unit that are laid over each other, at most
_CARRIED = 0.9  # of the relevance in a unit's spans: the weak rest is noise
_ALSO = 0.1  # of the unit's main motif's relevance, from which another is its motif, too
_FED = 3  # units below that are named
_FEEDS = 0.01  # of what a unit hands down


@dataclass(frozen=True, eq=False)
class Concepts:
    """What the units of a network's layers were used for.

    Attributes
    ----------
    layers
        The convolutions and dense layers with several units, from the input on, by the names that
        `genoplrp.inspect_model` lists; a layer that is called twice is two of them (``"conv"``, ``"conv#2"``).
    table
        A row a unit and label that it matters to, by label, layer and falling share: ``share`` of the relevance for the
        label that passes the layer which flows through the unit, 0 to 1, ``share_against`` of that against it,
        ``sequences`` in which it carries any. For the units of a layer that carry most: ``match``, ``matrix``, ``q``
        and ``others`` as for patterns, of the motif under the spans that it is relevant on; ``also``, the matches of
        further motifs that it is relevant on; the motif's ``consensus``; ``fed_by``, the units of lower layers that it
        hands most to directly, with their part. Empty for the others, and ``no_known_match`` with an empty consensus
        where too few spans look alike.
    motifs
        Of the units that have one, in the order of the table; accession ``LAYER/UNIT|LABEL``.
    names
        Their matches in the database.
    """

    layers: tuple[str, ...]
    table: pd.DataFrame
    motifs: tuple[Motif, ...] = field(repr=False)
    names: tuple[Name, ...] = field(repr=False)
    database: tuple[Motif, ...] = field(repr=False)
    routes: tuple[Route, ...] = field(repr=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """Those whose path can be drawn."""
        return tuple(route.label for route in self.routes)

    def plot(self, most: int = 40) -> NotebookFigure:
        """Figure of the units that have a motif, at most so many, the first of the table: what they read, what it is
        like."""
        by_id = {motif.matrix_id: motif for motif in self.database}
        rows = []
        facts = {_accession(*row[:3]): row for row in self.table.itertuples(index=False, name=None)}
        for motif, name in list(zip(self.motifs, self.names, strict=True))[:most]:
            layer, unit, label, share, against = facts[motif.matrix_id][:5]
            text = f"{layer}, unit {unit}\n{side_of(label, share, against)}"
            rows.append((text, motif, name, by_id.get(name.matrix)))
        return plot_motifs(rows)

    def plot_path(self, label: str | None = None) -> NotebookFigure:
        """Figure of the way that relevance takes from an output to the bases, drawn from the bases on.

        A column a layer, a box a unit, as high as the relevance that it carries (without its sign, the most that any
        layer carries being 1), a line as wide as what one hands directly to the other. Units that carry little are one
        box. To the left the patterns of the label in whose sites the relevance ends.

        Parameters
        ----------
        label
            One of `labels`; None: the first.

        Raises
        ------
        OptionError
            There is no such label.
        """
        label = label if label is not None or not self.routes else self.routes[0].label
        found = [route for route in self.routes if route.label == label]
        if not found:
            raise OptionError(f"concepts: no path of {label!r} was read; there are {', '.join(self.labels) or 'none'}")
        return draw_route(found[0])

    def _repr_html_(self) -> str:
        html: str = self.table.to_html(index=False, float_format=lambda value: f"{value:.3g}")
        return html


def read_concepts(
    explainer: WindowExplainer,
    layers: Sequence[Layer],
    chosen: Sequence[tuple[int, Found]],
    database: Sequence[Motif],
    *,
    least: int,
) -> Concepts:
    """The concepts of outputs, from what was found for each.

    Parameters
    ----------
    layers
        From `unit_layers`.
    chosen
        Outputs, and what was found for each, in whose windows units are followed.
    database
        Known motifs.
    least
        Spans that a unit's motif must have, if fewer than `LEAST`.
    """
    flows = [read_flow(explainer, layers, label, found.places) for label, found in chosen]
    patterns = [_patterns(flow, min(least, LEAST)) for flow in flows]
    order = [(i, k, rank) for i, one in enumerate(patterns) for k, own in one.items() for rank in range(len(own))]
    motifs = [patterns[i][k][rank].motif(_id(flows[i], k)) for i, k, rank in order]
    motifs = [Motif(motif.name, motif.name, motif.counts) for motif in motifs]
    known = dict(zip(order, name_motifs(motifs, database) if motifs else [], strict=True))
    by_place = dict(zip(order, motifs, strict=True))
    rows = [row for i, flow in enumerate(flows) for row in _rows(flow, i, by_place, known, patterns[i])]
    routes = []
    for i, (flow, (_, found)) in enumerate(zip(flows, chosen, strict=True)):
        main = {k: (by_place[i, k, 0], known[i, k, 0]) for k in patterns[i] if patterns[i][k]}
        routes.append(route_of(flow, main, found.patterns, database))
    first = [place for place in order if place[2] == 0]
    return Concepts(
        tuple(layer.name for layer in layers),
        pd.DataFrame(rows, columns=list(CONCEPT_COLUMNS)),
        tuple(by_place[place] for place in first),
        tuple(known[place] for place in first),
        tuple(database),
        tuple(routes),
    )


def write_concepts(folder: Path, concepts: Concepts, most: int, dpi: int) -> None:
    """Table, motifs, the figure of at most so many units, and the path of every label, as PNG and SVG."""
    write_table(folder / "concepts.tsv", concepts.table)
    write_motifs(concepts.motifs, folder / "concepts.meme")
    concepts.plot(most).savefig(folder / "concepts.png", dpi=dpi, facecolor="white")
    taken: set[str] = set()
    for label in concepts.labels:
        word = re.sub(r"[^\w.+-]+", "_", label)
        word = next(name for name in chain([word], (f"{word}_{n}" for n in count(2))) if name not in taken)
        taken.add(word)
        figure = concepts.plot_path(label)
        figure.savefig(folder / f"path_{word}.png", dpi=dpi, facecolor="white")
        with mpl.rc_context({"svg.hashsalt": "path"}):  # else its ids are drawn at random
            figure.savefig(folder / f"path_{word}.svg", transparent=True, metadata={"Date": None})


def _id(flow: Flow, node: int) -> str:
    one = flow.nodes[node]
    return _accession(flow.layers[one.layer].name, one.units[0], flow.label)


def _accession(layer: str, unit: int, label: str) -> str:
    """One word, as motif files want it."""
    return f"{layer}/{unit}|{'_'.join(label.split())}"


def _patterns(flow: Flow, least: int) -> dict[int, list[Pattern]]:
    """By node that was followed by itself: what its spans look like, the pattern with most relevance first."""
    found = {}
    for k, node in enumerate(flow.nodes):
        if node.maps is not None:
            own = quick_patterns(node.maps, _spans(node.maps), least=least)
            found[k] = sorted(own, key=lambda pattern: -len(pattern) * abs(pattern.relevance))
    return found


def _spans(maps: Maps) -> pd.DataFrame:
    """The strongest spans of a unit's maps, of either sign, as seqlets."""
    relevance = maps.relevance.astype(np.float64)
    parts = [find_spans(sign * relevance).assign(sign=sign) for sign in (1, -1)]
    spans = pd.concat(parts, ignore_index=True).sort_values("score", ascending=False, kind="stable", ignore_index=True)
    score = spans["score"].to_numpy()
    enough = int(np.searchsorted(np.cumsum(score), _CARRIED * score.sum())) + 1 if len(spans) else 0
    kept = spans.head(min(enough, _SPANS))
    return kept.assign(score=kept["score"] * kept["sign"])


def _rows(
    flow: Flow,
    number: int,
    motifs: Mapping[tuple[int, int, int], Motif],
    names: Mapping[tuple[int, int, int], Name],
    patterns: Mapping[int, Sequence[Pattern]],
) -> list[tuple[object, ...]]:
    """The table's rows of one label."""
    node_of = {(node.layer, node.units[0]): k for k, node in enumerate(flow.nodes) if not node.together}
    rows: list[tuple[object, ...]] = []
    for i, (layer, carried) in enumerate(zip(flow.layers, flow.carried, strict=True)):
        share, against = carried.shares
        for unit in np.lexsort((-against, -share)).tolist():
            if not carried.sequences[unit]:
                continue
            facts = (layer.name, unit, flow.label, float(share[unit]), float(against[unit]))
            k = node_of.get((i, unit))
            read = ("", "", np.nan, "", "", "", "")
            if k is not None:
                read = (*_read(number, k, motifs, names, patterns[k]), _fed_by(flow, k))
            rows.append((*facts, int(carried.sequences[unit]), *read))
    return rows


def _read(
    number: int,
    node: int,
    motifs: Mapping[tuple[int, int, int], Motif],
    names: Mapping[tuple[int, int, int], Name],
    patterns: Sequence[Pattern],
) -> tuple[str, str, float, str, str, str]:
    """match, matrix, q, others, also and consensus of a node."""
    if not patterns:
        return NO_MATCH, "", np.nan, "", "", ""
    main = names[number, node, 0]
    amounts = [len(pattern) * abs(pattern.relevance) for pattern in patterns]
    further = [
        names[number, node, rank].match for rank in range(1, len(patterns)) if amounts[rank] >= _ALSO * amounts[0]
    ]
    also = [match for match in dict.fromkeys(further) if match not in (main.match, NO_MATCH)]
    return main.match, main.matrix, main.q, ",".join(main.others), ",".join(also), motifs[number, node, 0].consensus


def _fed_by(flow: Flow, node: int) -> str:
    """The units of lower layers that a node hands most to, such as ``conv1/3=0.41``."""
    given = flow.handed[node]
    total = given.sum() or 1.0
    best = [j for j in np.argsort(-given, kind="stable").tolist() if not flow.nodes[j].together][:_FED]
    return ",".join(
        f"{flow.layers[flow.nodes[j].layer].name}/{flow.nodes[j].units[0]}={given[j] / total:.2g}"
        for j in best
        if given[j] >= _FEEDS * total
    )
