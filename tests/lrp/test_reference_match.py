"""Every rule, composite and pruner gives what the literal reference gives, to 1e-9 of each map's largest entry."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genoplrp.attribution import attribute
from genoplrp.lrp import Composite, Epsilon, Gamma, NoPrune, Pass, PruneLambda, PruneM, SparsityGain
from tests.lrp.branching import Residual, Sums
from tests.lrp.networks import Folded, Network, Plain, Planes, Unfolded, dna, relu
from tests.lrp.pairs import (
    COMPOSITES,
    NETWORKS,
    PRUNERS,
    RULES,
    assert_same,
    everywhere,
    explained,
    made,
    walked,
)
from tests.reference import linear, rules
from tests.reference.network import Graph, Node, Pruning, Rules
from tests.reference.pruning import Gain

# Torch warns once that "same" with an even kernel may copy its input; that case is meant.
pytestmark = [pytest.mark.filterwarnings("ignore:Using padding='same'"), pytest.mark.usefixtures("every_way")]


def check(network: type[Network], composite: Any, by: Rules, pruner: Any, prune: Pruning) -> None:
    model, x = made(network), dna(network.length, 5)
    result = attribute(model, x, target=1, composite=composite, pruner=pruner)
    assert_same(result.relevance, explained(model, x, 1, by, prune))


@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("composite", ["genomic", "epsilon"])
@pytest.mark.parametrize("network", NETWORKS)
def test_pruner_matches_reference(network: type[Network], composite: str, pruner: str) -> None:
    check(network, composite, COMPOSITES[composite], *PRUNERS[pruner])


@pytest.mark.parametrize("composite", COMPOSITES)
@pytest.mark.parametrize("network", NETWORKS)
def test_composite_matches_reference(network: type[Network], composite: str) -> None:
    for pruner in ("none", "lambda", "m"):
        check(network, composite, COMPOSITES[composite], *PRUNERS[pruner])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("network", NETWORKS)
def test_rule_on_every_layer_matches_reference(network: type[Network], rule: str) -> None:
    for pruner in ("none", "m"):
        check(network, *everywhere(rule), *PRUNERS[pruner])


def boundaries(network: type[Network]) -> list[str]:
    """The layers by whose names a network's boundaries go, but for parameters used outside any layer."""
    graph, _ = walked(made(network), dna(network.length, 5)[0].numpy().tobytes())
    return sorted({node.readers[0] for node in graph.nodes if node.readers} - {""})


@pytest.mark.parametrize("network", NETWORKS)
def test_shares_by_layer_match_reference(network: type[Network]) -> None:
    names = boundaries(network)
    shares = dict(zip(names, [0.3, (0.0, 0.2), SparsityGain(0.9, "l0")], strict=False))
    literal = {name: Gain(0.9, "l0") if isinstance(p, SparsityGain) else p for name, p in shares.items()}
    check(network, "genomic", COMPOSITES["genomic"], PruneLambda(shares), Pruning("lambda", literal))
    check(network, "genomic", COMPOSITES["genomic"], PruneM(shares), Pruning("m", literal))


@pytest.mark.parametrize("network", NETWORKS)
def test_rule_by_layer_name_matches_reference(network: type[Network]) -> None:
    name = boundaries(network)[0]
    by = COMPOSITES["genomic"]
    named = Rules(by.conv, by.dense, by.first, by_layer={name: rules.gamma(0.7)})
    composite = Composite.named("genomic").with_layers({name: Gamma(0.7)})
    check(network, composite, named, NoPrune(), Pruning())


def test_composite_epsilon_reaches_adds_means_and_normalisation() -> None:
    large = Rules(rules.epsilon(0.3), rules.epsilon(0.3), epsilon=0.3)
    for network in NETWORKS:
        check(network, Composite.named("epsilon", epsilon=0.3), large, NoPrune(), Pruning())


@pytest.mark.parametrize("method", ["lambda", "m"])
@pytest.mark.parametrize("network", [Plain, Folded, Unfolded, Planes, Residual, Sums])
def test_ledger_tells_what_the_reference_dropped(network: type[Network], method: str) -> None:
    model, x = made(network), dna(network.length, 5)
    ledger = attribute(model, x, target=1, pruner=PruneLambda(0.2) if method == "lambda" else PruneM(0.2)).ledger
    pruned = ledger[ledger["neurons_before"].notna()].set_index(["sample", "layer"])
    boundaries = 0
    for sample in range(len(x)):
        seen: list[tuple[str, np.ndarray, np.ndarray]] = []
        explained(model, x[sample : sample + 1], 1, COMPOSITES["genomic"], Pruning(method, 0.2, seen))
        for layer, relevance, mask in seen:
            row = pruned.loc[(sample, layer)]
            assert row["neurons_before"] == np.count_nonzero(relevance)
            assert row["neurons_after"] == np.count_nonzero(relevance[~mask])
            for sign, name in ((1, "positive"), (-1, "negative")):
                mass, dropped = (np.abs(r[r * sign > 0]).sum() for r in (relevance, relevance[mask]))
                assert row[f"dropped_{name}"] == pytest.approx(dropped, rel=1e-9, abs=1e-12)
                assert dropped <= 0.2 * mass * (1 + 1e-12)
                if method == "lambda":
                    assert row[f"lambda_{name}"] * (mass - dropped) == pytest.approx(mass, rel=1e-9, abs=1e-12)
        boundaries += len(seen)
    assert boundaries == len(pruned)


class Square(Network):
    """A convolution whose output has the shape of its input, for the pass rule."""

    length = 18

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(4, 5, 3, bias=False), nn.Conv1d(5, 5, 3, padding=1)
        self.head = nn.Linear(5, 2)
        self.draw(21)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv2(self.conv1(x).relu()).relu().mean(2))

    def reference(self, graph: Graph, x: Node) -> Node:
        h = graph.activation(graph.conv(x, self.conv1, "conv1"), relu)
        h = graph.activation(graph.conv(h, self.conv2, "conv2"), relu)
        return graph.dense(graph.mean(h, 1), self.head, "head")


def test_pass_rule_hands_relevance_through() -> None:
    by = Rules(rules.epsilon(), rules.epsilon(), by_layer={"conv2": rules.passing()})
    composite = Composite(name="p", conv=Epsilon(), dense=Epsilon(), first=None).with_layers({"conv2": Pass()})
    check(Square, composite, by, NoPrune(), Pruning())


class Exact(Network):
    """Weights that are multiples of 1/4, so that equal columns of DNA give equal activations to the last bit."""

    length = 20

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(4, 4, 3), nn.Conv1d(4, 4, 3, padding=1)
        self.head = nn.Linear(16, 2)
        self.draw(22)
        for name, tensor in self.state_dict().items():
            tensor.copy_((tensor * 4).round() / 4 + (0.25 if name.endswith("bias") else 0))

    def forward(self, x: Tensor) -> Tensor:
        h = nn.functional.max_pool1d(self.conv1(x).relu(), 4, 2)
        h = self.conv2(h).relu()
        return self.head(torch.cat([h.amax(2), h.max(2).values, *nn.functional.adaptive_max_pool1d(h, 2).unbind(2)], 1))

    def reference(self, graph: Graph, x: Node) -> Node:
        h = graph.activation(graph.conv(x, self.conv1, "conv1"), relu)
        members, _, shape = linear.windows(h.value.shape, [4], [2], [0], [1])
        h = graph.activation(graph.conv(graph.max_pool(h, members, shape), self.conv2, "conv2"), relu)
        wide, _ = linear.adaptive_windows(h.value.shape, [1])
        halves, shape = linear.adaptive_windows(h.value.shape, [2])
        halved = graph.max_pool(h, halves, shape)
        parts = [graph.amax(h, 1), graph.max_pool(h, wide, (4,))]
        parts += [graph.view([halved], lambda a, side=side: a[:, side]) for side in (0, 1)]
        return graph.dense(graph.view(parts, lambda *a: np.concatenate(a)), self.head, "head")


@pytest.mark.parametrize("composite", COMPOSITES)
def test_ties_in_maxima_on_repeats_go_where_torch_sends_them(composite: str) -> None:
    x = torch.zeros(3, 4, 20, dtype=torch.float64)
    x[0, 1] = 1.0  # CCCC...
    x[1, 0, ::2], x[1, 3, 1::2] = 1.0, 1.0  # ATAT...
    x[2, 2, :7] = 1.0  # GGGGGGGNNN...
    for target in (0, 1):
        result = attribute(made(Exact), x, target=target, composite=composite, pruner=NoPrune())
        assert_same(result.relevance, explained(made(Exact), x, target, COMPOSITES[composite], Pruning()))
