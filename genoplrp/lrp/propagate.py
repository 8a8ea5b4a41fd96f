"""Propagate: walk a plan's steps backwards and hand relevance down.

The relevance of a live tensor is complete once all its readers have been walked, which is when its maker's turn comes:
there PLRP-lambda prunes it, if a linear call reads it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from genoplrp.errors import OptionError
from genoplrp.lrp.call import Value, leaves
from genoplrp.lrp.composite import OpRule
from genoplrp.lrp.ledger import Ledger
from genoplrp.lrp.ops import Kind
from genoplrp.lrp.plan import Plan, Step
from genoplrp.lrp.prune import PruneLambda, PruneM, cut
from genoplrp.lrp.rules import Multipliers, ratio
from genoplrp.lrp.walk import (
    Propagated,
    add_to,
    adjoint,
    check_readers_linear,
    check_sample_axis,
    layer_output,
    present_in_view,
    reduce_to,
    step_map,
    totals,
)


@dataclass(eq=False)
class _Walk:
    """State of one backward walk: what has been handed to each live tensor so far."""

    plan: Plan
    present: Tensor | None
    relevance: dict[int, Tensor]
    # Of the input and its views, in the terms of `Multipliers`: relevance per unit of input, and apart from it.
    slope: dict[int, Tensor] = field(default_factory=dict)
    offset: dict[int, Tensor] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def samples(self) -> int:
        return self.plan.tape.values[0].shape[0]

    def tensor(self, index: int) -> Tensor:
        return self.plan.tape.values[index]


def propagate(
    plan: Plan, start: Mapping[int, Tensor], *, present: Tensor | None, layers: Sequence[str], hypothetical: bool
) -> Propagated:
    """Relevance of the network's input.

    Parameters
    ----------
    plan
        From `make_plan`.
    start
        Relevance to begin with, by live tensor.
    present
        1 where an entry of the input exists and 0 where it does not (shape of the input); None: all exist.
    layers
        Layers whose output's relevance is wanted too; it is given as it is handed on, after pruning.
    hypothetical
        Whether to return what each channel of the input would receive if it held a 1.

    Raises
    ------
    OptionError
        A layer that the network does not call, or hypothetical scores where something else than linear layers reads
        the input.
    """
    walk = _Walk(plan, present, dict(start))
    wanted = {name: layer_output(plan, name) for name in layers}
    if hypothetical:
        check_readers_linear(plan)
    with torch.no_grad():
        for step in reversed(plan.steps):
            received = {index: _settle(walk, index) for index in step.outputs if index in walk.relevance}
            if received:
                _hand_down(walk, step, received)
        x = walk.tensor(0)
        relevance = _without_absent(walk, walk.relevance.get(0, torch.zeros_like(x)))
        imagined = None
        if hypothetical:
            nothing = torch.zeros_like(x)
            imagined = walk.slope.get(0, nothing) + walk.offset.get(0, nothing).sum(1, keepdim=True)
    kept = {name: walk.relevance.get(index, torch.zeros_like(walk.tensor(index))) for name, index in wanted.items()}
    return Propagated(relevance, imagined, kept, walk.ledger)


def _without_absent(walk: _Walk, relevance: Tensor) -> Tensor:
    """Relevance of the input; what a rule put on absent bases (an activation reads the sequence, say) is absorbed."""
    if walk.present is None:
        return relevance
    kept = relevance * walk.present
    walk.ledger.enter_absent(totals([relevance], walk.samples), totals([kept], walk.samples))
    return kept


def _settle(walk: _Walk, index: int) -> Tensor:
    """The relevance of a live tensor, now that it is complete: pruned where PLRP-lambda acts on it."""
    received = walk.relevance[index]
    pruner, boundary = walk.plan.pruner, walk.plan.boundaries.get(index)
    if boundary is None or not isinstance(pruner, PruneLambda):
        return received
    amounts = pruner.amounts(boundary.call.layer, boundary.call.label)
    if amounts is None:
        return received
    check_sample_axis(received, walk.samples, boundary)
    made = cut(received, amounts, walk.samples)
    walk.ledger.enter_cut(boundary, made, rescaled=True)
    walk.relevance[index] = received * made.factors(received)
    return walk.relevance[index]


def _hand_down(walk: _Walk, step: Step, received: dict[int, Tensor]) -> None:
    if step.op_rule is not None:
        given = _user_rule(walk, step, step.op_rule, received)
    else:
        given = _HANDLERS[step.kind](walk, step, received)
    for index, amount in given.items():
        add_to(walk.relevance, index, amount)
    walk.ledger.enter(step, totals(received.values(), walk.samples), totals(given.values(), walk.samples))


def _linear(walk: _Walk, step: Step, received: dict[int, Tensor]) -> dict[int, Tensor]:
    linear = step_map(step)
    index = step.call.inputs[0]
    x, z, relevance = walk.tensor(index), walk.tensor(step.output), received[step.output]
    if not (x.dtype == z.dtype == linear.weight.dtype):  # the model runs this call under autocast
        dtype = torch.promote_types(torch.promote_types(x.dtype, z.dtype), linear.weight.dtype)
        linear, x, z, relevance = linear.to(dtype), x.to(dtype), z.to(dtype), relevance.to(dtype)
    present = present_in_view(walk.plan, walk.present, index) if step.reads_input else None
    assert step.rule is not None, "every linear step has a rule"
    made = step.rule(linear, x, z, relevance, present)
    if step.reads_input:
        _route_multipliers(walk, index, made)
        return {index: made.relevance(x)}
    given = made.relevance(x)
    pruner = walk.plan.pruner
    amounts = pruner.amounts(step.call.layer, step.call.label) if isinstance(pruner, PruneM) else None
    if amounts is None:
        return {index: given}
    check_sample_axis(given, walk.samples, step)
    dropped = cut(given, amounts, walk.samples)
    keep = dropped.keep.to(x.dtype)
    left = x * keep
    again = step.rule(linear, left, linear.output(left), relevance, keep)
    pruned = again.relevance(left)
    loss = totals([given], walk.samples) - totals([pruned], walk.samples)
    walk.ledger.enter_cut(step, dropped, rescaled=False, loss=loss)
    return {index: pruned}


def _contributions(walk: _Walk, step: Step, received: dict[int, Tensor]) -> dict[int, Tensor]:
    """Sums with fixed coefficients: the epsilon rule on what each input contributes."""
    output = step.output
    share = ratio(received[output], walk.tensor(output), walk.plan.composite.epsilon)
    slopes = adjoint(step.call, walk.tensor, {output: share})
    return {index: walk.tensor(index) * slope for index, slope in slopes.items()}


def _routed(walk: _Walk, step: Step, received: dict[int, Tensor]) -> dict[int, Tensor]:
    """Through torch's own backward: views send entries back, max-pools reward the winner."""
    index = step.call.inputs[0]
    if step.kind is Kind.VIEW and index in walk.plan.input_values:
        for store in (walk.slope, walk.offset):
            parts = {out: store[out] for out in step.outputs if out in store}
            if parts:
                for source, amount in adjoint(step.call, walk.tensor, parts).items():
                    add_to(store, source, amount)
    return adjoint(step.call, walk.tensor, received)


def _passed(walk: _Walk, step: Step, received: dict[int, Tensor]) -> dict[int, Tensor]:
    index = step.call.inputs[0]
    return {index: reduce_to(received[step.output], walk.tensor(index))}


def _product(walk: _Walk, step: Step, received: dict[int, Tensor]) -> dict[int, Tensor]:
    """A constant factor passes relevance on where it is not 0. Two live factors get half each.

    Half is each factor's Shapley value in a product measured from zero (Achtibat et al. 2024, AttnLRP, section 3.3).
    """
    relevance = received[step.output]
    factors = [
        leaf for leaf in leaves((step.call.args, step.call.kwargs)) if isinstance(leaf, (Value, Tensor, float, int))
    ]
    live = [factor for factor in factors if isinstance(factor, Value)]
    given: dict[int, Tensor] = {}
    for factor in live:
        add_to(given, factor.index, reduce_to(relevance / len(live), walk.tensor(factor.index)))
    if len(live) == 1 and len(factors) == 2 and step.call.op == "mul":
        constant = next(factor for factor in factors if not isinstance(factor, Value))
        constant = torch.as_tensor(constant, device=relevance.device)
        given = {live[0].index: reduce_to(torch.where(constant != 0, relevance, 0), walk.tensor(live[0].index))}
    return given


def _user_rule(walk: _Walk, step: Step, rule: OpRule, received: dict[int, Tensor]) -> dict[int, Tensor]:
    inputs = tuple(walk.tensor(index) for index in step.call.inputs)
    given = rule(inputs, walk.tensor(step.output), received[step.output])
    shapes = [tuple(part.shape) for part in given]
    if shapes != [tuple(x.shape) for x in inputs]:
        raise OptionError(
            f"the rule registered for {step.call.op!r} must return one tensor for each input, in its shape "
            f"{[tuple(x.shape) for x in inputs]}; it returned {shapes}"
        )
    return dict(zip(step.call.inputs, given, strict=True))


_Handler = Callable[[_Walk, Step, dict[int, Tensor]], dict[int, Tensor]]
_HANDLERS: Mapping[Kind, _Handler] = {
    Kind.CONV: _linear,
    Kind.DENSE: _linear,
    Kind.SUM: _contributions,
    Kind.AFFINE: _contributions,
    Kind.PRODUCT: _product,
    Kind.ACTIVATION: _passed,
    Kind.MAX: _routed,
    Kind.VIEW: _routed,
}


def _route_multipliers(walk: _Walk, index: int, made: Multipliers) -> None:
    """Remember what the input's channels would receive if they held a 1."""
    add_to(walk.slope, index, made.positive)
    if made.offset is not None:
        add_to(walk.offset, index, made.offset)
