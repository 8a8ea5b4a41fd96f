"""What every method asks of its inputs: their shape, which columns hold a base, and how many go through at once."""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn

from genoplrp.errors import OptionError, UnsupportedCallError
from genoplrp.lrp.prune import all_finite
from genoplrp.lrp.samples import MIXES, SampleLayout, sample_layout


@dataclass(frozen=True)
class Limits:
    """What a batch of the default size holds at most.

    Attributes
    ----------
    memory
        Bytes of all activations; a walk holds several times that.
    largest
        Bytes of one activation.
    samples
        Number of samples.
    """

    memory: int
    largest: int
    samples: int


# Memory of more than 32 MB goes back to the system whenever it is freed (glibc), and filling in fresh pages then takes
# as long as many a convolution: 1.3 times the time on a network with 1,024 filters.
ON_CPU = Limits(256 * 2**20, 24 * 2**20, 2048)
GPU_SHARE, MOST_ON_GPU = 1 / 8, 4096
"""Of a GPU's free memory; small batches leave it idle."""


def is_dna(x: Tensor) -> bool:
    """Whether a tensor has the shape of DNA, (n, 4, l)."""
    return x.ndim == 3 and x.shape[1] == 4


def check_input(x: Tensor, batch_size: int | None = None) -> None:
    """Refuse what no method can explain.

    Raises
    ------
    OptionError
        No tensor with samples first, no sequences, values that are not finite, or a batch size below 1.
    """
    if not isinstance(x, Tensor) or x.ndim < 2:
        raise OptionError(
            f"x must be a tensor of shape (n, 4, l); got {type(x).__name__}"
            f"{'' if not isinstance(x, Tensor) else f' of shape {tuple(x.shape)}'}. "
            "genoplrp.one_hot(sequences) makes one."
        )
    if len(x) == 0:
        raise OptionError("x holds no sequences")
    if not all_finite(x):
        raise OptionError("x holds NaN or infinite values")
    if batch_size is not None and not (isinstance(batch_size, int) and batch_size >= 1):
        raise OptionError(f"batch_size must be a whole number from 1 on; got {batch_size!r}")


def samples_at_once(
    model: nn.Module,
    x: Tensor,
    batch_size: int | None,
    *,
    variants: bool = False,
    held: int = 1,
    known: MutableMapping[torch.Size, SampleLayout] | None = None,
) -> int:
    """How many samples go through the model at once.

    Parameters
    ----------
    model, x, batch_size
        As for `genoplrp.attribute`.
    variants
        Whether even one sample goes in several copies.
    held
        How often what a sample has of memory is held at once: one walk more for each unit that is followed.
    known
        Layouts of the model by shape of its input, those found before; what is found is added.

    Raises
    ------
    UnsupportedCallError
        The model mixes samples.
    """
    limits = limits_on(x.device)
    if not variants and min(len(x), batch_size or limits.samples) <= 1:
        return 1
    known = {} if known is None else known
    if x.shape[1:] not in known:
        known[x.shape[1:]] = sample_layout(model, x[:1].clone())
    layout = known[x.shape[1:]]
    if layout.mixing:
        raise UnsupportedCallError(f"{layout.mixing[0]} has no relevance rule: {MIXES}. inspect_model shows where.")
    if not layout.first:
        return 1  # off the first axis, samples cannot be told apart but one by one
    fitting = min(limits.memory // max(1, held * layout.size), limits.largest // max(1, layout.largest), limits.samples)
    return batch_size or max(1, fitting)


def limits_on(device: torch.device) -> Limits:
    """The limits of batches on a device."""
    if device.type == "cuda":
        memory = int(GPU_SHARE * torch.cuda.mem_get_info(device)[0])
        return Limits(memory, memory, MOST_ON_GPU)
    return ON_CPU


def batches(n: int, size: int) -> Iterator[slice]:
    """The rows of n samples, at most so many at a time, in batches of nearly one size: a small last one costs more.

    Examples
    --------
    >>> [rows.stop - rows.start for rows in batches(10, 4)]
    [4, 3, 3]
    """
    number = -(-n // size)
    for k in range(number):
        yield slice(-(-k * n // number), -(-(k + 1) * n // number))


def present_columns(x: Tensor) -> Tensor | None:
    """1 at the columns that hold a base, 0 at N (shape of x), for DNA; other inputs have no absent entries."""
    axis = _base_axis(x)
    if axis is None:
        return None
    there = reduce(torch.logical_or, (x != 0).unbind(axis)).unsqueeze(axis)  # several times as fast as `any`
    return there.to(x.dtype).expand_as(x).contiguous()


def _base_axis(x: Tensor) -> int | None:
    """The axis of the four bases: that of (n, 4, l), or of one-hot input in another layout; None for other input."""
    if is_dna(x):
        return 1
    for axis in range(1, x.ndim):
        lengths = [size for other, size in enumerate(x.shape[1:], start=1) if other != axis]
        one_hot = x.shape[axis] == 4 and sorted(lengths)[:-1] == [1] * (len(lengths) - 1)
        if one_hot and bool(((x == 0) | (x == 1)).all()) and bool((x.sum(axis) <= 1).all()):
            return axis
    return None
