"""Attribute a model's output to the bases of its input: batches, targets, strands, and the result."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import pandas as pd
import torch
from torch import Tensor, nn

from genoplrp.errors import GenoPLRPError, ModelError, OptionError, UnsupportedCallError
from genoplrp.lrp.borrow import borrowed, where
from genoplrp.lrp.composite import Composite, as_composite
from genoplrp.lrp.ledger import Page, ledger_frame
from genoplrp.lrp.plan import make_plan
from genoplrp.lrp.propagate import Propagated, propagate
from genoplrp.lrp.prune import NoPrune, PruneLambda, PruneM, Pruner
from genoplrp.lrp.record import record
from genoplrp.lrp.samples import MIXES, SampleLayout, sample_layout
from genoplrp.lrp.tape import Tape
from genoplrp.lrp.target import Scores, Target, choose_target, score_table, scores_of, start_at, start_at_callable

POSITIONS_A_BATCH = 32_000
"""Default batch size: about this many positions; larger batches gain little and hold every activation."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """Which bases made the model say what it said.

    Attributes
    ----------
    relevance
        Signed relevance of every input entry, the shape of the input, (n, 4, l) for DNA.
    output
        The explained score f(x), (n,).
    target
        The explained output of every sequence, int64 (n,); None for a callable target.
    hypothetical
        What each of the four bases would receive at each position, (n, 4, l), the multipliers held fixed; at the base
        that is there it equals ``per_base``. None unless asked for.
    layers
        Relevance of the outputs of the layers asked for, after pruning, by name; of the forward strand.
    disagreement
        For ``strands="both"``: sum |a - b| / sum (|a| + |b|) of the two strands' ``per_base``, (n,), 0 (the same) to 1;
        else None.
    explained
        Which tensor was explained: the model's output, or the input of the softmax or sigmoid at its end.
    pages
        What `ledger` is made of.
    """

    relevance: Tensor
    output: Tensor
    target: Tensor | None
    hypothetical: Tensor | None
    layers: dict[str, Tensor]
    disagreement: Tensor | None
    explained: str
    pages: tuple[Page, ...] = field(repr=False)

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """What became of the relevance, a row a layer and sample; the columns are those of `genoplrp.lrp.ledger`."""
        return ledger_frame(self.pages)

    @property
    def per_base(self) -> Tensor:
        """Relevance summed over the channels, (n, l): what metrics, logos and tracks use."""
        return self.relevance.sum(1)

    @property
    def completeness(self) -> Tensor:
        """sum of relevance / f(x), (n,): 1 where nothing was absorbed on the way; NaN where f(x) is 0."""
        total = self.relevance.flatten(1).sum(1)
        return torch.where(self.output == 0, torch.nan, total / self.output)


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
        ``PruneLambda(p)``, ``PruneM(p)`` or ``NoPrune()`` (plain LRP).
    strands
        ``"both"``: the mean of the sequence's map and its reverse complement's, with their disagreement.
    layers
        Names of layers whose output's relevance is wanted.
    hypothetical
        Whether to compute hypothetical scores.
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
    layers = (layers,) if isinstance(layers, str) else tuple(layers)
    stand_in = borrowed(model, device)
    place, dtype = where(stand_in)
    x = x.to(device=place or device, dtype=dtype or (x.dtype if x.is_floating_point() else torch.float32))
    size = batch_size or max(1, POSITIONS_A_BATCH // max(1, x[0, 0].numel()))
    explain = _Explainer(stand_in, as_composite(composite), pruner, strands, layers, hypothetical)
    # The adjoints of views and pools come from autograd; half precision, where wanted, is the model's own.
    with torch.inference_mode(False), torch.autocast(x.device.type, enabled=False):
        if min(size, len(x)) > 1:
            size = _batch_size(sample_layout(stand_in, x[:1].clone()), size)
        parts = [
            explain(batch, _of_batch(target, first, len(batch), len(x)), first) for first, batch in _batches(x, size)
        ]
    return _joined(parts)


@dataclass(frozen=True, eq=False)
class _Recorded:
    """One strand's forward pass."""

    tape: Tape
    scores: Scores


@dataclass(frozen=True, eq=False)
class _Explainer:
    """Explains one batch at a time."""

    model: nn.Module
    composite: Composite
    pruner: Pruner
    strands: str
    layers: tuple[str, ...]
    hypothetical: bool
    constants: dict[int, Tensor] = field(default_factory=dict)

    def __call__(self, x: Tensor, target: Target, first: int) -> Attribution:
        forward = self._record(x)
        if self.strands == "forward":
            result, output, chosen = self._propagate([forward], target)
            return self._attribution(result, output, chosen, first, forward)
        results, output, chosen = self._propagate([forward, self._record(x.flip(1, 2))], target)
        return self._merged(results, output, chosen, first, forward)

    def _record(self, x: Tensor) -> _Recorded:
        try:
            tape, output = record(self.model, x, self.constants)
        except GenoPLRPError:
            raise
        except (RuntimeError, ValueError, AssertionError, IndexError) as error:
            raise ModelError(
                f"the model fails on input of shape {tuple(x.shape)} (samples, channels, positions): {error}"
            ) from error
        return _Recorded(tape, scores_of(tape, output))

    def _propagate(self, recorded: list[_Recorded], target: Target) -> tuple[list[Propagated], Tensor, Tensor | None]:
        chosen = None
        if not callable(target):
            tables = [_table(part.scores) for part in recorded]
            n = len(recorded[0].tape.values[0])
            chosen = choose_target(torch.stack([score_table(table, n) for table in tables]).mean(0), target)
            starts = [start_at(part.tape, table, chosen) for part, table in zip(recorded, tables, strict=True)]
        else:
            starts = [start_at_callable(part.tape, part.scores.output, target) for part in recorded]
        results = []
        for part, (index, relevance, output) in zip(recorded, starts, strict=True):
            if not torch.isfinite(output).all():
                raise ModelError("the model returns NaN or infinite scores for these inputs; check its weights")
            plan = make_plan(part.tape, index, self.composite, self.pruner)
            x = part.tape.values[0]
            results.append(
                propagate(
                    plan, {index: relevance}, present=_present(x), layers=self.layers, hypothetical=self.hypothetical
                )
            )
        return results, torch.stack([output for _, _, output in starts]).mean(0), chosen

    def _attribution(
        self, results: list[Propagated], output: Tensor, chosen: Tensor | None, first: int, forward: _Recorded
    ) -> Attribution:
        return Attribution(
            relevance=results[0].relevance,
            output=output,
            target=chosen,
            hypothetical=results[0].hypothetical,
            layers=results[0].layers,
            pages=(Page(results[0].ledger, first, "+"),),
            disagreement=None,
            explained=forward.scores.explained,
        )

    def _merged(
        self, results: list[Propagated], output: Tensor, chosen: Tensor | None, first: int, forward: _Recorded
    ) -> Attribution:
        one = self._attribution(results, output, chosen, first, forward)
        other = results[1].relevance.flip(1, 2)
        imagined = one.hypothetical
        if imagined is not None and results[1].hypothetical is not None:
            imagined = (imagined + results[1].hypothetical.flip(1, 2)) / 2
        here, there = one.per_base, other.sum(1)
        size = (here.abs() + there.abs()).sum(1)
        return Attribution(
            relevance=(one.relevance + other) / 2,
            output=output,
            target=chosen,
            hypothetical=imagined,
            layers=one.layers,
            pages=(*one.pages, Page(results[1].ledger, first, "-")),
            disagreement=torch.where(size == 0, 0, (here - there).abs().sum(1) / size),
            explained=one.explained,
        )


def _batch_size(layout: SampleLayout, size: int) -> int:
    if layout.mixing:
        raise UnsupportedCallError(f"{layout.mixing[0]} has no relevance rule: {MIXES}. inspect_model shows where.")
    return size if layout.first else 1  # off the first axis, samples cannot be told apart but one by one


def _present(x: Tensor) -> Tensor | None:
    """1 at the columns that hold a base, 0 at N, for DNA; other inputs have no absent entries."""
    axis = _base_axis(x)
    return None if axis is None else (x != 0).any(axis, keepdim=True).to(x.dtype).expand_as(x).contiguous()


def _base_axis(x: Tensor) -> int | None:
    """The axis of the four bases: that of (n, 4, l), or of one-hot input in another layout; None for other input."""
    if x.ndim == 3 and x.shape[1] == 4:
        return 1
    for axis in range(1, x.ndim):
        lengths = [size for other, size in enumerate(x.shape[1:], start=1) if other != axis]
        one_hot = x.shape[axis] == 4 and sorted(lengths)[:-1] == [1] * (len(lengths) - 1)
        if one_hot and bool(((x == 0) | (x == 1)).all()) and bool((x.sum(axis) <= 1).all()):
            return axis
    return None


def _table(scores: Scores) -> Tensor:
    if not isinstance(scores.output, Tensor):
        raise OptionError(
            f"the model returns a {type(scores.output).__name__}: say which number is explained with a callable "
            "target, output -> (n,), for instance target=lambda output: output[0][:, 3]"
        )
    return scores.output


def _batches(x: Tensor, size: int) -> Iterator[tuple[int, Tensor]]:
    for first in range(0, len(x), size):
        yield first, x[first : first + size]


def _of_batch(target: Target, first: int, size: int, n: int) -> Target:
    """The part of a per-sequence target that belongs to a batch."""
    if callable(target) or isinstance(target, (str, int)):
        return target
    chosen = torch.as_tensor(target)
    if chosen.shape not in {(), (n,)}:
        raise OptionError(f"target must have one int a sequence, {n}; got shape {tuple(chosen.shape)}")
    return chosen if chosen.ndim == 0 else chosen[first : first + size]


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


def _joined(parts: list[Attribution]) -> Attribution:
    if len(parts) == 1:
        return parts[0]

    def cat(tensors: Iterable[Tensor | None]) -> Tensor | None:
        found = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(found) if found else None

    return Attribution(
        relevance=torch.cat([part.relevance for part in parts]),
        output=torch.cat([part.output for part in parts]),
        target=cat(part.target for part in parts),
        hypothetical=cat(part.hypothetical for part in parts),
        layers={name: torch.cat([part.layers[name] for part in parts]) for name in parts[0].layers},
        pages=tuple(page for part in parts for page in part.pages),
        disagreement=cat(part.disagreement for part in parts),
        explained=parts[0].explained,
    )
