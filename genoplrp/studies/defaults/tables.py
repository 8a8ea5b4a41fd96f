"""From scores by sequence to the tables that a choice is made by, and reported on."""

import numpy as np
import pandas as pd

from genoplrp.evaluate import mean_interval
from genoplrp.studies.defaults.measure import METRICS

CHOICE = ["composite", "references", "signs", "p"]
TOGETHER = ("auprc", "rma", "recall")
"""What a choice is made by: their plain mean, all between 0 and 1."""


def by_network(scores: pd.DataFrame) -> pd.DataFrame:
    """Means over sequences, then seeds: a row a part, choice and network."""
    seeds = scores.groupby(["part", *CHOICE, "network", "seed"], as_index=False)[list(METRICS)].mean()
    table = seeds.groupby(["part", *CHOICE, "network"], as_index=False)[list(METRICS)].mean()
    table["together"] = table[list(TOGETHER)].mean(axis=1)
    return table


def over_networks(table: pd.DataFrame) -> pd.DataFrame:
    """Means over networks, each counting alike, a row a part and choice; the best together first."""
    columns = [*METRICS, "together"]
    means = table.groupby(["part", *CHOICE], as_index=False)[columns].mean()
    return means.sort_values(["part", "together"], ascending=[True, False]).reset_index(drop=True)


def chosen(scores: pd.DataFrame, choices: list[tuple[str, int, str, float]]) -> pd.DataFrame:
    """Reported scores of some choices with 95 % intervals over seeds and sequences, a row a choice, network, metric."""
    rows = []
    reported = scores[scores["part"] == "report"]
    for choice in choices:
        match = (reported[CHOICE] == list(choice)).all(axis=1)
        for network, part in reported[match].groupby("network"):
            for metric in METRICS:
                values = part.pivot(index="seed", columns="sequence", values=metric).to_numpy(dtype=np.float64)
                rows.append({**dict(zip(CHOICE, choice, strict=True)), "network": network, "metric": metric,
                             **mean_interval(values)._asdict(), "n": int(np.isfinite(values).sum())})  # fmt: skip
    return pd.DataFrame(rows)


def amounts(scores: pd.DataFrame, found: pd.DataFrame, fixed: float = 0.1) -> pd.DataFrame:
    """How good the amounts found without truth are on the reported sequences, a row a network (mean over seeds).

    ``auto`` is the mean amount found; ``best`` the best fixed p in hindsight, by mean AUPRC over the seeds;
    ``auprc_*`` and ``recall_*`` those of the amount found, of the best fixed p, and of ``fixed``.
    """
    reported = scores[(scores["part"] == "report") & (scores["references"] == 0) & (scores["signs"] == "both")]
    means = reported.groupby(["composite", "network", "seed", "p"], as_index=False)[["auprc", "recall"]].mean()
    keys = ["composite", "network"]
    rows = []
    for (composite, network), part in means.merge(found, on=[*keys, "seed"]).groupby(keys):
        by_p = part.groupby("p", as_index=False)[["auprc", "recall"]].mean()
        own = part[part["p"] == part["auto"]].mean(numeric_only=True)
        best = by_p.loc[by_p["auprc"].argmax()]
        usual = by_p[by_p["p"] == fixed].iloc[0]
        rows.append({
            "composite": composite, "network": network, "auto": own["auto"], "best": best["p"],
            "auprc_auto": own["auprc"], "auprc_best": best["auprc"], "auprc_fixed": usual["auprc"],
            "recall_auto": own["recall"], "recall_best": best["recall"], "recall_fixed": usual["recall"],
        })  # fmt: skip
    return pd.DataFrame(rows)
