"""Between the loops' statistics and what the ledger writes down; amounts of pruning that the loops know."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.lrp.prune import Amount, SparsityGain, Tally, check_finite
from genoplrp.lrp.sparse.backend import kernels, usable


def shares_of(amounts: tuple[Amount, Amount], tensor: Tensor, samples: int) -> tuple[float, float] | None:
    """The amounts as shares of mass; None where the loops cannot prune this tensor (n, ...) by them."""
    if any(isinstance(amount, SparsityGain) for amount in amounts) or len(tensor) != samples or not usable(tensor):
        return None
    positive, negative = amounts
    assert not isinstance(positive, SparsityGain) and not isinstance(negative, SparsityGain)
    return float(positive), float(negative)


def check_statistics(statistics: NDArray[np.float64]) -> None:
    """Refuse relevance that is not finite.

    Raises
    ------
    OptionError
        A sum is not.
    """
    loops: Any = kernels()
    check_finite(torch.from_numpy(statistics[:, [loops.PASSED, loops.GIVEN, loops.ODD]]))


def tally(statistics: NDArray[np.float64]) -> Tally:
    """What pruning came to."""
    loops: Any = kernels()
    return Tally(
        dropped=(_column(statistics, loops.DROPPED_UP), _column(statistics, loops.DROPPED_DOWN)),
        scale=(_column(statistics, loops.SCALE_UP), _column(statistics, loops.SCALE_DOWN)),
        before=_column(statistics, loops.BEFORE).long(),
        after=_column(statistics, loops.AFTER).long(),
    )


def passed(statistics: NDArray[np.float64]) -> Tensor:
    """Relevance handed on, (n,)."""
    loops: Any = kernels()
    return _column(statistics, loops.PASSED)


def lost(statistics: NDArray[np.float64]) -> Tensor:
    """Relevance that PLRP-M's pruning lost, (n,)."""
    loops: Any = kernels()
    return _column(statistics, loops.GIVEN) - _column(statistics, loops.PASSED)


def _column(statistics: NDArray[np.float64], column: int) -> Tensor:
    return torch.from_numpy(statistics[:, column].copy())
