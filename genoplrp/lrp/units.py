"""Units of a layer, and what is needed to follow the relevance of one of them by itself.

Relevance is handed down by linear maps once it is settled what is pruned. So the share of one unit, a channel of a
convolution or a neuron of a dense layer, can be followed to the input alone (relevance-conditional attribution,
Achtibat et al. 2023, "From attribution maps to human-understandable explanations through Concept Relevance
Propagation", section "Methods"), and the shares of all units of a layer add up to what the layer handed on. What is
pruned is decided once, by the whole relevance, and kept in `Cuts` for the units.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genoplrp.errors import OptionError
from genoplrp.lrp.axes import unit_axis
from genoplrp.lrp.call import Call
from genoplrp.lrp.plan import Plan, Step
from genoplrp.lrp.prune import Cut


class Unit(NamedTuple):
    """A channel of a convolution's output, or a neuron of a dense layer; or several of a layer, taken together.

    Attributes
    ----------
    layer
        Name of the layer, or the label of one of its calls (``"conv#2"``), as `genoplrp.inspect_model` lists them.
    which
        Its number, 0-based; several, where they are followed as one.
    """

    layer: str
    which: int | tuple[int, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Its number, or numbers."""
        return (self.which,) if isinstance(self.which, int) else self.which


@dataclass(frozen=True, eq=False)
class UnitRelevance:
    """The relevance that flows through one unit.

    Attributes
    ----------
    relevance
        Of the input, its shape: what it receives by way of the unit alone.
    hypothetical
        The same of what each channel of the input would receive if it held a 1; None unless asked for.
    handed
        What the unit hands directly, that is by no way through another of them, to each of the layers asked for that
        lie below it, in the shape of the layer's output.
    direct
        Of the input, its shape: what the unit hands to it directly, by no way through any of the layers asked for.
    """

    relevance: Tensor
    hypothetical: Tensor | None
    handed: dict[str, Tensor]
    direct: Tensor

    @staticmethod
    def mean(parts: "Sequence[UnitRelevance]") -> "UnitRelevance":
        """The mean over several references of the same samples."""
        return _combined(parts, lambda tensors: torch.stack(tensors).mean(0))

    @staticmethod
    def joined(parts: "Sequence[UnitRelevance]") -> "UnitRelevance":
        """That of several batches, one after the other."""
        return _combined(parts, torch.cat)


@dataclass(eq=False)
class Cuts:
    """What the whole relevance was pruned by, in the order of the walk.

    Attributes
    ----------
    factors
        PLRP-lambda: what each entry of a live tensor is multiplied by.
    masks
        PLRP-M: what each linear call kept of its input.
    """

    factors: dict[int, Tensor] = field(default_factory=dict)
    masks: dict[Call, Cut] = field(default_factory=dict)


def as_units(units: Any) -> tuple[Unit, ...]:
    """Units as a user gives them: pairs of a layer's name and a number, or several; or one such pair.

    Raises
    ------
    OptionError
        Anything else.

    Examples
    --------
    >>> as_units([("conv2", 3), ("conv2", [0, 5])])
    (Unit(layer='conv2', which=3), Unit(layer='conv2', which=(0, 5)))
    """
    pair = isinstance(units, (tuple, list)) and len(units) == 2 and isinstance(units[0], str)
    if pair and not isinstance(units[1], str):
        return (_as_unit(units),)
    if isinstance(units, str) or not isinstance(units, Iterable):
        raise _no_unit(units)
    return tuple(map(_as_unit, units))


def _as_unit(given: Any) -> Unit:
    if not isinstance(given, (tuple, list)) or len(given) != 2 or not isinstance(given[0], str):
        raise _no_unit(given)
    layer, which = given
    try:
        return Unit(layer, _number(which))
    except TypeError:
        pass
    try:
        numbers = tuple(map(_number, which))
    except TypeError:
        raise _no_unit(given) from None
    if not numbers:
        raise _no_unit(given)
    return Unit(layer, numbers)


def _number(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


def _no_unit(given: object) -> OptionError:
    return OptionError(
        "units: a unit is the name of a layer and a number from 0 on, or several that are taken together, as in "
        f'units=[("conv2", 3), ("conv2", (0, 5))]; got {given!r}'
    )


def masked(cuts: Cuts | None, step: Step, made: Callable[[], Cut]) -> Cut:
    """What PLRP-M keeps of a linear step's input: as before where cuts are kept, else as `made` says."""
    if cuts is None:
        return made()
    if step.call not in cuts.masks:
        cuts.masks[step.call] = made()
    return cuts.masks[step.call]


def check_unit(plan: Plan, unit: Unit, index: int) -> None:
    """Refuse a unit that its layer, whose output is live tensor `index`, does not have.

    Raises
    ------
    OptionError
        The layer has no such unit, or none at all.
    """
    shape, axis = plan.tape.values[index].shape, unit_axis(plan, index)
    if axis is None:
        raise OptionError(
            f"units: layer {unit.layer!r} has none that can be told apart: its output, of shape {tuple(shape)}, has no "
            "axis of its own for channels or neurons behind that of the samples"
        )
    if not all(0 <= number < shape[axis] for number in unit.numbers):
        raise OptionError(f"units: layer {unit.layer!r} has {shape[axis]} units, numbered from 0; got {unit.which}")


def alone(plan: Plan, unit: Unit, index: int, relevance: Tensor) -> Tensor:
    """Relevance (or multipliers) of live tensor `index`, zero but for those of a unit that has been checked."""
    axis = unit_axis(plan, index)
    assert axis is not None, "units have been checked"
    chosen = torch.tensor(unit.numbers, dtype=torch.long, device=relevance.device)
    return torch.zeros_like(relevance).index_copy(axis, chosen, relevance.index_select(axis, chosen))


def those_below(plan: Plan, index: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """Those of the live tensors wanted that live tensor `index` is computed from."""
    needed = {index}
    for step in reversed(plan.steps):
        if needed.intersection(step.outputs):
            needed.update(step.call.inputs)
    return {name: other for name, other in wanted.items() if other in needed and other != index}


def _combined(parts: Sequence[UnitRelevance], by: Callable[[list[Tensor]], Tensor]) -> UnitRelevance:
    imagined = [part.hypothetical for part in parts if part.hypothetical is not None]
    return UnitRelevance(
        by([part.relevance for part in parts]),
        by(imagined) if imagined else None,
        {name: by([part.handed[name] for part in parts]) for name in parts[0].handed},
        by([part.direct for part in parts]),
    )
