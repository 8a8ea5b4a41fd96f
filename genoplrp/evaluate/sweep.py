"""Many pruners on the same sequences: a table of metrics, a row a pruner and sequence, and its summaries.

`sweep` measures, `differences` pairs every row with its baseline's on the same sequence, `summarise` gives means with
intervals over sequences and, where there are several, over trained networks.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor, nn

from genoplrp.attribution import Attribution, attribute
from genoplrp.errors import OptionError
from genoplrp.evaluate.intervals import mean_interval
from genoplrp.evaluate.metrics import auprc, entropy, gini, motif_recall, rma
from genoplrp.lrp.composite import Composite
from genoplrp.lrp.prune import NoPrune, Pruner
from genoplrp.lrp.target import Target
from genoplrp.motifs.masks import Placed, Stretch

METRICS = ("rma", "gini", "entropy", "auprc", "recall")

_log = logging.getLogger(__name__)


def sweep(
    model: nn.Module,
    x: Tensor,
    masks: Any,
    sites: Iterable[Placed] | None,
    *,
    target: Target,
    pruners: Mapping[str, Pruner],
    composite: str | Composite = "genomic",
    threshold: float | None = 0.0,
    most: int | None = None,
    batch_size: int | None = None,
) -> pd.DataFrame:
    """Metrics of every pruner's maps, a row a pruner and sequence.

    Measured are the sequences that the network calls positive (an explained score above `threshold`) and that have a
    true base in their mask: of others there is nothing right to find. How many were left out, and why, is logged.

    Parameters
    ----------
    model, target, composite, batch_size
        As for `genoplrp.attribute`.
    x : (n, 4, l)
        Sequences.
    masks : (n, l)
        True at the bases that ought to be relevant.
    sites : iterable of Site, MotifHit or Stretch, or None
        The true sites; `sequence` counts in x, places are 0-based, half-open. None: recall is undefined.
    pruners : {name: pruner}
        What to compare; `NoPrune()` is LRP.
    threshold : float, optional
        Of a logit, 0 is a probability of .5. None measures every sequence with a true base.
    most : int, optional
        Measure the first `most` of these sequences only.

    Returns
    -------
    DataFrame
        ``pruner`` (its name), ``sequence`` (index in x), ``score`` (explained), ``rma`` (positive), ``gini``,
        ``entropy``, ``auprc``, ``recall`` and ``kept``: the share of neurons that are relevant before pruning and still
        after it, over all pruned tensors; 1 for LRP. Undefined metrics are NaN.

    Raises
    ------
    OptionError
        If masks do not fit x, no pruner is given, or no sequence is left to measure.

    Examples
    --------
    >>> import torch
    >>> from genoplrp import PruneLambda, one_hot
    >>> _ = torch.manual_seed(0)
    >>> net = nn.Sequential(nn.Conv1d(4, 8, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 1))
    >>> x, mask = one_hot(["ACGTTGCAACGT", "TTGACGTCAATT"]), np.zeros((2, 12), dtype=bool)
    >>> mask[:, 3:7] = True
    >>> both = {"LRP": NoPrune(), "p=.1": PruneLambda(0.1)}
    >>> table = sweep(net, x, mask, [Stretch(0, 3, 7), Stretch(1, 3, 7)], target=0, pruners=both, threshold=None)
    >>> table[["pruner", "sequence"]].values.tolist()
    [['LRP', 0], ['LRP', 1], ['p=.1', 0], ['p=.1', 1]]
    """
    inside = _checked_masks(masks, x)
    if not pruners:
        raise OptionError("sweep needs at least one pruner, as {name: pruner}")
    every = attribute(model, x, target=target, composite=composite, pruner=NoPrune(), batch_size=batch_size)
    rows = measurable(every.output, inside, threshold=threshold)[:most]
    place = {int(row): index for index, row in enumerate(rows)}
    own = None if sites is None else [
        Stretch(place[site.sequence], site.start, site.end) for site in sites if site.sequence in place
    ]  # fmt: skip
    chosen = target if callable(target) or every.target is None else every.target[rows]
    parts = []
    for name, pruner in pruners.items():
        result = attribute(model, x[rows], target=chosen, composite=composite, pruner=pruner, batch_size=batch_size)
        part = measure(result.per_base, inside[rows], own)
        part.insert(0, "pruner", name)
        part.insert(1, "sequence", rows)
        part.insert(2, "score", result.output.double().cpu().numpy())
        part["kept"] = _kept(result)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def measurable(scores: Tensor, masks: Any, *, threshold: float | None = 0.0) -> NDArray[np.int64]:
    """Indices of the sequences that `sweep` measures: score (n,) above the threshold, and a true base in mask (n, l).

    Raises
    ------
    OptionError
        If none is left; the message says how many failed for which reason.

    Examples
    --------
    >>> import torch
    >>> measurable(torch.tensor([1.0, -1.0, 2.0]), np.array([[True], [True], [False]])).tolist()
    [0]
    """
    true: NDArray[np.bool_] = np.asarray(np.asarray(masks).any(axis=1))
    values = scores.detach().double().cpu().numpy()
    called = np.ones_like(true) if threshold is None else values > threshold
    rows = np.flatnonzero(called & true)
    counts = (
        f"{len(rows)} of {len(true)} sequences measured: {np.count_nonzero(~called)} are not called positive, "
        f"{np.count_nonzero(called & ~true)} are but have no true base"
    )
    if not rows.size:
        highest = f"; the highest score is {values.max():.3g}, the threshold {threshold}" if values.size else ""
        raise OptionError(f"{counts}{highest}. Give other sequences, or threshold=None to measure without calling")
    _log.info(counts)
    return rows


def measure(relevance: Any, masks: Any, sites: Iterable[Placed] | None) -> pd.DataFrame:
    """The five metrics of maps (n, l), a row a sequence; see `genoplrp.evaluate.metrics` for each.

    Examples
    --------
    >>> measure([[0.0, 2.0, 0.0, 0.0]], [[0, 1, 1, 0]], [Stretch(0, 1, 3)]).round(2).values.tolist()
    [[1.0, 0.75, 0.0, 0.75, 1.0]]
    """
    recall = np.full(len(relevance), np.nan) if sites is None else motif_recall(relevance, sites)
    columns = (rma(relevance, masks), gini(relevance), entropy(relevance), auprc(relevance, masks), recall)
    return pd.DataFrame(dict(zip(METRICS, columns, strict=True)))


def differences(
    table: pd.DataFrame, *, baseline: str, on: Sequence[str] = ("sequence",), metrics: Sequence[str] = METRICS
) -> pd.DataFrame:
    """Metrics minus those of the baseline pruner in the row with the same keys `on`: paired differences.

    Parameters
    ----------
    table
        As from `sweep`; tables of several networks or data sets joined, with columns that tell them apart.
    baseline
        A name in the column ``pruner``; its own rows are left out of the result.
    on
        Columns that together name one sequence of one network, such as ``("seed", "sequence")``.
    metrics
        Columns to subtract.

    Raises
    ------
    OptionError
        If the baseline has no row or several for some keys.

    Examples
    --------
    >>> table = pd.DataFrame({"pruner": ["LRP", "p=.1"], "sequence": [4, 4], "rma": [0.5, 0.75]})
    >>> differences(table, baseline="LRP", metrics=["rma"]).values.tolist()
    [['p=.1', 4, 0.25]]
    """
    keys, columns = list(on), list(metrics)
    base = table[table["pruner"] == baseline].set_index(keys)[columns]
    rest = table[table["pruner"] != baseline].reset_index(drop=True)
    wanted = pd.MultiIndex.from_frame(rest[keys]) if len(keys) > 1 else pd.Index(rest[keys[0]])
    if not base.index.is_unique or not wanted.isin(base.index).all():
        raise OptionError(
            f"each sequence needs exactly one row of the baseline {baseline!r} with the same {', '.join(keys)}; "
            "name the columns that tell sequences apart in on"
        )
    rest[columns] = rest[columns].to_numpy() - base.loc[wanted].to_numpy()
    return rest


def summarise(
    table: pd.DataFrame,
    *,
    by: Sequence[str] = ("pruner",),
    network: str | None = None,
    metrics: Sequence[str] = METRICS,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Means with intervals, a row a group and metric.

    Parameters
    ----------
    table
        A row a measurement, as from `sweep` or `differences`.
    by
        Columns whose values make a group.
    network
        Column that tells trained networks apart: intervals are then over networks and sequences, each network counting
        alike (`genoplrp.evaluate.mean_interval`). None: over sequences.
    metrics
        Columns to average.
    level, draws, seed
        As for `mean_interval`.

    Returns
    -------
    DataFrame
        The columns of `by`, ``metric``, ``mean``, ``low``, ``high``, ``n`` (defined values), ``undefined`` (NaN ones,
        left out of the mean) and ``networks`` (those with a defined value).

    Examples
    --------
    >>> table = pd.DataFrame({"pruner": ["LRP"] * 3, "rma": [0.5, 1.0, float("nan")]})
    >>> summarise(table, metrics=["rma"])[["pruner", "metric", "mean", "n", "undefined"]].values.tolist()
    [['LRP', 'rma', 0.75, 2, 1]]
    """
    keys = list(by)
    rows = []
    for values, group in table.groupby(keys, sort=False, dropna=False):
        parts = [group] if network is None else [part for _, part in group.groupby(network)]
        for metric in metrics:
            columns = [part[metric].to_numpy(dtype=np.float64) for part in parts]
            interval = mean_interval(_padded(columns), level=level, draws=draws, seed=seed)
            undefined = sum(int(np.isnan(column).sum()) for column in columns)
            defined = [column.size - int(np.isnan(column).sum()) for column in columns]
            rows.append((*values, metric, *interval, sum(defined), undefined, sum(size > 0 for size in defined)))
    return pd.DataFrame(rows, columns=[*keys, "metric", "mean", "low", "high", "n", "undefined", "networks"])


def _padded(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Columns of different lengths as one table (s, n), filled up with NaN."""
    table = np.full((len(columns), max(map(len, columns))), np.nan)
    for row, column in zip(table, columns, strict=True):
        row[: len(column)] = column
    return table


def _checked_masks(masks: Any, x: Tensor) -> NDArray[np.bool_]:
    given = masks.detach().cpu().numpy() if isinstance(masks, Tensor) else np.asarray(masks)
    wanted = (len(x), x.shape[-1])
    if given.shape != wanted:
        raise OptionError(f"masks must have one value a base, shape {wanted} for these sequences; got {given.shape}")
    return given.astype(bool)


def _kept(result: Attribution) -> NDArray[np.float64]:
    """Share of the relevant neurons that pruning kept, per sample; 1 where nothing was pruned."""
    ledger = result.ledger
    pruned = ledger[ledger["neurons_before"].notna()]
    sums = pruned.groupby("sample")[["neurons_before", "neurons_after"]].sum()
    share = (sums["neurons_after"] / sums["neurons_before"].where(sums["neurons_before"] > 0)).fillna(1.0)
    return np.asarray(share.reindex(range(len(result.output)), fill_value=1.0), dtype=np.float64)
