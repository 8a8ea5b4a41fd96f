"""Training of a network on arrays: validation split, early stopping, a seed, a record of what happened.

Nothing here knows what the sequences are; `genoplrp.models.train_vertebrate20` makes the shipped network with it.
"""

import math
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

import genoplrp
from genoplrp.errors import ModelError, OptionError

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class TrainingCard:
    """What a training run did.

    Losses are means over a whole epoch, one entry an epoch run; ``best_epoch`` (counted from 1) is the one whose
    weights were kept.
    """

    seed: int
    batch_size: int
    learning_rate: float
    patience: int
    train_size: int
    validation_size: int
    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    best_epoch: int
    stopped_early: bool
    seconds: float
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary of JSON types."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def train(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    epochs: int = 30,
    batch_size: int = 256,
    lr: float = 1e-3,
    weight_decay: float = 0.0,
    patience: int = 5,
    seed: int = 0,
    validation: float | tuple[Tensor, Tensor] = 0.1,
    reverse_complement: bool = True,
    loss: Loss | None = None,
    progress: bool = True,
) -> TrainingCard:
    """Card of a training run that left the best epoch's weights in ``model``.

    AdamW with a cosine schedule down to a hundredth of ``lr``. The epoch with the lowest validation loss wins, and
    training ends after ``patience`` epochs without a lower one. The same seed on the same machine gives the same
    weights; torch's global random state is as before.

    Parameters
    ----------
    model
        Trained in place where it is, left in eval mode.
    x
        One-hot sequences ``(n, 4, l)`` of any type (bool or uint8 save memory; batches are cast to the weights' type).
    y
        Targets ``(n, outputs)`` in [0, 1] for the default loss; NaN stands for unknown and counts for nothing.
    epochs, batch_size, lr, weight_decay, patience, seed
        As usual.
    validation
        Share of the sequences held out for early stopping, or a pair ``(x, y)``.
    reverse_complement
        Whether each training sequence is shown, by a coin flip an epoch, as its reverse complement.
    loss
        ``loss(logits, targets) -> scalar``; None for `masked_cross_entropy`.
    progress
        Whether to show a bar on stderr, where that is a terminal.

    Raises
    ------
    ModelError
        If the loss is not finite.
    OptionError
        If a value is out of range, or ``x`` and ``y`` differ in length.

    Examples
    --------
    >>> from genoplrp.models import CNNConfig, MotifCNN
    >>> x = torch.eye(4)[torch.arange(64 * 20).reshape(64, 20) * 7 % 4].transpose(1, 2)
    >>> card = train(MotifCNN(CNNConfig(length=20)), x, x[:, :1, 0], epochs=2)
    >>> card.train_size, card.validation_size, len(card.train_loss)
    (58, 6, 2)
    """
    _check_options(x, y, epochs=epochs, batch_size=batch_size, lr=lr, patience=patience)
    generator = torch.Generator().manual_seed(seed)
    (x, y), held_out = _split(x, y, validation, generator)
    score = loss or masked_cross_entropy
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    train_loss: list[float] = []
    validation_loss: list[float] = []
    best = deepcopy(model.state_dict())
    started = time.monotonic()
    with _own_random_state(model, seed), _bar(epochs, progress) as advance:
        for epoch in range(epochs):
            _set_rate(optimiser, lr * _cosine(epoch / epochs))
            batches = _batches(x, y, batch_size, generator, reverse_complement)
            train_loss.append(_train_epoch(model, batches, optimiser, score))
            validation_loss.append(_evaluate(model, *held_out, batch_size, score))
            advance(train_loss[-1], validation_loss[-1])
            if validation_loss[-1] == min(validation_loss):
                best = deepcopy(model.state_dict())
            if _epochs_since_best(validation_loss) >= patience:
                break
    model.load_state_dict(best)
    return TrainingCard(
        seed=seed,
        batch_size=batch_size,
        learning_rate=lr,
        patience=patience,
        train_size=len(x),
        validation_size=len(held_out[0]),
        train_loss=tuple(train_loss),
        validation_loss=tuple(validation_loss),
        best_epoch=int(np.argmin(validation_loss)) + 1,
        stopped_early=len(train_loss) < epochs,
        seconds=round(time.monotonic() - started, 1),
        versions={"genoplrp": genoplrp.__version__, "torch": torch.__version__, "python": platform.python_version()},
    )


def masked_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean binary cross-entropy over the known targets; NaN targets count for nothing.

    Examples
    --------
    >>> masked_cross_entropy(torch.zeros(1, 2), torch.tensor([[1.0, float("nan")]]))  # ln 2
    tensor(0.6931)
    """
    known = ~targets.isnan()
    each = nn.functional.binary_cross_entropy_with_logits(logits, targets.nan_to_num(), reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)


def predict(model: nn.Module, x: Tensor, *, batch_size: int = 1024) -> Tensor:
    """Outputs ``(n, outputs)`` of one-hot sequences ``(n, 4, l)``, batch by batch, without gradients.

    The network is used in the mode it is in.

    Examples
    --------
    >>> from genoplrp.models import CNNConfig, MotifCNN
    >>> predict(MotifCNN(CNNConfig(length=20)), torch.zeros(5, 4, 20), batch_size=2).shape
    torch.Size([5, 1])
    """
    like = next(model.parameters())
    with torch.no_grad():
        return torch.cat([model(part.to(like)) for part in torch.split(x, batch_size)])


def auroc(scores: Tensor, labels: Tensor) -> Tensor:
    """Area under the ROC curve of each column, ``(n, m)`` and ``(n, m)`` -> ``(m,)`` in float64.

    The share of pairs of a positive and a negative in which the positive has the higher score, a tie counting half
    (the Mann-Whitney statistic). NaN labels are left out; a column without positives or negatives gives NaN.

    Examples
    --------
    >>> auroc(torch.tensor([[0.1], [0.4], [0.4], [0.8]]), torch.tensor([[0.0], [0.0], [1.0], [1.0]]))
    tensor([0.8750], dtype=torch.float64)
    """
    return torch.stack([_auroc(column, truth) for column, truth in zip(scores.T, labels.T, strict=True)])


def _auroc(scores: Tensor, labels: Tensor) -> Tensor:
    """AUROC of one column, by mean ranks."""
    known = ~labels.isnan() if labels.is_floating_point() else torch.ones_like(labels, dtype=torch.bool)
    scores, positive = scores[known], labels[known] > 0.5
    _, place, counts = torch.unique(scores, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    mean_rank = (last - (counts - 1) / 2)[place]
    n_positive = positive.sum().double()
    n_negative = len(positive) - n_positive
    wins = mean_rank[positive].sum() - n_positive * (n_positive + 1) / 2
    area: Tensor = wins / (n_positive * n_negative)  # 0 / 0 = NaN where a class is empty
    return area


def _check_options(x: Tensor, y: Tensor, **positive: float) -> None:
    """Refuse what cannot be trained on."""
    if len(x) != len(y):
        raise OptionError(f"x and y must have one row a sequence, got {len(x)} and {len(y)}")
    for name, value in positive.items():
        if not value > 0:
            raise OptionError(f"{name} must be greater than 0, got {value}")


def _split(
    x: Tensor, y: Tensor, validation: float | tuple[Tensor, Tensor], generator: torch.Generator
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Training part and held-out part."""
    if isinstance(validation, tuple):
        return (x, y), validation
    size = round(len(x) * validation)
    if not 0 < size < len(x):
        raise OptionError(f"validation={validation} of {len(x)} sequences leaves one part empty")
    order = torch.randperm(len(x), generator=generator)
    return (x[order[size:]], y[order[size:]]), (x[order[:size]], y[order[:size]])


@contextmanager
def _own_random_state(model: nn.Module, seed: int) -> Iterator[None]:
    """Seeded random state for dropout inside, the caller's state back afterwards, the network in eval mode."""
    device = next(model.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            model.eval()


@contextmanager
def _bar(epochs: int, wanted: bool) -> Iterator[Callable[[float, float], None]]:
    """A function that advances the bar by an epoch; it shows nothing where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not (wanted and console.is_terminal)) as progress:
        task = progress.add_task("training", total=epochs)

        def advance(train_loss: float, validation_loss: float) -> None:
            text = f"loss {train_loss:.4f}, held out {validation_loss:.4f}"
            progress.update(task, advance=1, description=text)

        yield advance


def _batches(
    x: Tensor, y: Tensor, batch_size: int, generator: torch.Generator, reverse_complement: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches, half of the sequences as their reverse complements."""
    flipped = torch.rand(len(x), generator=generator) < 0.5
    for rows in torch.split(torch.randperm(len(x), generator=generator), batch_size):
        batch = x[rows]
        if reverse_complement:
            turn = flipped[rows, None, None].to(batch.device)
            batch = torch.where(turn, batch.flip(1, 2), batch)
        yield batch, y[rows]


def _train_epoch(
    model: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], optimiser: torch.optim.Optimizer, score: Loss
) -> float:
    """Mean training loss of one epoch, after which the weights are new."""
    like = next(model.parameters())
    model.train()
    total, size = 0.0, 0
    for x, y in batches:
        value = score(model(x.to(like)), y.to(like))
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total, size = total + value.item() * len(x), size + len(x)
    return _finite(total / size)


def _evaluate(model: nn.Module, x: Tensor, y: Tensor, batch_size: int, score: Loss) -> float:
    """Mean loss on the held-out part."""
    model.eval()
    outputs = predict(model, x, batch_size=batch_size)
    return _finite(score(outputs, y.to(outputs)).item())


def _finite(loss: float) -> float:
    """The loss, unless training has diverged."""
    if not math.isfinite(loss):
        raise ModelError(f"the loss became {loss}: lower lr, or look for NaN or infinite values in x and y")
    return loss


def _cosine(done: float) -> float:
    """Factor of the learning rate after a share of the epochs: from 1 down to 0.01."""
    return 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate


def _epochs_since_best(losses: list[float]) -> int:
    return len(losses) - 1 - int(np.argmin(losses))
