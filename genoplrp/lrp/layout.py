"""In which order a tensor's numbers lie in memory: channel by channel, as torch makes them, or position by position.

Position by position ("channels last") the numbers that a convolution reads together lie beside each other: torch's
convolutions are up to three times as fast there on a processor, and the engine has nothing to turn.
"""

import torch
from torch import Tensor

QUICK_TYPES = (torch.float32,)
"""Of which torch has fast convolutions in that order."""


def memory_of(tensor: Tensor) -> int:
    """Address of the tensor's storage; of a tensor without one (inside vmap) a number of its own, below 0."""
    try:
        return tensor.untyped_storage().data_ptr() or -id(tensor)
    except (RuntimeError, NotImplementedError):
        return -id(tensor)


def is_channels_last(tensor: Tensor) -> bool:
    """Whether a tensor (n, channels, positions) lies position by position, which one can tell from the other order."""
    return tensor.ndim == 3 and not tensor.is_contiguous() and tensor.transpose(1, 2).is_contiguous()


def flat(tensor: Tensor) -> Tensor:
    """The samples of a tensor (n, ...) in the order of their memory, (n, k): a view, or a copy where they have none."""
    return (tensor.transpose(1, 2) if is_channels_last(tensor) else tensor).reshape(len(tensor), -1)


def unflat(numbers: Tensor, shape: torch.Size, *, last: bool) -> Tensor:
    """What `flat` undoes: numbers (n, k) as a tensor of this shape, ``last``: that lies position by position."""
    if not last:
        return numbers.view(shape)
    n, channels, positions = shape
    return numbers.view(n, positions, channels).transpose(1, 2)


def lying(tensor: Tensor, *, last: bool) -> Tensor:
    """The tensor (n, channels, positions) in memory of that order; itself where it lies so."""
    return tensor.transpose(1, 2).contiguous().transpose(1, 2) if last else tensor.contiguous()


def padded(x: Tensor, before: int, after: int) -> Tensor:
    """x (n, channels, positions) with zeros around its positions, position by position in memory."""
    whole = x.new_empty(len(x), before + x.shape[2] + after, x.shape[1])
    whole[:, :before] = 0
    whole[:, before + x.shape[2] :] = 0
    whole[:, before : before + x.shape[2]] = x.transpose(1, 2)
    return whole.transpose(1, 2)


def quick_channels_last(x: Tensor, weight: Tensor) -> bool:
    """Whether torch has fast convolutions for these in that order: along one axis, on a processor, of a known type."""
    library = torch.backends.mkldnn
    alike = x.dtype == weight.dtype in QUICK_TYPES and x.device.type == weight.device.type == "cpu"
    there = library.is_available() and library.enabled  # type: ignore[no-untyped-call]  # torch gives it no types
    return alike and x.ndim == weight.ndim == 3 and bool(there)


def channels_last_weight(weight: Tensor) -> Tensor:
    """A convolution's weight (filters, channels, taps) as `channels_last_convolution` reads it."""
    return weight.detach().unsqueeze(2).contiguous(memory_format=torch.channels_last)


def channels_last_convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, geometry: tuple[int, int, int, int]
) -> Tensor:
    """A convolution (n, channels, positions) -> (n, filters, positions), which comes out position by position.

    ``weight``: from `channels_last_weight`; ``geometry``: (stride, dilation, zeros before, zeros after). The zeros are
    put around the input, not left to the convolution: which taps it adds up first may depend on how near the end an
    output is, and repeats of a sequence would no longer tie exactly.
    """
    stride, dilation, before, after = geometry
    x = padded(x, before, after) if before or after else lying(x, last=True)
    # Torch makes a tensor of three axes contiguous first.
    return lying(torch.conv2d(x.unsqueeze(2), weight, bias, (1, stride), 0, (1, dilation)).squeeze(2), last=True)
