"""In-silico mutagenesis, by tangermeme: every base replaced by every other, and the network asked each time."""

import torch
from torch import Tensor, nn

from genoplrp.baselines.batches import Batch, Maps, check_dna, in_batches
from genoplrp.baselines.peers import needed
from genoplrp.lrp.target import Target
from genoplrp.result import Attribution
from genoplrp.score import ScoreColumn
from genoplrp.sequence import decode


def in_silico_mutagenesis(
    model: nn.Module,
    x: Tensor,
    *,
    target: Target = "predicted",
    batch_size: int | None = None,
    device: torch.device | str | None = None,
) -> Attribution:
    """In-silico mutagenesis, ``H_bi = f(x with b at i) - mean_b f(x with b at i)``, ``R_bi = x_bi H_bi``.

    ``per_base`` at i is f(x) minus the mean of f over the four bases there, which is 3/4 of f(x) minus the mean over
    the three mutants: positive where the base that is there raises the score. This is the score of tangermeme's
    ``saturation_mutagenesis``, and what `corrected_gradient` gives where f is linear in x. ``hypothetical`` is H. It
    does not sum to anything, and it misses what several bases hold up between them: of two sites of which one would
    do, neither shows.

    Parameters
    ----------
    model, x, target, batch_size, device
        As in `genoplrp.attribute`; `x` is (n, 4, l) one-hot or all zero, and the network runs 3 l times a sequence.

    Raises
    ------
    OptionError
        tangermeme is not installed, or `x` is not DNA.
    SequenceError
        A column is neither one-hot nor all zero.
    ModelError, UnsupportedCallError
        As in `genoplrp.attribute`, but a call needs no relevance rule.

    Examples
    --------
    >>> from genoplrp import one_hot
    >>> net, x = nn.Sequential(nn.Flatten(), nn.Linear(16, 1)), one_hot("ACGT")
    >>> result = in_silico_mutagenesis(net, x)
    >>> mutants = net(one_hot(["ACGT", "CCGT", "GCGT", "TCGT"])).detach()
    >>> torch.allclose(result.per_base[0, 0], (mutants[0] - mutants.mean()), atol=1e-5)
    True
    """
    check_dna(x, "in-silico mutagenesis")
    decode(x)  # says which column is not one-hot
    mutate = needed("tangermeme.saturation_mutagenesis", "in_silico_mutagenesis").saturation_mutagenesis

    def explain(batch: Batch) -> Maps:
        with torch.no_grad():
            output, chosen = batch.score.evaluate(batch.x, batch.target)
        effects = torch.zeros_like(batch.x)
        for output_of, rows in batch.by_output(chosen):
            mutants = mutate(
                ScoreColumn(batch.score, output_of),
                batch.x[rows],
                batch_size=batch.size,
                target=0,
                hypothetical=True,
                dtype=batch.x.dtype,
                device=batch.x.device,
                fast=False,  # it chooses by the clock, and needs torch.export
            )
            effects[rows] = mutants.to(effects)
        return Maps(effects * batch.x, effects, output, chosen)

    return in_batches(model, x, explain, target=target, batch_size=batch_size, device=device, variants=True)
