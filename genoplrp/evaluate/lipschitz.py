"""Robustness: how far an explanation moves when the input moves a little.

The local Lipschitz estimate of Alvarez-Melis and Jaakkola (arXiv:1806.08049, 2018). On DNA the smallest step is another
base at one position; on images it is noise. `substituted` and `noisy` make the neighbours, `local_lipschitz` measures.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.errors import OptionError
from genoplrp.sequence import decode

Norm = Literal["unit", "max", "none"]


def local_lipschitz(
    explain: Callable[[Tensor], Any], x: Tensor, neighbours: Iterable[Tensor], *, norm: Norm = "unit"
) -> NDArray[np.float64]:
    """Largest ``||R(x) - R(x')|| / ||x - x'||`` over the neighbours x' of each input, shape (n,).

    Both norms are Euclidean, over all entries. Low is robust.

    Parameters
    ----------
    explain : callable
        ``explain(x) -> relevance``, (n, ...) for n inputs, array or tensor. It is called with x and then with each
        tensor of neighbours, row i always a neighbour of input i, so that a target of one int an input fits. Fix the
        target: with ``"predicted"`` a neighbour may be explained for another output.
    x : (n, ...)
        The inputs.
    neighbours : iterable of (n, ...)
        Each row a neighbour of the input in that row; a row equal to the input is left out. `substituted(x)` for DNA,
        `noisy(x)` for images.
    norm : {"unit", "max", "none"}
        What each map is divided by before maps are compared: ``"unit"`` its Euclidean norm, which makes methods and
        scores of any scale comparable (0 to 2 / ||x - x'||); ``"max"`` its largest absolute value; or nothing. A
        neighbour's map that is all zero stays zero: it is as far from the original as that map is long.

    Returns
    -------
    (n,) float64
        NaN where no row was a neighbour, or where the input's own map is all zero and is to be divided by its size.

    Raises
    ------
    OptionError
        Another word, neighbours of another shape, or maps that are not finite or not (n, ...).

    Examples
    --------
    >>> x = torch.eye(4)[None]
    >>> weights = torch.arange(4.0)
    >>> local_lipschitz(lambda x: (x * weights[:, None]).sum(1), x, [x.flip(2)], norm="none").round(3).tolist()
    [1.581]
    """
    if norm not in ("unit", "max", "none"):
        raise OptionError(f'norm must be "unit", "max" or "none"; got {norm!r}')
    centre = _map(explain, x)
    size = _size(centre, norm)
    largest = np.full(len(x), np.nan)
    for other in neighbours:
        if other.shape != x.shape:
            raise OptionError(f"neighbours must have the shape of x, {tuple(x.shape)}; got {tuple(other.shape)}")
        step = (other.double() - x.double()).flatten(1).norm(dim=1).cpu().numpy()
        valid = (step > 0) & (size > 0)
        if valid.any():
            moved = _scaled(centre, norm) - _scaled(_map(explain, other), norm)
            ratio = np.divide(np.linalg.norm(moved, axis=1), step, where=valid, out=np.full(len(x), np.nan))
            largest = np.fmax(largest, ratio)
    return largest


def substituted(x: Tensor, *, samples: int | None = 30, seed: int = 0) -> Iterator[Tensor]:
    """One-hot sequences with another base at one position, as many tensors (n, 4, l) as there are samples.

    Each sequence has 3 substitutions a base; those that come are drawn without repetition, every sequence by itself:
    row i depends on the seed and i alone. Columns without a base (N) are not substituted. A sequence with fewer
    substitutions than samples comes unchanged in what is left.

    Parameters
    ----------
    x : (n, 4, l)
        One-hot DNA.
    samples, seed
        How many substitutions a sequence, None for all; their seed.

    Raises
    ------
    OptionError
        Fewer than one sample.
    SequenceError
        x is not one-hot.

    Examples
    --------
    >>> x = torch.eye(4)[None]
    >>> [decode(other)[0] for other in substituted(x, samples=2)]
    ['TCGT', 'ACGA']
    """
    if samples is not None and samples < 1:
        raise OptionError(f"samples must be at least 1, or None for all; got {samples}")
    decode(x)  # refuses what is not one-hot
    return _substituted(x, [_substitutions(row, np.random.default_rng([seed, i])) for i, row in enumerate(x)], samples)


def noisy(
    x: Tensor,
    *,
    samples: int = 30,
    kind: Literal["gaussian", "uniform"] = "gaussian",
    scale: float = 0.1,
    seed: int = 0,
) -> Iterator[Tensor]:
    """Inputs with independent noise on every entry, as many tensors of the shape of x as there are samples.

    Parameters
    ----------
    x : (n, ...)
        Continuous inputs, such as images.
    samples, seed
        How many, and their seed.
    kind, scale
        ``"gaussian"`` with standard deviation `scale`, or ``"uniform"`` from -scale to scale.

    Raises
    ------
    OptionError
        Another word, fewer than one sample, or a scale that is not positive.

    Examples
    --------
    >>> [tuple(other.shape) for other in noisy(torch.zeros(1, 3, 8, 8), samples=2)]
    [(1, 3, 8, 8), (1, 3, 8, 8)]
    """
    if samples < 1 or not scale > 0 or kind not in ("gaussian", "uniform"):
        raise OptionError(
            'samples must be at least 1, scale positive, kind "gaussian" or "uniform"; '
            f"got samples={samples}, scale={scale}, kind={kind!r}"
        )
    return _noisy(x, samples, kind, scale, torch.Generator().manual_seed(seed))


def _substitutions(row: Tensor, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Every (channel, position) of a sequence (4, l) at which another base could stand, in random order."""
    free = ((row == 0) & (row != 0).any(0)).nonzero().tolist()
    return [tuple(free[index]) for index in rng.permutation(len(free))]


def _substituted(x: Tensor, chosen: list[list[tuple[int, int]]], samples: int | None) -> Iterator[Tensor]:
    for draw in range(max(map(len, chosen)) if samples is None else samples):
        other = x.clone()
        for row, choices in enumerate(chosen):
            if draw < len(choices):
                channel, position = choices[draw]
                other[row, :, position] = 0
                other[row, channel, position] = 1
        yield other


def _noisy(x: Tensor, samples: int, kind: str, scale: float, generator: torch.Generator) -> Iterator[Tensor]:
    for _ in range(samples):
        if kind == "gaussian":
            noise = torch.randn(x.shape, generator=generator) * scale
        else:
            noise = (torch.rand(x.shape, generator=generator) * 2 - 1) * scale
        yield x + noise.to(x)


def _map(explain: Callable[[Tensor], Any], x: Tensor) -> NDArray[np.float64]:
    """The map as (n, entries)."""
    given = explain(x)
    array = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    if array.ndim < 2 or len(array) != len(x):
        raise OptionError(f"explain must return relevance (n, ...) for n = {len(x)} inputs; got shape {array.shape}")
    values = array.reshape(len(x), -1).astype(np.float64)
    if not np.isfinite(values).all():
        raise OptionError("explain returned relevance that is not finite")
    return values


def _size(values: NDArray[np.float64], norm: str) -> NDArray[np.float64]:
    """What each map is divided by, (n,); 1 for no norm."""
    if norm == "none":
        return np.ones(len(values))
    return np.asarray(np.abs(values).max(axis=1) if norm == "max" else np.linalg.norm(values, axis=1))


def _scaled(values: NDArray[np.float64], norm: str) -> NDArray[np.float64]:
    size = _size(values, norm)[:, None]
    return np.asarray(np.divide(values, size, where=size > 0, out=np.zeros_like(values)))
