"""How good an explanation is: one number a sequence, from signed per-base relevance and the true bases.

All take relevance of shape (n, l), the sum over the four channels, as numpy array or tensor, and return float64 numpy
arrays of shape (n,). A number that is not defined is NaN, never 0 or 1: an empty mask, or no relevance to share out.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genoplrp.errors import OptionError
from genoplrp.motifs.masks import Placed, span_sums

SIGNS = ("positive", "absolute", "signed")


def rma(relevance: Any, mask: Any, sign: str = "positive") -> NDArray[np.float64]:
    """Relevance mass accuracy: the share of the relevance mass that lies inside the mask, shape (n,).

    ``sum of m(r_i) over the mask / sum of m(r_i)``, after Arras et al., Information Fusion 81 (2022), 14-40.

    Parameters
    ----------
    relevance : (n, l)
        Signed relevance per base.
    mask : (n, l)
        True, or not 0, at the bases that ought to be relevant.
    sign : {"positive", "absolute", "signed"}
        What m(r) is: r where positive and else 0 (0 to 1); ``|r|`` (0 to 1); or r itself, which has no bounds where
        positive and negative mass nearly cancel.

    Returns
    -------
    (n,) float64
        NaN where the mask is empty or the total mass is 0.

    Raises
    ------
    OptionError
        If shapes do not match, relevance is not finite, or `sign` is another word.

    Examples
    --------
    >>> rma([[1.0, 3.0, -2.0, 0.0]], [[0, 1, 1, 0]]).tolist()
    [0.75]
    """
    values, inside = _per_base(relevance), _mask(mask, relevance)
    if sign not in SIGNS:
        raise OptionError(f"sign must be one of {', '.join(SIGNS)}; got {sign!r}")
    mass = {"positive": np.maximum(values, 0), "absolute": np.abs(values), "signed": values}[sign]
    within = np.sum(mass, axis=1, where=inside)
    return _ratio(within, mass.sum(axis=1), inside.sum(axis=1) > 0)


def gini(relevance: Any) -> NDArray[np.float64]:
    """Gini index of ``|relevance|``, shape (n,): 0 all bases alike, 1 - 1/l all mass on one base.

    ``sum_i (2 i - l - 1) a_i / (l sum_i a_i)`` with a sorted upwards, i from 1 (Hurley and Rickard, IEEE Transactions
    on Information Theory 55 (2009), 4723-4741). NaN where all relevance is 0. Depends on l: state l beside it.

    Examples
    --------
    >>> gini([[1.0, 1.0, -1.0, 1.0], [0.0, 0.0, -5.0, 0.0]]).tolist()
    [0.0, 0.75]
    """
    mass = np.sort(np.abs(_per_base(relevance)), axis=1)
    length = mass.shape[1]
    ranks = 2 * np.arange(1, length + 1) - length - 1
    spread = np.maximum(mass @ ranks, 0.0)  # the sum over equal values may round to just below 0
    return _ratio(spread, length * mass.sum(axis=1))


def entropy(relevance: Any) -> NDArray[np.float64]:
    """Shannon entropy in nats of ``|relevance|`` shared out over the bases, shape (n,): 0 to ln l, low is sparse.

    ``-sum_i p_i ln p_i`` with ``p = |r| / sum |r|``. NaN where all relevance is 0. Depends on l: state l beside it.

    Examples
    --------
    >>> entropy([[1.0, -1.0], [0.0, 2.0]]).round(6).tolist()
    [0.693147, 0.0]
    """
    mass = np.abs(_per_base(relevance))
    total = mass.sum(axis=1, keepdims=True)
    share = np.divide(mass, total, where=total > 0, out=np.zeros_like(mass))
    surprise = -np.log(share, where=share > 0, out=np.zeros_like(share))
    return _ratio((share * surprise).sum(axis=1), np.ones(len(mass)), total[:, 0] > 0)


def auprc(relevance: Any, mask: Any) -> NDArray[np.float64]:
    """Average precision of the signed relevance as a score for the mask, each sequence by itself, shape (n,).

    ``sum_k (recall_k - recall_(k-1)) precision_k`` over the distinct relevance values, from the highest: bases of equal
    relevance come in together, as in scikit-learn's ``average_precision_score``. By chance it is the mask's share of
    the sequence. NaN where the mask is empty.

    Examples
    --------
    >>> auprc([[0.9, 0.1, 0.5, 0.0]], [[1, 1, 0, 0]]).round(3).tolist()
    [0.833]
    """
    values, inside = _per_base(relevance), _mask(mask, relevance)
    n, length = values.shape
    order = np.argsort(-values, axis=1) + length * np.arange(n)[:, None]
    values, inside = values.take(order), inside.take(order)
    # Each true base counts with the precision at the last base of its group of equals; few bases are true.
    place = np.flatnonzero(inside)
    row = place // length
    ends = np.ones((n, length), dtype=bool)
    np.not_equal(values[:, 1:], values[:, :-1], out=ends[:, :-1])
    end = np.flatnonzero(ends)
    end = end[np.searchsorted(end, place)]
    found = np.searchsorted(place, end, side="right") - np.searchsorted(place, row * length)
    gained = np.bincount(row, weights=found / (end - row * length + 1), minlength=n).astype(np.float64)
    return _ratio(gained, inside.sum(axis=1).astype(np.float64))


def auroc(relevance: Any, mask: Any) -> NDArray[np.float64]:
    """Area under the ROC curve of the signed relevance as a score for the mask, each sequence by itself, shape (n,).

    The share of pairs of a base inside and one outside the mask of which the one inside has more relevance, a tie
    counting half (the Mann-Whitney statistic), as in scikit-learn's ``roc_auc_score``. By chance it is .5. NaN where
    the mask is empty or covers the whole sequence.

    Examples
    --------
    >>> auroc([[0.9, 0.1, 0.5, 0.1]], [[1, 1, 0, 0]]).tolist()
    [0.625]
    """
    values, inside = _per_base(relevance), _mask(mask, relevance)
    length = values.shape[1]
    order = np.argsort(values, axis=1, kind="stable")
    values, inside = np.take_along_axis(values, order, axis=1), np.take_along_axis(inside, order, axis=1)
    first, last = _group_ends(values)
    # Bases of equal relevance share the mean of their ranks, which count from 1.
    ranks = (first + last) / 2 + 1
    k = inside.sum(axis=1)
    above = np.sum(ranks, axis=1, where=inside) - k * (k + 1) / 2
    return _ratio(above, (k * (length - k)).astype(np.float64))


def motif_recall(relevance: Any, sites: Iterable[Placed]) -> NDArray[np.float64]:
    """The share of a sequence's true sites that the explanation finds, shape (n,).

    A site of w bases is found if it carries at least a uniform share of the positive relevance: ``w / l`` of the
    sequence's. Overlapping sites count one by one.

    Parameters
    ----------
    relevance : (n, l)
        Signed relevance per base.
    sites : iterable of Site, MotifHit or Stretch
        `sequence` is the row; `start` and `end` are 0-based, half-open.

    Returns
    -------
    (n,) float64
        NaN where a sequence has no site, or no positive relevance.

    Raises
    ------
    OptionError
        If relevance is not finite or of another shape, or a site is empty or lies outside.

    Examples
    --------
    >>> from genoplrp.motifs import Stretch
    >>> motif_recall([[0.0, 4.0, 0.0, 1.0]], [Stretch(0, 0, 2), Stretch(0, 3, 4)]).tolist()
    [0.5]
    """
    mass = np.maximum(_per_base(relevance), 0)
    n, length = mass.shape
    places = np.array([(site.sequence, site.start, site.end) for site in sites], dtype=np.int64).reshape(-1, 3)
    rows, start, end = places.T
    outside = (rows < 0) | (rows >= n) | (start < 0) | (start >= end) | (end > length)
    if outside.any():
        first = tuple(places[outside.argmax()].tolist())
        raise OptionError(
            f"site (sequence, start, end) {first} is empty or lies outside relevance of shape {mass.shape}"
        )
    total, carried = mass.sum(axis=1), span_sums(mass, rows, start, end)
    # A site that carries its share exactly is found, whatever the rounding of the sums.
    found = carried >= (end - start) / length * total[rows] * (1 - 1e-9)
    per_row = np.bincount(rows, minlength=n).astype(np.float64)
    found_per_row = np.bincount(rows, weights=found, minlength=n).astype(np.float64)
    return _ratio(found_per_row, per_row, total > 0)


def _group_ends(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns of the first and the last of each entry's equals, in rows that are in order."""
    length = values.shape[1]
    edge = np.ones((len(values), length + 1), dtype=bool)
    edge[:, 1:-1] = values[:, 1:] != values[:, :-1]
    column = np.arange(length)
    first = np.maximum.accumulate(np.where(edge[:, :-1], column, 0), axis=1)
    last = np.minimum.accumulate(np.where(edge[:, 1:], column, length)[:, ::-1], axis=1)[:, ::-1]
    return first, last


def _per_base(relevance: Any) -> NDArray[np.float64]:
    values = _array(relevance).astype(np.float64, copy=False)
    if values.ndim != 2 or values.shape[1] == 0:
        raise OptionError(
            f"relevance must have shape (n, l), one value a base; got {values.shape}. "
            "Of relevance (n, 4, l) take the sum over axis 1, which an Attribution has as per_base"
        )
    finite = np.isfinite(values)
    if not finite.all():
        row, column = np.argwhere(~finite)[0].tolist()
        raise OptionError(f"relevance must be finite; sequence {row}, base {column} is {values[row, column]}")
    return values


def _mask(mask: Any, relevance: Any) -> NDArray[np.bool_]:
    inside, shape = _array(mask).astype(bool, copy=False), _array(relevance).shape
    if inside.shape != shape:
        raise OptionError(f"mask must have the shape of relevance, {shape}; got {inside.shape}")
    return inside


def _array(values: Any) -> NDArray[Any]:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def _ratio(
    part: NDArray[np.float64], whole: NDArray[np.float64], defined: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """``part / whole``; NaN where `whole` is 0 or the ratio is not defined."""
    valid = (whole != 0) if defined is None else (whole != 0) & defined
    return np.asarray(np.divide(part, whole, where=valid, out=np.full(len(whole), np.nan)))
