"""The literal network of :mod:`.network` walked backwards between two inputs: what each value changes by, spelled out.

Relevance, not multipliers, goes back here: ``R_i = sum_j (change of c_ij) / (change of z_j) R_j``, exactly, in float64,
so that the engine's way of handing down multipliers is checked against another one.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import linear, pruning
from .network import Graph, Node, Pruning, Rules, _unbroadcast
from .rules import Call, Rule, share, stabilised

Back = Callable[[Node, Node, np.ndarray], list[np.ndarray]]


class Side(Graph):
    """One forward pass that remembers how each node's relevance goes back between two passes."""

    def __init__(self, matrices: dict[Any, linear.Dense]) -> None:
        super().__init__(matrices)
        self.how: dict[int, Any] = {}

    def _kept(self, node: Node, how: Any) -> Node:
        self.how[len(self.nodes) - 1] = how
        return node

    def _linear(self, node: Node, build: Any, kind: str, name: str, norm: Any) -> Node:
        made = super()._linear(node, build, kind, name, norm)
        return self._kept(made, (self.matrices[(name, node.value.shape, id(norm))], kind, name))

    def affine(self, node: Node, norm: Any) -> Node:
        return self._kept(super().affine(node, norm), _pass)

    def activation(self, node: Node, function: Any) -> Node:
        return self._kept(super().activation(node, function), _pass)

    def max_pool(self, node: Node, members: Any, shape: tuple[int, ...]) -> Node:
        return self._kept(super().max_pool(node, members, shape), _higher_side)

    def amax(self, node: Node, axis: int) -> Node:
        return self._kept(super().amax(node, axis), _higher_side)

    def weighted_sums(self, node: Node, members: Any, divisors: Any, shape: tuple[int, ...]) -> Node:
        matrix = np.zeros((node.value.size, len(members)))
        for j, (window, divisor) in enumerate(zip(members, divisors, strict=True)):
            matrix[window, j] = 1 / divisor
        return self._kept(super().weighted_sums(node, members, divisors, shape), _sums(matrix))

    def add(self, a: Node, b: Node, sign: float = 1.0) -> Node:
        return self._kept(super().add(a, b, sign), _addition(sign))

    def add_constant(self, node: Node, constant: Any) -> Node:
        return self._kept(super().add_constant(node, constant), _pass)

    def times_constant(self, node: Node, constant: Any) -> Node:
        return self._kept(super().times_constant(node, constant), _pass)

    def product(self, a: Node, b: Node) -> Node:
        return self._kept(super().product(a, b), _product)

    def view(self, nodes: Any, arrange: Any) -> Node:
        return self._kept(super().view(nodes, arrange), _routed)


def propagate(
    sides: tuple[Side, Side], output: tuple[int, int], rules: Rules, prune: Pruning, measures: Callable[[Rule], str]
) -> np.ndarray:
    """Relevance of the input (4, l) of the first side measured from that of the second.

    ``output`` is the number of a node and of the entry explained in it. ``measures`` says of a linear rule whether it
    is "exact" (the epsilon rule: no stabiliser), works on the "difference", or on the input's own "value".
    """
    (here, there), (output, target) = sides, output
    change = [one.value - two.value for one, two in zip(here.nodes, there.nodes, strict=True)]
    places = {id(node): number for number, node in enumerate(here.nodes)}
    relevance = [np.zeros_like(part) for part in change]
    relevance[output].ravel()[target] = change[output].ravel()[target]
    for number in reversed(range(1, len(here.nodes))):
        one, two, arrived = here.nodes[number], there.nodes[number], relevance[number]
        if prune.method == "lambda" and one.readers:
            arrived = pruning.rescaled(arrived, prune.dropped(arrived, one.readers[0]))
        how = here.how[number]
        if callable(how):
            parts = how(one, two, arrived)
        else:
            parts = [
                _linear(one.parents[0], change[places[id(one.parents[0])]], arrived, how, (rules, prune, measures))
            ]
        for parent, part in zip(one.parents, parts, strict=True):
            relevance[places[id(parent)]] = relevance[places[id(parent)]] + part
    return relevance[0]


def _linear(
    node: Node, change: np.ndarray, arrived: np.ndarray, how: tuple[linear.Dense, str, str], options: Any
) -> np.ndarray:
    (matrix, kind, name), (rules, prune, measures) = how, options
    rule = rules.of(name, kind, node.reads_input)
    value = node.value if node.reads_input and measures(rule) == "value" else change
    present = np.ones(node.value.size, dtype=bool) if node.present is None else node.present.ravel()
    call = Call(value.ravel(), matrix.weight, np.zeros_like(matrix.bias), matrix.connected, present)

    def run(call: Call, lost: np.ndarray) -> np.ndarray:
        if measures(rule) != "exact":
            return rule(call, arrived.ravel())
        whole = call.contributions.sum(0)
        below = np.where(lost, stabilised(whole), whole)
        return (share(call.contributions, below, 0.0) * arrived.ravel()).sum(1)

    result = run(call, np.zeros(matrix.bias.shape, dtype=bool))
    if prune.method == "m" and not node.reads_input:
        dropped = prune.dropped(result, name)
        result = run(call.without(dropped), (call.contributions[dropped] != 0).any(axis=0))
    return result.reshape(node.value.shape)


def _pass(one: Node, two: Node, arrived: np.ndarray) -> list[np.ndarray]:
    return [_unbroadcast(arrived, one.parents[0].value.shape)]


def _routed(one: Node, two: Node, arrived: np.ndarray) -> list[np.ndarray]:
    return one.back(arrived, None, None)


def _higher_side(one: Node, two: Node, arrived: np.ndarray) -> list[np.ndarray]:
    higher = one.value > two.value
    back_here, back_there = np.where(higher, arrived, 0.0), np.where(higher, 0.0, arrived)
    return [one.back(back_here, None, None)[0] + two.back(back_there, None, None)[0]]


def _sums(matrix: np.ndarray) -> Back:
    def back(one: Node, two: Node, arrived: np.ndarray) -> list[np.ndarray]:
        part = (one.parents[0].value - two.parents[0].value).ravel()[:, None] * matrix
        return [(share(part, part.sum(0), 0.0) * arrived.ravel()).sum(1).reshape(one.parents[0].value.shape)]

    return back


def _addition(sign: float) -> Back:
    def back(one: Node, two: Node, arrived: np.ndarray) -> list[np.ndarray]:
        whole = one.value - two.value
        changes = [a.value - b.value for a, b in zip(one.parents, two.parents, strict=True)]
        parts = [changes[0], sign * changes[1]]
        return [_unbroadcast(share(part, whole, 0.0) * arrived, part.shape) for part in parts]

    return back


def _product(one: Node, two: Node, arrived: np.ndarray) -> list[np.ndarray]:
    """Each factor's change times the other's mean over both sides: its Shapley value in the product."""
    (a, b), (a0, b0) = one.parents, two.parents
    whole = one.value - two.value
    parts = [(a.value - a0.value) * (b.value + b0.value) / 2, (b.value - b0.value) * (a.value + a0.value) / 2]
    shapes = [a.value.shape, b.value.shape]
    return [_unbroadcast(share(part, whole, 0.0) * arrived, shape) for part, shape in zip(parts, shapes, strict=True)]
