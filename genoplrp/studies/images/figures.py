"""The figures: metrics over p (the paper's figures 2, 6, 7), deletion curves (3), heatmaps (4)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from genoplrp import Composite, PruneLambda, attribute
from genoplrp.models import predict
from genoplrp.studies.images.measure import COMPOSITE, PRUNERS
from genoplrp.studies.images.task import Images

COLOURS = {"PLRP-lambda": "#0072b2", "PLRP-M": "#d55e00"}
MARKERS = {"PLRP-lambda": "o", "PLRP-M": "s"}
SHOWN = (0.0, 0.05, 0.1, 0.3, 0.5, 0.9)
TITLES = {
    "rma": "RMA (positive)",
    "auprc": "AUPRC",
    "rank_accuracy": "rank accuracy",
    "gini": "Gini",
    "entropy": "entropy (nats)",
    "deletion_auc": "deletion AUC (low is faithful)",
    "lipschitz": "local Lipschitz (low is robust)",
}
_PLAIN = "#111111"
_BAND = 0.18


def metrics_figure(summary: pd.DataFrame) -> Figure:
    """Every metric over p, a row a network, with 95 % intervals."""
    networks = list(dict.fromkeys(summary["network"]))
    metrics = [metric for metric in TITLES if metric in set(summary["metric"])]
    figure = Figure(figsize=(2.35 * len(metrics), 2.3 * len(networks) + 0.7), layout="constrained")
    axes = figure.subplots(len(networks), len(metrics), squeeze=False, sharex=True, sharey="col")
    for row, network in zip(axes, networks, strict=True):
        for ax, metric in zip(row, metrics, strict=True):
            table = summary[(summary["network"] == network) & (summary["metric"] == metric)]
            _over_p(ax, table)
        row[0].set_ylabel(network)
    for ax, metric in zip(axes[0], metrics, strict=True):
        ax.set_title(TITLES[metric], fontsize=9, loc="left")
    for ax in axes[-1]:
        ax.set_xlabel("p", fontsize=9)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _over_p(ax: Any, table: pd.DataFrame) -> None:
    for pruner in PRUNERS:
        line = table[table["pruner"] == pruner]
        style = {"color": COLOURS[pruner], "marker": MARKERS[pruner], "markersize": 4, "linewidth": 1.3}
        ax.plot(line["p"], line["mean"], label=pruner, **style)
        ax.fill_between(line["p"], line["low"], line["high"], color=COLOURS[pruner], alpha=_BAND, linewidth=0)
    plain = table[table["p"] == 0].iloc[0]
    ax.plot(0, plain["mean"], color=_PLAIN, marker="D", markersize=5, linestyle="none", label="LRP (p = 0)", zorder=5)
    _bare(ax)


def curves_figure(curves: pd.DataFrame) -> Figure:
    """Relative score while the most relevant pixels are replaced, a panel a network and pruner, a line a p."""
    panels = [(network, pruner) for network in dict.fromkeys(curves["network"]) for pruner in PRUNERS]
    figure = Figure(figsize=(3.1 * len(panels) + 0.9, 3.0), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for ax, (network, pruner) in zip(axes, panels, strict=True):
        table = curves[(curves["network"] == network) & (curves["pruner"] == pruner)]
        for p in sorted(set(SHOWN) & set(table["p"]), reverse=True):
            line = table[table["p"] == p]
            colour = _PLAIN if p == 0 else _faded(COLOURS[pruner], p)
            label = "p = 0 (LRP)" if p == 0 else f"p = {p:g}"
            ax.plot(line["share"], line["mean"], color=colour, label=label, linewidth=1.8 if p == 0 else 1.2)
            if p == 0:
                ax.fill_between(line["share"], line["low"], line["high"], color=colour, alpha=0.12, linewidth=0)
        ax.set_title(f"{network}, {pruner}", fontsize=9, loc="left")
        ax.set_xlabel("share of pixels replaced", fontsize=9)
        ax.legend(frameon=False, fontsize=7.5)
        _bare(ax)
    axes[0].set_ylabel("relative score", fontsize=9)
    return figure


def heatmaps_figure(
    networks: Mapping[str, nn.Module],
    images: Images,
    *,
    count: int = 3,
    composite: str | Composite = COMPOSITE,
    shown: Callable[[Tensor], Tensor] = lambda x: x,
) -> Figure:
    """Images, masks, and the maps of LRP and PLRP-lambda at several p, rows of each network under each other.

    ``shown`` makes of inputs (n, 3, h, w) what is drawn, in [0, 1].
    """
    right = torch.stack([predict(model, images.x).argmax(1) == images.label for model in networks.values()])
    rows = right.sum(0).argsort(descending=True, stable=True)[:count]  # those that every network calls right first
    chosen = images.rows(rows)
    height, width = len(rows) * len(networks), 2 + len(SHOWN)
    figure = Figure(figsize=(1.25 * width + 0.4, 1.25 * height + 0.4), layout="constrained")
    axes = figure.subplots(height, width, squeeze=False)
    for number, (network, model) in enumerate(networks.items()):
        block = axes[number * len(rows) : (number + 1) * len(rows)]
        for ax, image, mask in zip(block, shown(chosen.x).cpu(), chosen.mask.cpu(), strict=True):
            ax[0].imshow(image.permute(1, 2, 0).numpy())
            ax[1].imshow(mask.numpy(), cmap="gray")
            ax[0].set_ylabel(network, fontsize=9)
        for column, p in enumerate(SHOWN, start=2):
            found = attribute(model, chosen.x, target=chosen.label, composite=composite, pruner=PruneLambda(p))
            for ax, values in zip(block[:, column], found.per_base.cpu().numpy(), strict=True):
                draw_map(ax, values)
    for ax, title in zip(axes[0], ("image", "mask", "LRP", *(f"p = {p:g}" for p in SHOWN[1:])), strict=True):
        ax.set_title(title, fontsize=9)
    for ax in axes.flat:
        _frame(ax)
    return figure


def draw_map(ax: Any, values: Any) -> None:
    """A map (h, w): red for, blue against, white nothing, each map on its own scale."""
    scale = float(np.abs(values).max()) or 1.0
    ax.imshow(values, cmap="seismic", vmin=-scale, vmax=scale, interpolation="nearest")


def _frame(ax: Any) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(color="#cccccc", linewidth=0.6)


def _bare(ax: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8)


def _faded(colour: str, p: float) -> Any:
    """Lighter for larger p."""
    from matplotlib.colors import to_rgb

    share = 0.15 + 0.65 * p
    return tuple((1 - share) * part + share for part in to_rgb(colour))
