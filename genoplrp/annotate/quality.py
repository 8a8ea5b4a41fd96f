"""How well a map agrees with the truth, and how sparse it is: one row a record, label and method.

The metrics are those of :mod:`genoplrp.evaluate`, taken over the explained bases. Where a metric has no meaning (no
instance, no positive relevance) it is NaN: counted, never replaced.
"""

from dataclasses import dataclass, fields
from math import nan

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.explain import Explanation
from genoplrp.annotate.truth import Spans
from genoplrp.evaluate import auprc, entropy, gini, motif_recall, rma
from genoplrp.motifs import Site

METHODS = ("LRP", "PLRP")
METRICS = ("rma", "gini", "entropy", "auprc", "recall")


@dataclass(frozen=True)
class Quality:
    """The metrics of one map.

    Attributes
    ----------
    rma, auprc, recall
        Share of the positive relevance inside the instances; area under the precision-recall curve of bases; share of
        the instances that carry at least a uniform share. NaN without an instance.
    gini, entropy
        Sparsity of the absolute relevance over `n` bases.
    n, instances
        Explained bases, and instances of the motif among them.
    """

    rma: float
    gini: float
    entropy: float
    auprc: float
    recall: float
    n: int
    instances: int


def qualities(explanation: Explanation, spans: Spans | None) -> dict[str, Quality]:
    """Metrics of both maps of an explanation, by method."""
    inside, own = _explained(spans or [], explanation.explained)
    maps = dict(zip(METHODS, (explanation.lrp, explanation.plrp), strict=True))
    return {method: _quality(values[explanation.explained], own, inside) for method, values in maps.items()}


def _explained(spans: Spans, explained: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Spans]:
    """Mask (n,) and spans of the instances that lie in explained bases, in coordinates that count only these."""
    place = np.cumsum(explained) - 1
    own = [(int(place[a]), int(place[b - 1]) + 1) for a, b in spans if explained[a:b].all()]
    mask = np.zeros(int(explained.sum()), dtype=bool)
    for start, end in own:
        mask[start:end] = True
    return mask, own


def _quality(relevance: NDArray[np.float32], spans: Spans, mask: NDArray[np.bool_]) -> Quality:
    """Metrics of one map (n,)."""
    values, inside = relevance[None].astype(np.float64), mask[None]
    compared = bool(spans)
    return Quality(
        rma=float(rma(values, inside)[0]) if compared else nan,
        gini=float(gini(values)[0]),
        entropy=float(entropy(values)[0]),
        auprc=float(auprc(values, inside)[0]) if compared else nan,
        recall=float(motif_recall(values, [Site(0, start, end, 0, ".") for start, end in spans])[0])
        if compared
        else nan,
        n=len(relevance),
        instances=len(spans),
    )


COLUMNS = tuple(field.name for field in fields(Quality))
