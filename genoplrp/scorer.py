"""Explained scores of many inputs, the target of each fixed beforehand: what a changed sequence still scores."""

from typing import Any

import torch
from torch import Tensor, nn

from genoplrp.errors import OptionError
from genoplrp.lrp.borrow import borrowed, where
from genoplrp.lrp.target import Target, target_of
from genoplrp.score import score_of

BATCH_SIZE = 256
"""Inputs that go through the model at once; a score does not depend on it."""


class Scorer:
    """``scorer(x) -> (n,)`` float64: the score that `genoplrp.attribute` explains.

    That is the chosen output, at the input of a softmax, log-softmax or sigmoid at the model's end.

    Parameters
    ----------
    model
        Borrowed: run in eval mode, not changed.
    x
        The n inputs for which ``"predicted"`` is decided; for changed inputs the target stays the same.
    target
        As for `attribute`: an int, one int an input, ``"predicted"`` or a callable ``output -> (n,)``.
    batch_size
        Inputs at once.
    device
        Where to compute; None: where the model is.

    Raises
    ------
    ModelError
        The model does not take these inputs, or returns numbers that are not finite.
    OptionError
        A target that the scores do not have, or inputs that are no tensor with samples first.

    Examples
    --------
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(8, 2), nn.Sigmoid())
    >>> x = torch.eye(4)[None, :, :2]
    >>> bool(Scorer(net, x, target=1)(x) == net[:2](x)[:, 1].double())
    True
    """

    def __init__(
        self,
        model: nn.Module,
        x: Tensor,
        *,
        target: Target = "predicted",
        batch_size: int | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        if not isinstance(x, Tensor) or x.ndim < 2 or len(x) == 0:
            raise OptionError(f"x must be a tensor with at least one sample first, (n, 4, l) for DNA; got {_shape(x)}")
        if batch_size is not None and not (isinstance(batch_size, int) and batch_size >= 1):
            raise OptionError(f"batch_size must be a whole number from 1 on; got {batch_size!r}")
        self._model = borrowed(model, device)
        self._device = torch.device(device) if device is not None else None
        self._size = batch_size or BATCH_SIZE
        with torch.inference_mode(False), torch.autocast(x.device.type, enabled=False):
            self._score = score_of(self._model, self._placed(x[:1]))
        self._target = target if callable(target) else self._chosen(x, target)

    def __call__(self, x: Tensor) -> Tensor:
        """Scores (n,) of n inputs of the shape that this was made with."""
        parts = []
        for rows in torch.split(torch.arange(len(x)), self._size):
            parts.append(self._evaluate(x[rows], self._target if callable(self._target) else self._target[rows])[0])
        return torch.cat(parts).double().cpu()

    def _chosen(self, x: Tensor, target: Target) -> Tensor:
        """The explained output of every input, (n,) int64."""
        batches = torch.split(torch.arange(len(x)), self._size)
        found = [self._evaluate(x[rows], target_of(target, rows, len(x)))[1] for rows in batches]
        return torch.cat([part for part in found if part is not None]).cpu()

    def _evaluate(self, x: Tensor, target: Target) -> tuple[Tensor, Tensor | None]:
        with torch.inference_mode(False), torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return self._score.evaluate(self._placed(x), target)

    def _placed(self, x: Tensor) -> Tensor:
        """On the model's device and in its type."""
        place, dtype = where(self._model)
        return x.to(device=place or self._device, dtype=dtype or x.dtype)


def _shape(value: Any) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
