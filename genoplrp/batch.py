"""Explain one batch: record its strands and references, choose the target, propagate, join the strands."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from genoplrp.errors import ModelError
from genoplrp.inputs import present_columns
from genoplrp.lrp.call import leaves
from genoplrp.lrp.composite import Composite
from genoplrp.lrp.difference import propagate_difference
from genoplrp.lrp.forms import CallLog
from genoplrp.lrp.ledger import Page
from genoplrp.lrp.plan import Plan, make_plan
from genoplrp.lrp.propagate import propagate
from genoplrp.lrp.prune import Pruner, all_finite
from genoplrp.lrp.record import record, running_on
from genoplrp.lrp.selection import Selection, Taped
from genoplrp.lrp.tape import Tape
from genoplrp.lrp.target import (
    Scores,
    Start,
    Target,
    choose_target,
    one_tensor,
    score_table,
    scores_of,
    start_at,
    start_at_callable,
)
from genoplrp.lrp.units import Unit
from genoplrp.lrp.walk import Propagated
from genoplrp.result import Attribution


@dataclass(frozen=True, eq=False)
class Recorded:
    """One strand's forward pass."""

    tape: Tape
    scores: Scores
    log: CallLog | None

    @property
    def is_table(self) -> bool:
        """Whether the scores are one tensor (n, k)."""
        scores = self.scores.output
        return isinstance(scores, Tensor) and scores.ndim == 2 and len(scores) == len(self.tape.values[0])


@dataclass(frozen=True, eq=False)
class _Explained:
    """One strand's result: relevance by pruner."""

    propagated: list[Propagated]
    output: Tensor
    reference_output: Tensor | None


@dataclass(frozen=True, eq=False)
class BatchExplainer:
    """What all batches of an `Explainer` have in common; called with a batch, it explains it, once a pruner."""

    model: nn.Module
    composite: Composite
    pruners: tuple[Pruner, ...]
    strands: str
    layers: tuple[str, ...]
    hypothetical: bool
    units: tuple[Unit, ...] = ()
    constants: dict[int, Tensor] = field(default_factory=dict)
    prepared: dict[Any, Any] = field(default_factory=dict)

    def __call__(
        self, x: Tensor, target: Target, first: int, references: Tensor | None, log: CallLog | None = None
    ) -> list[Attribution]:
        """Attributions of x (n, ...), one a pruner; its first sample has the number ``first``; references (n, r, ...).

        ``log``: what the model does with such inputs, as far as that is known. The model runs once a strand and
        reference, however many pruners there are.
        """
        strands = self.record(x, log)
        against = (references, None if references is None or len(strands) == 1 else references.flip(2, 3))
        chosen = None if callable(target) else choose_target(table_of(strands), target)
        parts = [
            self._explain(strand, target if chosen is None else chosen, others, units)
            for strand, others, units in zip(strands, against, (self.units, ()), strict=False)
        ]
        return self._attributions(parts, chosen, first, strands[0].scores.explained)

    def record(self, x: Tensor, log: CallLog | None) -> list[Recorded]:
        """The model's run on x, and on its other strand where both are explained."""
        strands = (x, x.flip(1, 2)) if self.strands == "both" else (x,)
        return [self._record(strand, log) for strand in strands]

    def explain_samples(
        self, strands: Sequence[Recorded], samples: Tensor, chosen: Tensor, first: int
    ) -> list[Attribution]:
        """Attributions, one a pruner, of samples (m,) of a run, of one output (m,) each, without references.

        The run has to be one of which samples can be selected (`genoplrp.lrp.samples`).
        """
        parts = [
            self._explain(strand, chosen, None, units, samples)
            for strand, units in zip(strands, (self.units, ()), strict=False)
        ]
        return self._attributions(parts, chosen, first, strands[0].scores.explained)

    def _attributions(
        self, parts: list[_Explained], chosen: Tensor | None, first: int, explained: str
    ) -> list[Attribution]:
        made = [self._attribution(parts[0], number, chosen, first, explained) for number in range(len(self.pruners))]
        return made if len(parts) == 1 else [_merged(one, parts[1], k, first) for k, one in enumerate(made)]

    def _attribution(
        self, part: _Explained, number: int, chosen: Tensor | None, first: int, explained: str
    ) -> Attribution:
        propagated = part.propagated[number]
        return Attribution(
            relevance=propagated.relevance,
            output=part.output,
            target=chosen,
            hypothetical=propagated.hypothetical,
            layers=propagated.layers,
            units=propagated.units,
            pages=(Page(propagated.ledger, first, "+"),),
            disagreement=None,
            explained=explained,
            pruner=self.pruners[number],
            reference_output=part.reference_output,
        )

    def _record(self, x: Tensor, log: CallLog | None) -> Recorded:
        with running_on(x):
            tape, output = record(self.model, x, self.constants, like=log)
            scores = scores_of(tape, output)
            if log is not None and log.fit and not _plain(scores.output):  # a softmax at the end was left out
                log.fit = False
                tape, output = record(self.model, x, self.constants)
                scores = scores_of(tape, output)
        return Recorded(tape, scores, log)

    def _explain(
        self,
        strand: Recorded,
        target: Target,
        references: Tensor | None,
        units: tuple[Unit, ...],
        samples: Tensor | None = None,
    ) -> _Explained:
        start = _start(strand, target, samples)
        composite = self.composite if references is None else self.composite.from_references()
        plans = [make_plan(strand.tape, start.index, composite, pruner) for pruner in self.pruners]
        tape: Taped = strand.tape
        if samples is not None:
            tape = Selection(strand.tape, samples)
            plans = [replace(plan, tape=tape) for plan in plans]
        present = present_columns(tape.values[0])
        if references is not None:
            return self._from_references(plans, start, target, references, present, units=units, log=strand.log)
        results = [
            propagate(
                plan,
                {start.index: start.chosen * tape.values[start.index]},
                present=present,
                layers=self.layers,
                hypothetical=self.hypothetical,
                units=units,
                prepared=self.prepared,
            )
            for plan in plans
        ]
        return _Explained(results, start.output, None)

    def _from_references(
        self,
        plans: list[Plan],
        start: Start,
        target: Target,
        references: Tensor,
        present: Tensor | None,
        *,
        units: tuple[Unit, ...],
        log: CallLog | None,
    ) -> _Explained:
        """The mean over the references, one walk a reference: no more than two tapes are held at a time."""
        results: list[list[Propagated]] = [[] for _ in plans]
        outputs = []
        for other in references.unbind(1):
            reference = self._record(other, log)
            end = _start(reference, target)
            for plan, found in zip(plans, results, strict=True):
                found.append(
                    propagate_difference(
                        plan,
                        reference.tape,
                        {start.index: start.chosen},
                        present=present,
                        layers=self.layers,
                        hypothetical=self.hypothetical,
                        units=units,
                    )
                )
                if not all_finite(found[-1].relevance):
                    raise ModelError(
                        "relevance from references is not finite: the network's activations overflow or divide by "
                        "nothing; try float64, or explain without references"
                    )
            outputs.append(end.output)
        return _Explained([Propagated.mean(found) for found in results], start.output, torch.stack(outputs).mean(0))


def _plain(output: Any) -> bool:
    """Whether the tensors that a target is to see lie as torch makes them."""
    return all(leaf.is_contiguous() for leaf in leaves(output) if isinstance(leaf, Tensor))


def table_of(strands: Sequence[Recorded]) -> Tensor:
    """Scores (n, k), the mean over the strands."""
    n = len(strands[0].tape.values[0])
    tables = [score_table(one_tensor(strand.scores.output), n) for strand in strands]
    return torch.stack(tables).mean(0)


def _start(recorded: Recorded, target: Target, samples: Tensor | None = None) -> Start:
    if callable(target):
        start = start_at_callable(recorded.tape, recorded.scores.output, target)
    else:
        assert isinstance(target, Tensor), "targets of a batch have been chosen"
        start = start_at(recorded.tape, one_tensor(recorded.scores.output), target, samples)
    if not torch.isfinite(start.output).all():
        raise ModelError("the model returns NaN or infinite scores for these inputs; check its weights")
    return start


def _merged(one: Attribution, part: _Explained, number: int, first: int) -> Attribution:
    """The mean of the forward strand's attribution and the other strand's, turned back."""
    there_too = part.propagated[number]
    other = there_too.relevance.flip(1, 2)
    imagined = one.hypothetical
    if imagined is not None and there_too.hypothetical is not None:
        imagined = (imagined + there_too.hypothetical.flip(1, 2)) / 2
    here, there = one.per_base, other.sum(1)
    size = (here.abs() + there.abs()).sum(1)
    against = one.reference_output
    if against is not None and part.reference_output is not None:
        against = (against + part.reference_output) / 2
    return Attribution(
        relevance=(one.relevance + other) / 2,
        output=(one.output + part.output) / 2,
        target=one.target,
        hypothetical=imagined,
        layers=one.layers,
        units=one.units,
        pages=(*one.pages, Page(there_too.ledger, first, "-")),
        disagreement=torch.where(size == 0, 0, (here - there).abs().sum(1) / size),
        explained=one.explained,
        pruner=one.pruner,
        reference_output=against,
    )
