"""Every way to write a call (module, function, method) gets the relevance that the literal version of the call gets."""

from collections.abc import Callable
from typing import Any

import einops
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from einops.layers.torch import Rearrange, Reduce
from torch import Tensor, nn

from genoplrp.attribution import attribute
from genoplrp.lrp import NoPrune, PruneLambda
from tests.lrp.networks import ACTIVATIONS, Network, dna, flatten, relu
from tests.lrp.pairs import COMPOSITES, PRUNERS, assert_same, explained
from tests.reference import linear
from tests.reference.network import Graph, Node

Op = Callable[[Tensor], Tensor]


class Host(Network):
    """A convolution to (n, 4, 12), the call under test, and a dense layer on whatever comes out."""

    length = 14

    def __init__(self, op: Op, literal: Callable[[Graph, Node], Node]) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 4, 3)
        self.op = op
        self.literal = literal
        self.head = nn.Linear(int(op(torch.rand(1, 4, 12)).numel()), 2)
        self.draw(41)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.op(self.conv(x)).reshape(len(x), -1))

    def reference(self, graph: Graph, x: Node) -> Node:
        h = self.literal(graph, graph.conv(x, self.conv, "conv"))
        return graph.dense(flatten(graph, h), self.head, "head")


def check(op: Op, literal: Callable[[Graph, Node], Node], composite: str = "epsilon") -> None:
    model, x = Host(op, literal), dna(Host.length, 6)
    for name in ("none", "lambda"):
        pruner, prune = PRUNERS[name]
        result = attribute(model, x, target=1, composite=composite, pruner=pruner)
        assert_same(result.relevance, explained(model, x, 1, COMPOSITES[composite], prune))


ELEMENTWISE: dict[str, list[Op]] = {
    "relu": [nn.ReLU(), nn.ReLU(inplace=True), F.relu, torch.relu, Tensor.relu, lambda h: h.clone().relu_()],
    "leaky_relu": [nn.LeakyReLU(), F.leaky_relu],
    "elu": [nn.ELU(), F.elu],
    "gelu": [nn.GELU(), F.gelu],
    "silu": [nn.SiLU(), F.silu],
    "softplus": [nn.Softplus(), F.softplus],
    "exp": [torch.exp, Tensor.exp],
    "tanh": [nn.Tanh(), torch.tanh, Tensor.tanh],
    "sigmoid": [nn.Sigmoid(), torch.sigmoid, Tensor.sigmoid, F.sigmoid],
}


@pytest.mark.parametrize(
    ("name", "form"), [(name, i) for name, forms in ELEMENTWISE.items() for i in range(len(forms))]
)
def test_activation_passes_relevance(name: str, form: int) -> None:
    check(ELEMENTWISE[name][form], lambda graph, h: graph.activation(h, ACTIVATIONS[name]))


def largest(graph: Graph, h: Node) -> Node:
    rows = np.arange(h.value.size).reshape(h.value.shape).tolist()
    return graph.max_pool(h, rows, (len(rows),))


def max_windows(graph: Graph, h: Node) -> Node:
    members, _, shape = linear.windows(h.value.shape, [3], [2], [1], [1])
    return graph.max_pool(h, members, shape)


def mean_windows(graph: Graph, h: Node) -> Node:
    return graph.weighted_sums(h, *linear.windows(h.value.shape, [3], [2], [1], [1]))


def adaptive_mean(graph: Graph, h: Node) -> Node:
    members, shape = linear.adaptive_windows(h.value.shape, [5])
    return graph.weighted_sums(h, members, [len(window) for window in members], shape)


POOLS: dict[str, tuple[Op, Callable[[Graph, Node], Node]]] = {
    "MaxPool1d": (nn.MaxPool1d(3, 2, 1), max_windows),
    "F.max_pool1d": (lambda h: F.max_pool1d(h, kernel_size=3, stride=2, padding=1), max_windows),
    "torch.max_pool1d": (lambda h: torch.max_pool1d(h, 3, 2, 1), max_windows),
    "max_pool2d": (lambda h: F.max_pool2d(h.unsqueeze(2), (1, 3), (1, 2), (0, 1)), max_windows),
    "AvgPool1d": (nn.AvgPool1d(3, 2, 1), mean_windows),
    "F.avg_pool1d": (lambda h: F.avg_pool1d(h, 3, stride=2, padding=1), mean_windows),
    "avg_pool2d": (lambda h: F.avg_pool2d(h[:, None], (1, 3), (1, 2), (0, 1)), mean_windows),
    "AdaptiveAvgPool1d": (nn.AdaptiveAvgPool1d(5), adaptive_mean),
    "F.adaptive_avg_pool1d": (lambda h: F.adaptive_avg_pool1d(h, 5), adaptive_mean),
    "adaptive_avg_pool2d": (lambda h: F.adaptive_avg_pool2d(h.unsqueeze(1), (None, 5)), adaptive_mean),
    "AdaptiveMaxPool1d": (nn.AdaptiveMaxPool1d(1), largest),
    "adaptive_max_pool2d": (lambda h: F.adaptive_max_pool2d(h.unsqueeze(2), 1), largest),
    "max": (lambda h: h.max(dim=2).values, largest),
    "torch.max": (lambda h: torch.max(h, -1, keepdim=True)[0], largest),
    "amax": (lambda h: h.amax(dim=-1), lambda graph, h: graph.amax(h, -1)),
    "torch.amax": (lambda h: torch.amax(h, 2, keepdim=True), lambda graph, h: graph.amax(h, -1)),
    "amax of channels": (lambda h: h.amax(1), lambda graph, h: graph.amax(h, 0)),
    "einops max": (lambda h: einops.reduce(h, "n c l -> n c", "max"), lambda graph, h: graph.amax(h, -1)),
    "mean": (lambda h: h.mean(-1), lambda graph, h: graph.mean(h, 1)),
    "torch.mean": (lambda h: torch.mean(h, dim=2, keepdim=True), lambda graph, h: graph.mean(h, 1)),
    "mean of both": (
        lambda h: h.mean(dim=(1, 2)),
        lambda graph, h: graph.weighted_sums(h, [list(range(48))], [48], (1,)),
    ),
    "einops mean": (Reduce("n c (l w) -> n c l", "mean", w=12), lambda graph, h: graph.mean(h, 1)),
    "sum": (lambda h: h.sum(1), lambda graph, h: graph.mean(h, 0, total=True)),
    "torch.sum": (lambda h: torch.sum(h, 2), lambda graph, h: graph.mean(h, 1, total=True)),
}


@pytest.mark.parametrize("pool", POOLS)
def test_pool_matches_its_literal_version(pool: str) -> None:
    check(*POOLS[pool])


VIEWS: dict[str, tuple[Op, Callable[[np.ndarray], np.ndarray]]] = {
    "Flatten": (nn.Flatten(), np.ravel),
    "flatten": (lambda h: torch.flatten(h, start_dim=1), np.ravel),
    "view": (lambda h: h.view(-1, 48), np.ravel),
    "Unflatten": (nn.Unflatten(2, (3, 4)), np.ravel),
    "permute": (lambda h: h.permute(0, 2, 1).flatten(1), lambda a: a.T.ravel()),
    "torch.permute": (lambda h: torch.permute(h, (0, 2, 1)).contiguous(), np.transpose),
    "transpose": (lambda h: h.transpose(1, 2), np.transpose),
    "swapaxes and mT": (lambda h: h.swapaxes(1, 2).mT.mT, np.transpose),
    "movedim": (lambda h: h.movedim(1, -1), np.transpose),
    "squeeze": (lambda h: h.unsqueeze(1).squeeze(1)[:, None, ..., None].squeeze(), lambda a: a),
    "slice": (lambda h: h[:, 1:3, 2:-1:3], lambda a: a[1:3, 2:-1:3]),
    "narrow": (lambda h: h.narrow(2, 3, 4), lambda a: a[:, 3:7]),
    "select": (lambda h: h.select(1, 2), lambda a: a[2]),
    "index_select": (lambda h: h.index_select(2, torch.tensor([5, 0, 5])), lambda a: a[:, [5, 0, 5]]),
    "fancy index": (lambda h: h[:, [0, 2, 2]], lambda a: a[[0, 2, 2]]),
    "split and cat": (
        lambda h: torch.cat(h.split(5, dim=2)[::-1], 2),
        lambda a: np.hstack([a[:, 10:], a[:, 5:10], a[:, :5]]),
    ),
    "chunk and stack": (lambda h: torch.stack(h.chunk(2, 2), -1), lambda a: np.stack([a[:, :6], a[:, 6:]], -1)),
    "unbind": (lambda h: torch.stack(h.unbind(1)[::2], 1), lambda a: a[::2]),
    "pad": (lambda h: F.pad(h, (2, 1)), lambda a: np.pad(a, ((0, 0), (2, 1)), constant_values=-1)),
    "crop by pad": (lambda h: F.pad(h, (-2, 1)), lambda a: np.pad(a[:, 2:], ((0, 0), (0, 1)), constant_values=-1)),
    "ConstantPad1d": (nn.ConstantPad1d((0, 3), 0.0), lambda a: np.pad(a, ((0, 0), (0, 3)), constant_values=-1)),
    "ReflectionPad1d": (nn.ReflectionPad1d(2), lambda a: np.pad(a, ((0, 0), (2, 2)), mode="reflect")),
    "flip": (lambda h: h.flip(1, 2), lambda a: a[::-1, ::-1]),
    "torch.flip": (lambda h: torch.flip(h, dims=(2,)), lambda a: a[:, ::-1]),
    "roll": (lambda h: torch.roll(h, 3, dims=2), lambda a: np.roll(a, 3, axis=1)),
    "expand": (lambda h: h[:, :, :1].expand(-1, -1, 3), lambda a: np.repeat(a[:, :1], 3, axis=1)),
    "repeat": (lambda h: h.repeat(1, 2, 1), lambda a: np.tile(a, (2, 1))),
    "einops": (
        lambda h: einops.rearrange(h, "n c (l w) -> n (w c) l", w=3),
        lambda a: a.reshape(4, 4, 3).transpose(2, 0, 1),
    ),
    "Rearrange": (Rearrange("n c l -> n (l c)"), lambda a: a.T.ravel()),
    "dropout": (nn.Dropout(0.5), lambda a: a),
    "F.dropout": (lambda h: F.dropout(h, 0.5, training=False), lambda a: a),
    "Identity": (nn.Identity(), lambda a: a),
    "clone": (lambda h: h.clone().to(torch.float64), lambda a: a),
}


@pytest.mark.parametrize("view", VIEWS)
def test_view_routes_relevance(view: str) -> None:
    op, arrange = VIEWS[view]
    check(op, lambda graph, h: graph.view([h], arrange))


def row(h: Tensor) -> Tensor:
    return torch.tensor([[0.5], [0.0], [-2.0], [1.5]], dtype=h.dtype)


ARITHMETIC: dict[str, tuple[Op, Callable[[Graph, Node], Node]]] = {
    "add to itself": (lambda h: h + h, lambda graph, h: graph.add(h, h)),
    "torch.add with alpha": (
        lambda h: torch.add(h, h.tanh(), alpha=2),
        lambda graph, h: graph.add(h, graph.activation(h, np.tanh), 2.0),
    ),
    "in place": (lambda h: h.tanh().add_(h), lambda graph, h: graph.add(graph.activation(h, np.tanh), h)),
    "sub": (lambda h: h - h.tanh(), lambda graph, h: graph.add(h, graph.activation(h, np.tanh), -1.0)),
    "constant": (lambda h: 1 + h, lambda graph, h: graph.add_constant(h, 1.0)),
    "constant row": (
        lambda h: h.add(row(h)),
        lambda graph, h: graph.add_constant(h, row(torch.zeros(1).double()).numpy()),
    ),
    "from constant": (lambda h: 1 - h, lambda graph, h: graph.add_constant(graph.times_constant(h, -1.0), 1.0)),
    "negative": (lambda h: -h, lambda graph, h: graph.times_constant(h, -1.0)),
    "times": (lambda h: torch.mul(h, 3.0), lambda graph, h: graph.times_constant(h, 3.0)),
    "times row": (lambda h: row(h) * h, lambda graph, h: graph.times_constant(h, row(torch.zeros(1).double()).numpy())),
    "divided": (lambda h: h / 4, lambda graph, h: graph.times_constant(h, 0.25)),
    "product": (
        lambda h: h * h.sigmoid(),
        lambda graph, h: graph.product(h, graph.activation(h, ACTIVATIONS["sigmoid"])),
    ),
    "broadcast": (
        lambda h: h * h.mean(2, keepdim=True),
        lambda graph, h: graph.product(h, graph.view([graph.mean(h, 1)], lambda a: a[:, None])),
    ),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_matches_its_literal_version(name: str) -> None:
    check(*ARITHMETIC[name])


@pytest.mark.parametrize("ending", [nn.Sigmoid(), nn.Softmax(dim=1), nn.LogSoftmax(dim=-1)])
def test_final_probability_is_explained_at_its_input(ending: nn.Module) -> None:
    bare, x = Host(torch.relu, lambda graph, h: graph.activation(h, relu)), dna(Host.length, 6)
    expected = attribute(bare, x, target=1).relevance
    assert_same(attribute(nn.Sequential(bare, ending), x, target=1).relevance, expected, 1e-12)


def test_lone_output_needs_no_target() -> None:
    model = nn.Sequential(nn.Conv1d(4, 1, 14), nn.Flatten()).double().eval()
    x = dna(14, 6)
    assert_same(attribute(model, x).relevance, attribute(model, x, target=0).relevance, 1e-12)


def test_explicit_padding_of_the_dna_equals_the_layer_s_own() -> None:
    layer, x = nn.Conv1d(4, 3, 5, padding=2).double(), dna(14, 6)
    bare = nn.Conv1d(4, 3, 5).double()
    bare.load_state_dict(layer.state_dict())
    own = nn.Sequential(layer, nn.ReLU(), nn.Flatten()).eval()
    explicit = nn.Sequential(nn.ConstantPad1d(2, 0.0), bare, nn.ReLU(), nn.Flatten()).eval()
    for composite in COMPOSITES:
        target = int(own(x)[0].argmax())
        results = [attribute(m, x[:1], target=target, composite=composite, pruner=NoPrune()) for m in (explicit, own)]
        assert_same(results[0].relevance, results[1].relevance, 1e-12)


def test_exported_program_equals_its_module() -> None:
    model = (
        nn.Sequential(nn.Conv1d(4, 5, 3), nn.ReLU(), nn.MaxPool1d(3), nn.Flatten(), nn.Linear(20, 2)).double().eval()
    )
    x = dna(14, 6)
    exported = torch.export.export(model, (x,)).module()
    for pruner in (NoPrune(), PruneLambda(0.2)):
        expected = attribute(model, x, target=1, pruner=pruner).relevance
        assert_same(attribute(exported, x, target=1, pruner=pruner).relevance, expected, 1e-12)


def test_branching_in_python_follows_the_data() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv1d(4, 3, 3), nn.Conv1d(4, 3, 5)

        def forward(self, x: Tensor) -> Tensor:
            layer: Any = self.a if bool(x[:, 0].sum() > x[:, 1].sum()) else self.b
            return layer(x).relu().mean(2)

    model, x = Fork().double().eval(), dna(14, 6)
    for sample in x.split(1):
        chosen = model.a if sample[:, 0].sum() > sample[:, 1].sum() else model.b
        plain = nn.Sequential(chosen, nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        assert_same(attribute(model, sample, target=0).relevance, attribute(plain, sample, target=0).relevance, 1e-12)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_scripted_module_works_or_says_that_it_does_not() -> None:
    x = dna(14, 6)
    model = nn.Sequential(nn.Conv1d(4, 3, 3), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten()).double().eval()
    traced = torch.jit.trace(model, x)
    try:
        relevance = attribute(traced, x, target=0).relevance
    except Exception as error:
        assert "script" in str(error).lower()
    else:
        assert_same(relevance, attribute(model, x, target=0).relevance, 1e-12)
