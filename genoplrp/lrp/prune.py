"""Pruning: which neurons are dropped, and what a pruner does with their mass.

Per sample, over a whole flattened tensor, separately for positive and negative relevance, the smallest entries are
dropped while their summed mass is at most p of that sign's mass (paper, eq. 3.2). Entries that tie are dropped together
or not at all, so that neither order nor batch matters and the bound p holds; eq. 3.2 read literally breaks it on ties.

Source: Yanez Sarmiento et al., "Sparse Explanations of Neural Networks Using Pruned Layer-Wise Relevance Propagation".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from genoplrp.errors import OptionError

MEASURES = ("gini", "l0")


@dataclass(frozen=True)
class SparsityGain:
    """Drop while it makes the rest sparser (paper, eq. 3.3, taken positive).

    The gain of dropping entries is the rise of sparsity over the share of mass that they hold; entries are dropped from
    the smallest on while it is at least ``min_gain``. Sparsity is that of the sign's non-zero entries: ``"gini"``
    (Hurley and Rickard 2009) or ``"l0"``, the share of zeros; with l0 and 1 all entries up to the mean are dropped.
    """

    min_gain: float = 1.0
    measure: str = "gini"

    def __post_init__(self) -> None:
        if not self.min_gain > 0:
            raise OptionError(f"SparsityGain: min_gain must be above 0; got {self.min_gain}")
        if self.measure not in MEASURES:
            raise OptionError(f"SparsityGain: measure must be one of {', '.join(MEASURES)}; got {self.measure!r}")


AUTO = "auto"

Amount = float | SparsityGain
Choice = Amount | tuple[Amount, Amount]


@dataclass(frozen=True)
class _Pruner:
    """What `PruneLambda` and `PruneM` share: how much is dropped, by sign and by layer.

    p: a share of mass in [0, 1) | (positive, negative) | SparsityGain(...) | {layer name: any of these} | "auto".
    Layers that a dict does not name are not pruned. A layer's name stands for the tensor that the layer reads. "auto"
    is a share that `attribute` finds for its sequences (`genoplrp.amount`).
    """

    p: Choice | Mapping[str, Choice] | Literal["auto"]

    def __post_init__(self) -> None:
        if isinstance(self.p, str):
            if self.p != AUTO:
                _check_amount(type(self).__name__, self.p)
            return
        for choice in self.p.values() if isinstance(self.p, Mapping) else (self.p,):
            for amount in _both(choice):
                _check_amount(type(self).__name__, amount)

    @property
    def automatic(self) -> bool:
        """Whether the amount is still to be found."""
        return self.p == AUTO

    def amounts(self, layer: str, label: str) -> tuple[Amount, Amount] | None:
        """(positive, negative) for the tensor that this layer reads; None where it is not pruned."""
        if isinstance(self.p, str):
            raise OptionError(f'{type(self).__name__}("auto"): only attribute() finds an amount; give a number here')
        if isinstance(self.p, Mapping):
            name = label if label in self.p else layer
            return _both(self.p[name]) if name in self.p else None
        return _both(self.p)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layer names that p mentions."""
        return tuple(self.p) if isinstance(self.p, Mapping) else ()


class PruneLambda(_Pruner):
    """PLRP-lambda: the kept entries of each sign are scaled so that the sign's mass stays as it was.

    Examples
    --------
    >>> PruneLambda((0.1, 0.0)).amounts("conv2", "conv2")
    (0.1, 0.0)
    """


class PruneM(_Pruner):
    """PLRP-M: the layer's rule is applied again without the dropped inputs (paper, eqs. 3.4-3.6)."""


@dataclass(frozen=True)
class NoPrune:
    """Plain LRP."""


Pruner = NoPrune | PruneLambda | PruneM
"""How relevance is pruned: the type of `pruner` arguments."""


@dataclass(frozen=True, eq=False)
class Tally:
    """What pruning one tensor came to, (n,) each."""

    dropped: tuple[Tensor, Tensor]  # mass by sign, both counted positive
    scale: tuple[Tensor, Tensor]  # lambda by sign: mass before / mass kept
    before: Tensor  # non-zero entries
    after: Tensor


@dataclass(frozen=True, eq=False)
class Cut(Tally):
    """The same with what is kept."""

    keep: Tensor  # bool, the tensor's shape

    @property
    def survives(self) -> Tensor:
        """``keep``, and every entry of a sample of which nothing was dropped: p = 0 changes nothing at all."""
        untouched = (self.dropped[0] + self.dropped[1]) == 0
        return self.keep | untouched.view(-1, *[1] * (self.keep.ndim - 1))

    def factors(self, relevance: Tensor) -> Tensor:
        """What each entry is multiplied by (PLRP-lambda): its sign's lambda where it survives, else 0."""
        flat = relevance.reshape(len(self.before), -1)
        positive, negative = (scale[:, None].to(relevance.dtype) for scale in self.scale)
        scale = torch.where(flat > 0, positive, negative)
        return torch.where(self.survives, scale.view_as(relevance), 0)


def cut(relevance: Tensor, amounts: tuple[Amount, Amount], samples: int | None = None) -> Cut:
    """Decide which entries of a tensor (n, ...) to drop; ``samples`` is n where a single sample has no axis of its own.

    Raises
    ------
    OptionError
        Relevance that is not finite.
    """
    flat = relevance.reshape(samples or len(relevance), -1)  # (n, k)
    check_finite(flat)
    ordered = _ascending(flat)  # for both signs: most of what is dense is paid for sorting on a GPU
    up = _part(flat.clamp(min=0), ordered.clamp(min=0), amounts[0])
    down = _part(-flat.clamp(max=0), -ordered.clamp(max=0).flip(1), amounts[1])
    keep = (~(up[0] | down[0]) & (flat != 0)).view_as(relevance)
    scales = [torch.where(dropped > 0, total / (total - dropped), 1.0) for _, total, dropped in (up, down)]
    return Cut(
        keep=keep,
        dropped=(up[2], down[2]),
        scale=(scales[0], scales[1]),
        before=(flat != 0).sum(1),
        after=keep.reshape(flat.shape).sum(1),
    )


def all_finite(tensor: Tensor) -> bool:
    """Whether every entry is a finite number."""
    # One pass over memory, and nothing written; a sum may be infinite for its size alone, so that one looks again then.
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


def check_finite(relevance: Tensor) -> None:
    """Refuse relevance that is not finite."""
    if not all_finite(relevance):
        raise OptionError("relevance is not finite: the network's activations overflow; try float64")


def _part(magnitude: Tensor, ordered: Tensor, amount: Amount) -> tuple[Tensor, Tensor, Tensor]:
    """(drop mask (n, k), mass (n,), mass dropped (n,)) of one sign's magnitudes, also given by size."""
    mass = ordered.cumsum(1, dtype=torch.float64)  # (n, k): sorted first, so that batch and order do not matter
    total = mass[:, -1]
    ends_tie = torch.ones_like(ordered, dtype=torch.bool)
    ends_tie[:, :-1] = ordered[:, :-1] < ordered[:, 1:]
    if isinstance(amount, SparsityGain):
        allowed = _while_gaining(ordered, mass, ends_tie, amount)
    else:
        allowed = (mass <= amount * total[:, None]) & ends_tie & (ordered > 0)
        allowed &= ordered < ordered[:, -1:]  # the largest stay, however close to 1 p is
    threshold = torch.where(allowed, ordered, 0).amax(1)
    drop = (magnitude <= threshold[:, None]) & (magnitude > 0)
    return drop, total, torch.where(allowed, mass, 0).amax(1)


def _ascending(flat: Tensor) -> Tensor:
    """Each row in order; on processors by numpy, which is some twenty times as fast there as torch."""
    if flat.device.type == "cpu" and flat.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(np.sort(flat.detach().numpy(), axis=1))
    return flat.sort(dim=1).values


def _while_gaining(ordered: Tensor, mass: Tensor, ends_tie: Tensor, amount: SparsityGain) -> Tensor:
    """True at the ends of tie groups that are dropped under the sparsity-gain rule."""
    k = ordered.shape[1]
    total = mass[:, -1:]
    zeros = (ordered == 0).sum(1, keepdim=True)
    count = (k - zeros).clamp(min=1)
    rank = torch.arange(1, k + 1, device=ordered.device) - zeros  # 1-based among the non-zero entries
    if amount.measure == "l0":
        sparsity = rank / count
    else:
        weighted = (ordered * ((count - rank + 0.5) / count).double()).cumsum(1)
        left = (total - mass).clamp(min=torch.finfo(mass.dtype).tiny)
        sparsity = 1 - 2 * (weighted[:, -1:] - weighted) / left
    candidate = ends_tie & (ordered > 0)
    start = 1 - 2 * weighted[:, -1:] / total if amount.measure == "gini" else torch.zeros_like(total)
    before_sparsity = _previous(sparsity, candidate, start)
    before_mass = _previous(mass, candidate, torch.zeros_like(total))
    gain = (sparsity - before_sparsity) * total / (mass - before_mass)
    last = candidate & (rank == count)
    # Of two entries the smaller gains exactly 1 under gini: rounding must not decide at the default min_gain.
    stops = candidate & (last | (gain < amount.min_gain * (1 - 1e-9)))
    return candidate & (stops.cumsum(1) == 0)


def _previous(values: Tensor, at: Tensor, start: Tensor) -> Tensor:
    """For every column the value at the last marked column before it, ``start`` where there is none."""
    columns = torch.arange(values.shape[1], device=values.device).expand_as(values)
    seen = torch.where(at, columns, -1).cummax(1).values
    last = torch.cat([torch.full_like(seen[:, :1], -1), seen[:, :-1]], 1)
    return torch.where(last < 0, start, values.gather(1, last.clamp(min=0)))


def _check_amount(pruner: str, amount: object) -> None:
    if isinstance(amount, SparsityGain):
        return
    if isinstance(amount, str) and amount == AUTO:
        raise OptionError(f'{pruner}: "auto" is p as a whole, not that of one sign or layer')
    if isinstance(amount, bool) or not isinstance(amount, Real):
        raise OptionError(f'{pruner}: p must be numbers in [0, 1), SparsityGain or "auto"; got {amount!r}')
    if not 0 <= float(amount) < 1:
        raise OptionError(f"{pruner}: p must be in [0, 1); got {amount}")


def _both(choice: Choice) -> tuple[Amount, Amount]:
    if isinstance(choice, (tuple, list)):
        if len(choice) != 2:
            raise OptionError(f"p by sign needs two amounts, (positive, negative); got {choice!r}")
        return choice[0], choice[1]
    return choice, choice
