"""Networks that are no chain: residual adds, reused layers, branches, gates, matrix products. See :mod:`.networks`."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.lrp.networks import ACTIVATIONS, Network, flatten, relu
from tests.reference.network import Graph, Node


class Residual(Network):
    """``h + f(h)`` twice, the second in place and within a submodule, then a global maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(4, 6, 5, padding=2)
        self.blocks = nn.ModuleList([nn.Conv1d(6, 6, 3, padding=1), nn.Conv1d(6, 6, 3, padding=2, dilation=2)])
        self.norm = nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 3)
        self.draw(11)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.stem(x))
        h = h + torch.relu(self.blocks[0](h))
        f = self.norm(self.blocks[1](h))
        f += h
        return self.head(f.relu().amax(-1))

    def reference(self, graph: Graph, x: Node) -> Node:
        h = graph.activation(graph.conv(x, self.stem, "stem"), relu)
        h = graph.add(h, graph.activation(graph.conv(h, self.blocks[0], "blocks.0"), relu))
        h = graph.add(graph.conv(h, self.blocks[1], "blocks.1", self.norm), h)
        return graph.dense(graph.amax(graph.activation(h, relu), -1), self.head, "head")


class Reused(Network):
    """One convolution three times, each with a normalisation of its own or none; one dense layer on two branches."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(4, 5, 3, stride=2)
        self.again = nn.Conv1d(5, 5, 3, padding=1)
        self.norm1, self.norm2 = nn.BatchNorm1d(5), nn.BatchNorm1d(5)
        self.shared = nn.Linear(5, 4)
        self.head = nn.Linear(4, 2)
        self.draw(18)

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x).relu()
        for norm in (self.norm1, self.norm2, nn.Identity()):
            h = norm(self.again(h)).relu()
        top, mean = self.shared(h.max(2)[0]), self.shared(h.mean(2))
        return self.head(F.relu(top - mean))

    def reference(self, graph: Graph, x: Node) -> Node:
        h = graph.activation(graph.conv(x, self.stem, "stem"), relu)
        for norm in (self.norm1, self.norm2, None):
            h = graph.activation(graph.conv(h, self.again, "again", norm), relu)
        rows = np.arange(h.value.size).reshape(h.value.shape).tolist()
        top = graph.dense(graph.max_pool(h, rows, (len(rows),)), self.shared, "shared")
        mean = graph.dense(graph.mean(h, 1), self.shared, "shared")
        return graph.dense(graph.activation(graph.add(top, mean, -1.0), relu), self.head, "head")


class Branches(Network):
    """Both strands through one layer, a gate, constants, a concatenation, and a matrix product by a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.motif = nn.Conv1d(4, 4, 5)
        self.value, self.gate = nn.Conv1d(8, 6, 3), nn.Conv1d(8, 6, 3)
        self.project = nn.Linear(6, 4)
        self.shift = nn.Parameter(torch.zeros(4, 1))
        self.register_buffer("scale", torch.zeros(4, 1))
        self.weight = nn.Parameter(torch.zeros(8, 3))
        self.draw(13)
        self.scale[1] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        forward, reverse = self.motif(x), self.motif(x.flip(1, 2)).flip(-1)
        h = torch.cat([forward, reverse], dim=1).exp()
        h = torch.tanh(self.value(h)) * torch.sigmoid(self.gate(h))
        h = self.project(h.permute(0, 2, 1)).transpose(1, 2)
        h = torch.relu(self.scale * h * 0.5 + self.shift) - 0.1
        left, right = h[..., ::2].mean(-1), h[..., 1::2].mean(-1)
        return torch.stack([left, right], dim=1).reshape(len(x), 8) @ self.weight

    def reference(self, graph: Graph, x: Node) -> Node:
        reverse = graph.view([x], lambda a: a[::-1, ::-1])
        reverse = graph.view([graph.conv(reverse, self.motif, "motif")], lambda a: a[:, ::-1])
        both = graph.view([graph.conv(x, self.motif, "motif"), reverse], lambda *a: np.concatenate(a))
        h = graph.activation(both, np.exp)
        value = graph.activation(graph.conv(h, self.value, "value"), np.tanh)
        gate = graph.activation(graph.conv(h, self.gate, "gate"), ACTIVATIONS["sigmoid"])
        h = graph.view([graph.product(value, gate)], np.transpose)
        h = graph.view([graph.dense(h, self.project, "project")], np.transpose)
        h = graph.times_constant(graph.times_constant(h, self.scale.numpy()), 0.5)
        h = graph.activation(graph.add_constant(h, self.shift.detach().numpy()), relu)
        h = graph.add_constant(h, -0.1)
        left = graph.mean(graph.view([h], lambda a: a[:, ::2]), 1)
        right = graph.mean(graph.view([h], lambda a: a[:, 1::2]), 1)
        pooled = graph.view([left, right], lambda *a: np.concatenate(a))
        return graph.dense(pooled, Transposed(self.weight), "")


class Transposed:
    """A parameter used in ``x @ weight``, as a dense layer has it."""

    bias = None

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight.T


class Sums(Network):
    """Broadcast adds, subtractions and products, a layer on a slice of the DNA and one on its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv1d(4, 5, 3, padding=1)
        self.purine = nn.Conv1d(2, 5, 3, padding=1)
        self.squeeze = nn.Linear(5, 5)
        self.next = nn.Conv1d(5, 4, 4, stride=3)
        self.head = nn.Linear(24, 2)
        self.draw(14)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.narrow(x[:, :, 2:-2])) - torch.relu(self.purine(x[:, ::2, 2:-2]))
        squeezed = torch.sigmoid(self.squeeze(h.mean(dim=2)))
        h = h * squeezed.unsqueeze(-1) + squeezed[:, :, None]
        h = F.relu(self.next(torch.sub(1.0, h)))
        return self.head(h.flatten(1))

    def reference(self, graph: Graph, x: Node) -> Node:
        all_four = graph.conv(graph.view([x], lambda a: a[:, 2:-2]), self.narrow, "narrow")
        purine = graph.conv(graph.view([x], lambda a: a[::2, 2:-2]), self.purine, "purine")
        h = graph.add(graph.activation(all_four, relu), graph.activation(purine, relu), -1.0)
        squeezed = graph.activation(graph.dense(graph.mean(h, 1), self.squeeze, "squeeze"), ACTIVATIONS["sigmoid"])
        h = graph.product(h, graph.view([squeezed], lambda a: a[:, None]))
        h = graph.add(h, graph.view([squeezed], lambda a: a[:, None]))
        h = graph.add_constant(graph.times_constant(h, -1.0), 1.0)
        h = graph.activation(graph.conv(h, self.next, "next"), relu)
        return graph.dense(flatten(graph, h), self.head, "head")
