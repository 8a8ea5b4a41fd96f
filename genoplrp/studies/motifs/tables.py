"""The study's tables, made of the measurements of all networks.

Every mean has a 95 % interval over networks and sequences. What is pooled over interactions takes the learnt ones only;
tables by interaction show the others too, marked.
"""

from collections.abc import Sequence

import pandas as pd

from genoplrp.evaluate import differences, summarise
from genoplrp.evaluate.sweep import METRICS
from genoplrp.studies.motifs.design import LRP, Design, M, settings

SETTING = ("method", "rule", "signs", "amount")
_ONE = ("filters", "seed", "interaction", "sequence")
_BASES = {LRP: ("pruner", _ONE), M: ("method", (*_ONE, "rule", "signs", "amount"))}


def with_settings(measured: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Measurements with the method, rule, signs and amount of their pruner."""
    columns = [(each.name, each.method, each.rule, each.signs, each.amount) for each in settings(design)]
    return measured.merge(pd.DataFrame(columns, columns=["pruner", *SETTING]), on="pruner", how="left")


def sweep_table(measured: pd.DataFrame) -> pd.DataFrame:
    """Every pruner, pooled over the learnt interactions."""
    learnt = measured[measured["learnt"]]
    return summarise(learnt, by=("filters", *SETTING), network="seed", metrics=(*METRICS, "kept"))


def interaction_table(measured: pd.DataFrame) -> pd.DataFrame:
    """Every interaction by itself, learnt or not, over p with both signs pruned alike."""
    return summarise(_plain(measured), by=("filters", "interaction", "learnt", *SETTING), network="seed")


def difference_table(measured: pd.DataFrame, *, alone: Sequence[float] = (0.1,)) -> pd.DataFrame:
    """Paired differences on the same sequences: PLRP minus LRP, and PLRP-lambda minus PLRP-M pruned as much.

    Pooled over the learnt interactions (``interaction`` is "all") for every pruner, and for the shares `alone` each
    learnt interaction by itself.
    """
    learnt = measured[measured["learnt"]]
    minus_lrp = _minus(learnt, LRP)
    minus_m = _minus(learnt[learnt["method"] != LRP], M)
    paired = pd.concat([minus_lrp, minus_m], ignore_index=True)
    by = ("filters", "interaction", "comparison", "rule", "signs", "amount")
    own = _plain(paired)
    own = own[own["amount"].isin(alone)]
    parts = [paired.assign(interaction="all"), own]
    return pd.concat([summarise(part, by=by, network="seed") for part in parts], ignore_index=True)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of pruners that drop a share, the same of both signs."""
    return table[(table["rule"] == "share") & (table["signs"] == "both")]


def _minus(table: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Differences to LRP, or to PLRP-M pruned as much; ``comparison`` says which."""
    column, keys = _BASES[baseline]
    paired = differences(table.assign(pruner=table[column]), baseline=baseline, on=keys)
    return paired.assign(comparison=paired["method"] + " - " + baseline)
