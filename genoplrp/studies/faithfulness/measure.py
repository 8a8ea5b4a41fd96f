"""What is measured of each network and method: one row a sequence; `tables` makes means with intervals of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from genoplrp.attribution import attribute
from genoplrp.evaluate import (
    Deletion,
    deletion_curve,
    local_lipschitz,
    parameter_randomisation,
    replacements,
    substituted,
)
from genoplrp.evaluate.agreement import pearson, spearman
from genoplrp.lrp import NoPrune, PruneLambda, PruneM, Pruner
from genoplrp.studies.faithfulness.subjects import MIN_SCORE, Size, Subject

OTHER_FILLS = ("other", "quarter", "zero")
LRP, LAMBDA, M, GRADIENT, RANDOM = "LRP", "PLRP-lambda", "PLRP-M", "gradient x input", "random order"
CHANCE = "(another sequence)"
FIRST: tuple[Literal["most", "least"], ...] = ("most", "least")
FLOORS: tuple[Literal["zero", "deleted"], ...] = ("zero", "deleted")
UNTIL = (0.2, 1.0)
"""AUC up to these shares: 0.2 is where a map still ranks bases that it calls relevant."""
ORDERS: tuple[Literal["cascading", "independent"], ...] = ("cascading", "independent")


@dataclass(frozen=True)
class Method:
    """A way to explain; p is NaN where nothing is pruned by p."""

    name: str
    p: float
    pruner: Pruner | None = None

    def __call__(self, model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
        """Relevance per base, (n, l)."""
        if self.name == GRADIENT:
            return _gradient(model, x, target)
        if self.pruner is None:
            return torch.rand(x.shape[0], x.shape[2], generator=torch.Generator().manual_seed(0))
        return attribute(model, x, target=target, pruner=self.pruner).per_base


def methods(p: Sequence[float]) -> list[Method]:
    """LRP, then PLRP-lambda and PLRP-M over p."""
    pruned = [Method(name, share, make(share)) for name, make in ((LAMBDA, PruneLambda), (M, PruneM)) for share in p]
    return [Method(LRP, 0.0, NoPrune()), *pruned]


def deletions(subject: Subject, size: Size) -> Iterator[pd.DataFrame]:
    """Deletion AUC and relative score at each share, a row a sequence; a frame a method, fill and floor."""
    model, x, target = subject.model, subject.x, subject.target
    fill = replacements(x, "shuffle", draws=size.draws)
    for method in (*methods(size.p), Method(GRADIENT, np.nan), Method(RANDOM, np.nan)):
        relevance = method(model, x, target)
        for first in FIRST:
            result = deletion_curve(model, x, relevance, target=target, first=first, fill=fill, min_score=MIN_SCORE)
            yield from _relative(subject, method, result, fill="shuffle", first=first)
    few = subject.first(size.perturbed)
    for name in OTHER_FILLS:
        fill = replacements(few.x, name, draws=size.draws)
        for method in (*methods(size.p)[: len(size.p) + 1], Method(RANDOM, np.nan)):
            relevance = method(model, few.x, few.target)
            result = deletion_curve(
                model, few.x, relevance, target=few.target, fill=fill, draws=size.draws, min_score=MIN_SCORE
            )
            yield from _relative(few, method, result, fill=name, first="most")


def _relative(subject: Subject, method: Method, result: Deletion, *, fill: str, first: str) -> Iterator[pd.DataFrame]:
    for floor in FLOORS:
        relative = result.above(floor)
        columns = {f"{share:g}": column for share, column in zip(result.shares, relative.curves.T, strict=True)}
        areas = {f"auc_{share:g}": relative.until(share).auc for share in UNTIL}
        frame = _labelled(subject, method, {**areas, **columns})
        yield frame.assign(fill=fill, first=first, floor=floor)


def robustness(subject: Subject, size: Size) -> Iterator[pd.DataFrame]:
    """Local Lipschitz estimates by single-base substitutions, a row a sequence; a frame a method."""
    few = subject.first(size.perturbed)
    neighbours = list(substituted(few.x, samples=size.samples))
    for method in (*methods(size.p), Method(GRADIENT, np.nan)):
        # Each map is computed once and read by both norms.
        maps = [method(few.model, x, few.target) for x in (few.x, *neighbours)]
        found = {norm: local_lipschitz(_replay(maps), few.x, neighbours, norm=norm) for norm in ("unit", "max")}
        yield _labelled(few, method, found)


def _replay(maps: list[Tensor]) -> Callable[[Tensor], Tensor]:
    following = iter(maps)
    return lambda x: next(following)


def sanity(subject: Subject, size: Size) -> Iterator[pd.DataFrame]:
    """Similarity to the maps of the network with random parameters, a row a step and sequence; a frame a method."""
    few = subject.first(size.perturbed)
    chosen = [method for method in methods(size.p) if method.p in (0.0, 0.1)]
    for method in (*chosen, Method(GRADIENT, np.nan)):
        explain = partial(method, target=few.target)
        for order in ORDERS:
            table = parameter_randomisation(few.model, explain, few.x, order=order, seed=few.seed)
            yield table.assign(network=few.network, seed=few.seed, method=method.name, p=method.p, order=order)
        yield _chance(few, method)


def _chance(subject: Subject, method: Method) -> pd.DataFrame:
    """How alike the maps of two different sequences are: what is left where nothing is kept."""
    own = method(subject.model, subject.x, subject.target).double().cpu().numpy()
    other = np.roll(own, 1, axis=0)
    found = {"spearman": spearman(np.abs(own), np.abs(other)), "pearson": pearson(own, other)}
    return _labelled(subject, method, found).assign(order="chance", step=0, layer=CHANCE)


def _labelled(subject: Subject, method: Method, values: dict[str, np.ndarray]) -> pd.DataFrame:
    frame = pd.DataFrame({"sequence": np.arange(len(subject.x)), **values})
    return frame.assign(network=subject.network, seed=subject.seed, method=method.name, p=method.p)


def _gradient(model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        scores = model(leaf).gather(1, target[:, None])
        gradient: Tensor = torch.autograd.grad(scores.sum(), leaf)[0]
    return (gradient * x).sum(1)
