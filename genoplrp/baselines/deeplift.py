"""DeepLIFT/SHAP, by tangermeme: the rescale rule against dinucleotide-shuffled references."""

import math
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from genoplrp.baselines.batches import Batch, Maps, check_dna, in_batches
from genoplrp.baselines.completeness import warn_if_incomplete
from genoplrp.baselines.peers import needed
from genoplrp.baselines.steps import Elementwise, Steps
from genoplrp.errors import OptionError
from genoplrp.lrp.target import Target
from genoplrp.references import References, check_references, references_of
from genoplrp.result import Attribution
from genoplrp.score import ScoreColumn
from genoplrp.sequence import decode

_REMEDY = (
    "A call on the way has no DeepLIFT rule and was treated as linear, or the network keeps its samples off the first "
    "axis; inspect_model lists its calls."
)


def deep_lift_shap(
    model: nn.Module,
    x: Tensor,
    *,
    target: Target = "predicted",
    batch_size: int | None = None,
    device: torch.device | str | None = None,
    references: References = 20,
    seed: int = 0,
) -> Attribution:
    """DeepLIFT (rescale rule) averaged over references, which on DNA is what is called DeepSHAP.

    Shrikumar, Greenside and Kundaje, ICML 2017; Lundberg and Lee, NeurIPS 2017. With m the multipliers from the
    sequence x and a reference x': ``H_bi = mean over x' of (m_bi - sum_c m_ci x'_ci)``, ``R_bi = x_bi H_bi``. A
    sequence sums to f(x) minus the mean of f(x'). ``hypothetical`` is H, as TF-MoDISco reads it.

    Activations, max-pools, softmax, GLU, layer norm and products of two tensors follow tangermeme's rules, as modules
    or functional, reused or not; nothing is hooked on the model. Any other non-linear call is treated as linear, which
    breaks the sum: a warning names by how much where it is above 1 %.

    Parameters
    ----------
    model, x, target, device
        As in `genoplrp.attribute`; `x` is (n, 4, l) one-hot or all zero.
    batch_size
        Sequences that go through the network at once; a sequence and its reference are two.
    references
        A number of dinucleotide shuffles (`genoplrp.sequence.shuffled_references`), or a tensor (n, r, 4, l), which
        need not be one-hot. Columns in which `x` has no base are made zero in them.
    seed
        Of the shuffles.

    Raises
    ------
    OptionError
        tangermeme is not installed, `x` is not DNA, or an option is out of range.
    SequenceError
        A column is neither one-hot nor all zero.
    ModelError, UnsupportedCallError
        As in `genoplrp.baselines.gradient_times_input`.

    Examples
    --------
    >>> from genoplrp import one_hot
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> x = one_hot("ACGTTGCAACGT")
    >>> result = deep_lift_shap(net, x, references=torch.zeros(1, 1, 4, 12))
    >>> torch.allclose(result.per_base.sum(1), result.output - net(0 * x)[:, 0], atol=1e-5)
    True
    """
    check_dna(x, "DeepLIFT/SHAP")
    decode(x)  # says which column is not one-hot
    if references is None:
        raise OptionError("deep_lift_shap measures from references: give a number or a tensor (n, r, 4, l); got None")
    check_references(references, x)
    peer = needed("tangermeme.deep_lift_shap", "deep_lift_shap")

    def explain(batch: Batch) -> Maps:
        steps = Steps(peer.BilinearOp)
        with torch.no_grad():
            output, chosen = batch.score.evaluate(batch.x, batch.target, steps.reroute)
        steps.collecting = False
        given = references_of(batch.x, references, batch.rows, seed)  # (k, r, 4, l)
        imagined, difference = torch.zeros_like(batch.x), torch.zeros_like(output)
        for output_of, rows in batch.by_output(chosen):
            column = _Pairs(batch, output_of, steps)
            imagined[rows] = _multiplied(peer, column, batch, batch.x[rows], given[rows]).to(imagined)
            difference[rows] = column.differences(len(rows), given.shape[1])
        return Maps(imagined * batch.x, imagined, output, chosen, output - difference)

    result = in_batches(model, x, explain, target=target, batch_size=batch_size, device=device, variants=True)
    warn_if_incomplete(result, method="deep_lift_shap", remedy=_REMEDY)
    return result


class _Pairs(ScoreColumn):
    """The explained output as tangermeme runs it, sequences over their references; keeps f(x) - f(reference)."""

    def __init__(self, batch: Batch, target: Target, steps: Steps) -> None:
        super().__init__(batch.score, target, steps.reroute)
        self.steps = steps  # a submodule, so that the hooks find the stand-ins
        self._seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        scores = super().forward(x)
        of_x, of_reference = scores.detach()[:, 0].chunk(2)
        self._seen.append(of_x - of_reference)
        return scores

    def differences(self, n: int, r: int) -> Tensor:
        """f(x) minus the mean over the references, (n,)."""
        return torch.cat(self._seen).view(n, r).mean(1)


def _multiplied(peer: Any, column: nn.Module, batch: Batch, x: Tensor, references: Tensor) -> Tensor:
    """Hypothetical contributions, averaged over the references, (k, 4, l)."""
    with warnings.catch_warnings():
        # Columns without a base and soft references are fine; completeness is told once, for all pairs of a batch.
        warnings.filterwarnings("ignore", message="(X|references) must be one-hot|Convergence deltas")
        hypothetical: Tensor = peer.deep_lift_shap(
            column,
            x,
            target=0,
            batch_size=max(1, batch.size // 2),
            references=references,
            hypothetical=True,
            warning_threshold=math.inf,
            additional_nonlinear_ops={Elementwise: peer._nonlinear},
            only_warn=True,
            dtype=x.dtype,
            device=x.device,
        )
    return hypothetical
