"""Propagate differences from a reference: DeepLIFT's Rescale, and any other rule of linear calls, pruned like LRP.

The same model runs on a sequence and on its reference; ``d`` is what a tensor changes by from the second to the first.
Every live tensor gets a multiplier m, and its relevance is ``m * d``: at the explained output m = 1, so that the
relevance there is f(x) - f(reference). Going backwards

- a linear call under the epsilon rule gives ``m_i = sum_j w_ij m_j``: biases cancel and nothing has to be divided, so
  there is no stabiliser; the other rules are applied to the differences, ``c_ij = d_i w_ij``, without the bias;
- an activation gives ``m d_out / d_in``, its derivative where ``|d_in| < 1e-6`` (Rescale);
- a maximum hands ``m d_out`` to the winner on the side that is higher, sequence or reference;
- a product of two computed tensors gives each the mean of the other over both sides (its Shapley value).

At every boundary ``m * d`` is pruned, and the multipliers are dropped and scaled with it. Multipliers rather than
relevance are handed down because a tensor that does not change has no relevance, but still a slope.

Sources: Shrikumar, Greenside, Kundaje: Learning Important Features Through Propagating Activation Differences (2017),
section 3.5.1 (Rescale); Lundberg and Lee (2017) for the mean over references.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from genoplrp.errors import ModelError, OptionError
from genoplrp.lrp.call import same_arguments
from genoplrp.lrp.layout import is_channels_last, lying
from genoplrp.lrp.ledger import Ledger
from genoplrp.lrp.linear import LinearMap
from genoplrp.lrp.ops import Kind
from genoplrp.lrp.plan import Plan, Step
from genoplrp.lrp.prune import Amount, PruneLambda, PruneM, cut
from genoplrp.lrp.rules import Epsilon, Multipliers, ZBox, ratio
from genoplrp.lrp.tape import Tape
from genoplrp.lrp.units import Cuts, Unit, UnitRelevance, alone, masked, those_below
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
    unit_outputs,
    walk_back,
)

CLOSE = 1e-6
"""Changes of an activation's input below this are too small to divide by (as in DeepLIFT's own code and its heirs)."""
_LOWEST_WINS = {"min", "amin", "minimum"}


@dataclass(eq=False)
class _Walk:
    """State of one backward walk: the multipliers handed to each live tensor so far."""

    plan: Plan
    reference: Tape
    present: Tensor | None
    multiplier: dict[int, Tensor]
    # What zbox, flat and wsquare give the input's views whatever they differ by, in the terms of `Multipliers`.
    slope: dict[int, Tensor] = field(default_factory=dict)
    offset: dict[int, Tensor] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    settled: int | None = None  # tensor that a unit's walk begins with, pruned already
    cuts: Cuts | None = None  # as in `genoplrp.lrp.propagate`

    @property
    def samples(self) -> int:
        return self.plan.tape.values[0].shape[0]

    def here(self, index: int) -> Tensor:
        return self.plan.tape.values[index]

    def there(self, index: int) -> Tensor:
        return self.reference.values[index]

    def middle(self, index: int) -> Tensor:
        return (self.here(index) + self.there(index)) / 2

    def change(self, index: int) -> Tensor:
        return self.here(index) - self.there(index)

    def relevance(self, multipliers: Mapping[int, Tensor]) -> list[Tensor]:
        return [multiplier * self.change(index) for index, multiplier in multipliers.items()]


def propagate_difference(
    plan: Plan,
    reference: Tape,
    start: Mapping[int, Tensor],
    *,
    present: Tensor | None,
    layers: Sequence[str],
    hypothetical: bool,
    units: Sequence[Unit] = (),
) -> Propagated:
    """Relevance of the network's input, measured from one reference a sample.

    Parameters
    ----------
    plan
        From `make_plan`, of the sequences' tape.
    reference
        The tape of the references, in the order of the sequences.
    start
        Multipliers to begin with, by live tensor: 1 at the explained output, 0 elsewhere.
    present, layers, hypothetical, units
        As for `genoplrp.lrp.propagate.propagate`.

    Raises
    ------
    ModelError
        The model makes other calls for the references than for the sequences.
    OptionError
        A rule that has no meaning for differences; and as for `propagate`.
    """
    check_same_calls(plan, reference)
    walk = _Walk(plan, reference, present, dict(start), cuts=Cuts() if units else None)
    wanted = {name: layer_output(plan, name) for name in layers}
    sources = unit_outputs(plan, units)
    if hypothetical:
        check_readers_linear(plan)
    with torch.no_grad():
        _go(walk)
        relevance, imagined = _of_input(walk)
        kept = {name: _at(walk, index) * walk.change(index) for name, index in wanted.items()}
        followed = {
            unit: _follow(walk, unit, index, wanted, hypothetical=hypothetical) for unit, index in sources.items()
        }
    return Propagated(relevance, imagined if hypothetical else None, kept, walk.ledger, followed)


def _go(walk: _Walk, ends: Collection[int] = ()) -> None:
    """Hand multipliers down, as far as the live tensors `ends`."""
    walk_back(walk.plan, walk.multiplier, partial(_settle, walk), partial(_hand_down, walk), ends)


def _at(walk: _Walk, index: int) -> Tensor:
    """Multipliers of a live tensor; zeros where it was handed none."""
    return walk.multiplier.get(index, torch.zeros_like(walk.here(index)))


def _follow(walk: _Walk, unit: Unit, index: int, wanted: Mapping[str, int], *, hypothetical: bool) -> UnitRelevance:
    """The part of a walk that is done of a unit of live tensor `index`: on to the input, and as far as the layers
    wanted."""
    part = alone(walk.plan, unit, index, _at(walk, index))
    ends = those_below(walk.plan, index, wanted)
    whole, direct = (
        _Walk(walk.plan, walk.reference, walk.present, {index: part}, settled=index, cuts=walk.cuts) for _ in range(2)
    )
    _go(whole)
    if ends:
        _go(direct, frozenset(ends.values()))
    relevance, imagined = _of_input(whole)
    handed = {name: _at(direct, other) * walk.change(other) for name, other in ends.items()}
    straight = _of_input(direct)[0] if ends else relevance
    return UnitRelevance(relevance, imagined if hypothetical else None, handed, straight)


def check_same_calls(plan: Plan, reference: Tape) -> None:
    """Refuse a model whose way through its own code depends on the input: there is nothing to compare then.

    The same goes for masks, indices and numbers that it computes from the input and uses as constants.
    """
    pairs = list(zip(plan.tape.calls, reference.calls, strict=False))
    other = next((one for one, two in pairs if (one.label, one.op) != (two.label, two.op)), None)
    if other is not None or len(plan.tape.calls) != len(reference.calls):
        where = f", from {other.op} ({other.source}) on" if other else ""
        raise ModelError(
            f"the model makes other calls for a reference than for its sequence{where}: it branches on its input, so "
            "that differences from a reference are not defined. Explain it without references."
        )
    on_path = {id(call) for step in plan.steps for call in (step.call, step.folded) if call is not None}
    for one, two in pairs:
        if id(one) in on_path and not same_arguments(one, two):
            raise ModelError(
                f"{one.op} ({one.source}) uses a mask, an index or a number that the model computes from its input and "
                "that is another for the reference, so that differences from a reference are not defined. Spell it as "
                "an activation (F.leaky_relu for where(h > 0, h, 0.1 * h)), or explain it without references."
            )


def _of_input(walk: _Walk) -> tuple[Tensor, Tensor]:
    """(relevance, hypothetical scores) of the network's input."""
    x, nothing = walk.here(0), torch.zeros_like(walk.here(0))
    multiplier = walk.multiplier.get(0, nothing)
    slope, offset = walk.slope.get(0, nothing), walk.offset.get(0, nothing)
    relevance = multiplier * walk.change(0) + slope * x + offset
    if walk.present is not None:
        kept = relevance * walk.present
        walk.ledger.enter_absent(totals([relevance], walk.samples), totals([kept], walk.samples))
        relevance = kept
    imagined = multiplier + slope + (offset - multiplier * walk.there(0)).sum(1, keepdim=True)
    return relevance, imagined


def _settle(walk: _Walk, index: int) -> Tensor:
    """The multipliers of a live tensor, now that they are complete: pruned where PLRP-lambda acts on its relevance."""
    multiplier = walk.multiplier[index]
    pruner, boundary = walk.plan.pruner, walk.plan.boundaries.get(index)
    if boundary is None or not isinstance(pruner, PruneLambda) or index == walk.settled:
        return multiplier
    amounts = pruner.amounts(boundary.call.layer, boundary.call.label)
    if amounts is None:
        return multiplier
    factors = None if walk.cuts is None else walk.cuts.factors.get(index)
    if factors is None:
        relevance = multiplier * walk.change(index)
        check_sample_axis(relevance, walk.samples, boundary)
        made = cut(relevance, amounts, walk.samples)
        walk.ledger.enter_cut(boundary, made, rescaled=True)
        factors = made.factors(relevance)
        if walk.cuts is not None:
            walk.cuts.factors[index] = factors
    walk.multiplier[index] = multiplier * factors
    return walk.multiplier[index]


def _hand_down(walk: _Walk, step: Step, received: dict[int, Tensor]) -> None:
    if step.op_rule is not None:
        raise OptionError(
            f"the function registered for {step.call.op!r} hands out the relevance of activations; with references "
            'register the op as "activation", "view", "max" or "sum", or explain without references'
        )
    given, apart = _read_input(walk, step, received) if step.reads_input else _inside(walk, step, received)
    for index, amount in given.items():
        add_to(walk.multiplier, index, amount)
    passed = [*walk.relevance(given), *apart]
    walk.ledger.enter(step, totals(walk.relevance(received), walk.samples), totals(passed, walk.samples))


def _inside(walk: _Walk, step: Step, received: dict[int, Tensor]) -> tuple[dict[int, Tensor], list[Tensor]]:
    """Multipliers of the inputs of any other call; nothing is given apart from them."""
    return _HANDLERS[step.kind](walk, step, received), []


@dataclass(frozen=True, eq=False)
class _LinearCall:
    """A linear call between its two sides: the map without its bias, that bias, and what arrived at its output."""

    step: Step
    linear: LinearMap
    bias: Tensor | None
    multiplier: Tensor
    relevance: Tensor

    def hand(self, x: Tensor, z: Tensor, multiplier: Tensor, present: Tensor | None = None) -> Multipliers:
        """What the call's rule gives inputs that differ by x and make its outputs differ by z."""
        if isinstance(self.step.rule, Epsilon):
            slope = self.linear.adjoint(multiplier, self.linear.weight, x)
            return Multipliers(slope, slope)
        assert self.step.rule is not None, "every linear step has a rule"
        # A rule of a user's may count on tensors that lie as torch makes them.
        return self.step.rule(self.linear, x.contiguous(), z.contiguous(), self.relevance.contiguous(), present)


def _linear_call(walk: _Walk, step: Step, received: dict[int, Tensor]) -> tuple[_LinearCall, Tensor, Tensor]:
    """A linear call, and by how much its input and its output differ."""
    multiplier, whole = received[step.output], step_map(step)
    linear = whole.without_bias()
    dtype = torch.promote_types(multiplier.dtype, linear.weight.dtype)
    x, z = walk.change(step.call.inputs[0]).to(dtype), walk.change(step.output).to(dtype)
    multiplier = multiplier.to(dtype)
    return _LinearCall(step, linear.to(dtype), whole.bias, multiplier, multiplier * z), x, z


def _linear(walk: _Walk, step: Step, received: dict[int, Tensor]) -> dict[int, Tensor]:
    call, x, z = _linear_call(walk, step, received)
    given = call.hand(x, z, call.multiplier)
    if given.offset is not None:
        raise OptionError(
            f"{step.rule} (layer {step.call.label}) hands out relevance whatever its input differs by, so that it "
            "cannot be measured from a reference on a layer that does not read the input itself; use epsilon, gamma, "
            "alpha-beta or zplus there"
        )
    pruner = walk.plan.pruner
    amounts = pruner.amounts(step.call.layer, step.call.label) if isinstance(pruner, PruneM) else None
    pruned = given.slope(x) if amounts is None else _pruned_again(walk, call, x, given, amounts)
    return {step.call.inputs[0]: pruned}


def _read_input(walk: _Walk, step: Step, received: dict[int, Tensor]) -> tuple[dict[int, Tensor], list[Tensor]]:
    """The multiplier of a view of the network's input, and the relevance that it is given whatever changes."""
    call, x, z = _linear_call(walk, step, received)
    index = step.call.inputs[0]
    value = x
    if isinstance(step.rule, ZBox):  # it compares the base that is there with those that could be, whatever was before
        bias = 0 if call.bias is None else call.bias
        value, z = walk.here(index).to(x.dtype), walk.here(step.output).to(x.dtype) - bias
    made = call.hand(value, z, call.multiplier, present_in_view(walk.plan, walk.present, index))
    if made.offset is None:
        return {index: made.slope(x)}, []
    add_to(walk.slope, index, made.positive)
    add_to(walk.offset, index, made.offset)
    return {index: torch.zeros_like(made.positive)}, [made.positive * walk.here(index), made.offset]


def _pruned_again(
    walk: _Walk, call: _LinearCall, x: Tensor, given: Multipliers, amounts: tuple[Amount, Amount]
) -> Tensor:
    """PLRP-M: the rule once more, the differences of the dropped inputs set to zero."""
    relevance = given.relevance(x)
    check_sample_axis(relevance, walk.samples, call.step)
    dropped = masked(walk.cuts, call.step, lambda: cut(relevance, amounts, walk.samples))
    keep = dropped.keep.to(x.dtype)
    kept = lying(x * keep, last=is_channels_last(x))
    whole, left = call.linear.output(x), call.linear.output(kept)
    # An output none of whose inputs was dropped keeps its multiplier to the last bit, so that p = 0 changes nothing.
    multiplier = torch.where(left == whole, call.multiplier, ratio(call.relevance, left))
    again = call.hand(kept, left, lying(multiplier, last=is_channels_last(call.multiplier)), keep)
    loss = totals([relevance], walk.samples) - totals([again.relevance(kept)], walk.samples)
    walk.ledger.enter_cut(call.step, dropped, rescaled=False, loss=loss)
    return again.slope(kept) * dropped.survives


def _routed(walk: _Walk, step: Step, received: dict[int, Tensor]) -> dict[int, Tensor]:
    """Calls that are linear in each of their inputs: their derivative half-way between the two sides is exact."""
    if step.kind is Kind.VIEW and step.call.inputs[0] in walk.plan.input_values:
        for store in (walk.slope, walk.offset):
            parts = {out: store[out] for out in step.outputs if out in store}
            if parts:
                for source, amount in adjoint(step.call, walk.here, parts).items():
                    add_to(store, source, amount)
    return adjoint(step.call, walk.middle if step.kind is Kind.PRODUCT else walk.here, received)


def _rescaled(walk: _Walk, step: Step, received: dict[int, Tensor]) -> dict[int, Tensor]:
    """Activations: the slope of the secant, and of the tangent where the input hardly changes."""
    index, multiplier = step.call.inputs[0], received[step.output]
    change = walk.change(index)
    close = change.abs() < CLOSE
    secant = multiplier * walk.change(step.output) / torch.where(close, 1, change)
    tangent = adjoint(step.call, walk.here, received)[index]
    tangent = torch.where(torch.isfinite(tangent), tangent, 0)  # that of sqrt at 0 is infinite
    return {index: torch.where(close, tangent, reduce_to(secant, change))}


def _winner(walk: _Walk, step: Step, received: dict[int, Tensor]) -> dict[int, Tensor]:
    """Maxima: all to the winner on the higher side, which changes by at least as much as the output."""
    sign = -1 if step.call.op in _LOWEST_WINS else 1
    change = {index: walk.change(index) for index in received}
    amount = {index: multiplier * change[index] for index, multiplier in received.items()}
    won_here = {index: torch.where(sign * change[index] > 0, part, 0) for index, part in amount.items()}
    won_there = {index: part - won_here[index] for index, part in amount.items()}
    here, there = adjoint(step.call, walk.here, won_here), adjoint(step.call, walk.there, won_there)
    tangent = adjoint(step.call, walk.here, received)
    given = {}
    for index, slope in tangent.items():
        moved = walk.change(index)
        secant = (here[index] + there[index]) / torch.where(moved == 0, 1, moved)
        given[index] = torch.where(moved == 0, slope, secant)
    return given


_Handler = Callable[[_Walk, Step, dict[int, Tensor]], dict[int, Tensor]]
_HANDLERS: Mapping[Kind, _Handler] = {
    Kind.CONV: _linear,
    Kind.DENSE: _linear,
    Kind.SUM: _routed,
    Kind.AFFINE: _routed,
    Kind.PRODUCT: _routed,
    Kind.ACTIVATION: _rescaled,
    Kind.MAX: _winner,
    Kind.VIEW: _routed,
}
