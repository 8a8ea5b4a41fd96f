"""How well a map agrees with the truth, and how sparse it is: one row a record, label and method.

The metrics are those of `genoplrp.evaluate`, taken over the explained bases. Where a metric has no meaning (no
instance, no positive relevance) it is NaN: counted, never replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.explain import Explanation, alike
from genoplrp.annotate.truth import Spans
from genoplrp.evaluate import auprc, entropy, gini, motif_recall, rma
from genoplrp.motifs import Stretch, site_masks

METHODS = ("LRP", "PLRP")
METRICS = ("rma", "gini", "entropy", "auprc", "recall")
COLUMNS = (*METRICS, "n", "instances")


@dataclass(frozen=True, eq=False)
class Quality:
    """The metrics of the maps of n explanations.

    Attributes
    ----------
    metrics
        (n, 2, 5) by `METHODS` and `METRICS`. rma, auprc, recall: share of the positive relevance inside the instances;
        area under the precision-recall curve of bases; share of the instances that carry at least a uniform share; NaN
        without an instance. gini, entropy: sparsity of the absolute relevance over the explained bases.
    bases, instances
        (n,) explained bases, and instances of the motif among them.
    """

    metrics: NDArray[np.float64]
    bases: NDArray[np.int64]
    instances: NDArray[np.int64]


def measure(explanations: Sequence[Explanation], spans: Sequence[Spans | None]) -> Quality:
    """Metrics of explanations with the spans of their instances; many cost little more than one."""
    n = len(explanations)
    metrics = np.empty((n, len(METHODS), len(METRICS)))
    bases, instances = np.zeros((2, n), dtype=np.int64)
    for own in alike((one.windows, one.length) for one in explanations).values():
        explained = explanations[own[0]].explained
        maps = np.stack([explanations[k].maps for k in own])[:, :, explained]  # (k, 2, bases)
        sites = _sites([spans[k] or [] for k in own], explained)
        inside = site_masks(sites, len(own), maps.shape[2])
        plrp, lrp = maps.swapaxes(0, 1).astype(np.float64, order="C")
        metrics[own] = np.stack([_metrics(one, inside, sites) for one in (lrp, plrp)], axis=1)
        bases[own] = maps.shape[2]
        instances[own] = np.bincount([site.sequence for site in sites], minlength=len(own))
    return Quality(metrics, bases, instances)


def _sites(spans: Sequence[Spans], explained: NDArray[np.bool_]) -> list[Stretch]:
    """Each record's instances that lie in explained bases (l,), in coordinates that count only these."""
    before = [0, *np.cumsum(explained).tolist()]
    return [
        Stretch(row, before[start], before[end])
        for row, of_one in enumerate(spans)
        for start, end in of_one
        if before[end] - before[start] == end - start
    ]


def _metrics(maps: NDArray[np.float64], inside: NDArray[np.bool_], sites: Sequence[Stretch]) -> NDArray[np.float64]:
    """`METRICS` (k, 5) of maps (k, bases); what asks for an instance is NaN where there is none."""
    columns = rma(maps, inside), gini(maps), entropy(maps), auprc(maps, inside), motif_recall(maps, sites)
    return np.stack(columns, axis=1)
