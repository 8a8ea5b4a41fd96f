"""A network as a list of nodes, evaluated for one sample and walked backwards, with every relevance rule spelled out.

A :class:`Graph` is built by calling its methods in the order of the forward pass; each returns a :class:`Node` that
holds its value. ``layers`` in :meth:`Graph.conv` and :meth:`Graph.dense` are torch modules of which only the numbers
are read. :func:`propagate` then gives the relevance of the input.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import linear, pruning
from .rules import Call, Rule, share

Shares = list[np.ndarray]


@dataclass(frozen=True)
class Rules:
    """Which rule a linear call gets: by its layer's name, else ``first`` if it reads the input, else by kind."""

    conv: Rule
    dense: Rule
    first: Rule | None = None
    epsilon: float = 1e-6
    by_layer: Mapping[str, Rule] = field(default_factory=dict)

    def of(self, layer: str, kind: str, reads_input: bool) -> Rule:
        if layer in self.by_layer:
            return self.by_layer[layer]
        if reads_input and self.first is not None:
            return self.first
        return self.conv if kind == "conv" else self.dense


@dataclass(frozen=True)
class Pruning:
    """``method`` is "none", "lambda" or "m"; ``p`` a share or shares by layer, of which the others stay unpruned.

    ``seen``, where given, takes down every boundary: its layer, its relevance, and what was dropped of it.
    """

    method: str = "none"
    p: pruning.Share | Mapping[str, pruning.Share] = 0.0
    seen: list[tuple[str, np.ndarray, np.ndarray]] | None = None

    def dropped(self, relevance: np.ndarray, layer: str) -> np.ndarray:
        mask = pruning.dropped(relevance, self.p.get(layer, 0.0) if isinstance(self.p, Mapping) else self.p)
        if self.seen is not None:
            self.seen.append((layer, relevance, mask))
        return mask


@dataclass(eq=False)
class Node:
    """A value, where it came from, how its relevance goes back, and the layers that read it as a boundary."""

    value: np.ndarray
    parents: tuple["Node", ...] = ()
    back: Callable[[np.ndarray, Rules, Pruning], Shares] | None = None
    reads_input: bool = False
    present: np.ndarray | None = None
    readers: list[str] = field(default_factory=list)


class Graph:
    """The nodes of one forward pass in order. ``matrices`` is filled on the first sample and serves the others."""

    def __init__(self, matrices: dict[Any, linear.Dense]) -> None:
        self.nodes: list[Node] = []
        self.matrices = matrices

    def _add(self, value: np.ndarray, parents: Sequence[Node], back: Any, **more: Any) -> Node:
        node = Node(value, tuple(parents), back, **more)
        self.nodes.append(node)
        return node

    def input(self, x: np.ndarray) -> Node:
        """The DNA (4, l); a column of zeros is an N and is absent."""
        present = np.broadcast_to((x != 0).any(axis=0), x.shape)
        return self._add(x, (), None, reads_input=True, present=present)

    def conv(self, node: Node, layer: Any, name: str, norm: Any = None) -> Node:
        """A convolution, with the batch normalisation that follows it folded in where ``norm`` is given."""

        def matrix() -> linear.Dense:
            return linear.conv(
                _array(layer.weight),
                None if layer.bias is None else _array(layer.bias),
                node.value.shape,
                stride=layer.stride,
                padding=layer.padding,
                dilation=layer.dilation,
                groups=layer.groups,
            )

        return self._linear(node, matrix, "conv", name, norm)

    def dense(self, node: Node, layer: Any, name: str, norm: Any = None) -> Node:
        """A dense layer over the last axis."""

        def matrix() -> linear.Dense:
            bias = None if layer.bias is None else _array(layer.bias)
            return linear.dense(_array(layer.weight), bias, node.value.shape)

        return self._linear(node, matrix, "dense", name, norm)

    def _linear(self, node: Node, build: Callable[[], linear.Dense], kind: str, name: str, norm: Any) -> Node:
        key = (name, node.value.shape, id(norm))
        if key not in self.matrices:
            matrix = build()
            self.matrices[key] = matrix if norm is None else linear.fold(matrix, *affine_of(norm))
        matrix = self.matrices[key]
        if not node.reads_input:
            node.readers.append(name)
        present = np.ones(node.value.size, dtype=bool) if node.present is None else node.present.ravel()
        call = Call(node.value.ravel(), matrix.weight, matrix.bias, matrix.connected, present)

        def back(relevance: np.ndarray, rules: Rules, prune: Pruning) -> Shares:
            rule = rules.of(name, kind, node.reads_input)
            result = rule(call, relevance.ravel())
            if prune.method == "m" and not node.reads_input:
                result = rule(call.without(prune.dropped(result, name)), relevance.ravel())
            return [result.reshape(node.value.shape)]

        return self._add((call.contributions.sum(0) + call.bias).reshape(matrix.shape), [node], back)

    def affine(self, node: Node, norm: Any) -> Node:
        """Batch normalisation that does not follow a linear call: ``scale x + shift``, by the epsilon rule."""
        scale, shift = (a.reshape(-1, *[1] * (node.value.ndim - 1)) for a in affine_of(norm))
        part = scale * node.value
        return self._add(part + shift, [node], lambda r, rules, _: [share(part, part + shift, rules.epsilon) * r])

    def activation(self, node: Node, function: Callable[[np.ndarray], np.ndarray]) -> Node:
        return self._add(function(node.value), [node], lambda r, rules, _: [r])

    def max_pool(self, node: Node, members: list[list[int]], shape: tuple[int, ...]) -> Node:
        """The first of the largest takes all."""
        x = node.value.ravel()
        winners = [max(window, key=lambda i: (x[i], -i)) for window in members]

        def back(relevance: np.ndarray, rules: Rules, _: Pruning) -> Shares:
            result = np.zeros(x.size)
            for winner, r in zip(winners, relevance.ravel(), strict=True):
                result[winner] += r
            return [result.reshape(node.value.shape)]

        return self._add(x[winners].reshape(shape), [node], back)

    def amax(self, node: Node, axis: int) -> Node:
        """The largest along an axis; equal ones share evenly."""
        largest = node.value.max(axis=axis, keepdims=True)
        ties = (node.value == largest).astype(float)
        weight = ties / ties.sum(axis=axis, keepdims=True)
        return self._add(largest.squeeze(axis), [node], lambda r, rules, _: [weight * np.expand_dims(r, axis)])

    def weighted_sums(
        self, node: Node, members: list[list[int]], divisors: Sequence[float], shape: tuple[int, ...]
    ) -> Node:
        """Average pools, means and sums: the members of each window over its divisor."""
        x = node.value.ravel()
        matrix = np.zeros((x.size, len(members)))
        for j, (window, divisor) in enumerate(zip(members, divisors, strict=True)):
            matrix[window, j] = 1 / divisor
        part = x[:, None] * matrix

        def back(relevance: np.ndarray, rules: Rules, _: Pruning) -> Shares:
            return [(share(part, part.sum(0), rules.epsilon) * relevance.ravel()).sum(1).reshape(node.value.shape)]

        return self._add(part.sum(0).reshape(shape), [node], back)

    def mean(self, node: Node, axis: int, *, total: bool = False) -> Node:
        """The mean, or the sum, along one axis."""
        indices = np.moveaxis(np.arange(node.value.size).reshape(node.value.shape), axis, -1)
        members = indices.reshape(-1, indices.shape[-1]).tolist()
        divisor = 1 if total else indices.shape[-1]
        return self.weighted_sums(node, members, [divisor] * len(members), indices.shape[:-1])

    def add(self, a: Node, b: Node, sign: float = 1.0) -> Node:
        """``a + b``, or ``a - b`` with ``sign=-1``."""
        z = a.value + sign * b.value

        def back(relevance: np.ndarray, rules: Rules, _: Pruning) -> Shares:
            parts = (a.value, sign * b.value)
            return [_unbroadcast(share(part, z, rules.epsilon) * relevance, part.shape) for part in parts]

        return self._add(z, [a, b], back)

    def add_constant(self, node: Node, constant: np.ndarray | float) -> Node:
        """The constant takes its part of the denominator as a bias does."""
        z = node.value + constant
        shape = node.value.shape
        return self._add(z, [node], lambda r, rules, _: [_unbroadcast(share(node.value, z, rules.epsilon) * r, shape)])

    def times_constant(self, node: Node, constant: np.ndarray | float) -> Node:
        """Relevance passes, except where the constant is 0."""
        value, shape = node.value * constant, node.value.shape
        return self._add(value, [node], lambda r, rules, _: [_unbroadcast(np.where(constant != 0, r, 0.0), shape)])

    def product(self, a: Node, b: Node) -> Node:
        """Each factor takes half."""
        shapes = a.value.shape, b.value.shape
        return self._add(
            a.value * b.value, [a, b], lambda r, rules, _: [_unbroadcast(r / 2, shape) for shape in shapes]
        )

    def view(self, nodes: Sequence[Node], arrange: Callable[..., np.ndarray]) -> Node:
        """Any rearrangement. ``arrange`` gets arrays of indices shaped like the nodes; -1 in its result is a zero."""
        starts = np.cumsum([0, *(node.value.size for node in nodes)])
        labels = [s + np.arange(n.value.size).reshape(n.value.shape) for s, n in zip(starts, nodes, strict=False)]
        index = arrange(*labels)

        def take(arrays: Sequence[np.ndarray], fill: Any) -> np.ndarray:
            flat = np.concatenate([array.ravel() for array in arrays])
            return np.where(index >= 0, flat[index], fill)

        def back(relevance: np.ndarray, rules: Rules, _: Pruning) -> Shares:
            result = np.zeros(starts[-1])
            for at, r in zip(index.ravel(), relevance.ravel(), strict=True):
                if at >= 0:
                    result[at] += r
            return [
                result[s : s + node.value.size].reshape(node.value.shape)
                for s, node in zip(starts, nodes, strict=False)
            ]

        reads_input = all(node.reads_input for node in nodes)
        present = take([node.present for node in nodes if node.present is not None], False) if reads_input else None
        value = take([node.value for node in nodes], 0.0)
        return self._add(value, nodes, back, reads_input=reads_input, present=present)


def propagate(graph: Graph, output: Node, target: int, rules: Rules, prune: Pruning) -> np.ndarray:
    """The relevance of the graph's input (4, l) for the entry ``target`` of the output."""
    relevance = {id(node): np.zeros_like(node.value) for node in graph.nodes}
    start = np.zeros(output.value.size)
    start[target] = output.value.ravel()[target]
    relevance[id(output)] = start.reshape(output.value.shape)
    for node in reversed(graph.nodes):
        arrived = relevance[id(node)]
        if prune.method == "lambda" and node.readers:
            arrived = pruning.rescaled(arrived, prune.dropped(arrived, node.readers[0]))
        if node.back is not None:
            for parent, part in zip(node.parents, node.back(arrived, rules, prune), strict=True):
                relevance[id(parent)] = relevance[id(parent)] + part
    return relevance[id(graph.nodes[0])]


def affine_of(norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift (c,) of a batch normalisation in evaluation mode."""
    scale = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    return scale, _array(norm.bias) - _array(norm.running_mean) * scale


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.detach().numpy(), dtype=np.float64)


def _unbroadcast(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over the axes along which ``shape`` was repeated."""
    a = a.sum(axis=tuple(range(a.ndim - len(shape))))
    repeated = tuple(i for i, size in enumerate(shape) if size == 1 and a.shape[i] != 1)
    return a.sum(axis=repeated, keepdims=True)
