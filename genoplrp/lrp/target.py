"""What is explained: the score, its live tensor on the tape, and the relevance that starts from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from genoplrp.errors import OptionError, UnsupportedCallError
from genoplrp.lrp.ops import KINDS, SQUASHING, Kind
from genoplrp.lrp.tape import Call, Tape

Target = int | Tensor | Literal["predicted"] | Callable[[Any], Tensor]


@dataclass(frozen=True, eq=False)
class Scores:
    """A model's scores: what it returned, or what went into the squashing call at its end."""

    tensor: Tensor
    explained: str  # what that is, in words


def scores_of(tape: Tape, output: Any) -> Any:
    """`Scores` of a model that returns one tensor; what it returned, untouched, of any other.

    A model that ends in softmax, log-softmax or sigmoid (views behind it allowed) is explained at that call's input:
    the views are called again on it, on the tape.
    """
    if not isinstance(output, Tensor):
        return output
    index = tape.index_of(output)
    views: list[Call] = []
    while index is not None:
        maker = next((call for call in tape.calls if index in call.outputs), None)
        if maker is not None and maker.op in SQUASHING:
            tensor = tape.values[maker.inputs[0]]
            with torch.no_grad(), tape:
                for view in reversed(views):
                    tensor = view.run({view.inputs[0]: tensor})
            return Scores(tensor, f"input of {maker.op} ({maker.label})")
        if maker is None or KINDS.get(maker.op) is not Kind.VIEW or len(maker.inputs) != 1 or len(maker.outputs) != 1:
            break
        views.append(maker)
        index = maker.inputs[0]
    return Scores(output, "output of the model")


def score_table(scores: Tensor, n: int) -> Tensor:
    """Scores as (n, k), from (n, k), (n,), or () of one sample.

    Raises
    ------
    OptionError
        Outputs with more axes, which need a callable, or without the samples on their first axis.
    """
    if (
        scores.ndim <= 2
        and scores.numel()
        and ((n == 1 and scores.ndim == 0) or (scores.ndim > 0 and len(scores) == n))
    ):
        return scores.reshape(n, -1)
    raise OptionError(
        f"the model's output has shape {tuple(scores.shape)} for {n} sequences: say which number is explained with a "
        "callable target, output -> (n,), for instance target=lambda output: output[:, 0].mean(-1)"
    )


def choose_target(scores: Tensor, target: Target) -> Tensor:
    """The explained output of every sample as int64 (n,), from scores (n, k).

    Raises
    ------
    OptionError
        A target that the scores do not have.
    """
    n, outputs = scores.shape
    if isinstance(target, str):
        if target != "predicted":
            raise OptionError(f'target must be an int, a tensor of n ints, "predicted" or a callable; got {target!r}')
        return scores.argmax(1)
    chosen = torch.as_tensor(target, device=scores.device)
    if chosen.is_floating_point() or chosen.dtype == torch.bool or chosen.shape not in {(), (n,)}:
        raise OptionError(
            f'target must be an int, {n} ints (one a sequence), "predicted" or a callable; got {chosen.dtype} of shape '
            f"{tuple(chosen.shape)}"
        )
    if ((chosen < 0) | (chosen >= outputs)).any():
        raise OptionError(
            f"target must be in 0..{outputs - 1}, the model's outputs; got {sorted(set(chosen.flatten().tolist()))}"
        )
    return chosen.long().expand(n).clone()


def start_at(tape: Tape, scores: Tensor, chosen: Tensor) -> tuple[int, Tensor, Tensor]:
    """(live tensor, its relevance, the explained score (n,)) for one chosen output a sample."""
    index = _live(tape, scores)
    flat = scores.reshape(len(chosen), -1)
    picked = flat.gather(1, chosen[:, None])
    relevance = torch.zeros_like(flat).scatter(1, chosen[:, None], picked).view_as(scores)
    return index, relevance, picked[:, 0]


def start_at_callable(tape: Tape, scores: Any, target: Callable[[Any], Tensor]) -> tuple[int, Tensor, Tensor]:
    """The same for a callable target, whose calls go on the tape too, so that relevance crosses them by rules."""
    raw = scores.tensor if isinstance(scores, Scores) else scores
    with torch.no_grad(), tape:
        value = target(raw)
    n = len(tape.values[0])
    if not isinstance(value, Tensor) or value.shape != (n,):
        got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise OptionError(f"a callable target must return a tensor of shape ({n},), one number a sequence; got {got}")
    return _live(tape, value), value, value


def _live(tape: Tape, tensor: Tensor) -> int:
    index = tape.index_of(tensor)
    if index is None:
        raise UnsupportedCallError(
            "the model's output does not depend on its input through any call that torch shows: the data left torch "
            "(numpy, .item()), the model detaches it, or it is scripted or compiled"
        )
    return index
