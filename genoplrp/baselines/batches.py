"""The frame of every method here: a borrowed model, batch after batch, and the maps put together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genoplrp.errors import OptionError
from genoplrp.inputs import batches, check_input, is_dna, present_columns, samples_at_once
from genoplrp.lrp.borrow import borrowed, where
from genoplrp.lrp.target import Target, target_of
from genoplrp.result import Attribution, joined
from genoplrp.score import Score, score_of


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
    """What a method gives back for k sequences: the fields of an `Attribution` that it knows."""

    relevance: Tensor
    hypothetical: Tensor | None
    output: Tensor
    target: Tensor | None
    reference_output: Tensor | None = None


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
    check_input(x, batch_size)
    stand_in = borrowed(model, device)
    place, dtype = where(stand_in)
    x = x.detach().to(device=place or device, dtype=dtype or (x.dtype if x.is_floating_point() else torch.float32))
    with torch.inference_mode(False), torch.autocast(x.device.type, enabled=False):
        size = samples_at_once(stand_in, x, batch_size, variants=variants)
        score = score_of(stand_in, x[:1])
        parts = []
        for rows in batches(len(x), size):
            batch = x[rows].clone()
            part = target_of(target, torch.arange(rows.start, rows.stop), len(x))
            parts.append(_attribution(method(Batch(score, batch, part, rows, size)), batch, score.explained))
    return joined(parts)


def check_dna(x: Tensor, method: str) -> None:
    """Raise unless `x` has the shape of DNA, which a method's definition needs."""
    if not isinstance(x, Tensor) or not is_dna(x):
        got = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise OptionError(f"{method} is defined on DNA, a tensor of shape (n, 4, l), channels A, C, G, T; got {got}")


def _attribution(maps: Maps, x: Tensor, explained: str) -> Attribution:
    present = present_columns(x)
    return Attribution(
        relevance=maps.relevance if present is None else maps.relevance * present,
        output=maps.output,
        target=maps.target,
        hypothetical=maps.hypothetical,
        layers={},
        disagreement=None,
        explained=explained,
        pages=(),
        reference_output=maps.reference_output,
    )
