"""Concepts: what the units of every layer were used for, how much, and by which units below they were fed.

What reaches the input through one unit alone is a map like any other: its spans, laid over each other, are the motif
that the unit was used for, however deep it lies and whatever its weights would fit.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from genoplrp.discover.files import write_table
from genoplrp.discover.filters import side_of
from genoplrp.discover.label import Found
from genoplrp.discover.logos import plot_motifs
from genoplrp.discover.maps import Maps, WindowExplainer
from genoplrp.discover.names import NO_MATCH, Name, name_motifs, one_word_each, told_apart
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

Key = tuple[str, int, str]
"""Layer, unit and label."""

LEAST = 10
"""Spans that make a unit's motif: few windows are followed, and what is no motif has no lookalikes."""

_SPANS = 400  # strongest spans of a unit that are laid over each other, at most
_CARRIED = 0.9  # of the relevance in a unit's spans: the weak rest is noise
_ALSO = 0.1  # of the relevance of a unit's strongest motif, from which another is its motif, too
_FED = 3  # units below that are named
_FEEDS = 0.01  # of what a unit hands down
_UNREAD = ("", "", np.nan, "", "", "", "")  # from match to fed_by, of a unit that is not followed


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
        and ``others`` as for patterns, of the motif under the spans that it is relevant on, which is the first to have
        a match of those with most relevance; ``also``, the matches of further ones; the motif's ``consensus``;
        ``fed_by``, the units of lower layers that it hands most to directly, with their part. Empty for the others,
        and ``no_known_match`` with an empty consensus where too few spans look alike.
    motifs
        Of the units that have one, in the order of the table; accession ``LAYER/UNIT|LABEL``, with a number where white
        space alone tells two apart.
    names
        Their matches in the database.
    keys
        Layer, unit and label of each.
    """

    layers: tuple[str, ...]
    table: pd.DataFrame
    motifs: tuple[Motif, ...] = field(repr=False)
    names: tuple[Name, ...] = field(repr=False)
    keys: tuple[Key, ...] = field(repr=False)
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
        facts = {row[:3]: row for row in self.table.itertuples(index=False, name=None)}
        for key, motif, name in list(zip(self.keys, self.motifs, self.names, strict=True))[:most]:
            layer, unit, label = key
            share, against = facts[key][3:5]
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
            There is no such label, or none at all.
        """
        if not self.routes:
            raise OptionError("concepts: no path was read, for no output was looked into")
        label = self.routes[0].label if label is None else label
        found = [route for route in self.routes if route.label == label]
        if not found:
            raise OptionError(f"concepts: no path of {label!r} was read; there are {', '.join(self.labels)}")
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
        Outputs, and what was found for each, in whose windows units are followed; none gives an empty table.
    database
        Known motifs.
    least
        Spans that a unit's motif must have, if fewer than `LEAST`.
    """
    rows: dict[Key, tuple[object, ...]] = {}
    read: dict[Key, _Read] = {}
    routes = []
    for label, found in chosen:  # one after the other, for a flow holds a map of every unit
        flow = read_flow(explainer, layers, label, found.places)
        by_node = _read_nodes(flow, database, min(least, LEAST))
        rows |= _rows(flow, by_node)
        named = {k: one for k, one in by_node.items() if one is not None}
        read |= {_key(flow, k): one for k, one in named.items()}
        routes.append(route_of(flow, {k: (one.motif, one.name) for k, one in named.items()}, found.patterns, database))
    keys = [key for key in rows if key in read]
    ids = one_word_each([f"{layer}/{unit}|{label}" for layer, unit, label in keys])
    return Concepts(
        tuple(layer.name for layer in layers),
        pd.DataFrame([(*key, *facts) for key, facts in rows.items()], columns=list(CONCEPT_COLUMNS)),
        tuple(Motif(word, word, read[key].motif.counts) for word, key in zip(ids, keys, strict=True)),
        tuple(read[key].name for key in keys),
        tuple(keys),
        tuple(database),
        tuple(routes),
    )


def write_concepts(folder: Path, concepts: Concepts, most: int, dpi: int) -> None:
    """Table, motifs, the figure of at most so many units, and the path of every label, as PNG and SVG."""
    write_table(folder / "concepts.tsv", concepts.table)
    write_motifs(concepts.motifs, folder / "concepts.meme")
    concepts.plot(most).savefig(folder / "concepts.png", dpi=dpi, facecolor="white")
    # Where capitals do not count in the names of files, none is to replace another.
    words = told_apart([re.sub(r"[^\w.+-]+", "_", label) for label in concepts.labels], same=str.casefold)
    for label, word in zip(concepts.labels, words, strict=True):
        figure = concepts.plot_path(label)
        figure.savefig(folder / f"path_{word}.png", dpi=dpi, facecolor="white")
        with mpl.rc_context({"svg.hashsalt": "path"}):  # else its ids are drawn at random
            figure.savefig(folder / f"path_{word}.svg", transparent=True, metadata={"Date": None})


@dataclass(frozen=True, eq=False)
class _Read:
    """The motif that a unit is relevant on, its name, and what further ones are called."""

    motif: Motif
    name: Name
    also: tuple[str, ...]


def _read_nodes(flow: Flow, database: Sequence[Motif], least: int) -> dict[int, _Read | None]:
    """By node that was followed by itself what it reads; None where too few of its spans look alike."""
    return {
        k: _read(quick_patterns(node.maps, _spans(node.maps), least=least), database)
        for k, node in enumerate(flow.nodes)
        if node.maps is not None
    }


def _read(patterns: Sequence[Pattern], database: Sequence[Motif]) -> _Read | None:
    """What a unit reads: of its patterns that carry much relevance the first that has a name, else the very first."""
    amounts = [len(pattern) * abs(pattern.relevance) for pattern in patterns]
    order = sorted(range(len(patterns)), key=lambda i: -amounts[i])
    motifs = [patterns[i].motif("unit") for i in order if amounts[i] >= _ALSO * amounts[order[0]]]
    if not motifs:
        return None
    names = name_motifs(motifs, database)
    main = next((i for i, name in enumerate(names) if name.match != NO_MATCH), 0)
    known = dict.fromkeys(name.match for name in names if name.match not in (names[main].match, NO_MATCH))
    return _Read(motifs[main], names[main], tuple(known))


def _spans(maps: Maps) -> pd.DataFrame:
    """The strongest spans of a unit's maps, of either sign, as seqlets."""
    relevance = maps.relevance.astype(np.float64)
    parts = [find_spans(sign * relevance).assign(sign=sign) for sign in (1, -1)]
    spans = pd.concat(parts, ignore_index=True).sort_values("score", ascending=False, kind="stable", ignore_index=True)
    score = spans["score"].to_numpy()
    enough = int(np.searchsorted(np.cumsum(score), _CARRIED * score.sum())) + 1 if len(spans) else 0
    kept = spans.head(min(enough, _SPANS))
    return kept.assign(score=kept["score"] * kept["sign"])


def _key(flow: Flow, node: int) -> Key:
    one = flow.nodes[node]
    return flow.layers[one.layer].name, one.units[0], flow.label


def _rows(flow: Flow, read: Mapping[int, _Read | None]) -> dict[Key, tuple[object, ...]]:
    """The table's rows of one label; `read` has the nodes that were followed."""
    node_of = {_key(flow, k): k for k in read}
    rows: dict[Key, tuple[object, ...]] = {}
    for layer, carried in zip(flow.layers, flow.carried, strict=True):
        share, against = carried.shares
        for unit in np.lexsort((-against, -share)).tolist():
            if not carried.sequences[unit]:
                continue
            key = (layer.name, unit, flow.label)
            k = node_of.get(key)
            facts = _UNREAD if k is None else (*_read_facts(read[k]), _fed_by(flow, k))
            rows[key] = (float(share[unit]), float(against[unit]), int(carried.sequences[unit]), *facts)
    return rows


def _read_facts(read: _Read | None) -> tuple[str, str, float, str, str, str]:
    """match, matrix, q, others, also and consensus of a unit."""
    if read is None:
        return NO_MATCH, "", np.nan, "", "", ""
    name = read.name
    return name.match, name.matrix, name.q, ",".join(name.others), ",".join(read.also), read.motif.consensus


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
