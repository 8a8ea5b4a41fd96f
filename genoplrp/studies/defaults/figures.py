"""What pruning more does to each network, and where the default and the amount found without truth stand."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

PANELS = {"auprc": "AUPRC", "rma": "RMA (positive)", "recall": "motif recall"}


def amounts_figure(by_network: pd.DataFrame, auto: pd.DataFrame, composite: str = "genomic") -> Figure:
    """A panel a metric: its mean over p for each network, the default p dashed, the amounts found as dots."""
    part = by_network.query("part == 'report' and references == 0 and signs == 'both' and composite == @composite")
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    axes = figure.subplots(1, len(PANELS))
    names = sorted(part["network"].unique())
    colours = [f"C{index}" for index in range(len(names))]
    dashes = ["-", "--", ":"]
    for ax, (metric, title) in zip(axes, PANELS.items(), strict=True):
        for index, (name, colour) in enumerate(zip(names, colours, strict=True)):
            line = part[part["network"] == name].sort_values("p")
            ax.plot(line["p"], line[metric], dashes[index % 3], color=colour, label=name, linewidth=1.6)
            amount = auto.loc[(auto["network"] == name) & (auto["composite"] == composite), "auto"]
            ax.plot(amount, np.interp(amount, line["p"], line[metric]), "o", color=colour, markersize=6)
        ax.axvline(0.1, color="0.6", linestyle=(0, (2, 2)), linewidth=1)
        ax.set(title=title, xlabel="p, share of relevance dropped at each layer", ylim=(None, 1.0))
        ax.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    figure.suptitle(
        f"PLRP-lambda with {composite}, on reported sequences: dots are what p = “auto” finds, dashed the default",
        fontsize=11,
    )
    return figure
