"""The units of a network, layer by layer: how much relevance flows through each, from where and to where.

A unit is a channel of a convolution or a neuron of a dense layer. Those of a layer that carry most are followed one by
one (`genoplrp.lrp.units`), the others together, so that nothing is left out: what a layer receives is what the units
above it and the output hand to it directly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray

from genoplrp.discover.carried import Account, Carried
from genoplrp.discover.maps import Maps, Place, WindowExplainer, as_floats, spread
from genoplrp.errors import ModelError
from genoplrp.lrp import Unit
from genoplrp.lrp.inspect import inner_layers
from genoplrp.result import Attribution

SAMPLE = 200
"""Windows in which units are followed, at most, evenly spread."""

_MEMORY = 1 << 26  # numbers held at once


@dataclass(frozen=True)
class Layer:
    """A convolution or a dense layer between input and output.

    Attributes
    ----------
    name
        As `genoplrp.inspect_model` lists it; the second call of a layer used twice is another, ``"conv#2"``, and the
        first is ``"conv#1"`` where the module makes calls of other kinds, too.
    shape
        Of its output, without the samples.
    axis
        Of its units, the samples' axis counted.
    """

    name: str
    shape: tuple[int, ...]
    axis: int

    @property
    def units(self) -> int:
        """How many there are."""
        return self.shape[self.axis - 1]

    def by_unit(self, relevance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Relevance (n, ...) as (n, units, places)."""
        moved = np.moveaxis(relevance, self.axis, 1)
        return moved.reshape(*moved.shape[:2], -1)


@dataclass(frozen=True, eq=False)
class Node:
    """A unit that was followed, or the others of its layer taken together.

    Attributes
    ----------
    layer
        Number of the layer, from the input on.
    units
        Which unit; of the others, which are meant.
    together
        Whether these are the others.
    amount, net
        Sum of the relevance in it without its sign, and with it.
    maps
        The sample's windows with what reaches each base through the unit; None for the others.
    direct
        (n, l) what reaches each base by no further layer.
    """

    layer: int
    units: tuple[int, ...]
    together: bool
    amount: float
    net: float
    maps: Maps | None = field(repr=False)
    direct: NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Flow:
    """How relevance of a label flows through a network, k nodes.

    Attributes
    ----------
    label
        The output.
    layers
        From input to output.
    carried
        What flows through all units of each layer, over all windows of the label.
    nodes
        Layer by layer, from the input on, the others of a layer behind its units; over a sample of the windows.
    handed, net
        (k, k) what node i hands to node j directly, without the sign and with it.
    output, output_net
        (k,) what the output hands to each node directly.
    rows
        Which of the label's windows the sample is.
    """

    label: str
    layers: tuple[Layer, ...]
    carried: tuple[Carried, ...] = field(repr=False)
    nodes: tuple[Node, ...] = field(repr=False)
    handed: NDArray[np.float64] = field(repr=False)
    net: NDArray[np.float64] = field(repr=False)
    output: NDArray[np.float64] = field(repr=False)
    output_net: NDArray[np.float64] = field(repr=False)
    rows: tuple[int, ...] = field(repr=False)


def unit_layers(explainer: WindowExplainer) -> tuple[Layer, ...]:
    """The convolutions and dense layers of several units between input and output, from the input on.

    Raises
    ------
    ModelError
        There is none.
    """
    scorer = explainer.scorer
    x = scorer.to_device(torch.zeros(2, 4, scorer.spec.length))
    layers = (Layer(*one) for one in inner_layers(scorer.model, x, composite=explainer.options.composite))
    found = tuple(layer for layer in layers if layer.units > 1)
    if not found:
        raise ModelError(
            "the network has no convolution or dense layer of several units before its output, and so no concepts to "
            "read: leave them out (without --concepts)"
        )
    return found


def read_flow(explainer: WindowExplainer, layers: Sequence[Layer], label: int, places: Sequence[Place]) -> Flow:
    """Where the relevance of an output flows, over windows of it, at least one."""
    carried = _carried(explainer, layers, label, places)
    groups: list[tuple[int, tuple[int, ...], bool]] = []
    for i, one in enumerate(carried):
        own = one.followed()
        others = np.setdiff1d(np.flatnonzero(one.sequences), own).tolist()
        if len(others) == 1:  # then it is as cheap to follow by itself
            own.append(others.pop())
        groups += [(i, (k,), False) for k in own] + ([(i, tuple(others), True)] if others else [])
    rows, _ = spread(range(len(places)), SAMPLE)
    tally = _Tally(layers, groups)
    names = tuple(layer.name for layer in layers)
    at_once = _at_once(explainer, layers, len(groups))
    for first in range(0, len(rows) if groups else 0, at_once):
        part = [places[row] for row in rows[first : first + at_once]]
        x, found = explainer.follow(label, part, names, tally.units)
        tally.add(x, found)
    return tally.flow(explainer.scorer.spec.labels[label], carried, rows)


def _carried(
    explainer: WindowExplainer, layers: Sequence[Layer], label: int, places: Sequence[Place]
) -> tuple[Carried, ...]:
    accounts = [Account(layer.units) for layer in layers]
    for part, _, relevance in explainer.layers(label, places, tuple(layer.name for layer in layers)):
        for layer, account in zip(layers, accounts, strict=True):
            account.add(part, layer.by_unit(relevance[layer.name]))
    return tuple(account.carried for account in accounts)


def _at_once(explainer: WindowExplainer, layers: Sequence[Layer], nodes: int) -> int:
    """Windows that are followed at a time: all that a node hands to any layer is held, once a reference."""
    one = sum(prod(layer.shape) for layer in layers) + 12 * explainer.scorer.spec.length
    held = one * max(nodes, 1) * (explainer.options.references + 1)
    return int(np.clip(_MEMORY // held, 1, 64))


@dataclass(eq=False)
class _Tally:
    """What is added up window by window, for k nodes."""

    layers: Sequence[Layer]
    groups: Sequence[tuple[int, tuple[int, ...], bool]]
    x: list[NDArray[np.uint8]] = field(default_factory=list)
    direct: list[NDArray[np.float32]] = field(default_factory=list)  # (k, n, l) each
    relevance: list[NDArray[np.float32]] = field(default_factory=list)  # (k, n, l) each
    hypothetical: list[NDArray[np.float32]] = field(default_factory=list)  # (single units, n, 4, l) each

    def __post_init__(self) -> None:
        k = len(self.groups)
        self.sums = np.zeros((2, k))  # of what is in each node, without its sign and with it
        self.handed = np.zeros((2, k + 1, k))  # the last row is the output

    @property
    def units(self) -> tuple[Unit, ...]:
        """The nodes as the engine wants them."""
        return tuple(Unit(self.layers[layer].name, numbers) for layer, numbers, _ in self.groups)

    def add(self, x: NDArray[np.uint8], found: Attribution) -> None:
        """Add windows."""
        parts = list(found.units.values())
        self.x.append(x)
        self.direct.append(np.stack([as_floats(part.direct.sum(1)) for part in parts]))
        self.relevance.append(np.stack([as_floats(part.relevance.sum(1)) for part in parts]))
        imagined = [
            part.hypothetical for part, (_, _, together) in zip(parts, self.groups, strict=True) if not together
        ]
        self.hypothetical.append(np.stack([as_floats(one) for one in imagined if one is not None]))
        for i, layer in enumerate(self.layers):
            own = [(j, list(numbers)) for j, (at, numbers, _) in enumerate(self.groups) if at == i]
            whole = layer.by_unit(as_floats(found.layers[layer.name]))
            given = {
                k: layer.by_unit(as_floats(part.handed[layer.name]))
                for k, part in enumerate(parts)
                if layer.name in part.handed
            }
            given[len(parts)] = whole - sum(given.values())
            for j, numbers in own:
                self.sums[:, j] += _sizes(whole[:, numbers])
                for k, one in given.items():
                    self.handed[:, k, j] += _sizes(one[:, numbers])

    def flow(self, label: str, carried: tuple[Carried, ...], rows: Sequence[int]) -> Flow:
        """All of it."""
        if not self.groups:
            square, row = np.zeros((0, 0)), np.zeros(0)
            return Flow(label, tuple(self.layers), carried, (), square, square, row, row, tuple(rows))
        direct, relevance = (np.concatenate(parts, axis=1) for parts in (self.direct, self.relevance))
        imagined, x = np.concatenate(self.hypothetical, axis=1), np.concatenate(self.x)
        nothing = np.zeros((0, x.shape[2]), np.float32)
        singles = iter(imagined)
        nodes = []
        for k, (layer, numbers, together) in enumerate(self.groups):
            maps = None if together else Maps(label, x, relevance[k], next(singles), x[:0], nothing)
            amount, net = self.sums[:, k].tolist()
            nodes.append(Node(layer, numbers, together, amount, net, maps, direct[k]))
        handed, net = self.handed
        return Flow(
            label, tuple(self.layers), carried, tuple(nodes), handed[:-1], net[:-1], handed[-1], net[-1], tuple(rows)
        )


def _sizes(relevance: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum of relevance without its sign and with it."""
    return np.array([np.abs(relevance).sum(dtype=np.float64), relevance.sum(dtype=np.float64)])
