"""The tables: per trained network, over networks with intervals, and beside what was published."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoplrp.evaluate import mean_interval
from genoplrp.studies.koo.measure import METRICS
from genoplrp.studies.koo.published import AUROC, DEEPSHAP

OURS = "ours"


def by_network(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean of each metric, a row a network, seed and method; undefined values are left out."""
    return scores.groupby(["network", "seed", "method"], sort=False)[list(METRICS)].mean().reset_index()


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """A row a network, method and metric.

    ``mean``, ``low`` and ``high`` are those of `mean_interval` over trained networks and sequences, ``sd`` is the
    standard deviation of the networks' means, ``n`` and ``undefined`` count sequences over all networks.
    """
    rows = []
    for (network, method), group in scores.groupby(["network", "method"], sort=False):
        for metric in METRICS:
            table = group.pivot(index="seed", columns="sequence", values=metric).to_numpy(dtype=np.float64)
            mean, low, high = mean_interval(table)
            found = {"mean": mean, "low": low, "high": high, "sd": _spread(table)}
            counts = {"n": int((~np.isnan(table)).sum()), "undefined": int(np.isnan(table).sum()), "seeds": len(table)}
            rows.append({"network": network, "method": method, "metric": metric, **found, **counts})
    return pd.DataFrame(rows)


def beside_published(summarised: pd.DataFrame) -> pd.DataFrame:
    """Published AUROC and ours, a row a network and published method, with the difference."""
    found = summarised[summarised["metric"] == "auroc"].set_index(["network", "method"])
    rows = []
    for network, methods in AUROC.items():
        for method, (mean, spread) in methods.items():
            ours: Any = found.loc[(network, DEEPSHAP if method == DEEPSHAP else f"{method}, as published")]
            rows.append({"network": network, "method": method, "published": mean, "published_sd": spread,
                         OURS: ours["mean"], "low": ours["low"], "high": ours["high"], "sd": ours["sd"],
                         "difference": ours["mean"] - mean})  # fmt: skip
    return pd.DataFrame(rows)


def _spread(table: NDArray[np.float64]) -> float:
    """Standard deviation over networks of their means, as published (divided by their number)."""
    means = [row[~np.isnan(row)].mean() for row in table if (~np.isnan(row)).any()]
    return float(np.std(means)) if means else float("nan")
