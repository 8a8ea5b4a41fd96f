"""Faithfulness: does the score fall when the bases are deleted that the explanation calls relevant?

Deletion curves after Bach et al. (PLoS ONE 10 (2015) e0130140, pixel flipping) and Samek et al. (IEEE TNNLS 28 (2017)
2660-2673), on DNA. What a deleted base is replaced by decides what is measured: see `genoplrp.evaluate.replacement` for
the choices and docs/faithfulness.md for the traps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genoplrp.errors import OptionError
from genoplrp.evaluate.replacement import Fill, replacements
from genoplrp.lrp.target import Target
from genoplrp.scorer import Scorer

SHARES = (0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
"""Shares deleted by default: dense where a motif of 20 bases in 200 is at stake."""

_TIES = 1  # keeps the order of ties apart from the content of fills, which have the same seed


Floor = Literal["zero", "deleted"]


@dataclass(frozen=True, eq=False)
class Deletion:
    """What became of the score while positions were deleted.

    Attributes
    ----------
    shares : (k,) float64
        Share of the positions deleted, from 0; whole positions, so these are the shares asked for, rounded.
    scores : (n, k) float64
        The explained score f(x_s), mean over the draws.
    deleted : (n,) float64
        The score f(x_1) of the input with every position replaced, mean over the draws.
    floor : {"zero", "deleted"}
        Which score is a relative score of 0.
    min_score : float
        What the drop from f(x_0) to the floor has to exceed.
    curves : (n, k) float64
        Relative score: ``f(x_s) / f(x_0)``, or with the floor ``"deleted"`` ``(f(x_s) - f(x_1)) / (f(x_0) - f(x_1))``.
        1 at share 0. NaN in rows where the denominator is at most `min_score`.
    auc : (n,) float64
        Area under the curve by the trapezoid rule, divided by the largest share: the curve's mean height. NaN where
        the curve is.
    """

    shares: NDArray[np.float64]
    scores: NDArray[np.float64]
    deleted: NDArray[np.float64]
    floor: Floor
    min_score: float

    @cached_property
    def curves(self) -> NDArray[np.float64]:
        floor = np.zeros((len(self.scores), 1)) if self.floor == "zero" else self.deleted[:, None]
        drop = self.scores[:, :1] - floor
        nothing = np.full(self.scores.shape, np.nan)
        return np.asarray(np.divide(self.scores - floor, drop, where=drop > self.min_score, out=nothing))

    @cached_property
    def auc(self) -> NDArray[np.float64]:
        heights = (self.curves[:, 1:] + self.curves[:, :-1]) / 2
        return np.asarray((heights * np.diff(self.shares)).sum(axis=1) / self.shares[-1])

    @property
    def undefined(self) -> int:
        """Number of inputs without a curve: there was no score to lose."""
        return int(np.isnan(self.auc).sum())

    def above(self, floor: Floor) -> "Deletion":
        """The same scores, relative to another floor."""
        _check_floor(floor)
        return replace(self, floor=floor)

    def until(self, share: float) -> "Deletion":
        """The same up to a share: `auc` of the part where the map still ranks bases that it calls relevant."""
        kept = int((self.shares <= share).sum())
        if kept < 2:
            raise OptionError(f"share must be at least the first share deleted, {self.shares[1]:g}; got {share}")
        return replace(self, shares=self.shares[:kept], scores=self.scores[:, :kept])


def deletion_curve(
    model: nn.Module,
    x: Tensor,
    relevance: Any,
    *,
    target: Target = "predicted",
    first: Literal["most", "least"] = "most",
    fill: Fill = "shuffle",
    shares: Sequence[float] = SHARES,
    draws: int = 5,
    floor: Floor = "zero",
    min_score: float = 0.0,
    seed: int = 0,
    batch_size: int | None = None,
    device: torch.device | str | None = None,
) -> Deletion:
    """Score of the model while the positions are deleted in order of relevance.

    At share s the ``round(s l)`` most relevant of l positions are replaced, those of the next share with them; the
    curve is ``f(x_s) / f(x_0)``, with f the score that `attribute` explains (`Deletion` has the equations). A faithful
    map makes it fall early: a low `auc`. With ``first="least"`` it should fall late.

    Positions of equal relevance, and pruned maps are full of zeros, come in a random order, drawn anew for every draw;
    scores are means over the draws. Where neither the fill nor ties are random, one draw is made.

    Parameters
    ----------
    model
        Borrowed, run in eval mode.
    x : (n, c, ...)
        (n, 4, l) for DNA, (n, c, h, w) for images; positions are all axes behind the channels.
    relevance : (n, ...)
        One signed number a position: ``Attribution.per_base``.
    target
        As for `attribute`; ``"predicted"`` is decided on x and kept.
    first
        Whether the ``"most"`` or the ``"least"`` relevant positions go first.
    fill
        What deleted positions are replaced by, by name or as a tensor: see `replacements`.
    shares
        Shares of the positions to delete, rising from 0 to at most 1.
    draws, seed
        Draws to average over, of fills and of the order of ties, and their seed. The same seed gives every map of
        these inputs the same fills. A tensor of several fills says itself how many draws there are.
    floor
        Which score is a relative score of 0. ``"zero"``: the score 0, as usual. ``"deleted"``: the score of the input
        with every position replaced. A logit's zero is arbitrary: where networks say "absent" with a logit of -8, the
        usual ratio ends far below 0 and inputs with a small f(x_0) rule every mean.
    min_score
        Inputs for which f(x_0) minus the floor is not above it have no relative score (NaN). The ratio is unstable
        where that is near 0: set it to a score that means something.
    batch_size, device
        Inputs at once, and where to compute (None: where the model is).

    Raises
    ------
    OptionError
        Shapes that do not fit, relevance that is not finite, shares that do not rise from 0 within [0, 1], another
        word, or a negative `min_score`.
    ModelError
        The model does not take these inputs, or returns numbers that are not finite.

    Examples
    --------
    >>> from genoplrp import one_hot
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 1, bias=False))
    >>> _ = net[1].weight.data.zero_()
    >>> net[1].weight.data[0, :2] = torch.tensor([3.0, 1.0])  # reads an A at position 0 and one at position 1
    >>> result = deletion_curve(net, one_hot("AACG"), [[3.0, 1.0, 0.0, 0.0]], fill="zero", shares=(0, 0.25, 0.5, 1))
    >>> result.curves.tolist(), result.auc.tolist()
    ([[1.0, 0.25, 0.0, 0.0]], [0.1875])
    """
    values = _relevance(relevance, x)
    if first not in ("most", "least"):
        raise OptionError(f'first must be "most" or "least"; got {first!r}')
    _check_floor(floor)
    if not min_score >= 0:
        raise OptionError(f"min_score must not be negative: a relative score needs something to lose; got {min_score}")
    counts = _counts(shares, values.shape[1])
    x = x if x.is_floating_point() else x.float()
    stack = replacements(x, fill, draws=draws, seed=seed)
    scorer = Scorer(model, x, target=target, batch_size=batch_size, device=device)
    keys = -values if first == "most" else values
    rounds = len(stack) if len(stack) > 1 else draws if _tied(values) else 1
    scores = np.zeros((len(x), len(counts)))
    scores[:, 0] = scorer(x).numpy() * rounds
    for draw in range(rounds):
        rank = _ranks(keys, [seed, draw]).reshape(len(x), 1, *x.shape[2:])
        other = stack[draw % len(stack)]
        for step, count in enumerate(counts[1:], start=1):
            scores[:, step] += scorer(torch.where((rank < count).to(x.device), other, x)).numpy()
    deleted = np.mean([scorer(other).numpy() for other in stack], axis=0)
    return Deletion(np.array(counts) / values.shape[1], scores / rounds, deleted, floor, min_score)


def _relevance(relevance: Any, x: Tensor) -> NDArray[np.float64]:
    """Relevance as (n, positions)."""
    array = relevance.detach().cpu().numpy() if isinstance(relevance, Tensor) else np.asarray(relevance)
    if not isinstance(x, Tensor) or x.ndim < 3 or 0 in x.shape:
        raise OptionError(f"x must be a tensor (n, c, ...), (n, 4, l) for DNA; got {getattr(x, 'shape', type(x))}")
    expected = (x.shape[0], *x.shape[2:])
    if array.shape != expected:
        raise OptionError(
            f"relevance must have one number a position, shape {expected}; got {array.shape}. "
            "Of relevance with channels take the sum over axis 1, which an Attribution has as per_base"
        )
    values = array.reshape(len(x), -1).astype(np.float64)
    if not np.isfinite(values).all():
        raise OptionError(f"relevance must be finite; input {int(np.argwhere(~np.isfinite(values))[0, 0])} is not")
    return values


def _check_floor(floor: str) -> None:
    if floor not in ("zero", "deleted"):
        raise OptionError(f'floor must be "zero" or "deleted"; got {floor!r}')


def _counts(shares: Sequence[float], positions: int) -> list[int]:
    """Whole positions to delete at each share, each count once."""
    asked = np.asarray(shares, dtype=np.float64)
    rising = asked.ndim == 1 and asked.size > 1 and asked[0] == 0 and (np.diff(asked) > 0).all() and asked[-1] <= 1
    counts = np.unique(np.floor(asked * positions + 0.5).astype(int)).tolist() if rising else []
    if len(counts) < 2:
        raise OptionError(
            f"shares must rise from 0 to at most 1 and delete at least one of {positions} positions; got {shares}"
        )
    return list(counts)


def _tied(values: NDArray[np.float64]) -> bool:
    return bool((np.diff(np.sort(values, axis=1), axis=1) == 0).any())


def _ranks(keys: NDArray[np.float64], seed: list[int]) -> Tensor:
    """Rank of every position, (n, positions): smallest key first, equal keys in random order."""
    lots = np.stack([np.random.default_rng([*seed, row, _TIES]).random(keys.shape[1]) for row in range(len(keys))])
    order = np.lexsort((lots, keys), axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(keys.shape[1])[None], axis=1)
    return torch.from_numpy(ranks)
