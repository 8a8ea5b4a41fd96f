"""Attribute a model's output to the bases of its input: batches, targets, strands, and the result."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genoplrp.amount import Amount, choose_amount, rows_tried
from genoplrp.batch import BatchExplainer
from genoplrp.errors import OptionError, UnsupportedCallError
from genoplrp.evaluate.score import Scorer
from genoplrp.lrp.borrow import borrowed, where
from genoplrp.lrp.composite import Composite, as_composite
from genoplrp.lrp.prune import NoPrune, PruneLambda, PruneM, Pruner
from genoplrp.lrp.samples import MIXES, SampleLayout, sample_layout
from genoplrp.lrp.target import Target
from genoplrp.result import Attribution, joined
from genoplrp.sequence.references import shuffled_references

__all__ = ["Attribution", "attribute", "find_amount"]

POSITIONS_A_BATCH = 32_000
"""Default batch size: about this many positions; larger batches gain little and hold every activation."""


def attribute(
    model: nn.Module,
    x: Tensor,
    *,
    target: Target = "predicted",
    composite: str | Composite = "genomic",
    pruner: Pruner = PruneLambda(0.1),
    strands: Literal["forward", "both"] = "forward",
    layers: Sequence[str] = (),
    hypothetical: bool = False,
    references: int | Tensor | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    device: torch.device | str | None = None,
) -> Attribution:
    """Pruned layer-wise relevance propagation.

    Parameters
    ----------
    model
        Any PyTorch network on the ops of `genoplrp.lrp.ops`. It is borrowed: explained in eval mode, not changed.
    x
        Inputs, (n, 4, l) one-hot for DNA, channels A, C, G, T; all-zero columns (N) get zero relevance. Other shapes
        with samples first (images) work too.
    target
        Which output: an int, one int a sequence, ``"predicted"`` (the largest, per sequence), or a callable
        ``output -> (n,)``, which outputs with more than two axes need.
    composite
        Rules, by name or as a `Composite`. ``"genomic"``: zbox(0, 1) on the layer that reads the sequence, zplus on
        other convolutions, epsilon on dense layers.
    pruner
        ``PruneLambda(p)``, ``PruneM(p)`` or ``NoPrune()`` (plain LRP). With p = ``"auto"`` the amount is found for
        these sequences without ground truth (`find_amount`); ``Attribution.pruner`` holds it.
    strands
        ``"both"``: the mean of the sequence's map and its reverse complement's, with their disagreement.
    layers
        Names of layers whose output's relevance is wanted.
    hypothetical
        Whether to compute hypothetical scores.
    references
        What to measure from. None: from zero. A number: that many dinucleotide shuffles of each sequence. A tensor
        (n, r, 4, l): these. Activations are then differences from the references', the epsilon rule is DeepLIFT's
        Rescale, pruning is as ever, and the result is the mean over the references.
    seed
        Of the shuffles; a sequence's shuffles do not depend on the others in ``x``.
    batch_size
        Sequences at a time; the result does not depend on it.
    device
        Where to compute; None: where the model is. The result lies there too.

    Raises
    ------
    UnsupportedCallError
        The network makes a call without a rule (`inspect_model` lists them).
    ModelError
        The model does not take this input, or returns numbers that are not finite.
    OptionError
        An option out of range.

    Examples
    --------
    >>> from genoplrp import NoPrune, one_hot
    >>> _ = torch.manual_seed(0)
    >>> net = nn.Sequential(nn.Conv1d(4, 8, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 1))
    >>> result = attribute(net, one_hot(["ACGTNACGTTGCA"]), pruner=NoPrune())
    >>> tuple(result.per_base.shape), float(result.per_base[0, 4])
    ((1, 13), 0.0)
    """
    _check_input(x, strands, batch_size)
    if not isinstance(pruner, (NoPrune, PruneLambda, PruneM)):
        raise OptionError(f"pruner must be NoPrune(), PruneLambda(p) or PruneM(p); got {pruner!r}")
    if not isinstance(pruner, NoPrune) and pruner.automatic:
        amount = find_amount(
            model, x, target=target, composite=composite, pruner=type(pruner), strands=strands, references=references,
            seed=seed, batch_size=batch_size, device=device,
        )  # fmt: skip
        pruner = type(pruner)(amount.p)
    layers = (layers,) if isinstance(layers, str) else tuple(layers)
    stand_in = borrowed(model, device)
    place, dtype = where(stand_in)
    x = x.to(device=place or device, dtype=dtype or (x.dtype if x.is_floating_point() else torch.float32))
    _check_references(references, x)
    size = batch_size or max(1, POSITIONS_A_BATCH // max(1, x[0, 0].numel()))
    explain = BatchExplainer(stand_in, as_composite(composite), pruner, strands, layers, hypothetical)
    # The adjoints of views and pools come from autograd; half precision, where wanted, is the model's own.
    with torch.inference_mode(False), torch.autocast(x.device.type, enabled=False):
        if min(size, len(x)) > 1:
            size = _batch_size(sample_layout(stand_in, x[:1].clone()), size)
        parts = [
            explain(
                batch,
                _of_batch(target, first, len(batch), len(x)),
                first,
                _references_of(batch, references, first, seed),
            )
            for first, batch in _batches(x, size)
        ]
    return joined(parts)


def find_amount(
    model: nn.Module,
    x: Tensor,
    *,
    target: Target = "predicted",
    pruner: type[PruneLambda] | type[PruneM] = PruneLambda,
    references: int | Tensor | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    device: torch.device | str | None = None,
    **options: Any,
) -> Amount:
    """The amount of pruning that ``PruneLambda("auto")`` and ``PruneM("auto")`` stand for, with what was tried.

    No truth is needed: it is the largest p whose most relevant bases still carry the prediction when all others are
    shuffled (`genoplrp.amount`). It is found once for all sequences, from up to 100 of them.

    Parameters
    ----------
    model, x, target, references, seed, batch_size, device
        As for `attribute`; x is one-hot DNA (n, 4, l).
    pruner
        ``PruneLambda`` or ``PruneM``.
    **options
        ``composite`` and ``strands``, as for `attribute`.

    Raises
    ------
    OptionError
        Input that is not DNA; and as for `attribute`.

    Examples
    --------
    >>> from genoplrp import load_model, one_hot
    >>> amount = find_amount(load_model("vertebrate20"), one_hot(["ACGTTGCA" * 25]))
    >>> 0 <= amount.p <= 0.5, list(amount.table)
    (True, ['p', 'carried', 'behind', 'error'])
    """
    rows = rows_tried(len(x))
    chosen = target if callable(target) or isinstance(target, (str, int)) else _of_rows(target, rows, len(x))
    some = references[rows] if isinstance(references, Tensor) else references
    scorer = Scorer(model, x[rows], target=chosen, batch_size=batch_size, device=device)

    def explain(p: float) -> Tensor:
        return attribute(
            model, x[rows], target=chosen, pruner=pruner(p), references=some, seed=seed, batch_size=batch_size,
            device=device, **options,
        ).per_base.to(x.device)  # fmt: skip

    return choose_amount(explain, scorer, x[rows], seed=seed)


def _of_rows(target: Any, rows: Tensor, n: int) -> Tensor:
    chosen = torch.as_tensor(target)
    if chosen.shape not in {(), (n,)}:
        raise OptionError(f"target must have one int a sequence, {n}; got shape {tuple(chosen.shape)}")
    return chosen if chosen.ndim == 0 else chosen[rows.to(chosen.device)]


def _batch_size(layout: SampleLayout, size: int) -> int:
    if layout.mixing:
        raise UnsupportedCallError(f"{layout.mixing[0]} has no relevance rule: {MIXES}. inspect_model shows where.")
    return size if layout.first else 1  # off the first axis, samples cannot be told apart but one by one


def _batches(x: Tensor, size: int) -> Iterator[tuple[int, Tensor]]:
    for first in range(0, len(x), size):
        yield first, x[first : first + size]


def _of_batch(target: Target, first: int, size: int, n: int) -> Target:
    """The part of a per-sequence target that belongs to a batch."""
    if callable(target) or isinstance(target, (str, int)):
        return target
    return _of_rows(target, torch.arange(first, first + size), n)


def _references_of(batch: Tensor, references: int | Tensor | None, first: int, seed: int) -> Tensor | None:
    """The references of a batch, (n, r, ...)."""
    if references is None:
        return None
    if isinstance(references, Tensor):
        return references[first : first + len(batch)].to(batch)
    return shuffled_references(batch, references, seed=seed)


def _check_references(references: int | Tensor | None, x: Tensor) -> None:
    if references is None:
        return
    if isinstance(references, Tensor):
        if references.ndim != x.ndim + 1 or (len(references), *references.shape[2:]) != tuple(x.shape):
            n, *rest = x.shape
            raise OptionError(
                f"references must have shape {(n, 'r', *rest)}, r for each sequence; got {tuple(references.shape)}"
            )
        if references.shape[1] == 0 or not torch.isfinite(references).all():
            raise OptionError("references must hold at least one reference a sequence, and finite values only")
    elif isinstance(references, bool) or not isinstance(references, int) or references < 1:
        raise OptionError(f"references must be None, a whole number from 1 on, or a tensor; got {references!r}")
    elif not (x.ndim == 3 and x.shape[1] == 4):
        raise OptionError(
            f"shuffled references need DNA, (n, 4, l); got shape {tuple(x.shape)}. Give references as a tensor"
        )


def _check_input(x: Tensor, strands: str, batch_size: int | None) -> None:
    if not isinstance(x, Tensor) or x.ndim < 2:
        raise OptionError(
            f"x must be a tensor of shape (n, 4, l); got {type(x).__name__}"
            f"{'' if not isinstance(x, Tensor) else f' of shape {tuple(x.shape)}'}. "
            "genoplrp.one_hot(sequences) makes one."
        )
    if len(x) == 0:
        raise OptionError("x holds no sequences")
    if not torch.isfinite(x).all():
        raise OptionError("x holds NaN or infinite values")
    if strands not in {"forward", "both"}:
        raise OptionError(f'strands must be "forward" or "both"; got {strands!r}')
    if strands == "both" and not (x.ndim == 3 and x.shape[1] == 4):
        raise OptionError(f'strands="both" needs DNA, (n, 4, l); got shape {tuple(x.shape)}')
    if batch_size is not None and not (isinstance(batch_size, int) and batch_size >= 1):
        raise OptionError(f"batch_size must be a whole number from 1 on; got {batch_size!r}")
