"""Integrated gradients, by captum: the gradient averaged along straight lines from references to the sequence."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from genoplrp.baselines.batches import Batch, Maps, in_batches
from genoplrp.baselines.completeness import warn_if_incomplete
from genoplrp.baselines.peers import needed
from genoplrp.errors import OptionError
from genoplrp.inputs import check_input, is_dna
from genoplrp.lrp.target import Target
from genoplrp.references import References, check_references, references_of
from genoplrp.result import Attribution


def integrated_gradients(
    model: nn.Module,
    x: Tensor,
    *,
    target: Target = "predicted",
    batch_size: int | None = None,
    device: torch.device | str | None = None,
    references: References = None,
    steps: int = 50,
    seed: int = 0,
) -> Attribution:
    """Integrated gradients, ``R_i = (x_i - x'_i) int_0^1 df/dx_i (x' + a (x - x')) da``.

    Sundararajan, Taly and Yan, ICML 2017, eq. 1, by Gauss-Legendre quadrature (captum), averaged over the references.
    The sum over a sequence is f(x) minus the mean of f(x') up to the error of the quadrature; a warning names an error
    above 5 %. Relevance lies on the bases of the references too: `per_base` takes them together. ``hypothetical`` is
    what each base would receive with the averaged gradients held fixed.

    Parameters
    ----------
    model, x, target, batch_size, device
        As in `genoplrp.attribute`.
    references
        None: zeros, the usual baseline. A number: so many dinucleotide shuffles. A tensor (n, r, 4, l): these, which
        need not be one-hot (.25 everywhere, for instance). Columns in which `x` has no base are made zero in them.
    steps
        Points along each line; the cost is that of as many gradients, times the references.
    seed
        Of the shuffles.

    Raises
    ------
    OptionError
        captum is not installed, or an option is out of range.
    ModelError, UnsupportedCallError
        As in `genoplrp.baselines.gradient_times_input`.

    Examples
    --------
    >>> from genoplrp import one_hot
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))
    >>> x = one_hot("ACGT")
    >>> result = integrated_gradients(net, x)
    >>> torch.allclose(result.per_base.sum(1), result.output - net(0 * x)[:, 0], atol=1e-4)
    True
    """
    if not isinstance(steps, int) or steps < 1:
        raise OptionError(f"steps must be a whole number from 1 on; got {steps!r}")
    captum = needed("captum.attr", "integrated_gradients")
    check_input(x, batch_size)
    check_references(references, x)

    average = partial(_average_gradients, captum.IntegratedGradients, steps)

    def explain(batch: Batch) -> Maps:
        return _integrated(batch, _baselines(batch, references, seed), average)

    result = in_batches(model, x, explain, target=target, batch_size=batch_size, device=device, variants=True)
    warn_if_incomplete(result, method="integrated_gradients", remedy="Raise steps.")
    return result


def _baselines(batch: Batch, references: References, seed: int) -> Tensor:
    """The baselines of a batch, (k, r, ...): zeros where none are given."""
    if references is None:
        return torch.zeros_like(batch.x)[:, None]
    return references_of(batch.x, references, batch.rows, seed)


def _integrated(batch: Batch, references: Tensor, average: Callable[..., Tensor]) -> Maps:
    """The maps from the references, (k, r, 4, l)."""
    x, r = batch.x, references.shape[1]
    with torch.no_grad():
        output, chosen = batch.score.evaluate(x, batch.target)
    target = batch.target if chosen is None else chosen
    relevance, hypothetical, start = torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(output)
    for reference in references.unbind(1):
        multiplier = average(batch, reference, chosen)
        relevance += (x - reference) * multiplier / r
        hypothetical += (multiplier - (reference * multiplier).sum(1, keepdim=True)) / r
        with torch.no_grad():
            start += batch.score.evaluate(reference, target)[0] / r
    return Maps(relevance, hypothetical if is_dna(x) else None, output, chosen, start)


def _average_gradients(method: Any, steps: int, batch: Batch, reference: Tensor, chosen: Tensor | None) -> Tensor:
    """The gradient averaged along the lines from the references to the sequences, the shape of both."""

    def scores(points: Tensor, *outputs: Tensor) -> Tensor:
        return batch.score.evaluate(points, outputs[0] if outputs else batch.target)[0]

    average: Tensor = method(scores, multiply_by_inputs=False).attribute(
        batch.x,
        baselines=reference,
        additional_forward_args=() if chosen is None else (chosen,),
        n_steps=steps,
        internal_batch_size=max(batch.size, len(batch.x)),
    )
    return average.detach()
