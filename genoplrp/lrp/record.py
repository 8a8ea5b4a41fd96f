"""Run a model once and keep the tape; refuse what the tape could not see."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from genoplrp.errors import GenoPLRPError, ModelError, UnsupportedCallError
from genoplrp.lrp.call import leaves
from genoplrp.lrp.forms import CallLog, Layout, LayoutMatters
from genoplrp.lrp.tape import Tape


@contextmanager
def running_on(x: Tensor) -> Iterator[None]:
    """Context of a model's run: what fails in the model becomes a ModelError that says on which input."""
    try:
        yield
    except GenoPLRPError:
        raise
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        raise ModelError(
            f"the model fails on input of shape {tuple(x.shape)} (samples, channels, positions): {error}"
        ) from error


def record(
    model: nn.Module,
    x: Tensor,
    approved: dict[int, Tensor] | None = None,
    *,
    log: CallLog | None = None,
    like: CallLog | None = None,
) -> tuple[Tape, Any]:
    """The tape of one forward pass over ``x``, and what the model returned.

    Parameters
    ----------
    model
        Borrowed: nothing on it is changed. It should be in eval mode.
    x
        The network's input, first axis samples. It is not changed: the tape works on a copy.
    approved
        Tensors, by id, that are known to be constants; those found to be are added.
    log
        Is filled with the calls that the model makes.
    like
        What it does on such inputs, from a run as it is: run channels last (`genoplrp.lrp.forms`) if that fits.

    Raises
    ------
    UnsupportedCallError
        Scripted or compiled functions, data that leaves torch, tensors written by ``x[...] = y`` or ``out=``.
    """
    approved = {} if approved is None else approved
    made = None if like is None or not like.fit else _channels_last(model, x, Layout(like))
    if made is None:
        tape = Tape(model, x.detach().clone(), log)
        with torch.no_grad(), tape:
            made = tape, model(tape.values[0])
    tape, output = made
    if not tape.foreign.keys() <= approved.keys():
        _check_foreign(tape.foreign, model, x)
        approved.update(tape.foreign)
    return tape, output


def _channels_last(model: nn.Module, x: Tensor, layout: Layout) -> tuple[Tape, Any] | None:
    """The same with convolutions in their channels-last form; None where the model has to be run as it is."""
    tape = Tape(model, x.detach().clone(), layout=layout)
    try:
        with torch.no_grad(), tape:
            output = model(tape.values[0])
        layout.check_done([leaf for leaf in leaves(output) if isinstance(leaf, Tensor)])
    except (LayoutMatters, Exception):  # what fails is to fail with the model's own words
        return None
    tape.layout = None  # what a target does with the output is none of the log's calls
    return tape, output


def _check_foreign(foreign: dict[int, Tensor], model: nn.Module, x: Tensor) -> None:
    """Refuse tensors that a scripted function or an extension computed, unseen: with another input they differ.

    A constant of the user's (a global, one in a closure, one read from a file) is the same in both passes.
    """
    again = Tape(model, x.flip(1).roll(1, -1).detach())
    with torch.no_grad(), again:
        model(again.values[0])
    others = list(again.foreign.values())
    for position, (key, tensor) in enumerate(foreign.items()):
        if not (key in again.foreign or (position < len(others) and _equal(tensor, others[position]))):
            raise UnsupportedCallError(
                f"the model uses a tensor of shape {tuple(tensor.shape)} that no recorded call made: a scripted or "
                "compiled function or an extension computed it. Call the Python function it was made from instead."
            )


def _equal(one: Tensor, other: Tensor) -> bool:
    try:
        return torch.equal(one, other)
    except RuntimeError:  # a tensor inside vmap cannot be compared
        return False
