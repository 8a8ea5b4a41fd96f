"""What is measured on one trained network: maps over p and how good, sparse, faithful and robust they are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genoplrp import NoPrune, PruneLambda, PruneM, attribute, auprc, entropy, gini, rma
from genoplrp.evaluate import Deletion, deletion_curve, local_lipschitz, noisy
from genoplrp.lrp import Composite
from genoplrp.lrp.prune import Pruner
from genoplrp.studies.images.task import Images

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
PRUNERS: Mapping[str, type[PruneLambda] | type[PruneM]] = {"PLRP-lambda": PruneLambda, "PLRP-M": PruneM}
METRIC_NAMES = ("rma", "auprc", "rank_accuracy", "gini", "entropy", "deletion_auc", "lipschitz")
DELETED = (0.0, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3)
COMPOSITES = ("epsilon", "epsilon-plus", "epsilon-plus-flat", "epsilon-alpha2-beta1", "epsilon-gamma-box", "genomic")
COMPOSITE = "epsilon-plus"
"""The study's rules: the best of `COMPOSITES` by AUPRC on images kept apart from those reported (composites.csv)."""


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    neighbours: int = 4  # of each image, for the Lipschitz estimate; 0: none
    noise: float = 0.03  # their standard deviation, in the units of the input
    draws: int = 2  # of replacements, for deletion; 0: none
    shares: tuple[float, ...] = SHARES  # values of p, from 0 on
    seed: int = 0  # of the noise, and of the order of pixels that tie


@dataclass(frozen=True, eq=False)
class Setting:
    """A pruner at one p, with what it made of the images."""

    pruner: str
    p: float
    metrics: Mapping[str, NDArray[np.float64]]  # (n,) each
    curves: NDArray[np.float64]  # (n, len(DELETED)): relative score


def sweep(
    model: nn.Module, images: Images, effort: Effort, *, composite: str | Composite = COMPOSITE
) -> Iterator[Setting]:
    """Every pruner at every p; p = 0 is LRP, measured once and given to both."""
    plain = _measured(model, images, composite, NoPrune(), effort)
    for name, pruner in PRUNERS.items():
        yield Setting(name, 0.0, *plain)
        for p in effort.shares[1:]:
            yield Setting(name, p, *_measured(model, images, composite, pruner(p), effort))


def compare_composites(model: nn.Module, images: Images) -> pd.DataFrame:
    """AUPRC, RMA and rank accuracy of LRP and of PLRP-lambda at p = 0.1, a row a composite, mean over images."""
    rows = []
    for composite in COMPOSITES:
        for p in (0.0, 0.1):
            result = attribute(model, images.x, target=images.label, composite=composite, pruner=PruneLambda(p))
            found = _truth(result.per_base, images.mask)
            rows.append(
                {"composite": composite, "p": p, **{name: np.nanmean(values) for name, values in found.items()}}
            )
    return pd.DataFrame(rows)


def rank_accuracy(relevance: Tensor, mask: Tensor) -> NDArray[np.float64]:
    """Relevance rank accuracy (n,): of the k most relevant pixels, k those of the mask, the share inside the mask.

    Arras et al., Information Fusion 81 (2022), 14-40. Pixels that tie at the k-th place count by the share that a draw
    among them would bring. NaN where the mask is empty.

    Parameters
    ----------
    relevance, mask : (n, l)
        Signed relevance; True at the pixels that ought to be relevant.

    Examples
    --------
    >>> rank_accuracy(torch.tensor([[3.0, 1.0, 1.0, 0.0]]), torch.tensor([[True, True, False, False]])).tolist()
    [0.75]
    """
    found = np.full(len(relevance), np.nan)
    for i, (values, inside) in enumerate(zip(relevance, mask, strict=True)):
        k = int(inside.sum())
        if k:
            last = values.topk(k).values[-1]
            above, tied = values > last, values == last
            drawn = (tied & inside).sum() / tied.sum() * (k - above.sum())
            found[i] = float(((above & inside).sum() + drawn) / k)
    return found


def _measured(
    model: nn.Module, images: Images, composite: str | Composite, pruner: Pruner, effort: Effort
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    def explain(x: Tensor) -> Tensor:
        return attribute(model, x, target=images.label, composite=composite, pruner=pruner).per_base

    maps = explain(images.x)
    flat = maps.flatten(1)
    metrics = {**_truth(maps, images.mask), "gini": gini(flat), "entropy": entropy(flat)}
    curves = np.full((len(images), len(DELETED)), np.nan)
    if effort.draws:
        deleted = _deleted(model, images, maps, effort)
        metrics["deletion_auc"], curves = deleted.auc, deleted.curves
    if effort.neighbours:
        around = noisy(images.x, samples=effort.neighbours, scale=effort.noise, seed=effort.seed)
        metrics["lipschitz"] = local_lipschitz(explain, images.x, around)
    return metrics, curves


def _truth(maps: Tensor, mask: Tensor) -> dict[str, NDArray[np.float64]]:
    """Metrics against the mask."""
    flat, inside = maps.flatten(1).cpu(), mask.flatten(1).cpu()
    return {"rma": rma(flat, inside), "auprc": auprc(flat, inside), "rank_accuracy": rank_accuracy(flat, inside)}


def _deleted(model: nn.Module, images: Images, maps: Tensor, effort: Effort) -> Deletion:
    """Pixels replaced by those of another background with fragments, most relevant first."""
    shifts = torch.arange(effort.draws).tolist()
    # A background that is shifted round is another background; fragments stay in the image's ink.
    fills = torch.stack([images.background.roll((7 * shift, 11 * shift), (2, 3)) for shift in shifts])
    return deletion_curve(model, images.x, maps, target=images.label, fill=fills, shares=DELETED, seed=effort.seed)
