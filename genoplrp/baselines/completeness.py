"""Whether relevance sums to what a method promises."""

import warnings

from genoplrp.result import Attribution

TOLERANCES = {"integrated_gradients": 0.05, "deep_lift_shap": 0.01}
"""Quadrature is not exact; the rescale rule is."""


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
