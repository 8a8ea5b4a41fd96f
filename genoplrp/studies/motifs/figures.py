"""The study's figures: metrics over the amount pruned (the paper's figure 8), and logos beside the truth (figure 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from genoplrp.attribution import attribute
from genoplrp.evaluate.sweep import METRICS
from genoplrp.lrp.prune import NoPrune, PruneLambda
from genoplrp.models import MotifCNN
from genoplrp.models.training import predict
from genoplrp.motifs import MotifGrammar, Site
from genoplrp.motifs.grammar import A, B
from genoplrp.sequence import one_hot
from genoplrp.show.figure import NotebookFigure
from genoplrp.show.maps import plot_maps
from genoplrp.studies.motifs.design import LAMBDA, LRP, M
from genoplrp.studies.motifs.networks import encoded

_INK = "#444444"
_BAND = 0.14
_NAMES = {
    "rma": "RMA",
    "gini": "Gini",
    "entropy": "entropy, nats",
    "auprc": "AUPRC",
    "recall": "motif recall",
    "kept": "neurons kept",
    "amount": "p",
}
_COLOURS = {LRP: "#111111", LAMBDA: "#0072b2", M: "#d55e00"}


@dataclass(frozen=True)
class Line:
    """A line of a panel: which rows, and how it looks; LRP is its first point."""

    label: str
    rows: Mapping[str, str]
    colour: str
    dashes: str = "-"


def share_figure(table: pd.DataFrame) -> Figure:
    """Figure 8: every metric over p, a row a network, a line a method."""
    lines = [Line(name, {"method": name, "rule": "share", "signs": "both"}, _COLOURS[name]) for name in (LAMBDA, M)]
    return _panels(table, lines, "amount")


def sign_figure(table: pd.DataFrame) -> Figure:
    """PLRP-lambda with p on both signs, on positive and on negative relevance alone."""
    looks = {
        "both": ("both signs pruned", _COLOURS[LAMBDA], "-"),
        "positive": ("positive only", "#009e73", "--"),
        "negative": ("negative only", "#cc79a7", ":"),
    }
    lines = [
        Line(said, {"method": LAMBDA, "rule": "share", "signs": signs}, *look) for signs, (said, *look) in looks.items()
    ]
    return _panels(table, lines, "amount")


def gain_figure(table: pd.DataFrame) -> Figure:
    """A fixed share beside the sparsity gain, at the same share of neurons kept."""
    lines = [
        Line(f"{method}, {said}", {"method": method, "rule": rule, "signs": "both"}, _COLOURS[method], dashes)
        for method in (LAMBDA, M)
        for rule, said, dashes in (("share", "p", "-"), ("gain", "sparsity gain", "--"))
    ]
    figure = _panels(table, lines, "kept")
    for ax in figure.axes:
        ax.set_xscale("log")
        ax.set_xticks([1, 0.3, 0.1, 0.03, 0.01], ["1", ".3", ".1", ".03", ".01"])
        ax.minorticks_off()
        ax.set_xlim(1.1, 0.9 * float(table.loc[table["metric"] == "kept", "mean"].min()))  # p rises to the right
    return figure


def interaction_figure(table: pd.DataFrame, metrics: Sequence[str] = ("rma", "auprc", "recall")) -> Figure:
    """PLRP-lambda over p, a column an interaction, a line a network; dotted: networks that did not learn it."""
    names = list(dict.fromkeys(table["interaction"]))
    figure, axes = _grid(len(metrics), len(names), sharey="row")
    colours = dict(zip(sorted(table["filters"].unique()), ("#009e73", "#0072b2"), strict=False))
    for row, metric in zip(axes, metrics, strict=True):
        for ax, name in zip(row, names, strict=True):
            own = table[(table["interaction"] == name) & (table["metric"] == metric)]
            for (filters, learnt), part in own.groupby(["filters", "learnt"]):
                line = part[part["method"].isin([LRP, LAMBDA])].sort_values("amount")
                style = {"color": colours[filters], "linestyle": "-" if learnt else ":"}
                label = f"{filters} filters" + ("" if learnt else ", not learnt")
                _draw(ax, line["amount"], line, label, **style)
            ax.set_ylim(0, 1.02)
        row[0].set_ylabel(_NAMES[metric])
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(name, fontsize=10)
    for ax in axes[-1]:
        ax.set_xlabel("p")
    _legend(figure, axes)
    return figure


def triptych(
    model: MotifCNN, made: MotifGrammar, interaction: str, *, p: float = 0.1, widest: int = 120
) -> Figure | None:
    """Figure 5: what was planted, LRP and PLRP-lambda of one output on a sequence that holds A and B.

    The sequence is the first that the network rightly calls positive, with one A and one B at least 20 bases apart
    within `widest` bases, and a decoy beside them; None where there is none. Nothing was chosen by eye. The letters of
    what was planted are as high as the matrix' information, scaled to the maps; boxes show the sites that matter.
    """
    scores = predict(model, encoded(made))[:, made.interactions.index(interaction)].numpy()
    by_row: dict[int, list[Site]] = {}
    for site in made.simulation.sites:
        by_row.setdefault(site.sequence, []).append(site)
    for row in np.flatnonzero((scores > 0) & (made.label(interaction) == 1)).tolist():
        window = _window(by_row[row], made.simulation.length, widest)
        if window is not None:
            return _three_maps(model, made, interaction, by_row[row], window=window, p=p)
    return None


def _window(sites: Sequence[Site], length: int, widest: int) -> tuple[int, int] | None:
    """The bases to draw: one A, one B and a decoy between or beside them; None where the sequence does not suit."""
    core = [site for site in sites if site.motif in (A, B)]
    if sorted(site.motif for site in core) != [A, B] or core[1].start - core[0].end < 20:
        return None
    spare = (widest - (core[1].end - core[0].start)) // 2
    start = max(0, core[0].start - spare)
    end = min(length, core[1].end + spare)
    decoys = [site for site in sites if site.motif not in (A, B) and start <= site.start and site.end <= end]
    return (start, end) if spare > 4 and decoys else None


def _three_maps(
    model: MotifCNN, made: MotifGrammar, interaction: str, sites: Sequence[Site], *, window: tuple[int, int], p: float
) -> Figure:
    (start, end), row = window, sites[0].sequence
    sequence, target = made.sequences[row], made.interactions.index(interaction)
    x = one_hot(sequence)
    maps = {
        "LRP": attribute(model, x, target=target, pruner=NoPrune()).per_base[0].numpy(),
        "PLRP": attribute(model, x, target=target, pruner=PruneLambda(p)).per_base[0].numpy(),
    }
    planted = np.zeros(made.simulation.length)
    for site in sites:
        information = made.motifs[site.motif].information
        planted[site.start : site.end] = information if site.strand == "+" else information[::-1]
    planted *= max(values.max() for values in maps.values()) / 2  # a letter of 2 bits is as high as the highest of all
    drawn = {"planted": planted, **maps}
    names = ", ".join(
        f"{made.motifs[site.motif].name} {site.start}-{site.end}" for site in sites if site.motif in (A, B)
    )
    return plot_maps(
        sequence[start:end],
        {name: values[start:end] for name, values in drawn.items()},
        spans=[(site.start, site.end) for site in made.sites(interaction) if site.sequence == row],
        hits=[site for site in sites if start <= site.start and site.end <= end],
        start=start,
        title=f"{model.config.filters[0]} filters, output '{interaction}': {names}; arrows: all planted; p = {p:g}",
    )


def _panels(table: pd.DataFrame, lines: Sequence[Line], x: str) -> Figure:
    """A column a metric, a row a network."""
    filters = sorted(table["filters"].unique())
    figure, axes = _grid(len(filters), len(METRICS), sharey="col")
    for row, number in zip(axes, filters, strict=True):
        own = table[table["filters"] == number]
        for ax, metric in zip(row, METRICS, strict=True):
            for line in lines:
                points = _points(own, line, metric, x)
                _draw(ax, points["x"], points, line.label, color=line.colour, linestyle=line.dashes)
            _baseline(ax, own[(own["method"] == LRP) & (own["metric"] == metric)])
            ax.set_title(_NAMES[metric], fontsize=10)
        row[0].set_ylabel(f"{number} filters", fontsize=10)
    for ax in axes[-1]:
        ax.set_xlabel(_NAMES[x], fontsize=9)
    _legend(figure, axes)
    return figure


def _points(table: pd.DataFrame, line: Line, metric: str, x: str) -> pd.DataFrame:
    """LRP and the line's rows in the order of x, with x: the amount, or the mean of the metric of that name."""
    own = np.logical_and.reduce([table[column] == value for column, value in line.rows.items()])
    rows = table[own | (table["method"] == LRP)]
    points = rows[rows["metric"] == metric]
    if x == "amount":
        return pd.DataFrame(points.assign(x=points["amount"]).sort_values("x"))
    places = rows[rows["metric"] == x].set_index(["method", "amount"])["mean"]
    keys = pd.MultiIndex.from_frame(points[["method", "amount"]])
    return pd.DataFrame(points.assign(x=places.loc[keys].to_numpy()).sort_values("x"))


def _draw(ax: Any, x: Any, points: pd.DataFrame, label: str, **style: Any) -> None:
    """A line with its interval."""
    ax.plot(x, points["mean"], label=label, linewidth=1.5, marker="o", markersize=2.5, **style)
    ax.fill_between(x, points["low"], points["high"], color=style["color"], alpha=_BAND, linewidth=0)


def _baseline(ax: Any, lrp: pd.DataFrame) -> None:
    ax.axhline(float(lrp["mean"].iloc[0]), color=_COLOURS[LRP], linewidth=0.9, linestyle=(0, (4, 3)), label=LRP)


def _grid(rows: int, columns: int, *, sharey: Literal["row", "col"]) -> tuple[Figure, NDArray[Any]]:
    width = 2.05 if sharey == "col" else 1.55  # columns that share an axis need no room for its numbers
    figure = NotebookFigure(figsize=(width * columns + 0.5, 1.75 * rows + 0.75), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=sharey)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8, colors=_INK)
    return figure, axes


def _legend(figure: Figure, axes: NDArray[Any]) -> None:
    """One legend above all panels, each label once."""
    found = {}
    for ax in axes.flat:
        handles, labels = ax.get_legend_handles_labels()
        found.update(dict(zip(labels, handles, strict=True)))
    figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=6, frameon=False, fontsize=9)
