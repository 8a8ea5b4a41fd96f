"""How good maps are on Koo's task: every method on every network, a row a sequence."""

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor, nn

from genoplrp.evaluate import auprc, auroc, gini, motif_recall, rma
from genoplrp.studies.koo.data import Part
from genoplrp.studies.koo.methods import Explainer

Metric = Callable[[Tensor, Part], NDArray[np.float64]]
METRICS: dict[str, Metric] = {
    "auroc": lambda relevance, part: auroc(relevance, part.mask),
    "auprc": lambda relevance, part: auprc(relevance, part.mask),
    "rma": lambda relevance, part: rma(relevance, part.mask),
    "recall": lambda relevance, part: motif_recall(relevance, part.sites),
    "gini": lambda relevance, part: gini(relevance),
}


def measured(model: nn.Module, part: Part, explainers: Mapping[str, Explainer]) -> pd.DataFrame:
    """A row a method and sequence: ``method``, ``sequence`` and the metrics, NaN where undefined."""
    x = part.x.float()
    frames = []
    for name, explain in explainers.items():
        with warnings.catch_warnings():
            # A map is scored as it is; that a quadrature is coarse shows in its scores.
            warnings.filterwarnings("ignore", message="integrated_gradients is incomplete")
            relevance = explain(model, x).detach()
        scores = {metric: compute(relevance, part) for metric, compute in METRICS.items()}
        frames.append(pd.DataFrame({"method": name, "sequence": np.arange(len(x)), **scores}))
    return pd.concat(frames, ignore_index=True)
