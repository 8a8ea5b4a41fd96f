"""Whether the compiled loops can be used."""

from functools import cache
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor

MOST_PLACES = 2**31 - 1
"""Places in a sample are 32-bit numbers."""


@cache
def kernels() -> ModuleType | None:
    """The compiled loops, or None where numba is not installed, does not work or is told not to compile."""
    try:
        if import_module("numba").config.DISABLE_JIT:
            return None
        from genoplrp.lrp.sparse import kernels as compiled
    except ImportError:
        return None
    return compiled


def usable(*tensors: Tensor) -> bool:
    """Whether the loops can read these tensors: on a processor, of one type that they know, not too large a sample."""
    first = tensors[0]
    return (
        first.dtype in (torch.float32, torch.float64)
        and all(tensor.device.type == "cpu" and tensor.dtype == first.dtype for tensor in tensors)
        and all(tensor.ndim > 0 and tensor.numel() <= MOST_PLACES * max(1, tensor.shape[0]) for tensor in tensors)
        and kernels() is not None
    )
