"""How well a map agrees with the truth, and how sparse it is: one row a record, label and method.

The metrics are those of `genoplrp.evaluate`, taken over the explained bases. Where a metric has no meaning (no
instance, no positive relevance) it is NaN: counted, never replaced.
"""

from collections.abc import Iterator, Sequence
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
    for count, own in alike(int(np.count_nonzero(one.explained)) for one in explanations).items():
        maps = np.stack([_explained(explanations[k], count) for k in own])  # (k, 2, count)
        sites = [site for row, k in enumerate(own) for site in _sites(row, spans[k] or [], explanations[k].explained)]
        inside = site_masks(sites, len(own), count)
        plrp, lrp = maps.swapaxes(0, 1).astype(np.float64, order="C")
        metrics[own] = np.stack([_metrics(one, inside, sites) for one in (lrp, plrp)], axis=1)
        bases[own] = count
        instances[own] = np.bincount([site.sequence for site in sites], minlength=len(own))
    return Quality(metrics, bases, instances)


def _explained(explanation: Explanation, count: int) -> NDArray[np.float32]:
    """Maps (2, count) of the explained bases, of which there are `count`."""
    maps = explanation.maps
    return maps if count == maps.shape[1] else maps[:, explanation.explained]


def _sites(row: int, spans: Spans, explained: NDArray[np.bool_]) -> Iterator[Stretch]:
    """A record's instances that lie in explained bases (l,), in coordinates that count only these."""
    for start, end in spans:
        if np.count_nonzero(explained[start:end]) == end - start:
            before = int(np.count_nonzero(explained[:start]))
            yield Stretch(row, before, before + end - start)


def _metrics(maps: NDArray[np.float64], inside: NDArray[np.bool_], sites: Sequence[Stretch]) -> NDArray[np.float64]:
    """`METRICS` (k, 5) of maps (k, bases); what asks for an instance is NaN where there is none."""
    columns = rma(maps, inside), gini(maps), entropy(maps), auprc(maps, inside), motif_recall(maps, sites)
    return np.stack(columns, axis=1)
