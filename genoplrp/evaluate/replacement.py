"""What deleted positions are replaced by: no replacement is neutral, so each has a name and the choice is said.

A replacement is an input of the same shape as x; deleting a position takes the replacement's column there. Row i's
randomness depends on the seed, the draw and i alone, so that maps of the same inputs are compared on the same content.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from genoplrp.errors import OptionError
from genoplrp.inputs import is_dna
from genoplrp.sequence import decode, dinucleotide_shuffle, one_hot

Fill = str | Tensor


def replacements(x: Tensor, fill: Fill = "shuffle", *, draws: int = 5, seed: int = 0) -> Tensor:
    """What stands in for x where it is deleted, (draws, n, c, ...); a single draw where the fill has no randomness.

    Parameters
    ----------
    x : (n, c, ...)
        Inputs: (n, 4, l) one-hot DNA, or images (n, c, h, w).
    fill
        ``"shuffle"``: the content of a dinucleotide shuffle of the sequence itself (`dinucleotide_shuffle`); about a
        quarter of the bases happen to be the same. ``"other"``: one of the three other bases, each as likely.
        ``"quarter"``: 0.25 in each channel. These three need DNA and leave columns without a base (N) alone.
        ``"zero"``: zeros. ``"mean"``: the input's own mean of each channel. Or a tensor of the shape of x, or of
        shape (draws, n, c, ...), such as this function gave.
    draws, seed
        Number of draws, and their seed.

    Raises
    ------
    OptionError
        A fill without that name, a tensor of another shape, or a fill for DNA where x is not DNA.
    SequenceError
        A column that is neither one-hot nor all zero, for ``"shuffle"`` and ``"other"``.

    Examples
    --------
    >>> replacements(one_hot("ACGN"), "quarter")[0, 0, 0].tolist()
    [0.25, 0.25, 0.25, 0.0]
    >>> decode(replacements(one_hot("AAGTCATN"), draws=2)[1])[0][-1]
    'N'
    """
    if isinstance(fill, Tensor):
        return _given(x, fill)
    if fill not in _FILLS:
        raise OptionError(f"fill must be one of {', '.join(_FILLS)}, or a tensor of the shape of x; got {fill!r}")
    if draws < 1:
        raise OptionError(f"draws must be at least 1; got {draws}")
    if fill in _DNA and not is_dna(x):
        raise OptionError(
            f'fill="{fill}" needs one-hot DNA, (n, 4, l); for input of shape {tuple(x.shape)} use "zero", "mean" or a '
            "tensor"
        )
    rounds = draws if fill in _RANDOM else 1
    return torch.stack([_FILLS[fill](x, [seed, draw]) for draw in range(rounds)]).to(x)


def _given(x: Tensor, fill: Tensor) -> Tensor:
    stack = fill[None] if fill.ndim == x.ndim else fill
    if stack.shape[1:] != x.shape or len(stack) == 0:
        raise OptionError(
            f"a fill must have the shape of x, {tuple(x.shape)}, or (draws, *that); got {tuple(fill.shape)}"
        )
    return stack.to(x)


def _shuffle(x: Tensor, key: list[int]) -> Tensor:
    rows = decode(x)
    return one_hot([dinucleotide_shuffle(row, np.random.default_rng([*key, i])) for i, row in enumerate(rows)])


def _other(x: Tensor, key: list[int]) -> Tensor:
    """Base b becomes b + 1, b + 2 or b + 3 modulo 4."""
    decode(x)  # refuses what is not one-hot
    length = x.shape[2]
    steps = np.stack([np.random.default_rng([*key, i]).integers(1, 4, length) for i in range(len(x))])
    channels = (torch.arange(4)[None, :, None] - torch.from_numpy(steps)[:, None, :]) % 4  # (n, 4, l)
    return x.cpu().gather(1, channels)


def _quarter(x: Tensor, key: list[int]) -> Tensor:
    return (x != 0).any(1, keepdim=True).expand_as(x) * 0.25


def _zero(x: Tensor, key: list[int]) -> Tensor:
    return torch.zeros_like(x)


def _mean(x: Tensor, key: list[int]) -> Tensor:
    return x.flatten(2).mean(2).reshape(*x.shape[:2], *[1] * (x.ndim - 2)).expand_as(x)


_FILLS: dict[str, Callable[[Tensor, list[int]], Tensor]] = {
    "shuffle": _shuffle,
    "other": _other,
    "quarter": _quarter,
    "zero": _zero,
    "mean": _mean,
}
_DNA = ("shuffle", "other", "quarter")
_RANDOM = ("shuffle", "other")
