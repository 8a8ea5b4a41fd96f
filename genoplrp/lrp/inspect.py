"""Say before anything runs which rule every call of a network gets, and which calls have none."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
from torch import Tensor, nn

from genoplrp.errors import UnsupportedCallError
from genoplrp.lrp.axes import unit_axis
from genoplrp.lrp.borrow import borrowed, where
from genoplrp.lrp.call import leaves
from genoplrp.lrp.composite import Composite, as_composite
from genoplrp.lrp.ops import Kind
from genoplrp.lrp.plan import LINEAR, Gap, Plan, Step, calls_on_path, gap_of, make_plan
from genoplrp.lrp.prune import NoPrune
from genoplrp.lrp.record import record
from genoplrp.lrp.samples import MIXES, sample_layout
from genoplrp.lrp.tape import Tape
from genoplrp.lrp.target import Scores, scores_of


@dataclass(frozen=True, eq=False)
class Coverage:
    """What `inspect_model` found.

    Attributes
    ----------
    table
        One row a call on the way from input to output, in forward order: layer, op, shape (of its output), rule,
        pruned (whether the tensor that it reads is a pruning boundary), source (file:line).
    gaps
        The calls that have no rule; `attribute` refuses the model while there is one.
    explained
        Which tensor is explained: the model's output, or the input of the softmax or sigmoid at its end.
    """

    table: pd.DataFrame
    gaps: tuple[Gap, ...]
    explained: str

    @property
    def ok(self) -> bool:
        """Whether every call has a rule."""
        return not self.gaps

    def __str__(self) -> str:
        shown = self.table.drop(columns="source").to_string(index=False)
        if self.ok:
            return f"{shown}\n\nExplained: {self.explained}. Every call has a rule."
        return f"{shown}\n\n{len(self.gaps)} call(s) without a rule:\n" + "\n".join(str(gap) for gap in self.gaps)


def inspect_model(model: nn.Module, x: Tensor, *, composite: str | Composite = "genomic") -> Coverage:
    """Coverage report: every call between input and output, its layer, its rule, and what has none.

    Parameters
    ----------
    model
        Borrowed: it is not changed.
    x
        One or more inputs, (n, 4, l) for DNA; one forward pass is run, no relevance is computed.
    composite
        Rules, as in `attribute`.

    Examples
    --------
    >>> import torch
    >>> net = nn.Sequential(nn.Conv1d(4, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 1))
    >>> inspect_model(net, torch.eye(4)[None].repeat(1, 1, 2)).table[["layer", "op", "pruned"]].values.tolist()
    [['0', 'conv1d', False], ['1', 'relu', False], ['2', 'flatten', False], ['3', 'linear', True]]
    """
    composite = as_composite(composite)
    stand_in = borrowed(model)
    tape, scores, ends = _recorded(stand_in, x)
    calls = list(dict.fromkeys(call for end in ends for call in calls_on_path(tape, end)))
    mixing = sample_layout(stand_in, tape.values[0][:1]).mixing
    mixed = {call: Gap(call, MIXES) for call in calls if call.label in mixing}
    gaps = tuple(gap for call in calls if (gap := gap_of(call, composite, tape) or mixed.get(call)))
    treatments: dict[Any, tuple[str, bool]] = {}
    if not gaps:
        for end in ends:
            for step in make_plan(tape, end, composite, NoPrune()).steps:
                treatments[step.call] = (step.treatment, step.kind in LINEAR and not step.reads_input)
                if step.folded is not None:
                    treatments[step.folded] = (f"folded into {step.call.label}", False)
    missing = {gap.call: f"NONE: {gap.reason}" for gap in gaps}
    rows = [
        {
            "layer": call.label,
            "op": call.op,
            "shape": tuple(tape.values[call.output].shape[1:]),
            "rule": missing.get(call) or treatments.get(call, ("has one", False))[0],
            "pruned": treatments.get(call, ("", False))[1],
            "source": call.source,
        }
        for call in calls
    ]
    return Coverage(pd.DataFrame(rows), gaps, scores.explained)


class UnitLayer(NamedTuple):
    """A linear call whose units can be followed: its name, the shape of its output without the samples, and on which
    axis its units are, the samples' axis counted."""

    name: str
    shape: tuple[int, ...]
    axis: int


def inner_layers(model: nn.Module, x: Tensor, *, composite: str | Composite = "genomic") -> tuple[UnitLayer, ...]:
    """The linear calls between input and output, in forward order, whose units are not the outputs themselves.

    Those from which no way to the output leads through another are left out: heads, be they one, several put together,
    one that is called once a strand, or a convolution to the outputs whose mean is taken. Where this leaves nothing,
    convolutions stay. Calls whose units cannot be told apart (`genoplrp.lrp.axes.unit_axis`) are left out as well.

    Parameters
    ----------
    model, composite
        As in `inspect_model`.
    x
        At least two inputs, by whose number the samples' axis is told.

    Raises
    ------
    UnsupportedCallError
        A call has no rule.
    """
    tape, _, ends = _recorded(borrowed(model), x)
    plan = make_plan(tape, ends[0], as_composite(composite), NoPrune())
    labels = [call.label for step in plan.steps for call in (step.call, step.folded) if call is not None]
    several = {label for label in labels if any(other.startswith(f"{label}.") for other in labels)}
    found = []
    for step in _read_by_linear(plan) or [step for step in plan.steps if step.kind is Kind.CONV]:
        shape, axis = tape.values[step.output].shape, unit_axis(plan, step.output)
        if axis is not None and shape[0] == len(x):
            label = step.call.label
            found.append(UnitLayer(f"{label}#1" if label in several else label, tuple(shape[1:]), axis))
    return tuple(found)


def _read_by_linear(plan: Plan) -> list[Step]:
    """The linear steps from which a way to the output leads through another one."""
    needed: set[int] = set()  # tensors from which a linear step's input is computed
    found = []
    for step in reversed(plan.steps):
        above, linear = not needed.isdisjoint(step.outputs), step.kind in LINEAR
        if above and linear:
            found.append(step)
        if above or linear:
            needed.update(step.call.inputs)
    return found[::-1]


def _recorded(model: nn.Module, x: Tensor) -> tuple[Tape, Scores, list[int]]:
    """The tape of a run, the scores that are explained, and their live tensors, at least one."""
    device, dtype = where(model)
    tape, output = record(model, x.to(device=device, dtype=dtype))
    scores = scores_of(tape, output)
    tensors = [leaf for leaf in leaves(scores.output) if isinstance(leaf, Tensor)]
    ends = [index for tensor in tensors if (index := tape.index_of(tensor)) is not None]
    if not ends:
        raise UnsupportedCallError("the model's output does not depend on its input through any call that torch shows")
    return tape, scores, ends
