"""Gradient x input, as it is and with the correction for one-hot DNA: one pass back through the network."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from genoplrp.baselines.batches import Batch, Maps, check_dna, in_batches
from genoplrp.lrp.target import Target
from genoplrp.result import Attribution


def gradient_times_input(
    model: nn.Module,
    x: Tensor,
    *,
    target: Target = "predicted",
    batch_size: int | None = None,
    device: torch.device | str | None = None,
) -> Attribution:
    """Gradient x input, ``R_i = x_i df/dx_i`` (Shrikumar et al. 2016, arXiv:1605.01713).

    On one-hot DNA it is the gradient at the base that is there ("saliency" in much of the genomics literature). It
    equals LRP-0 on networks of linear layers without biases, ReLU and max-pool, and conserves nothing elsewhere.
    ``hypothetical`` is the gradient.

    Parameters
    ----------
    model, x, target, batch_size, device
        As in `genoplrp.attribute`, which explains the same score: that before a final softmax or sigmoid.

    Returns
    -------
    Attribution
        Without layers and with an empty ledger.

    Raises
    ------
    ModelError, OptionError, UnsupportedCallError
        As in `genoplrp.attribute`, but a call needs no relevance rule.

    Examples
    --------
    >>> from genoplrp import one_hot
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    >>> result = gradient_times_input(net, one_hot("ACGT"))
    >>> torch.allclose(result.relevance.sum(), result.output - net[1].bias)
    True
    """
    return in_batches(model, x, _gradient, target=target, batch_size=batch_size, device=device)


def corrected_gradient(
    model: nn.Module,
    x: Tensor,
    *,
    target: Target = "predicted",
    batch_size: int | None = None,
    device: torch.device | str | None = None,
) -> Attribution:
    """Gradient with its mean over the four bases taken off, times input: ``R_bi = x_bi (g_bi - mean_b g_bi)``.

    Majdandzic et al., "Correcting gradient-based interpretations of deep neural networks for genomics", Genome Biology
    24 (2023) 109, eq. 5. A sequence has exactly one base at each position, so training never sees what happens off that
    simplex; the gradient's component across it, its mean over the bases, is arbitrary and is removed.
    ``hypothetical`` is the corrected gradient.

    Parameters
    ----------
    model, x, target, batch_size, device
        As in `genoplrp.attribute`; `x` is (n, 4, l).

    Raises
    ------
    ModelError, OptionError, UnsupportedCallError
        As in `gradient_times_input`; OptionError also where `x` is not DNA.

    Examples
    --------
    >>> from genoplrp import one_hot
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    >>> corrected_gradient(net, one_hot("ACGT")).hypothetical.mean(1).abs().max() < 1e-6
    tensor(True)
    """
    check_dna(x, "the corrected gradient")
    return in_batches(model, x, _corrected, target=target, batch_size=batch_size, device=device)


def _gradient(batch: Batch) -> Maps:
    gradient, output, chosen = batch.score.gradient(batch.x, batch.target)
    return Maps(gradient * batch.x, gradient, output, chosen)


def _corrected(batch: Batch) -> Maps:
    maps = _gradient(batch)
    assert maps.hypothetical is not None
    corrected = maps.hypothetical - maps.hypothetical.mean(1, keepdim=True)
    return replace(maps, relevance=corrected * batch.x, hypothetical=corrected)
