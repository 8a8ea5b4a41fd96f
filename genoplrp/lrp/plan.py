"""Choose: from a tape to the steps that relevance takes backwards, each with its rule. Nothing is computed here.

A step is one call, or a linear call with the batch norm that follows it folded in. Calls that the explained output does
not depend on are left out; a call on the way without a rule is an error that shows how to give it one.
"""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from genoplrp.errors import OptionError, UnsupportedCallError
from genoplrp.lrp.call import Call, leaves
from genoplrp.lrp.composite import Composite, OpRule
from genoplrp.lrp.ops import KINDS, Kind, argument, refusal
from genoplrp.lrp.prune import NoPrune, Pruner
from genoplrp.lrp.rules import Rule
from genoplrp.lrp.selection import Taped

LINEAR = (Kind.CONV, Kind.DENSE)
_FROM_ZERO = {"relu", "relu6", "exp", "sigmoid", "softplus", "square", "abs", "sqrt", "hardsigmoid"}
_KEEP_SIGN = {
    "add", "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_max_pool1d", "mean",
    "sum", "view", "reshape", "flatten", "squeeze", "unsqueeze", "dropout", "cat", "permute", "transpose", "contiguous",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Step:
    """How relevance crosses one call."""

    call: Call
    kind: Kind
    rule: Rule | None  # of a linear call; the other kinds have one rule each
    op_rule: OpRule | None  # a user's function for this op
    folded: Call | None  # the batch norm folded into this linear call
    reads_input: bool  # a linear call on the network's input itself

    @property
    def outputs(self) -> tuple[int, ...]:
        """Numbers of the live tensors that it makes."""
        return tuple(index for index in (self.folded or self.call).outputs if index is not None)

    @property
    def output(self) -> int:
        """The first of them."""
        return self.outputs[0]

    @property
    def treatment(self) -> str:
        """The rule, in words."""
        if self.kind in LINEAR:
            return str(self.rule) + (f", with {self.folded.label} folded in" if self.folded else "")
        if self.op_rule is not None:
            return f"your rule {getattr(self.op_rule, '__name__', 'function')}"
        return {
            Kind.SUM: "epsilon on the contributions",
            Kind.AFFINE: "epsilon on the contributions",
            Kind.PRODUCT: "passes; two computed factors get half each",
            Kind.ACTIVATION: "passes",
            Kind.MAX: "winner takes all",
            Kind.VIEW: "routed",
        }[self.kind]


@dataclass(frozen=True, eq=False)
class Plan:
    """The steps in forward order, and where pruning acts."""

    tape: Taped
    composite: Composite
    pruner: Pruner
    steps: tuple[Step, ...]
    input_values: frozenset[int]  # the network's input and views of it
    boundaries: dict[int, Step]  # tensor read by linear calls -> the first of them; without the network's input

    @cached_property
    def first_readers(self) -> dict[int, Step]:
        """Live tensor -> the first step that reads it, whose relevance is the last that it is handed."""
        return {index: step for step in reversed(self.steps) for index in step.call.inputs}

    @cached_property
    def never_negative(self) -> frozenset[int]:
        """Live tensors that cannot hold a number below 0, by the calls that made them."""
        found: set[int] = set()
        for step in self.steps:
            kept = step.call.op in _KEEP_SIGN and found.issuperset(step.call.inputs)
            if step.call.op in _FROM_ZERO or (kept and _reads_only_live(step.call)):
                found.update(step.outputs)
        return frozenset(found)

    def completes(self, step: Step) -> bool:
        """Whether what this linear step hands its input is all that was missing there."""
        return self.first_readers[step.call.inputs[0]] is step


@dataclass(frozen=True, eq=False)
class Gap:
    """A call on the way from input to output that has no rule, and why."""

    call: Call
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.call.op} (layer {self.call.layer or 'the model itself'}, {self.call.source}) has no relevance rule"
            f": {self.reason}.\nIf you know how relevance crosses it, register a rule, for instance\n"
            f"    from genoplrp import Composite\n"
            f'    composite = Composite.named("genomic").with_op("{self.call.op}", "activation")\n'
            f"    attribute(model, x, composite=composite)\n"
            'where "activation" (passes unchanged), "view", "max", "sum" or a function '
            "(inputs, output, relevance) -> relevance of each input says how."
        )


def make_plan(tape: Taped, end: int, composite: Composite, pruner: Pruner) -> Plan:
    """The plan for explaining live tensor ``end``.

    Raises
    ------
    UnsupportedCallError
        A call on the way has no rule, or the output does not depend on the input.
    OptionError
        The composite or the pruner names a layer that makes no linear call.
    """
    calls = calls_on_path(tape, end)
    found = [gap for gap in (gap_of(call, composite, tape) for call in calls) if gap]
    if found:
        more = f"\n({len(found) - 1} more calls have none either; inspect_model lists them.)" if len(found) > 1 else ""
        raise UnsupportedCallError(str(found[0]) + more)
    input_values = _views_of_input(calls, composite)
    folds = _folds(calls, tape, end, composite)
    folded = set(folds.values())
    steps = tuple(_step(call, composite, folds, input_values) for call in calls if call not in folded)
    _check_layer_names(steps, composite, pruner)
    boundaries: dict[int, Step] = {}
    for step in steps:
        if step.kind in LINEAR and not step.reads_input:
            boundaries.setdefault(step.call.inputs[0], step)
    return Plan(tape, composite, pruner, steps, input_values, boundaries)


def _reads_only_live(call: Call) -> bool:
    """Whether no constant takes part, such as the number of ``h - 1`` spelt as an addition."""
    operands = leaves(call.args) if call.op in {"add", "cat"} else ()
    others = any(isinstance(leaf, (Tensor, float, int)) for leaf in operands)
    return not others and "alpha" not in call.kwargs and not any(isinstance(v, Tensor) for v in call.kwargs.values())


def calls_on_path(tape: Taped, end: int) -> list[Call]:
    """The calls that lie between the input and live tensor ``end``, in forward order."""
    needed = {end}
    path = []
    for call in reversed(tape.calls):
        if needed.intersection(call.outputs):
            needed.update(call.inputs)
            path.append(call)
    if 0 not in needed:
        raise UnsupportedCallError(
            "the output does not depend on the input through any call that torch shows: the data left torch (numpy, "
            ".item()), or the model detaches it"
        )
    return path[::-1]


def gap_of(call: Call, composite: Composite, tape: Taped) -> Gap | None:
    """The gap that this call is, None where it has a rule."""
    if tape.values[call.output].ndim == 0 and KINDS.get(call.op) is not Kind.VIEW:
        return Gap(call, "it mixes samples (its result is one number for the whole batch)")
    if call.op in composite.ops:
        return None
    if call.op not in KINDS:
        return Gap(call, "the engine does not know this operation")
    reason = refusal(call)
    weight = argument(call, "weight", None)
    if reason is None and KINDS[call.op] is Kind.CONV and isinstance(weight, Tensor):
        if tape.values[call.inputs[0]].ndim != weight.ndim:
            reason = "its input has no sample axis; convolve the whole batch"
    return None if reason is None else Gap(call, reason)


def kind_of(call: Call, composite: Composite) -> Kind:
    """The call's kind, a user's registration first; a user's function counts as an activation."""
    rule = composite.ops.get(call.op)
    if isinstance(rule, str):
        return Kind[rule.upper()]
    if rule is not None:
        return Kind.ACTIVATION
    if call.op == "einsum" and not any(isinstance(leaf, Tensor) for leaf in leaves((call.args, call.kwargs))):
        return Kind.SUM
    return KINDS[call.op]


def _views_of_input(calls: list[Call], composite: Composite) -> frozenset[int]:
    found = {0}
    for call in calls:
        if kind_of(call, composite) is Kind.VIEW and set(call.inputs) <= found:
            found.update(index for index in call.outputs if index is not None)
    return frozenset(found)


def _folds(calls: list[Call], tape: Taped, end: int, composite: Composite) -> dict[Call, Call]:
    """Linear call -> the batch norm that is its output's only reader on the way to the end."""
    readers: dict[int, list[Call]] = {}
    for call in calls:
        for index in call.inputs:
            readers.setdefault(index, []).append(call)
    folds: dict[Call, Call] = {}
    if "batch_norm" in composite.ops:
        return folds
    for call in calls:
        if KINDS.get(call.op) not in LINEAR or call.output == end or call.op in composite.ops:
            continue
        following = readers.get(call.output, [])
        if len(following) == 1 and following[0].op == "batch_norm" and _channels_agree(call, tape):
            folds[call] = following[0]
    return folds


def _channels_agree(call: Call, tape: Taped) -> bool:
    """Whether axis 1 of the output, batch norm's, is the first axis of the weight."""
    return call.op in {"conv1d", "conv2d", "conv3d", "convolution"} or (
        call.op == "linear" and tape.values[call.output].ndim == 2
    )


def _step(call: Call, composite: Composite, folds: dict[Call, Call], input_values: frozenset[int]) -> Step:
    kind = kind_of(call, composite)
    registered = composite.ops.get(call.op)
    if kind not in LINEAR:
        return Step(call, kind, None, registered if callable(registered) else None, None, False)
    reads_input = call.inputs[0] in input_values
    rule = composite.rule(kind, layer=call.layer, label=call.label, reads_input=reads_input)
    return Step(call, kind, rule, None, folds.get(call), reads_input)


def _check_layer_names(steps: tuple[Step, ...], composite: Composite, pruner: Pruner) -> None:
    linear = [step for step in steps if step.kind in LINEAR]
    names = {name for step in linear for name in (step.call.layer, step.call.label)}
    mentioned = [("composite", name) for name in composite.layers]
    if not isinstance(pruner, NoPrune):
        unpruned = {name for step in linear if step.reads_input for name in (step.call.layer, step.call.label)}
        prunable = {name for step in linear if not step.reads_input for name in (step.call.layer, step.call.label)}
        mentioned += [("pruner", name) for name in pruner.layers]
        for name in pruner.layers:
            if name in unpruned - prunable:
                raise OptionError(f"pruner: layer {name!r} reads the network's input, which is never pruned")
    for what, name in mentioned:
        if name not in names:
            known = ", ".join(dict.fromkeys(step.call.label for step in linear))
            raise OptionError(f"{what}: there is no linear layer {name!r}; the layers are {known}")
