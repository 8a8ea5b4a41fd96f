"""The figures: relative score curves (the paper's figure 3), robustness over p (figure 7), and the sanity check."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from genoplrp.studies.faithfulness.measure import CHANCE, GRADIENT, LAMBDA, LRP, RANDOM, M
from genoplrp.studies.faithfulness.subjects import PEAKS, SIMULATED

COLOURS = {LRP: "#111111", LAMBDA: "#0072b2", M: "#d55e00", GRADIENT: "#009e73", RANDOM: "#8c8c8c"}
MARKERS = {LRP: "o", LAMBDA: "o", M: "s", GRADIENT: "^"}
_INK = "#444444"
_BAND = 0.13
_P = "p, share of relevance dropped"


def curves_figure(curves: pd.DataFrame) -> Figure:
    """Relative score over the share deleted, most relevant first, a line for each p; shuffled content."""
    table = curves[curves["floor"] == "deleted"]
    names = _networks(table)
    figure, axes = _grid(len(names), 2, "share of bases deleted", "relative score (0: all replaced)")
    for row, network in zip(axes, names, strict=True):
        for ax, method in zip(row, (LAMBDA, M), strict=True):
            _p_curves(ax, table[table["network"] == network], method)
            ax.set_title(f"{method}, {_said(network, table)}", loc="left", fontsize=10)
    for ax in axes[0]:
        ax.legend(frameon=False, fontsize=7.5, loc="upper right", ncols=2)
    return figure


def _p_curves(ax: Any, table: pd.DataFrame, method: str) -> None:
    pruned = sorted(table.loc[table["method"] == method, "p"].unique())
    colours = _ramp(method, len(pruned))
    _curve(ax, table[table["method"] == RANDOM], COLOURS[RANDOM], "random order", linestyle=(0, (4, 2)))
    for p, colour in reversed(list(zip(pruned, colours, strict=True))):
        _curve(ax, table[(table["method"] == method) & (table["p"] == p)], colour, f"p = {p:g}")
    own = table[table["method"] == LRP]
    _curve(ax, own, COLOURS[LRP], "p = 0 (LRP)", linewidth=1.8)
    ax.fill_between(own["share"], own["low"], own["high"], color=COLOURS[LRP], alpha=_BAND, linewidth=0)
    ax.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    ax.set_xticks([0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1], ["0", ".01", ".05", ".1", ".2", ".4", ".7", "1"])
    ax.set_xlim(0, 1)
    ax.axhline(0, color=_INK, linewidth=0.6)


def _curve(ax: Any, table: pd.DataFrame, colour: Any, label: str, **style: Any) -> None:
    ax.plot(table["share"], table["mean"], color=colour, label=label, **{"linewidth": 1.3, **style})


def auc_figure(auc: pd.DataFrame) -> Figure:
    """Deletion AUC over p, most and least relevant first."""
    table = auc[(auc["fill"] == "shuffle") & (auc["floor"] == "deleted") & (auc["until"] == 0.2)]
    names = _networks(table)
    figure, axes = _grid(1, len(names), _P, "AUC, first 20 % of bases")
    for ax, network in zip(axes[0], names, strict=True):
        part = table[table["network"] == network]
        for first, filled in (("least", False), ("most", True)):
            _over_p(ax, part[part["first"] == first], f"{first} relevant first", filled)
        _level(ax, part[part["first"] == "most"], RANDOM)
        _level(ax, part[part["first"] == "most"], GRADIENT)
        ax.set_title(_said(network, part), loc="left", fontsize=10)
        ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
    _legend_below(figure, axes[0][0])
    return figure


def lipschitz_figure(lipschitz: pd.DataFrame) -> Figure:
    """Local Lipschitz estimate of maps of unit length over p."""
    table = lipschitz[lipschitz["norm"] == "unit"]
    names = _networks(table)
    figure, axes = _grid(1, len(names), _P, "local Lipschitz estimate")
    for ax, network in zip(axes[0], names, strict=True):
        part = table[table["network"] == network]
        _over_p(ax, part, "", True)
        _level(ax, part, GRADIENT)
        ax.set_title(_said(network, part), loc="left", fontsize=10)
        ax.set_ylim(bottom=0)
    axes[0][0].legend(frameon=False, fontsize=8)
    return figure


def _over_p(ax: Any, table: pd.DataFrame, suffix: str, filled: bool) -> None:
    """Lines of PLRP-lambda and PLRP-M over p, both starting from LRP at p = 0."""
    own = table[table["method"] == LRP]
    for method in (LAMBDA, M):
        line = pd.concat([own, table[table["method"] == method]]).sort_values("p")
        colour, label = COLOURS[method], f"{method}, {suffix}" if suffix else method
        face = colour if filled else "white"
        ax.plot(
            line["p"],
            line["mean"],
            color=colour,
            marker=MARKERS[method],
            markersize=5,
            markerfacecolor=face,
            label=label,
        )
        ax.fill_between(line["p"], line["low"], line["high"], color=colour, alpha=_BAND, linewidth=0)
    ax.plot(0, own["mean"].iloc[0], color=COLOURS[LRP], marker="o", markersize=6, linestyle="none", zorder=5)
    ax.annotate("LRP", (0, own["mean"].iloc[0]), xytext=(5, 6), textcoords="offset points", fontsize=8)


def _level(ax: Any, table: pd.DataFrame, method: str) -> None:
    """A line across for a method that has no p."""
    mean = table.loc[table["method"] == method, "mean"].iloc[0]
    ax.axhline(mean, color=COLOURS[method], linestyle=(0, (4, 2)), linewidth=1.2, label=method)


def sanity_figure(sanity: pd.DataFrame) -> Figure:
    """Rank correlation with the trained network's map, layer by layer."""
    table = sanity[sanity["measure"] == "spearman"]
    names = _networks(table)
    figure, axes = _grid(len(names), 2, "", "rank correlation of |relevance|")
    for row, network in zip(axes, names, strict=True):
        part = table[table["network"] == network]
        for ax, order in zip(row, ("cascading", "independent"), strict=True):
            _steps(ax, part[part["order"] == order], part[part["layer"] == CHANCE])
            ax.set_title(f"{order}, {_said(network, part)}", loc="left", fontsize=10)
    _legend_below(figure, axes[0][0])
    return figure


def _steps(ax: Any, table: pd.DataFrame, chance: pd.DataFrame) -> None:
    keys = table[["method", "p"]].drop_duplicates().itertuples(index=False)
    for shift, (method, p) in enumerate(keys):
        line = table[(table["method"] == method) & ((table["p"] == p) | np.isnan(p))].sort_values("step")
        x = line["step"] + 0.06 * (shift - 1.5)
        error = [line["mean"] - line["low"], line["high"] - line["mean"]]
        label = method if np.isnan(p) or p == 0 else f"{method}, p = {p:g}"
        ax.errorbar(
            x, line["mean"], yerr=error, color=COLOURS[method], marker=MARKERS[method], markersize=5, label=label
        )
    low, high = chance["mean"].min(), chance["mean"].max()
    ax.axhspan(low, high, color=COLOURS[RANDOM], alpha=0.3, linewidth=0, label="maps of two sequences")
    steps = table[["step", "layer"]].drop_duplicates().sort_values("step")
    ax.set_xticks(steps["step"], steps["layer"], rotation=20, ha="right", fontsize=8)
    ax.set_ylim(min(-0.05, low - 0.05, table["low"].min() - 0.03, ax.get_ylim()[0]), 1.05)


def _networks(table: pd.DataFrame) -> list[str]:
    return [name for name in (SIMULATED, PEAKS) if name in set(table["network"])]


def _said(network: str, table: pd.DataFrame) -> str:
    """What a panel says of its network and how much was measured."""
    own = table[(table["network"] == network) & (table["method"] == LRP)]
    n, networks = own["n"].max(), own["networks"].max()
    return f"simulated, {networks} networks, n = {n}" if network == SIMULATED else f"CTCF peaks, {PEAKS}, n = {n}"


def _ramp(method: str, n: int) -> Iterable[Any]:
    """Shades from light to the method's colour; small p are dark, as p = 0 is black."""
    from matplotlib.colors import to_rgb

    base = np.array(to_rgb(COLOURS[method]))
    return [tuple(base + (1 - base) * 0.75 * i / max(n - 1, 1)) for i in range(n)]


def _grid(rows: int, columns: int, x: str, y: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(4.6 * columns, 3.3 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharey="row", squeeze=False)
    for row in axes:
        row[0].set_ylabel(y)
        for ax in row:
            ax.set_xlabel(x)
            ax.spines[["top", "right"]].set_visible(False)
            ax.tick_params(labelsize=8, colors=_INK)
    return figure, axes


def _legend_below(figure: Figure, ax: Any) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
