"""Whether a model keeps its samples apart and on the first axis, which pruning per sample needs.

Shapes alone cannot tell: 64 channels in front look like 64 samples. So the model runs on two and on three copies of one
sample, and what grows with them is compared. Whether samples of a run can be selected takes different samples, too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genoplrp.errors import GenoPLRPError
from genoplrp.lrp.call import Call, leaves, same_arguments
from genoplrp.lrp.forms import CallLog
from genoplrp.lrp.ops import KINDS, argument
from genoplrp.lrp.plan import LINEAR, calls_on_path
from genoplrp.lrp.record import record
from genoplrp.lrp.tape import Tape

MIXES = "it mixes samples, so that a result depends on the others"


@dataclass(frozen=True, eq=False)
class SelectableRun:
    """What a model makes of any number of samples, where some of a run can be explained without another run.

    Attributes
    ----------
    shapes
        Of its live tensors, a sample each.
    calls
        In order.
    """

    shapes: list[torch.Size]
    calls: list[Call]

    def is_of(self, tape: Tape) -> bool:
        """Whether a run made these calls, and its tensors have a row a sample.

        Behind them it may have made some once more, to get at the scores.
        """
        n = len(tape.values[0])
        own, made = tape.values[: len(self.shapes)], tape.calls[: len(self.calls)]
        return (
            all(value.ndim and len(value) == n for value in tape.values)
            and self.shapes == [value.shape[1:] for value in own]
            and [call.op for call in self.calls] == [call.op for call in made]
            and all(map(same_arguments, self.calls, made))
        )


@dataclass(frozen=True)
class SampleLayout:
    """Where a model keeps its samples.

    Attributes
    ----------
    first
        Whether the first axis of every tensor that a linear call reads counts the samples.
    mixing
        Labels of the calls that mix samples, in forward order.
    size, largest
        Memory of all activations of a sample, and of the largest of them, in bytes.
    log
        What the model does with its tensors, where none of it depends on how they lie in memory; else None.
    """

    first: bool
    mixing: tuple[str, ...]
    size: int
    largest: int
    log: CallLog | None = None


def sample_layout(model: nn.Module, sample: Tensor) -> SampleLayout:
    """The layout, from runs on copies of ``sample``, (1, ...); the model is in eval mode.

    Samples are taken to be in front where the model takes no other number of them (some exported models do).
    """
    logs = CallLog(), CallLog()
    try:
        (two, output), (three, _) = (
            record(model, sample.expand(n, *sample.shape[1:]), log=log) for n, log in zip((2, 3), logs, strict=True)
        )
    except GenoPLRPError:
        raise
    except (RuntimeError, ValueError, AssertionError, IndexError):
        guess = 10 * sample.numel() * sample.element_size()
        return SampleLayout(True, (), 10 * guess, guess)
    sizes = [value.numel() * value.element_size() // 3 for value in three.values]
    size, largest = sum(sizes), max(sizes)
    if [call.op for call in two.calls] != [call.op for call in three.calls]:
        return SampleLayout(False, (), size, largest)
    ends = [two.index_of(leaf) for leaf in leaves(output) if isinstance(leaf, Tensor)]
    calls = dict.fromkeys(call for end in ends if end is not None for call in calls_on_path(two, end))
    mixing = [
        call.label for call in calls if 3 * two.values[call.output].numel() != 2 * three.values[call.output].numel()
    ]
    read = [index for call in calls if KINDS.get(call.op) in LINEAR for index in call.inputs]
    first = all(two.values[index].shape[:1] == (2,) and three.values[index].shape[:1] == (3,) for index in read)
    alike = logs[0].names == logs[1].names and all(log.fit for log in logs) and _is_watched(model, three, output)
    return SampleLayout(first, tuple(mixing), size, largest, logs[1] if alike else None)


def selectable_run(model: nn.Module, sample: Tensor) -> SelectableRun | None:
    """How a model runs, if samples of its runs can be explained, one several times if need be, without another run.

    All tensors have the samples in front then, in their order, and no call depends on how many or which they are: of
    three different samples each has to come out of a run on all of them as out of one on copies of it, by the calls
    that two samples take. ``sample``, (1, ...), is the first; the others have its positions in another order. None
    where that does not hold.
    """
    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(sample.shape[-1], generator=generator).to(sample.device) for _ in range(2)]
    different = torch.cat([sample, *(sample[..., order] for order in orders)])
    if torch.equal(different[:2], different[1:]):
        return None  # nothing but N, say, which tells nothing
    logs = CallLog(), CallLog()
    try:
        together, output = record(model, different, log=logs[0])
        two, _ = record(model, different[:2], log=logs[1])
        copies = [record(model, one.expand(3, *one.shape))[0] for one in different]
    except (GenoPLRPError, RuntimeError, ValueError, AssertionError, IndexError):
        return None
    found = SelectableRun([value.shape[1:] for value in together.values], together.calls)
    holds = (
        found.is_of(together)
        and found.is_of(two)
        and logs[0].names == logs[1].names
        and all(log.fit for log in logs)
        and _is_watched(model, together, output)
        and not any(_counts_samples(call, together.values[call.inputs[0]].ndim) for call in together.calls)
        and all(_same_rows(together, own, row) for row, own in enumerate(copies))
    )
    return found if holds else None


def _counts_samples(call: Call, axes: int) -> bool:
    """Whether the call takes so many of the samples, which more or fewer than three of them would show."""
    if call.op in {"squeeze", "split"}:
        axis = argument(call, "dim", 0)  # all that are 1, or the first
        return not {0, -axes}.isdisjoint(axis if isinstance(axis, tuple | list) else (axis,))
    if call.op == "__getitem__":
        key = call.args[1]
        first = key[0] if isinstance(key, tuple) and key else key
        return first is not Ellipsis and not (isinstance(first, slice) and first == slice(None))
    return False


def _same_rows(together: Tape, copies: Tape, row: int) -> bool:
    """Whether a sample among others has the values that it has among copies of itself, but for rounding."""
    if len(together.values) != len(copies.values):
        return False
    pairs = list(zip(together.values, copies.values, strict=True))
    return all(one.shape == other.shape for one, other in pairs) and all(
        bool(((one[row] - other[row]).abs() <= 1e-4 * other.abs().max()).all()) for one, other in pairs
    )


def _is_watched(model: nn.Module, tape: Tape, output: object) -> bool:
    """Whether a log has seen all that is done with a model's tensors, and these come out as torch makes them.

    What a scripted function does cannot be seen, only its result; hooks and objects of the model's own may hand tensors
    to others.
    """
    parts = leaves(output)
    plain = all(isinstance(part, Tensor) and part.is_contiguous() for part in parts)
    return plain and not tape.foreign and not any(module._forward_hooks for module in model.modules())
