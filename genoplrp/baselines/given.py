"""References as a user gives them, a number of shuffles or a tensor, and whether relevance sums to what it should."""

import warnings

import torch
from torch import Tensor

from genoplrp.attribution import Attribution
from genoplrp.batch import _present
from genoplrp.errors import OptionError
from genoplrp.sequence import shuffled_references

References = int | Tensor | None
"""None (zeros, where a method allows them), a number of dinucleotide shuffles, or a tensor (n, r, 4, l)."""

TOLERANCES = {"integrated_gradients": 0.05, "deep_lift_shap": 0.01}
"""Quadrature is not exact; the rescale rule is."""


def check_references(references: References, x: Tensor, method: str) -> None:
    """Raise unless `references` are usable for `x`.

    Raises
    ------
    OptionError
        A number below 1, or a tensor of another shape or with NaN.
    """
    if references is None:
        return
    if isinstance(references, Tensor):
        fits = references.ndim == x.ndim + 1 and references.shape[0] == len(x) and references.shape[2:] == x.shape[1:]
        if not fits or references.shape[1] == 0:
            raise OptionError(
                f"{method}: references must have shape (n, r, 4, l), r for each of the sequences {tuple(x.shape)}; "
                f"got {tuple(references.shape)}"
            )
        if not torch.isfinite(references).all():
            raise OptionError(f"{method}: references hold NaN or infinite values")
    elif not isinstance(references, int) or references < 1:
        raise OptionError(
            f"{method}: references must be a number from 1 on or a tensor (n, r, 4, l); got {references!r}"
        )


def references_of(x: Tensor, references: References, rows: slice, seed: int) -> Tensor:
    """The references of a batch, (k, r, 4, l); where `x` has no base they have none."""
    if isinstance(references, Tensor):
        found = references[rows].to(x)
    elif references is None:
        found = torch.zeros_like(x)[:, None]
    else:
        return shuffled_references(x, references, seed=seed)
    present = _present(x)
    return found if present is None else found * present[:, None]


def warn_if_incomplete(result: Attribution, difference: Tensor, *, method: str, remedy: str) -> None:
    """Warn where relevance does not sum to f(x) - f(reference), as the method promises; says by how much.

    Parameters
    ----------
    result
        Relevance and f(x) of n sequences.
    difference
        (n,) f(x) minus the mean of f over the references.
    method
        Its name, one of `TOLERANCES`: the mean error may be this share of the mean difference.
    remedy
        What the user can do.
    """
    total = result.relevance.flatten(1).sum(1)
    error = (total - difference).abs()
    # Differences far below the scores themselves are lost in rounding.
    scale = max(float(difference.abs().mean()), 1e-3 * float(result.output.abs().mean()), 1e-30)
    share, worst = float(error.mean()) / scale, int(error.argmax())
    if share > TOLERANCES[method]:
        warnings.warn(
            f"{method} is incomplete: its relevance misses f(x) - f(reference) by {share:.1%} on average; that of "
            f"sequence {worst} sums to {float(total[worst]):.4g} instead of {float(difference[worst]):.4g}. {remedy}",
            stacklevel=3,
        )
