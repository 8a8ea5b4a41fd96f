"""Propagate: walk a plan's steps backwards and hand relevance down.

The relevance of a live tensor is complete once all its readers have been walked, which is when its maker's turn comes:
there PLRP-lambda prunes it, if a linear call reads it.
"""

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from genoplrp.lrp.call import Value, leaves
from genoplrp.lrp.composite import OpRule, apply_op_rule
from genoplrp.lrp.ledger import Ledger
from genoplrp.lrp.linear import LinearMap
from genoplrp.lrp.ops import Kind
from genoplrp.lrp.plan import LINEAR, Plan, Step
from genoplrp.lrp.prepared import prepared_map
from genoplrp.lrp.prune import Amount, NoPrune, PruneLambda, PruneM, check_finite, cut
from genoplrp.lrp.rules import Multipliers, ratio
from genoplrp.lrp.sparse.calls import Cut, SparseCall
from genoplrp.lrp.sparse.linear import hand, listed_relevance, shape_of, sparse_call
from genoplrp.lrp.sparse.routes import routed
from genoplrp.lrp.sparse.rows import Rows, selected
from genoplrp.lrp.sparse.tally import lost, passed, shares_of, tally
from genoplrp.lrp.sparse.terms import RULES
from genoplrp.lrp.units import Cuts, Unit, UnitRelevance, alone, masked, those_below
from genoplrp.lrp.walk import (
    Propagated,
    add_to,
    added,
    adjoint,
    all_present,
    check_readers_linear,
    check_sample_axis,
    layer_output,
    present_in_view,
    reduce_to,
    summands,
    totals,
    unit_outputs,
    walk_back,
)


@dataclass(eq=False)
class _Walk:
    """State of one backward walk: what has been handed to each live tensor so far."""

    plan: Plan
    present: Tensor | None
    relevance: dict[int, Tensor | Rows]
    hypothetical: bool
    prepared: MutableMapping[Any, Any]
    settled: set[int] = field(default_factory=set)  # pruned together with the call that completed them
    # Sum per sample of what is in ``relevance``, where it has been taken: adding up takes as long as many a rule.
    sums: dict[int, Tensor] = field(default_factory=dict)
    # Of the input and its views, in the terms of `Multipliers`: relevance per unit of input, and apart from it.
    slope: dict[int, Tensor] = field(default_factory=dict)
    offset: dict[int, Tensor] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    # Where units are followed: what the whole relevance was pruned by, which theirs is pruned by, too.
    cuts: Cuts | None = None

    @property
    def samples(self) -> int:
        return self.plan.tape.values[0].shape[0]

    def tensor(self, index: int) -> Tensor:
        return self.plan.tape.values[index]


def propagate(
    plan: Plan,
    start: Mapping[int, Tensor],
    *,
    present: Tensor | None,
    layers: Sequence[str],
    hypothetical: bool,
    units: Sequence[Unit] = (),
    prepared: MutableMapping[Any, Any] | None = None,
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
    units
        Units whose relevance is followed by itself, too.
    prepared
        What is made of the model's weights, kept from one batch to the next.

    Raises
    ------
    OptionError
        A layer that the network does not call, a unit that it does not have, hypothetical scores where something else
        than linear layers reads the input, or relevance that is not finite.
    """
    walk = _Walk(plan, present, dict(start), hypothetical, {} if prepared is None else prepared)
    walk.cuts = Cuts() if units else None
    wanted = {name: layer_output(plan, name) for name in layers}
    sources = unit_outputs(plan, units)
    if hypothetical:
        check_readers_linear(plan)
    with torch.no_grad():
        _go(walk)
        relevance, imagined = _of_input(walk)
        check_finite(relevance)
        kept = {name: _at(walk, index).contiguous() for name, index in wanted.items()}
        followed = {unit: _follow(walk, unit, index, wanted) for unit, index in sources.items()}
    return Propagated(relevance, imagined, kept, walk.ledger, followed)


def _go(walk: _Walk, ends: Collection[int] = ()) -> None:
    """Hand relevance down, as far as the live tensors `ends`."""
    walk_back(walk.plan, walk.relevance, partial(_settle, walk), partial(_hand_down, walk), ends)


def _at(walk: _Walk, index: int) -> Tensor:
    """Relevance of a live tensor; zeros where it was handed none."""
    return _dense(walk.relevance.get(index, torch.zeros_like(walk.tensor(index))))


def _of_input(walk: _Walk) -> tuple[Tensor, Tensor | None]:
    """Relevance of the network's input, and its hypothetical scores where they are wanted."""
    relevance = _without_absent(walk, _at(walk, 0)).contiguous()
    if not walk.hypothetical:
        return relevance, None
    nothing = torch.zeros_like(walk.tensor(0))
    imagined = walk.slope.get(0, nothing) + walk.offset.get(0, nothing).sum(1, keepdim=True)
    return relevance, imagined.contiguous()


def _follow(walk: _Walk, unit: Unit, index: int, wanted: Mapping[str, int]) -> UnitRelevance:
    """The part of a walk that is done of a unit of live tensor `index`: on to the input, and as far as the layers
    wanted."""
    part = alone(walk.plan, unit, index, _at(walk, index))
    ends = those_below(walk.plan, index, wanted)

    def begun(wish: bool) -> _Walk:
        return _Walk(walk.plan, walk.present, {index: part}, wish, walk.prepared, settled={index}, cuts=walk.cuts)

    whole = begun(walk.hypothetical)
    _go(whole)
    direct = begun(False) if ends else whole
    if ends:
        _go(direct, frozenset(ends.values()))
    handed = {name: _at(direct, other).contiguous() for name, other in ends.items()}
    return UnitRelevance(*_of_input(whole), handed, _of_input(direct)[0])


def _without_absent(walk: _Walk, relevance: Tensor) -> Tensor:
    """Relevance of the input; what a rule put on absent bases (an activation reads the sequence, say) is absorbed."""
    if walk.present is None or all_present(walk.present):
        return relevance
    kept = relevance * walk.present
    walk.ledger.enter_absent(totals([relevance], walk.samples), totals([kept], walk.samples))
    return kept


def _dense(relevance: Tensor | Rows) -> Tensor:
    return relevance.dense() if isinstance(relevance, Rows) else relevance


def _add(walk: _Walk, index: int, amount: Tensor | Rows, total: Tensor) -> None:
    """Add to what a live tensor has been handed; ``total`` is the amount's sum per sample."""
    before = walk.relevance.get(index)
    walk.relevance[index] = amount if before is None else _dense(before) + _dense(amount)
    walk.sums.pop(index, None)
    if before is None:
        walk.sums[index] = total


def _replace(walk: _Walk, index: int, relevance: Tensor | Rows) -> None:
    """Put other relevance in the place of what a live tensor has been handed; its sum is to be taken anew."""
    walk.relevance[index] = relevance
    walk.sums.pop(index, None)


def _sum_at(walk: _Walk, index: int) -> Tensor:
    """Sum per sample of what a live tensor has been handed."""
    found = walk.sums.get(index)
    return totals([walk.relevance[index]], walk.samples) if found is None else found


def _settle(walk: _Walk, index: int) -> Tensor | Rows:
    """The relevance of a live tensor, now that it is complete: pruned where PLRP-lambda acts on it."""
    received = walk.relevance[index]
    amounts = None if index in walk.settled else _amounts_at(walk, index)
    if amounts is None:
        return received
    received, boundary = _dense(received), walk.plan.boundaries[index]
    check_sample_axis(received, walk.samples, boundary)
    if walk.cuts is not None and index in walk.cuts.factors:
        _replace(walk, index, received * walk.cuts.factors[index])
        return walk.relevance[index]
    shares = None if walk.cuts is not None else shares_of(amounts, received, walk.samples)
    if shares is not None:
        kept, statistics = selected(received, shares)
        _replace(walk, index, kept)
        walk.ledger.enter_cut(boundary, tally(statistics), rescaled=True)
    else:
        made = cut(received, amounts, walk.samples)
        walk.ledger.enter_cut(boundary, made, rescaled=True)
        factors = made.factors(received)
        if walk.cuts is not None:
            walk.cuts.factors[index] = factors
        _replace(walk, index, received * factors)
    return walk.relevance[index]


def _amounts_at(walk: _Walk, index: int) -> tuple[Amount, Amount] | None:
    """What PLRP-lambda may drop of a live tensor; None where it does not act."""
    pruner, boundary = walk.plan.pruner, walk.plan.boundaries.get(index)
    if boundary is None or not isinstance(pruner, PruneLambda):
        return None
    return pruner.amounts(boundary.call.layer, boundary.call.label)


def _hand_down(walk: _Walk, step: Step, received: dict[int, Tensor | Rows]) -> None:
    sums = {index: _sum_at(walk, index) for index in received}
    arrived = added(sums.values(), walk.samples)
    listed = _hand_rows(walk, step, received)
    if listed is not None:
        walk.ledger.enter(step, arrived, listed)
        return
    dense = {index: _dense(relevance) for index, relevance in received.items()}
    if step.op_rule is not None:
        given = _user_rule(walk, step, step.op_rule, dense)
    else:
        given = _HANDLERS[step.kind](walk, step, dense)
    handed = []
    for index, amount in given.items():
        same = amount is dense.get(step.output)
        handed.append(sums[step.output] if same else totals([amount], walk.samples))
        _add(walk, index, amount, handed[-1])
    walk.ledger.enter(step, arrived, added(handed, walk.samples))


def _hand_rows(walk: _Walk, step: Step, received: dict[int, Tensor | Rows]) -> Tensor | None:
    """Hand on what is listed, as lists; the relevance handed on (n,), or None where the dense way has to be taken."""
    relevance = received.get(step.output)
    if step.op_rule is not None or len(received) != 1 or relevance is None:
        return None
    if step.kind in LINEAR:
        return _linear_rows(walk, step, relevance)
    if step.kind is Kind.MAX and isinstance(relevance, Tensor):  # a window's goes to the one that won
        relevance = listed_relevance(relevance, walk.samples, of=walk.tensor(step.call.inputs[0]))
    if not isinstance(relevance, Rows):
        return None
    given = routed(step, walk.tensor, relevance, walk.plan.composite.epsilon)
    if given is None:
        return None
    for index, rows in given.items():
        _add(walk, index, rows, rows.totals)
    return totals(given.values(), walk.samples)


def _map_of(walk: _Walk, step: Step) -> LinearMap:
    return prepared_map(step, walk.prepared, from_zero=step.call.inputs[0] in walk.plan.never_negative)


def _linear_rows(walk: _Walk, step: Step, relevance: Tensor | Rows) -> Tensor | None:
    """A linear call whose output's relevance is sparse; what its input is handed is pruned in the same pass."""
    pruner = walk.plan.pruner
    mask = pruner if isinstance(pruner, PruneM) and not step.reads_input else None
    if mask is not None and walk.cuts is not None:
        return None
    index = step.call.inputs[0]
    x, z, linear = walk.tensor(index), walk.tensor(step.output), _map_of(walk, step)
    shape = None if step.reads_input and walk.hypothetical else shape_of(step, linear, x, z)
    # Few outputs make a short list, however dense; of what is not pruned a tensor is made all the same.
    of = None if isinstance(pruner, NoPrune) else max(x, z, key=torch.numel)
    rows = None if shape is None else listed_relevance(relevance, walk.samples, of=of)
    if shape is None or rows is None:
        return None
    present = present_in_view(walk.plan, walk.present, index) if step.reads_input else None
    call = sparse_call(step, linear, shape, x, z, present=present, prepared=walk.prepared)
    if call is None:
        return None
    if mask is not None:
        return _masked_rows(walk, step, call, rows, mask.amounts(step.call.layer, step.call.label))
    amounts = _amounts_at(walk, index) if walk.cuts is None and walk.plan.completes(step) else None
    shares = None if amounts is None else shares_of(amounts, x, walk.samples)
    before = walk.relevance.get(index)
    if shares is None or isinstance(before, Tensor):
        handed = hand(call, rows)
        total = passed(handed.statistics)
        _add(walk, index, handed.relevance, total)
        return total
    handed = hand(call, rows, onto=before, cut=Cut(shares))
    _replace(walk, index, handed.relevance)
    walk.settled.add(index)
    walk.ledger.enter_cut(walk.plan.boundaries[index], tally(handed.statistics), rescaled=True)
    return passed(handed.statistics)


def _masked_rows(
    walk: _Walk, step: Step, call: SparseCall, rows: Rows, amounts: tuple[Amount, Amount] | None
) -> Tensor | None:
    """PLRP-M: the call handed once, and again without the inputs that were dropped."""
    index = step.call.inputs[0]
    if amounts is None:
        handed = hand(call, rows)
    else:
        shares = shares_of(amounts, walk.tensor(index), walk.samples)
        if shares is None or call.by_sign:
            return None
        before = walk.relevance.get(index)
        onto = before if isinstance(before, Rows) else None
        handed = hand(call, rows, onto=onto, cut=Cut(shares, masked=True))
        loss = lost(handed.statistics)
        walk.ledger.enter_cut(step, tally(handed.statistics), rescaled=False, loss=loss)
        if onto is not None:
            _replace(walk, index, handed.relevance)
            return passed(handed.statistics)
    _add(walk, index, handed.relevance, totals([handed.relevance], walk.samples))
    return passed(handed.statistics)


def _linear(walk: _Walk, step: Step, received: dict[int, Tensor]) -> dict[int, Tensor]:
    linear = _map_of(walk, step)
    index = step.call.inputs[0]
    x, z, relevance = walk.tensor(index), walk.tensor(step.output), received[step.output]
    if not (x.dtype == z.dtype == linear.weight.dtype):  # the model runs this call under autocast
        dtype = torch.promote_types(torch.promote_types(x.dtype, z.dtype), linear.weight.dtype)
        linear, x, z, relevance = linear.to(dtype), x.to(dtype), z.to(dtype), relevance.to(dtype)
    present = present_in_view(walk.plan, walk.present, index) if step.reads_input else None
    assert step.rule is not None, "every linear step has a rule"
    if type(step.rule) not in RULES:  # one of a user's may count on tensors that lie as torch makes them
        x, z, relevance = x.contiguous(), z.contiguous(), relevance.contiguous()
    made = step.rule(linear, x, z, relevance, present)
    if step.reads_input:
        if walk.hypothetical:
            _route_multipliers(walk, index, made)
        return {index: made.relevance(x)}
    given = made.relevance(x)
    pruner = walk.plan.pruner
    amounts = pruner.amounts(step.call.layer, step.call.label) if isinstance(pruner, PruneM) else None
    if amounts is None:
        return {index: given}
    check_sample_axis(given, walk.samples, step)
    dropped = masked(walk.cuts, step, lambda: cut(given, amounts, walk.samples))
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
    plain = summands(step.call, walk.tensor, walk.tensor(output))
    if plain is not None:
        return {index: walk.tensor(index) * share for index in plain}
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
    # A user's function may count on tensors that lie as torch makes them.
    inputs = tuple(walk.tensor(index).contiguous() for index in step.call.inputs)
    output, relevance = walk.tensor(step.output).contiguous(), received[step.output].contiguous()
    given = apply_op_rule(rule, step.call.op, inputs, output, relevance)
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
