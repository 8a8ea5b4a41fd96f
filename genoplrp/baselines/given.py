"""References as a user gives them, a number of shuffles or a tensor, and whether relevance sums to what it should."""

import warnings

from torch import Tensor

from genoplrp.batch import _present
from genoplrp.result import Attribution
from genoplrp.sequence import shuffled_references

References = int | Tensor | None
"""None (zeros, where a method allows them), a number of dinucleotide shuffles, or a tensor (n, r, 4, l)."""

TOLERANCES = {"integrated_gradients": 0.05, "deep_lift_shap": 0.01}
"""Quadrature is not exact; the rescale rule is."""


def references_of(x: Tensor, references: References, rows: slice, seed: int) -> Tensor:
    """The references of a batch, (k, r, 4, l); where `x` has no base they have none."""
    if isinstance(references, Tensor):
        found = references[rows].to(x)
    elif references is None:
        found = x.new_zeros(len(x), 1, *x.shape[1:])
    else:
        return shuffled_references(x, references, seed=seed)
    present = _present(x)
    return found if present is None else found * present[:, None]


def warn_if_incomplete(result: Attribution, *, method: str, remedy: str) -> None:
    """Warn where relevance does not sum to f(x) - f(reference), as the method promises; says by how much.

    Parameters
    ----------
    result
        With the scores of the references.
    method
        Its name, one of `TOLERANCES`: the mean error may be this share of the mean difference.
    remedy
        What the user can do.
    """
    assert result.reference_output is not None
    difference, total = result.output - result.reference_output, result.relevance.flatten(1).sum(1)
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
