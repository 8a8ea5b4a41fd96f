"""Means with bootstrap intervals, over sequences and networks, and the paired difference from LRP."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoplrp.evaluate import mean_interval
from genoplrp.studies.faithfulness.measure import LRP


def summary(frame: pd.DataFrame, value: str, by: Sequence[str]) -> pd.DataFrame:
    """A row a group: mean, low and high (95 %), the same of the difference from LRP, n, undefined, networks.

    Parameters
    ----------
    frame
        A row a sequence of a network: the columns of `by`, among them ``method``, and ``seed``, ``sequence``.
    value
        The column that is averaged.
    by
        What tells groups apart. The difference is taken sequence by sequence from the LRP group that is alike in all of
        `by` but ``method`` and ``p``; NaN where there is none.

    Returns
    -------
    DataFrame
        ``n``: values that are defined, over all networks; ``undefined``: those that are not (NaN), left out of the
        mean; ``networks``: how many there are.
    """
    alike = [column for column in by if column not in ("method", "p")]
    rows = []
    for _, context in frame.groupby(alike, sort=False):
        own = context[context["method"] == LRP]
        reference = _table(own, value) if len(own) else None
        for _, group in context.groupby(["method", "p"], sort=False, dropna=False):
            counts: dict[str, Any] = {
                "n": int(group[value].notna().sum()),
                "undefined": int(group[value].isna().sum()),
                "networks": group["seed"].nunique(),
            }
            labels = dict(zip(by, group[list(by)].iloc[0], strict=True))
            rows.append({**labels, **_means(_table(group, value), reference), **counts})
    return pd.DataFrame(rows)


def _table(group: pd.DataFrame, value: str) -> pd.DataFrame:
    """A row a network, a column a sequence; NaN too where a network has fewer sequences."""
    return group.pivot(index="seed", columns="sequence", values=value)


def _means(table: pd.DataFrame, reference: pd.DataFrame | None) -> dict[str, float]:
    values = table.to_numpy(dtype=np.float64)
    nothing = np.full_like(values, np.nan)
    difference = nothing if reference is None else values - reference.to_numpy(dtype=np.float64)
    return {**_interval("", values), **_interval("difference_", difference)}


def _interval(prefix: str, values: NDArray[np.float64]) -> dict[str, float]:
    found = mean_interval(values)
    return {f"{prefix}mean": found.mean, f"{prefix}low": found.low, f"{prefix}high": found.high}
