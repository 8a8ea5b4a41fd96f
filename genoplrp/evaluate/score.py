"""The explained score of any input, as `attribute` explains it, without explaining it."""

from typing import Any

import torch
from torch import Tensor, nn

from genoplrp.errors import GenoPLRPError, ModelError, OptionError
from genoplrp.lrp.borrow import borrowed, where
from genoplrp.lrp.record import record
from genoplrp.lrp.target import Target, choose_target, score_table, scores_of

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
        self._constants: dict[int, Tensor] = {}
        self._squashed = True
        self._target = target if callable(target) else self._chosen(x, target)

    def __call__(self, x: Tensor) -> Tensor:
        """Scores (n,) of n inputs of the shape that this was made with."""
        parts = []
        for rows in torch.split(torch.arange(len(x)), self._size):
            output = self._output(x[rows])
            if callable(self._target):
                score = self._target(output)
                if not isinstance(score, Tensor) or score.shape != (len(rows),):
                    raise OptionError(
                        f"a callable target must return shape ({len(rows)},), one number an input; got {_shape(score)}"
                    )
            else:
                table = score_table(_tensor(output), len(rows))
                score = table.gather(1, self._target[rows, None].to(table.device))[:, 0]
            parts.append(score.double().cpu())
        scores = torch.cat(parts)
        if not torch.isfinite(scores).all():
            raise ModelError("the model returns NaN or infinite scores for these inputs; check its weights")
        return scores

    def _chosen(self, x: Tensor, target: Any) -> Tensor:
        """The explained output of every input, (n,) int64."""
        tables = [score_table(_tensor(self._output(part)), len(part)).cpu() for part in torch.split(x, self._size)]
        return choose_target(torch.cat(tables), target)

    def _output(self, x: Tensor) -> Any:
        place, dtype = where(self._model)
        x = x.to(device=place or self._device, dtype=dtype or x.dtype)
        try:
            with torch.inference_mode(False), torch.no_grad(), torch.autocast(x.device.type, enabled=False):
                return self._before_squashing(x) if self._squashed else self._model(x)
        except GenoPLRPError:
            raise
        except (RuntimeError, ValueError, AssertionError, IndexError) as error:
            raise ModelError(
                f"the model fails on input of shape {tuple(x.shape)} (samples, channels, positions): {error}"
            ) from error

    def _before_squashing(self, x: Tensor) -> Any:
        """What is explained; a model found to end in no softmax or sigmoid is not recorded again, which costs."""
        tape, output = record(self._model, x, self._constants)
        scores = scores_of(tape, output).output
        self._squashed = scores is not output
        return scores


def _tensor(output: Any) -> Tensor:
    if not isinstance(output, Tensor):
        raise OptionError(
            f"the model returns a {type(output).__name__}: say which number is meant with a callable target, "
            "output -> (n,)"
        )
    return output


def _shape(value: Any) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
