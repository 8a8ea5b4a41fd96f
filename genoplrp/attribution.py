"""Attribute a model's output to the bases of its input, with an amount of pruning given or found."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genoplrp.amount import Amount, choose_amount, rows_tried
from genoplrp.errors import OptionError
from genoplrp.explainer import Explainer, check_pruner
from genoplrp.inputs import check_input
from genoplrp.lrp.composite import Composite
from genoplrp.lrp.prune import NoPrune, PruneLambda, PruneM, Pruner
from genoplrp.lrp.target import Target, target_of
from genoplrp.lrp.units import Unit
from genoplrp.references import References, check_references
from genoplrp.result import Attribution
from genoplrp.scorer import Scorer

__all__ = ["Attribution", "attribute", "find_amount"]


def attribute(
    model: nn.Module,
    x: Tensor,
    *,
    target: Target = "predicted",
    composite: str | Composite = "genomic",
    pruner: Pruner = PruneLambda(0.1),
    strands: Literal["forward", "both"] = "forward",
    layers: Sequence[str] = (),
    units: Sequence[Unit | tuple[str, int | Sequence[int]]] = (),
    hypothetical: bool = False,
    references: References = None,
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
        other convolutions (epsilon from references), epsilon on dense layers.
    pruner
        ``PruneLambda(p)``, ``PruneM(p)`` or ``NoPrune()`` (plain LRP). With p = ``"auto"`` the amount is found for
        these sequences without ground truth (`find_amount`); ``Attribution.pruner`` holds it.
    strands
        ``"both"``: the mean of the sequence's map and its reverse complement's, with their disagreement.
    layers
        Names of layers whose output's relevance is wanted.
    units
        Units, ``("conv2", 3)`` or `genoplrp.lrp.Unit`, whose relevance is followed by itself, too: to the input, and to
        the next of ``layers``; ``("conv2", (0, 5))`` are followed as one. What is pruned is decided by the whole
        relevance, so that the units of a layer add up to all that the layer hands on; with ``strands="both"`` they are
        the forward strand's, and add up to its map, not to the mean. Each takes a backward pass, and holds twice the
        memory of the input (three times with ``hypothetical``) and that of the ``layers`` below it, for all sequences.
    hypothetical
        Whether to compute hypothetical scores.
    references
        What to measure from. None: from zero. A number: that many dinucleotide shuffles of each sequence. A tensor
        (n, r, 4, l): these. Activations are then differences from the references', the epsilon rule is DeepLIFT's
        Rescale, pruning is as ever, and the result is the mean over the references.
    seed
        Of the shuffles; a sequence's shuffles do not depend on the others in ``x``.
    batch_size
        Sequences at a time; None: as many as have 256 MB of activations (with k ``units`` the (k + 1)th part of
        it), at most 2,048. The result does not depend on it.
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
    check_input(x, batch_size)
    check_references(references, x)
    check_pruner(pruner)
    if not isinstance(pruner, NoPrune) and pruner.automatic:
        amount = find_amount(
            model, x, target=target, composite=composite, pruner=type(pruner), strands=strands, references=references,
            seed=seed, batch_size=batch_size, device=device,
        )  # fmt: skip
        pruner = type(pruner)(amount.p)
    explainer = Explainer(
        model, pruners=(pruner,), composite=composite, strands=strands, layers=layers, units=units,
        hypothetical=hypothetical, device=device,
    )  # fmt: skip
    return explainer(x, target=target, references=references, seed=seed, batch_size=batch_size)[0]


def find_amount(
    model: nn.Module,
    x: Tensor,
    *,
    target: Target = "predicted",
    pruner: type[PruneLambda] | type[PruneM] = PruneLambda,
    references: References = None,
    seed: int = 0,
    batch_size: int | None = None,
    device: torch.device | str | None = None,
    **options: Any,
) -> Amount:
    """The amount of pruning that ``PruneLambda("auto")`` and ``PruneM("auto")`` stand for, with what was tried.

    No truth is needed: it is the p whose most relevant bases best carry the prediction when all others are shuffled
    (`genoplrp.amount`). It is found once for all sequences, from up to 100 of them.

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
    check_input(x, batch_size)
    check_references(references, x)
    if pruner not in {PruneLambda, PruneM}:
        raise OptionError(f"pruner must be PruneLambda or PruneM, the class itself; got {pruner!r}")
    rows = rows_tried(len(x))
    chosen = target_of(target, rows, len(x))
    some = references[rows] if isinstance(references, Tensor) else references
    if isinstance(chosen, str):  # decided once, as attribute decides it, also on both strands
        plain = attribute(
            model, x[rows], target=chosen, pruner=NoPrune(), batch_size=batch_size, device=device, **options
        )
        chosen = chosen if plain.target is None else plain.target.cpu()
    scorer = Scorer(model, x[rows], target=chosen, batch_size=batch_size, device=device)

    def explain(p: float) -> Tensor:
        return attribute(
            model, x[rows], target=chosen, pruner=pruner(p), references=some, seed=seed, batch_size=batch_size,
            device=device, **options,
        ).per_base.to(x.device)  # fmt: skip

    return choose_amount(explain, scorer, x[rows], seed=seed)
