"""Names for what the engine is asked to do, each with what the reference is asked to do, and the comparison."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genoplrp.lrp import (
    AlphaBeta,
    Composite,
    Epsilon,
    Flat,
    Gamma,
    NoPrune,
    PruneLambda,
    PruneM,
    SparsityGain,
    WSquare,
    ZBox,
    ZPlus,
)
from tests.lrp.branching import Branches, Residual, Reused, Sums
from tests.lrp.networks import Folded, Geometry, Network, Plain, Planes, Pools, Unfolded
from tests.reference import rules
from tests.reference.network import Graph, Node, Pruning, Rules, propagate
from tests.reference.pruning import Gain

NETWORKS = (Plain, Geometry, Folded, Unfolded, Pools, Planes, Residual, Reused, Branches, Sums)

RULES: Mapping[str, tuple[Any, rules.Rule]] = {
    "epsilon": (Epsilon(), rules.epsilon()),
    "epsilon-large": (Epsilon(0.3), rules.epsilon(0.3)),
    "lrp0": (Epsilon(0.0), rules.epsilon(0.0)),
    "gamma": (Gamma(), rules.gamma()),
    "gamma-2": (Gamma(2.0), rules.gamma(2.0)),
    "alpha2-beta1": (AlphaBeta(2.0, 1.0), rules.alpha_beta(2.0, 1.0)),
    "zplus": (ZPlus(), rules.zplus()),
    "flat": (Flat(), rules.flat()),
    "wsquare": (WSquare(), rules.wsquare()),
    "zbox": (ZBox(0.0, 1.0), rules.zbox(0.0, 1.0)),
    "zbox-wide": (ZBox(-1.0, 2.0), rules.zbox(-1.0, 2.0)),
}

COMPOSITES: Mapping[str, Rules] = {
    "epsilon": Rules(rules.epsilon(), rules.epsilon()),
    "epsilon-plus": Rules(rules.zplus(), rules.epsilon()),
    "epsilon-plus-flat": Rules(rules.zplus(), rules.epsilon(), first=rules.flat()),
    "epsilon-alpha2-beta1": Rules(rules.alpha_beta(2.0, 1.0), rules.epsilon()),
    "epsilon-gamma-box": Rules(rules.gamma(0.25), rules.epsilon(), first=rules.zbox(0.0, 1.0)),
    "genomic": Rules(rules.zplus(), rules.epsilon(), first=rules.zbox(0.0, 1.0)),
}

FROM_REFERENCES: Mapping[str, Rules] = {
    **COMPOSITES,
    "genomic": Rules(rules.epsilon(), rules.epsilon(), first=rules.zbox(0.0, 1.0)),
}

PRUNERS: Mapping[str, tuple[Any, Pruning]] = {
    "none": (NoPrune(), Pruning()),
    "lambda": (PruneLambda(0.1), Pruning("lambda", 0.1)),
    "lambda-half": (PruneLambda(0.5), Pruning("lambda", 0.5)),
    "lambda-by-sign": (PruneLambda((0.05, 0.4)), Pruning("lambda", (0.05, 0.4))),
    "lambda-gini": (PruneLambda(SparsityGain()), Pruning("lambda", Gain())),
    "lambda-l0": (PruneLambda(SparsityGain(0.8, "l0")), Pruning("lambda", Gain(0.8, "l0"))),
    "m": (PruneM(0.1), Pruning("m", 0.1)),
    "m-half": (PruneM(0.5), Pruning("m", 0.5)),
    "m-by-sign": (PruneM((0.05, 0.4)), Pruning("m", (0.05, 0.4))),
    "m-gini": (PruneM(SparsityGain(0.5, "gini")), Pruning("m", Gain(0.5, "gini"))),
    "m-l0": (PruneM(SparsityGain(min_gain=1.5, measure="l0")), Pruning("m", Gain(1.5, "l0"))),
}


@cache
def made(network: type[Network]) -> Network:
    """The network, made once."""
    return network()


@cache
def walked(model: Network, sample: bytes) -> tuple[Graph, Node]:
    """The reference's graph of one sample (4, l) of float64, and its output; its matrices serve the other samples."""
    graph = Graph(matrices_of(model))
    x = np.frombuffer(sample, dtype=np.float64).reshape(4, -1)
    return graph, model.reference(graph, graph.input(x))


@cache
def matrices_of(model: Network) -> dict[Any, Any]:
    """Where the dense matrices of a network are kept: filled by its first sample."""
    return {}


def everywhere(rule: str) -> tuple[Composite, Rules]:
    """One rule for every linear call."""
    engine, reference = RULES[rule]
    return Composite(name="everywhere", conv=engine, dense=engine, first=None), Rules(reference, reference)


def explained(model: Network, x: Tensor, target: int, by: Rules, prune: Pruning) -> np.ndarray:
    """What the reference says (n, 4, l)."""
    return np.stack([propagate(*walked(model, sample.tobytes()), target, by, prune) for sample in x.numpy()])


def assert_same(actual: Tensor | np.ndarray, expected: Tensor | np.ndarray, rtol: float = 1e-9) -> None:
    """Equal to ``rtol`` of the largest entry of each sample's map (n, ...)."""
    a, b = (np.asarray(torch.as_tensor(v).detach(), dtype=np.float64) for v in (actual, expected))
    assert a.shape == b.shape
    scale = np.abs(b).reshape(len(b), -1).max(axis=1).reshape(-1, *[1] * (b.ndim - 1))
    assert (scale > 0).all(), "an empty map proves nothing"
    worst = (np.abs(a - b) / scale).max()
    assert worst <= rtol, f"maps differ by {worst:.2e} of their largest entry"
