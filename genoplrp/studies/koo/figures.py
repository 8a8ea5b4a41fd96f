"""The figure: AUROC and AUPRC of each method on each network, with intervals and the published means."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from genoplrp.studies.koo.networks import NETWORKS
from genoplrp.studies.koo.published import AUROC, DEEPSHAP

SHOWN = (
    "saliency, as published",
    "ISM, as published",
    "IG, as published",
    "gradient x input",
    "corrected gradient",
    "integrated gradients",
    "DeepSHAP",
    "in-silico mutagenesis",
    "LRP, genomic",
    "PLRP-lambda .1, genomic",
    "LRP, epsilon",
    "PLRP-lambda .1, epsilon",
    "LRP, epsilon-gamma-box",
    "PLRP-lambda .1, epsilon-gamma-box",
    "LRP, epsilon, 20 references",
    "PLRP-lambda .1, epsilon, 20 references",
    "LRP, genomic, 20 references",
    "PLRP-lambda .1, genomic, 20 references",
    "DeepSHAP, both strands",
    "LRP, epsilon-gamma-box, both strands",
    "LRP, genomic, 5 references, both strands",
)
PEER, OURS, PUBLISHED = "#7a7a7a", "#0072b2", "#d55e00"
_INK = "#444444"


def koo_figure(summarised: pd.DataFrame) -> Figure:
    """AUROC (upper row) and AUPRC (lower row), a column a network; orange marks are the published means."""
    figure = Figure(figsize=(14, 9.6), layout="constrained")
    axes = figure.subplots(2, len(NETWORKS), sharey=True, sharex="row")
    for row, metric, title in zip(axes, ("auroc", "auprc"), ("AUROC", "AUPRC"), strict=True):
        for ax, network in zip(row, NETWORKS, strict=True):
            part = summarised[(summarised["network"] == network) & (summarised["metric"] == metric)]
            _points(ax, part.set_index("method"))
            if metric == "auroc":
                _published(ax, network)
            ax.set_title(f"{network}, seeds: {part['seeds'].max()}", loc="left", fontsize=10)
            ax.set_xlabel(f"mean per-sequence {title}", fontsize=9)
    axes[0][0].invert_yaxis()
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _points(ax: Any, table: pd.DataFrame) -> None:
    for place, method in enumerate(SHOWN):
        found = table.loc[method]
        ours = "LRP" in method
        ax.errorbar(
            found["mean"], place, xerr=[[found["mean"] - found["low"]], [found["high"] - found["mean"]]],
            fmt="o", markersize=5, color=OURS if ours else PEER,
            label={8: "LRP and PLRP (95 % interval)", 0: "other methods (95 % interval)"}.get(place),
        )  # fmt: skip
    ax.set_yticks(range(len(SHOWN)), SHOWN, fontsize=9)
    ax.axvline(table.loc["in-silico mutagenesis", "mean"], color=PEER, linewidth=0.7, linestyle=(0, (4, 3)))
    ax.grid(axis="x", color="#e5e5e5", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8.5, colors=_INK)


def _published(ax: Any, network: str) -> None:
    for method, (mean, spread) in AUROC[network].items():
        place = SHOWN.index(DEEPSHAP if method == DEEPSHAP else f"{method}, as published")
        label = "published (standard deviation over networks)" if method == DEEPSHAP else None
        ax.errorbar(mean, place + 0.28, xerr=spread, fmt="D", markersize=4, color=PUBLISHED, linewidth=0.9, label=label)
