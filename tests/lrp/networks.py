"""Small float64 networks on DNA, each with its forward pass written twice: for torch and for the literal reference.

Each class has a ``length``, the ``forward`` that the engine sees, and a ``reference`` that builds the same network
from literal nodes. Weights and batch statistics are random and seeded by the class.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.reference import linear
from tests.reference.network import Graph, Node

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
    "gelu": lambda z: 0.5 * z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "softplus": lambda z: np.logaddexp(0.0, z),
    "exp": np.exp,
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}
relu = ACTIVATIONS["relu"]


def flatten(graph: Graph, node: Node) -> Node:
    return graph.view([node], np.ravel)


class Network(nn.Module):
    """Base: draws the parameters once the layers stand."""

    length = 24

    def draw(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.double().eval()
        for name, tensor in self.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            value = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            tensor.copy_(value.abs() + 0.5 if name.endswith("running_var") else value * 0.4)

    def reference(self, graph: Graph, x: Node) -> Node:
        raise NotImplementedError


class Plain(Network):
    """Stride, padding, max-pool, two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(4, 5, 5, padding=2)
        self.conv2 = nn.Conv1d(5, 6, 3, stride=2)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(30, 7), nn.ReLU(), nn.Linear(7, 3))
        self.draw(1)

    def forward(self, x: Tensor) -> Tensor:
        h = F.max_pool1d(torch.relu(self.conv1(x)), 2)
        return self.body(F.relu(self.conv2(h)))

    def reference(self, graph: Graph, x: Node) -> Node:
        h = graph.activation(graph.conv(x, self.conv1, "conv1"), relu)
        pools, _, shape = linear.windows(h.value.shape, [2], [2], [0], [1])
        h = graph.max_pool(h, pools, shape)
        h = graph.activation(graph.conv(h, self.conv2, "conv2"), relu)
        h = graph.dense(flatten(graph, h), self.body[1], "body.1")
        return graph.dense(graph.activation(h, relu), self.body[3], "body.3")


class Geometry(Network):
    """Stride with padding and dilation, "same" with an even kernel, groups, "valid"; a mean as the head."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv1d(4, 8, 4, stride=2, padding=3, dilation=2)
        self.b = nn.Conv1d(8, 8, 4, padding="same", dilation=2, groups=4)
        self.c = nn.Conv1d(8, 6, 3, padding="valid", groups=2, bias=False)
        self.head = nn.Linear(6, 2)
        self.draw(2)

    def forward(self, x: Tensor) -> Tensor:
        h = F.leaky_relu(self.a(x))
        h = F.elu(self.b(h))
        return self.head(F.silu(self.c(h)).mean(-1))

    def reference(self, graph: Graph, x: Node) -> Node:
        h = graph.activation(graph.conv(x, self.a, "a"), ACTIVATIONS["leaky_relu"])
        h = graph.activation(graph.conv(h, self.b, "b"), ACTIVATIONS["elu"])
        h = graph.activation(graph.conv(h, self.c, "c"), ACTIVATIONS["silu"])
        return graph.dense(graph.mean(h, -1), self.head, "head")


class Folded(Network):
    """Batch normalisation directly after convolutions (with and without bias) and after a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv1d(4, 6, 5), nn.BatchNorm1d(6)
        self.conv2, self.norm2 = nn.Conv1d(6, 5, 3, bias=False), nn.BatchNorm1d(5)
        self.dense, self.norm3 = nn.Linear(35, 6), nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 3)
        self.draw(3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.norm1(self.conv1(x)))
        h = F.gelu(self.norm2(self.conv2(F.max_pool1d(h, 3, stride=2, padding=1))))
        return self.head(F.relu(self.norm3(self.dense(h[:, :, 1:8].reshape(len(x), -1)))))

    def reference(self, graph: Graph, x: Node) -> Node:
        h = graph.activation(graph.conv(x, self.conv1, "conv1", self.norm1), relu)
        pools, _, shape = linear.windows(h.value.shape, [3], [2], [1], [1])
        h = graph.conv(graph.max_pool(h, pools, shape), self.conv2, "conv2", self.norm2)
        h = graph.activation(h, ACTIVATIONS["gelu"])
        h = graph.view([h], lambda a: a[:, 1:8].ravel())
        return graph.dense(graph.activation(graph.dense(h, self.dense, "dense", self.norm3), relu), self.head, "head")


class Unfolded(Network):
    """Batch normalisation that may not be folded: after an activation, and where a branch reads the bare output."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv1d(4, 6, 4, stride=2), nn.BatchNorm1d(6)
        self.conv2, self.norm2 = nn.Conv1d(6, 6, 3, padding=1), nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 2)
        self.draw(4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(torch.tanh(self.conv1(x)))
        bare = self.conv2(h)
        return self.head((torch.relu(self.norm2(bare)) + bare).sum(dim=2))

    def reference(self, graph: Graph, x: Node) -> Node:
        h = graph.affine(graph.activation(graph.conv(x, self.conv1, "conv1"), np.tanh), self.norm1)
        bare = graph.conv(h, self.conv2, "conv2")
        h = graph.add(graph.activation(graph.affine(bare, self.norm2), relu), bare)
        return graph.dense(graph.mean(h, 1, total=True), self.head, "head")


class Pools(Network):
    """Padding, ceil mode, dilation, padding not counted, adaptive pools, and the maximum along an axis."""

    length = 40

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(4, 4, 3, padding=1)
        self.conv2 = nn.Conv1d(4, 4, 3, padding=1)
        self.pools = nn.ModuleList([nn.AvgPool1d(3, 2, 1), nn.AvgPool1d(4, 3, 1, True, False), nn.AdaptiveMaxPool1d(5)])
        self.head = nn.Linear(8, 2)
        self.draw(5)

    def forward(self, x: Tensor) -> Tensor:
        h = F.softplus(self.conv1(x))
        h = F.max_pool1d(h, 3, 2, 1, 2, ceil_mode=True)
        h = self.pools[1](self.pools[0](h))
        h = torch.relu(self.conv2(h))
        wide = self.pools[2](torch.cat([h, F.pad(h, (2, 1))], dim=2))
        return self.head(torch.cat([F.adaptive_avg_pool1d(wide, 2).max(dim=-1).values, wide.amax(dim=2)], dim=1))

    def reference(self, graph: Graph, x: Node) -> Node:
        h = graph.activation(graph.conv(x, self.conv1, "conv1"), ACTIVATIONS["softplus"])
        members, _, shape = linear.windows(h.value.shape, [3], [2], [1], [2], ceil_mode=True)
        h = graph.max_pool(h, members, shape)
        members, counts, shape = linear.windows(h.value.shape, [3], [2], [1], [1])
        h = graph.weighted_sums(h, members, counts, shape)
        members, _, shape = linear.windows(h.value.shape, [4], [3], [1], [1], ceil_mode=True)
        h = graph.weighted_sums(h, members, [len(window) for window in members], shape)
        h = graph.activation(graph.conv(h, self.conv2, "conv2"), relu)
        padded = graph.view([h], lambda a: np.pad(a, ((0, 0), (2, 1)), constant_values=-1))
        wide = graph.view([h, padded], lambda *a: np.concatenate(a, axis=1))
        wide = graph.max_pool(wide, *linear.adaptive_windows(wide.value.shape, [5]))
        members, shape = linear.adaptive_windows(wide.value.shape, [2])
        means = graph.weighted_sums(wide, members, [len(window) for window in members], shape)
        rows = np.arange(means.value.size).reshape(means.value.shape).tolist()
        parts = [graph.max_pool(means, rows, (len(rows),)), graph.amax(wide, 1)]
        return graph.dense(graph.view(parts, lambda *a: np.concatenate(a)), self.head, "head")


class Planes(Network):
    """Two-dimensional: stride, padding, dilation and groups per axis, folded and bare normalisation, 2-d pools."""

    length = 16

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(1, 4, (3, 4), stride=(1, 2), padding=(1, 2)), nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, (2, 3), padding="same", dilation=(1, 2), groups=2)
        self.norm2 = nn.BatchNorm2d(4)
        self.conv3 = nn.Conv2d(4, 3, (2, 2))
        self.head = nn.Linear(12, 2)
        self.draw(9)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.norm1(self.conv1(x.unsqueeze(1))))
        h = self.norm2(torch.sigmoid(self.conv2(h)))
        h = F.max_pool2d(h, (2, 3), stride=(1, 2), padding=(0, 1))
        h = torch.relu(self.conv3(F.avg_pool2d(h, 2, stride=1)))
        return self.head(torch.cat([F.adaptive_avg_pool2d(h, (1, 2)), F.adaptive_max_pool2d(h, (1, 2))], 1).flatten(1))

    def reference(self, graph: Graph, x: Node) -> Node:
        x = graph.view([x], lambda a: a[None])
        h = graph.activation(graph.conv(x, self.conv1, "conv1", self.norm1), relu)
        h = graph.affine(graph.activation(graph.conv(h, self.conv2, "conv2"), ACTIVATIONS["sigmoid"]), self.norm2)
        members, _, shape = linear.windows(h.value.shape, [2, 3], [1, 2], [0, 1], [1, 1])
        h = graph.max_pool(h, members, shape)
        h = graph.weighted_sums(h, *linear.windows(h.value.shape, [2, 2], [1, 1], [0, 0], [1, 1]))
        h = graph.activation(graph.conv(h, self.conv3, "conv3"), relu)
        members, shape = linear.adaptive_windows(h.value.shape, [1, 2])
        average = graph.weighted_sums(h, members, [len(window) for window in members], shape)
        both = [average, graph.max_pool(h, members, shape)]
        return graph.dense(graph.view(both, lambda *a: np.concatenate(a).ravel()), self.head, "head")


def dna(length: int, seed: int, samples: int = 3) -> Tensor:
    """Random DNA (n, 4, l) in float64; the last sequence has an N at either end and a run of Ns within."""
    bases = torch.randint(4, (samples, length), generator=torch.Generator().manual_seed(seed))
    x = F.one_hot(bases, 4).transpose(1, 2).to(torch.float64)
    for place in (0, length - 1, *range(length // 2, length // 2 + 3)):
        x[-1, :, place] = 0.0
    return x.contiguous()
