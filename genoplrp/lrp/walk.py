"""What every backward walk over a plan needs, whatever it hands down: adjoints, sums per sample, layers by name.

`genoplrp.lrp.propagate` hands down relevance, `genoplrp.lrp.difference` multipliers.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from torch import Tensor

from genoplrp.errors import OptionError, UnsupportedCallError
from genoplrp.lrp.call import Call, Value, leaves
from genoplrp.lrp.layout import flat
from genoplrp.lrp.ledger import Ledger
from genoplrp.lrp.linear import LinearMap, batch_norm_scale, linear_map
from genoplrp.lrp.ops import Kind, argument
from genoplrp.lrp.plan import LINEAR, Plan, Step
from genoplrp.lrp.sparse.rows import Rows
from genoplrp.lrp.units import Unit, UnitRelevance, check_unit

Handed = TypeVar("Handed")


@dataclass(frozen=True, eq=False)
class Propagated:
    """What one backward walk gives: relevance of the input, of layers and units asked for, and the ledger."""

    relevance: Tensor
    hypothetical: Tensor | None
    layers: dict[str, Tensor]
    ledger: Ledger
    units: dict[Unit, UnitRelevance] = field(default_factory=dict)

    @staticmethod
    def mean(parts: "Sequence[Propagated]") -> "Propagated":
        """The mean over several references of the same samples."""

        def over(tensors: list[Tensor]) -> Tensor:
            return torch.stack(tensors).mean(0)

        imagined = [part.hypothetical for part in parts if part.hypothetical is not None]
        return Propagated(
            over([part.relevance for part in parts]),
            over(imagined) if imagined else None,
            {name: over([part.layers[name] for part in parts]) for name in parts[0].layers},
            Ledger.mean([part.ledger for part in parts]),
            {unit: UnitRelevance.mean([part.units[unit] for part in parts]) for unit in parts[0].units},
        )


def walk_back(
    plan: Plan,
    held: Mapping[int, Handed],
    settle: Callable[[int], Handed],
    hand_down: Callable[[Step, dict[int, Handed]], None],
    ends: Collection[int] = (),
) -> None:
    """Walk a plan's steps from the last to the first, as far as the live tensors `ends`.

    `held` is what live tensors have been handed so far; `settle` completes one of them when its maker's turn has come,
    `hand_down` passes on to a step's inputs what its outputs hold.
    """
    for step in reversed(plan.steps):
        received = {index: settle(index) for index in step.outputs if index in held}
        if received and not received.keys() & ends:
            hand_down(step, received)


def add_to(store: dict[int, Tensor], index: int, amount: Tensor) -> None:
    """Add to what a live tensor has been handed so far."""
    store[index] = store[index] + amount if index in store else amount


def totals(parts: Iterable[Tensor | Rows], n: int) -> Tensor:
    """Sum per sample (n,) over tensors, in double precision; NaN where a tensor has no sample axis in front."""
    return added((_total(part, n) for part in parts), n)


def added(sums: Iterable[Tensor], n: int) -> Tensor:
    """Sum (n,) of sums per sample; zeros where there are none."""
    total = torch.zeros(n, dtype=torch.float64)
    for part in sums:
        total = total.to(part.device) + part
    return total


def _total(part: Tensor | Rows, n: int) -> Tensor:
    if isinstance(part, Rows):
        return part.totals
    if not (n == 1 or (part.ndim > 0 and part.shape[0] == n)):
        return part.new_full((n,), torch.nan)
    return (flat(part) if part.ndim else part).reshape(n, -1).sum(1, dtype=torch.float64)


def step_map(step: Step, *, from_zero: bool = False) -> LinearMap:
    """The map of a linear step, the batch norm that follows folded in; ``from_zero``: see `LinearMap`."""
    linear = linear_map(step.call)
    whole = linear if step.folded is None else linear.scaled(*batch_norm_scale(step.folded))
    return replace(whole, from_zero=from_zero)


def adjoint(call: Call, at: Callable[[int], Tensor], cotangents: Mapping[int, Tensor]) -> dict[int, Tensor]:
    """The call's transposed derivative, its live inputs being ``at(index)``, applied to cotangents by live output."""
    inputs = call.inputs
    with torch.enable_grad():
        start = {index: at(index).detach().requires_grad_() for index in inputs}
        result = [leaf for leaf in leaves(call.run(start)) if isinstance(leaf, Tensor)]
        reached = [
            (leaf, cotangents[index])
            for leaf, index in zip(result, call.outputs, strict=False)
            if index is not None and index in cotangents and leaf.requires_grad
        ]
        slopes = torch.autograd.grad(
            [leaf for leaf, _ in reached],
            list(start.values()),
            [amount.view_as(leaf).to(leaf.dtype) for leaf, amount in reached],
            allow_unused=True,
        )
    return {index: slope for index, slope in zip(inputs, slopes, strict=True) if slope is not None}


def reduce_to(amount: Tensor, x: Tensor) -> Tensor:
    """What a broadcast tensor received, summed over the axes that broadcasting added."""
    return amount.sum_to_size(x.shape) if amount.shape != x.shape else amount


def summands(call: Call, at: Callable[[int], Tensor], z: Tensor) -> list[int] | None:
    """The live tensors that an addition adds up as they are, each of the sum's shape; None for any other sum."""
    live = [leaf.index for leaf in leaves((call.args, call.kwargs)) if isinstance(leaf, Value)]
    plain = call.op == "add" and len(call.args) <= 2 and argument(call, "alpha", 1) == 1
    if not plain or len(set(live)) < len(live) or any(at(index).shape != z.shape for index in live):
        return None
    return live


def all_present(present: Tensor | None) -> bool:
    """Whether every entry exists: there is nothing but 1 in `present`, or nothing is known to be absent."""
    return present is None or bool(present.amin() == 1)


def present_in_view(plan: Plan, present: Tensor | None, index: int) -> Tensor | None:
    """``present`` as this view of the network's input sees it: the recorded view calls, run on it."""
    if present is None or index == 0:
        return present
    seen = {0: present}
    for step in plan.steps:
        if step.kind is Kind.VIEW and set(step.call.inputs) <= seen.keys() and set(step.outputs) <= plan.input_values:
            result = [leaf for leaf in leaves(step.call.run(seen)) if isinstance(leaf, Tensor)]
            seen.update(
                (number, leaf) for number, leaf in zip(step.call.outputs, result, strict=False) if number is not None
            )
    return seen[index]


def layer_output(plan: Plan, name: str, option: str = "layers") -> int:
    """Live output of the call with this label, or of the last call inside the module of this name.

    ``"block#1"`` is the call labelled ``"block"`` also where the module of this name makes other calls behind it.
    `option` is what the name was given as.
    """
    inside = [step for step in plan.steps if _is_inside(step, name)]
    kinds = {step.call.op for step in inside}
    exact = [step for step in plan.steps if name == step.call.label and (len(kinds) <= 1 or step not in inside)]
    exact += [step for step in plan.steps if name == f"{step.call.label}#1"]
    if not (exact or inside):
        known = ", ".join(dict.fromkeys(step.call.label for step in plan.steps))
        raise OptionError(f"{option}: the network calls no layer {name!r}; it calls {known}")
    return exact[0].output if exact else inside[-1].output


def unit_outputs(plan: Plan, units: Sequence[Unit]) -> dict[Unit, int]:
    """Live output of each unit's layer.

    Raises
    ------
    OptionError
        The network calls no such layer, or the layer has no such unit.
    """
    found = {unit: layer_output(plan, unit.layer, "units") for unit in units}
    for unit, index in found.items():
        check_unit(plan, unit, index)
    return found


def _is_inside(step: Step, name: str) -> bool:
    calls = (step.call,) if step.folded is None else (step.call, step.folded)
    return any(call.layer == name or call.layer.startswith(f"{name}.") for call in calls)


def check_readers_linear(plan: Plan) -> None:
    """Refuse hypothetical scores where something else than linear layers reads the input."""
    for step in plan.steps:
        reads = set(step.call.inputs) & plan.input_values
        if reads and step.kind not in (*LINEAR, Kind.VIEW):
            raise OptionError(
                f"hypothetical scores need the input to be read by linear layers only; here {step.call.op} reads it "
                f"({step.call.source})"
            )


def check_sample_axis(tensor: Tensor, n: int, step: Step) -> None:
    """Refuse to prune a tensor that does not have the samples on its first axis."""
    if n > 1 and tensor.shape[0] != n:
        raise UnsupportedCallError(
            f"pruning works per sample, but the tensor that layer {step.call.label!r} reads has shape "
            f"{tuple(tensor.shape)}, without the {n} samples on its first axis. Use batch_size=1."
        )
