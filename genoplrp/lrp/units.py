"""Units of a layer, and what is needed to follow the relevance of one of them by itself.

Relevance is handed down by linear maps once it is settled what is pruned. So the share of one unit, a channel of a
convolution or a neuron of a dense layer, can be followed to the input alone (relevance-conditional attribution,
Achtibat et al. 2023, "From attribution maps to human-understandable explanations through Concept Relevance
Propagation", section "Methods"), and the shares of all units of a layer add up to what the layer handed on. What is
pruned is decided once, by the whole relevance, and kept in `Cuts` for the units.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from genoplrp.errors import OptionError
from genoplrp.lrp.call import Call
from genoplrp.lrp.ops import Kind
from genoplrp.lrp.plan import Plan, Step
from genoplrp.lrp.prune import Cut


class Unit(NamedTuple):
    """A channel of a convolution's output, or a neuron of a dense layer; or several of a layer, taken together.

    Attributes
    ----------
    layer
        Name of the layer, or the label of one of its calls (``"conv#2"``), as `genoplrp.inspect_model` lists them.
    number
        0-based; several, where they are followed as one.
    """

    layer: str
    number: int | tuple[int, ...]


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
        What the unit hands to each of the layers asked for directly, that is by no way through another of them, in the
        shape of the layer's output; all zeros for layers that are not below it.
    rest
        Of the input, its shape: what reaches it by no way through any of the layers asked for.
    """

    relevance: Tensor
    hypothetical: Tensor | None
    handed: dict[str, Tensor]
    rest: Tensor

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


def masked(cuts: Cuts | None, step: Step, made: Callable[[], Cut]) -> Cut:
    """What PLRP-M keeps of a linear step's input: as before where cuts are kept, else as `made` says."""
    if cuts is None:
        return made()
    if step.call not in cuts.masks:
        cuts.masks[step.call] = made()
    return cuts.masks[step.call]


def alone(plan: Plan, unit: Unit, index: int, relevance: Tensor) -> Tensor:
    """Relevance (or multipliers) of live tensor `index`, zero but for the unit's.

    Raises
    ------
    OptionError
        The layer has no such unit.
    """
    kind = next(step.kind for step in plan.steps if index in step.outputs)
    axis = relevance.ndim - 1 if kind is Kind.DENSE else 1
    count = relevance.shape[axis] if relevance.ndim >= 2 else 0
    numbers = [unit.number] if isinstance(unit.number, int) else list(unit.number)
    if not all(0 <= number < count for number in numbers):
        raise OptionError(f"units: layer {unit.layer!r} has {count} units, numbered from 0; got {unit.number}")
    chosen = torch.tensor(numbers, dtype=torch.long, device=relevance.device)
    return torch.zeros_like(relevance).index_copy(axis, chosen, relevance.index_select(axis, chosen))


def _combined(parts: Sequence[UnitRelevance], by: Callable[[list[Tensor]], Tensor]) -> UnitRelevance:
    imagined = [part.hypothetical for part in parts if part.hypothetical is not None]
    return UnitRelevance(
        by([part.relevance for part in parts]),
        by(imagined) if imagined else None,
        {name: by([part.handed[name] for part in parts]) for name in parts[0].handed},
        by([part.rest for part in parts]),
    )
