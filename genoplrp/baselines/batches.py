"""The frame of every method here: a borrowed model, batch after batch, and the maps put together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genoplrp.attribution import (
    POSITIONS_A_BATCH,
    Attribution,
    _batch_size,
    _check_input,
    _of_batch,
)
from genoplrp.baselines.score import Score, score_of
from genoplrp.batch import _present
from genoplrp.errors import OptionError
from genoplrp.lrp.borrow import borrowed, where
from genoplrp.lrp.samples import sample_layout
from genoplrp.lrp.target import Target
from genoplrp.result import joined


@dataclass(frozen=True, eq=False)
class Batch:
    """What a method gets: some sequences of all.

    Attributes
    ----------
    score
        What is explained, as a function.
    x
        (k, ...) inputs, where the model is and of its type.
    target
        Their target, as given to `genoplrp.attribute`.
    rows
        Which of all sequences they are.
    size
        How many sequences may go through the network at once.
    """

    score: Score
    x: Tensor
    target: Target
    rows: slice
    size: int

    def by_output(self, chosen: Tensor | None) -> Iterator[tuple[Target, Tensor]]:
        """(target, which sequences of the batch) for methods that explain one output at a time."""
        if chosen is None:
            yield self.target, torch.arange(len(self.x), device=self.x.device)
            return
        for output in sorted(set(chosen.tolist())):
            yield output, (chosen == output).nonzero()[:, 0]


@dataclass(frozen=True, eq=False)
class Maps:
    """What a method gives back for k sequences: two maps, the explained scores (k,) and which outputs they are (k,)."""

    relevance: Tensor
    hypothetical: Tensor | None
    output: Tensor
    target: Tensor | None


def in_batches(
    model: nn.Module,
    x: Tensor,
    method: Callable[[Batch], Maps],
    *,
    target: Target,
    batch_size: int | None,
    device: torch.device | str | None,
    variants: bool = False,
) -> Attribution:
    """Attributions of all sequences by a method that explains a batch; the arguments are those of `genoplrp.attribute`.

    Columns without a base get zero relevance. ``variants`` says that the method puts several variants of a sequence
    through the network at once, so that samples must not mix even where there is one sequence.
    """
    _check_input(x, "forward", batch_size)
    stand_in = borrowed(model, device)
    place, dtype = where(stand_in)
    x = x.detach().to(device=place or device, dtype=dtype or (x.dtype if x.is_floating_point() else torch.float32))
    size = batch_size or max(1, POSITIONS_A_BATCH // max(1, x[0, 0].numel()))
    with torch.inference_mode(False), torch.autocast(x.device.type, enabled=False):
        if variants or min(size, len(x)) > 1:
            size = _batch_size(sample_layout(stand_in, x[:1].clone()), size)
        score = score_of(stand_in, x[:1])
        parts = []
        for first in range(0, len(x), size):
            rows = slice(first, min(first + size, len(x)))
            batch = x[rows].clone()
            part = _of_batch(target, first, len(batch), len(x))
            parts.append(_attribution(method(Batch(score, batch, part, rows, size)), batch, score.explained))
    return joined(parts)


def is_dna(x: Tensor) -> bool:
    """Whether a tensor has the shape of DNA, (n, 4, l)."""
    return x.ndim == 3 and x.shape[1] == 4


def check_dna(x: Tensor, method: str) -> None:
    """Raise unless `x` has the shape of DNA, which a method's definition needs."""
    if not isinstance(x, Tensor) or not is_dna(x):
        got = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise OptionError(f"{method} is defined on DNA, a tensor of shape (n, 4, l), channels A, C, G, T; got {got}")


def _attribution(maps: Maps, x: Tensor, explained: str) -> Attribution:
    present = _present(x)
    return Attribution(
        relevance=maps.relevance if present is None else maps.relevance * present,
        output=maps.output,
        target=maps.target,
        hypothetical=maps.hypothetical,
        layers={},
        disagreement=None,
        explained=explained,
        pages=(),
    )
