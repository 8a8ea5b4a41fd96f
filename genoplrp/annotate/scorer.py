"""The network as the job uses it: sequences of any length in, one row of scores a window out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, autocast, nn

from genoplrp.annotate.options import Strands
from genoplrp.errors import ModelError
from genoplrp.lrp.borrow import borrowed, where
from genoplrp.memory import keep_freed_memory
from genoplrp.models import ModelSpec, spec_of
from genoplrp.score import Score, score_of
from genoplrp.sequence import Window, one_hot, place, reverse_complement, tile

T = TypeVar("T")

Each = Callable[[Callable[[list[str]], NDArray[np.float32]], Iterable[list[str]]], Iterable[NDArray[np.float32]]]
"""(what gives scores of a batch of windows, the batches) -> the scores of each, in order."""


@dataclass(frozen=True)
class Scorer:
    """A network in eval mode with what it says about itself, run in batches; `scorer_for` makes one.

    Parameters
    ----------
    model
        Reads (n, 4, length) and gives one score a label.
    spec
        Its input length and labels.
    batch_size
        Windows that go through the network at once.
    strands
        ``"forward"``, or ``"both"``: a window's score is the mean over it and its reverse complement.
    """

    model: nn.Module
    spec: ModelSpec
    batch_size: int = 128
    strands: Strands = "forward"

    def windows(self, length: int) -> tuple[Window, ...]:
        """Windows of a record of `length` bases: one if it fits the network, else tiles that overlap by half."""
        return tile(length, self.spec.length)

    def letters(self, sequence: str, window: Window) -> str:
        """What the network reads in `window`: its bases, centred among N where the record is shorter."""
        return place(sequence, window, self.spec.length)

    def scores(self, sequences: Sequence[str], each: Each = map) -> list[NDArray[np.float32]]:
        """For each sequence the scores of its windows, (windows, labels), as many arrays as sequences.

        ``each``: scores batch after batch, as `map` does, or several at once.
        """
        windows = [self.windows(len(sequence)) for sequence in sequences]
        texts = (
            self.letters(sequence, window) for sequence, own in zip(sequences, windows, strict=True) for window in own
        )
        scored = each(self.batch_scores, batches(texts, self.batch_size))
        rows = np.concatenate([*scored, np.empty((0, len(self.spec.labels)), np.float32)])
        return np.split(rows, np.cumsum([len(own) for own in windows])[:-1])

    @property
    def threads_may_share(self) -> bool:
        """Whether two threads may run the network at once: it is made of torch's and this package's own modules.

        Anybody else's module, or hook, may keep something for its next line where another thread's run changes it.
        """
        return all(_keeps_nothing(part) for part in self.model.modules())

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return where(self.model)[0] or torch.device("cpu")

    def to_device(self, x: Tensor) -> Tensor:
        """`x` where the network is, in the network's floating-point type."""
        device, dtype = where(self.model)
        return x.to(device=device, dtype=dtype)

    @cached_property
    def _score(self) -> Score:
        """The scores before a final sigmoid or softmax, which are those that `attribute` explains."""
        return score_of(self.model, self.to_device(torch.zeros(1, 4, self.spec.length)))

    def batch_scores(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Scores (n, labels) of windows that go through the network at once."""
        x = self.to_device(one_hot(texts))  # (n, 4, l)
        output = self._outputs(x)
        if self.strands == "both":
            output = (output + self._outputs(reverse_complement(x))) / 2
        return as_array(output)

    def checked(self, output: Any, n: int) -> Tensor:
        """What the network gave for n windows, (n, labels).

        Raises
        ------
        ModelError
            It is of another shape, or not finite.
        """
        expected = (n, len(self.spec.labels))
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        if shape != expected:
            raise ModelError(f"the network gave {shape} for {n} windows, but its spec promises outputs {expected}.")
        if not torch.isfinite(output).all():
            raise ModelError("the network gave NaN or infinite scores; check its weights.")
        scores: Tensor = output
        return scores

    def _outputs(self, x: Tensor) -> Tensor:
        """The scores of windows (n, 4, l), (n, labels)."""
        # Set here, since threads do not inherit it.
        with self.running_on(x), torch.inference_mode(False), torch.no_grad(), autocast(x.device.type, enabled=False):
            output = self._score.outputs(x)
        return self.checked(output, len(x))

    @contextmanager
    def running_on(self, x: Tensor) -> Iterator[None]:
        """Context of the network's run on windows (n, 4, l): its errors say on what it fails."""
        try:
            yield
        except (ModelError, RuntimeError, AssertionError) as error:
            raise ModelError(
                f"the network fails on {len(x)} windows of shape {tuple(x.shape[1:])}: {error}. An exported network "
                "must take any number of sequences (torch.export with dynamic_shapes for the first axis)."
            ) from error


def scorer_for(model: nn.Module, batch_size: int, strands: Strands) -> Scorer:
    """Scorer of a network that reads DNA; the network itself, its mode included, stays as it is.

    Raises
    ------
    ModelError
        If the network has no spec, or reads something else than four channels.
    """
    spec = spec_of(model)
    if spec.channels != 4:
        raise ModelError(f"the network reads {spec.channels} channels; DNA has four: A, C, G, T.")
    scorer = Scorer(borrowed(model), spec, batch_size, strands)
    if scorer.device.type == "cpu":
        keep_freed_memory()
    return scorer


def as_array(scores: Tensor) -> NDArray[np.float32]:
    """Scores in single precision, wherever they are."""
    array: NDArray[np.float32] = scores.float().cpu().numpy()
    return array


def _keeps_nothing(part: nn.Module) -> bool:
    known = type(part).__module__.startswith(("torch.nn.", "genoplrp.models."))
    return known and not (part._forward_hooks or part._forward_pre_hooks or "forward" in vars(part))


def batches(items: Iterable[T], size: int, count: Callable[[T], int] = lambda _: 1) -> Iterator[list[T]]:
    """Lists of items that count `size` at most, in order; one that counts more is alone.

    Examples
    --------
    >>> list(batches(["AC", "G", "ACGT", "T"], 3, len))
    [['AC', 'G'], ['ACGT'], ['T']]
    """
    batch: list[T] = []
    total = 0
    for item in items:
        number = count(item)
        if batch and total + number > size:
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += number
        if total >= size:  # not held back until the next item is there
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
