"""What is explained: the score, its live tensor on the tape, and the relevance that starts from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from genoplrp.errors import OptionError, UnsupportedCallError
from genoplrp.lrp.call import Call, substitute
from genoplrp.lrp.ops import KINDS, SQUASHING, Kind
from genoplrp.lrp.tape import Tape

Target = int | Tensor | Literal["predicted"] | Callable[[Any], Tensor]


@dataclass(frozen=True, eq=False)
class Scores:
    """A model's scores: what it returned, or what went into the squashing calls at its end."""

    output: Any  # in the nesting that the model returned
    explained: str  # what that is, in words


def scores_of(tape: Tape, output: Any) -> Scores:
    """What a model is explained at.

    Outputs that end in softmax, log-softmax or sigmoid are explained at those calls' inputs; views behind them
    (reshaping, or several sigmoid heads put together) are called again on these, on the tape.
    """
    names: dict[str, None] = {}
    with torch.no_grad(), tape:
        unsquashed = substitute(output, lambda leaf: _unsquashed(tape, leaf, names))
    return Scores(unsquashed, f"input of {', '.join(names)}" if names else "output of the model")


def _unsquashed(tape: Tape, leaf: Any, names: dict[str, None]) -> Any:
    index = tape.index_of(leaf) if isinstance(leaf, Tensor) else None
    makers = {made: call for call in tape.calls for made in call.outputs if made is not None}
    if index is None or last_squashing(index, makers) is None:
        return leaf
    return _before_squashing(tape, index, makers, names)


def last_squashing(index: int, makers: Mapping[int, Call]) -> list[Call] | None:
    """The squashing calls that alone, views aside, make a live tensor; None where there is anything else."""
    maker = makers.get(index)
    if maker is None or len(maker.outputs) != 1:
        return None
    if maker.op in SQUASHING:
        return [maker]
    if KINDS.get(maker.op) is not Kind.VIEW:
        return None
    parts = [last_squashing(source, makers) for source in maker.inputs]
    return None if None in parts else [call for part in parts for call in part or ()]


def _before_squashing(tape: Tape, index: int, makers: Mapping[int, Call], names: dict[str, None]) -> Tensor:
    maker = makers[index]
    if maker.op in SQUASHING:
        names[f"{maker.op} ({maker.label})"] = None
        return tape.revive(maker.inputs[0])
    result: Tensor = maker.run({source: _before_squashing(tape, source, makers, names) for source in maker.inputs})
    return result


def one_tensor(output: Any) -> Tensor:
    """What a model returned, if it is one tensor.

    Raises
    ------
    OptionError
        It is something else, of which a callable target has to choose.
    """
    if not isinstance(output, Tensor):
        raise OptionError(
            f"the model returns a {type(output).__name__}: say which number is explained with a callable target, "
            "output -> (n,), for instance target=lambda output: output[0][:, 3]"
        )
    return output


def score_table(scores: Tensor, n: int) -> Tensor:
    """Scores as (n, k), from (n, k), (n,), or of one sample whose own axis was squeezed away.

    Raises
    ------
    OptionError
        Outputs with more axes, which need a callable, or without the samples on their first axis.
    """
    squeezed = n == 1 and scores.ndim < 2
    if scores.ndim <= 2 and scores.numel() and (squeezed or len(scores) == n):
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


def target_of(target: Target, rows: Tensor, n: int) -> Target:
    """The part of a target of n samples that belongs to those in these rows; a target for all stays as it is.

    Raises
    ------
    OptionError
        Another number of targets than samples.
    """
    if callable(target) or isinstance(target, (str, int)):
        return target
    chosen = torch.as_tensor(target)
    if chosen.shape not in {(), (n,)}:
        raise OptionError(f"target must have one int a sequence, {n}; got shape {tuple(chosen.shape)}")
    return chosen if chosen.ndim == 0 else chosen[rows.to(chosen.device)]


@dataclass(frozen=True, eq=False)
class Start:
    """Where relevance starts.

    Attributes
    ----------
    index
        Number of the live tensor of the scores.
    chosen
        1 at the explained scores and 0 elsewhere, in that tensor's shape.
    output
        The explained score of every sample, (n,).
    """

    index: int
    chosen: Tensor
    output: Tensor


def start_at(tape: Tape, scores: Tensor, chosen: Tensor, samples: Tensor | None = None) -> Start:
    """One chosen output (m,) of every sample, or of each of these samples (m,)."""
    index = _live(tape, scores)
    scores = scores if samples is None else scores[samples]
    flat = scores.reshape(len(chosen), -1)
    ones = torch.zeros_like(flat).scatter(1, chosen[:, None], 1).view_as(scores)
    return Start(index, ones, flat.gather(1, chosen[:, None])[:, 0])


def start_at_callable(tape: Tape, output: Any, target: Callable[[Any], Tensor]) -> Start:
    """A callable target, whose calls go on the tape too, so that relevance crosses them by rules."""
    with torch.no_grad(), tape:
        value = target(output)
    n = len(tape.values[0])
    if not isinstance(value, Tensor) or value.shape != (n,):
        got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise OptionError(f"a callable target must return a tensor of shape ({n},), one number a sequence; got {got}")
    return Start(_live(tape, value), torch.ones_like(value), value)


def _live(tape: Tape, tensor: Tensor) -> int:
    index = tape.index_of(tensor)
    if index is None:
        raise UnsupportedCallError(
            "the model's output does not depend on its input through any call that torch shows: the data left torch "
            "(numpy, .item()), the model detaches it, or it is scripted or compiled"
        )
    return index
