"""How well a map agrees with the truth, and how sparse it is: one row a record, label and method.

The metrics are those of `genoplrp.evaluate`, taken over the explained bases. Where a metric has no meaning (no
instance, no positive relevance) it is NaN: counted, never replaced.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.explain import Explanation
from genoplrp.annotate.truth import Spans
from genoplrp.evaluate import auprc, entropy, gini, motif_recall, rma
from genoplrp.motifs import Site

METHODS = ("LRP", "PLRP")
METRICS = ("rma", "gini", "entropy", "auprc", "recall")
COLUMNS = (*METRICS, "n", "instances")


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

    @property
    def metrics(self) -> tuple[float, ...]:
        """The values of `METRICS`."""
        return self.rma, self.gini, self.entropy, self.auprc, self.recall


def qualities(pairs: Sequence[tuple[Explanation, Spans | None]]) -> list[dict[str, Quality]]:
    """Metrics of both maps of explanations with the spans of their instances, by method; many cost little more."""
    found: list[dict[str, Quality]] = [{} for _ in pairs]
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, (explanation, _) in enumerate(pairs):
        by_length[int(explanation.explained.sum())].append(index)
    for indices in by_length.values():
        truths = [_explained(pairs[k][1] or [], pairs[k][0].explained) for k in indices]
        for method in METHODS:
            maps = np.stack([_map(pairs[k][0], method) for k in indices])
            for k, quality in zip(indices, _measured(maps, truths), strict=True):
                found[k][method] = quality
    return found


def _map(explanation: Explanation, method: str) -> NDArray[np.float32]:
    """A method's relevance of the explained bases (n,)."""
    values = explanation.lrp if method == "LRP" else explanation.plrp
    return values[explanation.explained]


def _explained(spans: Spans, explained: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Spans]:
    """Mask (n,) and spans of the instances that lie in explained bases, in coordinates that count only these."""
    place = np.cumsum(explained) - 1
    own = [(int(place[a]), int(place[b - 1]) + 1) for a, b in spans if explained[a:b].all()]
    mask = np.zeros(int(explained.sum()), dtype=bool)
    for start, end in own:
        mask[start:end] = True
    return mask, own


def _measured(maps: NDArray[np.float32], truths: Sequence[tuple[NDArray[np.bool_], Spans]]) -> Iterator[Quality]:
    """Metrics of maps (k, n), each with its mask and spans; what asks for an instance is NaN where there is none."""
    values, inside = maps.astype(np.float64), np.stack([mask for mask, _ in truths])
    sites = [Site(row, start, end, 0, ".") for row, (_, spans) in enumerate(truths) for start, end in spans]
    columns = {
        "rma": rma(values, inside),
        "gini": gini(values),
        "entropy": entropy(values),
        "auprc": auprc(values, inside),
        "recall": motif_recall(values, sites),
    }
    for row, (_, spans) in enumerate(truths):
        numbers = {name: float(column[row]) for name, column in columns.items()}
        yield Quality(**numbers, n=values.shape[1], instances=len(spans))
