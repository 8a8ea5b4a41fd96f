"""What a method explains, as a function that autograd can differentiate: the score at which `attribute` starts, too.

The model runs as it is. Where it ends in softmax or sigmoid, a `torch.overrides.TorchFunctionMode` lets these last
calls return their input, so that the score is the one before them, whatever views stand behind. A method may have
further calls made its own way (`Reroute`): nothing is ever attached to the model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from genoplrp.errors import ModelError, OptionError, UnsupportedCallError
from genoplrp.lrp.call import leaves
from genoplrp.lrp.names import op_name
from genoplrp.lrp.ops import SQUASHING
from genoplrp.lrp.record import running_on
from genoplrp.lrp.tape import Tape
from genoplrp.lrp.target import Target, choose_target, last_squashing, one_tensor, score_table, scores_of

Reroute = Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""(name, function, arguments, keyword arguments) of a torch call -> its result, however it is made."""


@dataclass(frozen=True, eq=False)
class Score:
    """A model's scores as functions of its input; `score_of` makes one.

    Attributes
    ----------
    model
        In eval mode; it is not changed.
    explained
        Which tensor the scores are, in words, as in `genoplrp.Attribution`.
    skipped
        Which of the model's softmax and sigmoid calls are skipped, counted from 1 in the order of the forward pass.
    squashing
        How many of these calls there are.
    """

    model: nn.Module
    explained: str
    skipped: frozenset[int]
    squashing: int

    def outputs(self, x: Tensor, reroute: Reroute | None = None) -> Any:
        """What the model returns for `x`, before its last softmax or sigmoid."""
        with running_on(x):
            if not self.skipped and reroute is None:
                return self.model(x)
            with _Rerouted(self.skipped, reroute) as mode:
                output = self.model(x)
        if self.skipped and mode.squashing != self.squashing:
            raise UnsupportedCallError(
                f"the model calls softmax or sigmoid {mode.squashing} times on this input and {self.squashing} times "
                "on the first sequence: which of them is its last cannot be told. Return logits instead."
            )
        return output

    def evaluate(self, x: Tensor, target: Target, reroute: Reroute | None = None) -> tuple[Tensor, Tensor | None]:
        """The explained score of every sequence, (n,), with its graph, and which output that is, None for a callable.

        Raises
        ------
        OptionError
            A target that the model does not have.
        ModelError
            The model fails on `x`, or returns NaN or infinite scores.
        """
        outputs, n = self.outputs(x, reroute), len(x)
        chosen = None
        if callable(target):
            values = _checked(target(outputs), n)
        else:
            table = score_table(one_tensor(outputs), n)
            chosen = choose_target(table.detach(), target)
            values = table.gather(1, chosen[:, None])[:, 0]
        if not torch.isfinite(values).all():
            raise ModelError("the model returns NaN or infinite scores for these inputs; check its weights")
        return values, chosen

    def gradient(self, x: Tensor, target: Target) -> tuple[Tensor, Tensor, Tensor | None]:
        """Gradient of the explained scores at `x`, with the scores (n,) and which outputs they are."""
        with torch.enable_grad():
            leaf = x.detach().clone().requires_grad_()
            values, chosen = self.evaluate(leaf, target)
            if not values.requires_grad:
                raise UnsupportedCallError(
                    "the model's output does not depend on its input in a way that autograd can follow: the model "
                    "detaches it, runs under torch.no_grad, or leaves torch (numpy, .item())"
                )
            (gradient,) = torch.autograd.grad(values.sum(), leaf)
        return gradient, values.detach(), chosen


class ScoreColumn(nn.Module):
    """One explained output as a module (n, 4, l) -> (n, 1), for packages that want one; it does not own the model."""

    def __init__(self, score: Score, target: Target, reroute: Reroute | None = None) -> None:
        super().__init__()
        self._score, self._target, self._reroute = score, target, reroute

    def forward(self, x: Tensor) -> Tensor:
        """The scores, with their graph."""
        return self._score.evaluate(x, self._target, self._reroute)[0][:, None]


def score_of(model: nn.Module, sample: Tensor) -> Score:
    """The score of a model in eval mode, from one recorded forward pass over `sample`.

    Raises
    ------
    UnsupportedCallError
        The model writes into a tensor that was read, or its data leaves torch.
    ModelError
        The model does not take this input.

    Examples
    --------
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(8, 2), nn.Sigmoid())
    >>> score = score_of(net, torch.eye(4)[None, :, :2])
    >>> score.explained
    'input of sigmoid (2)'
    >>> torch.equal(score.outputs(torch.zeros(3, 4, 2)), net[1].bias.expand(3, 2))
    True
    """
    tape, seen = Tape(model, sample.detach().clone()), _Rerouted(frozenset(), None)
    with running_on(sample), torch.no_grad(), seen, tape:
        output = model(tape.values[0])
    makers = {made: call for call in tape.calls for made in call.outputs if made is not None}
    live = [tape.index_of(leaf) for leaf in leaves(output) if isinstance(leaf, Tensor)]
    last = [call for index in live if index is not None for call in last_squashing(index, makers) or ()]
    results = {id(tape.values[call.output]) for call in last}
    skipped = frozenset(count for count, result in enumerate(seen.results, start=1) if id(result) in results)
    return Score(model, scores_of(tape, output).explained, skipped, len(seen.results))


class _Rerouted(TorchFunctionMode):
    """Skips the squashing calls that are numbered, counts all of them, and hands every other call on."""

    def __init__(self, skipped: frozenset[int], reroute: Reroute | None) -> None:
        super().__init__()
        self.results: list[Any] = []
        self._skipped, self._reroute = skipped, reroute

    @property
    def squashing(self) -> int:
        return len(self.results)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs, name = kwargs or {}, op_name(func)
        squashes = name in SQUASHING
        if squashes and len(self.results) + 1 in self._skipped:
            result = args[0] if args else kwargs["input"]
        else:
            result = func(*args, **kwargs) if self._reroute is None else self._reroute(name, func, args, kwargs)
        if squashes:
            self.results.append(result)
        return result


def _checked(values: Any, n: int) -> Tensor:
    if not isinstance(values, Tensor) or values.shape != (n,):
        got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise OptionError(f"a callable target must return a tensor of shape ({n},), one number a sequence; got {got}")
    return values
