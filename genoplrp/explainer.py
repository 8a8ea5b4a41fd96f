"""A model ready to be explained, call after call: what `genoplrp.attribute` makes once, and long jobs keep."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from genoplrp.batch import BatchExplainer, Recorded, table_of
from genoplrp.errors import OptionError
from genoplrp.inputs import batches, check_input, is_dna, samples_at_once
from genoplrp.lrp.borrow import borrowed, where
from genoplrp.lrp.composite import Composite, as_composite
from genoplrp.lrp.forms import CallLog
from genoplrp.lrp.prune import NoPrune, PruneLambda, PruneM, Pruner
from genoplrp.lrp.samples import SampleLayout, SelectableRun, selectable_run
from genoplrp.lrp.target import Target, choose_target, target_of
from genoplrp.lrp.units import Unit, as_units
from genoplrp.memory import keep_freed_memory
from genoplrp.references import References, check_references, references_of
from genoplrp.result import Attribution, joined


class Explainer:
    """``explainer(x, target=...)``: attributions by several pruners, for which the model runs once.

    How the model lays out its samples is found once, and so is what its weights become under the rules, so that many
    small calls cost little more than a large one. The model must not change meanwhile.

    Parameters
    ----------
    model, composite, strands, layers, units, hypothetical, device
        As for `genoplrp.attribute`.
    pruners
        What to prune by; an amount of ``"auto"`` has to be found before (`genoplrp.find_amount`).

    Raises
    ------
    OptionError
        An option out of range.

    Examples
    --------
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(8, 2))
    >>> plain, pruned = Explainer(net, pruners=(NoPrune(), PruneLambda(0.1)))(torch.eye(4)[None, :, :2], target=1)
    >>> plain.relevance.shape
    torch.Size([1, 4, 2])
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        pruners: Sequence[Pruner],
        composite: str | Composite = "genomic",
        strands: Literal["forward", "both"] = "forward",
        layers: Sequence[str] = (),
        units: Sequence[Unit | tuple[str, int | Sequence[int]]] = (),
        hypothetical: bool = False,
        device: torch.device | str | None = None,
    ) -> None:
        if strands not in {"forward", "both"}:
            raise OptionError(f'strands must be "forward" or "both"; got {strands!r}')
        for pruner in pruners:
            check_pruner(pruner)
        layers = (layers,) if isinstance(layers, str) else tuple(layers)
        self._model = borrowed(model, device)
        self._device = device
        self._explain = BatchExplainer(
            self._model, as_composite(composite), tuple(pruners), strands, layers, hypothetical,
            as_units(units),
        )  # fmt: skip
        self._layouts: dict[torch.Size, SampleLayout] = {}
        self._selectable: dict[torch.Size, SelectableRun | None] = {}

    def __call__(
        self,
        x: Tensor,
        *,
        target: Target = "predicted",
        references: References = None,
        seed: int = 0,
        batch_size: int | None = None,
    ) -> list[Attribution]:
        """One attribution a pruner; the arguments are those of `genoplrp.attribute`."""
        check_input(x, batch_size)
        check_references(references, x)
        x = self._as_read(x)
        with _own_precision(x):
            held = 1 + len(self._explain.units)
            size = samples_at_once(self._model, x, batch_size, held=held, known=self._layouts)
            log = self._log(x)
            parts = [
                self._explain(
                    x[rows],
                    target_of(target, torch.arange(rows.start, rows.stop), len(x)),
                    rows.start,
                    None if references is None else references_of(x[rows], references, rows, seed),
                    log,
                )
                for rows in batches(len(x), size)
            ]
        return [joined(list(by_batch)) for by_batch in zip(*parts, strict=True)]

    def run_limit(self, sample: Tensor) -> int:
        """How many samples like this one (1, ...) a `run` may have; 0 where the model's runs cannot be kept."""
        sample = self._as_read(sample)
        shape = sample.shape[1:]
        with _own_precision(sample):
            if shape not in self._selectable:
                self._selectable[shape] = selectable_run(self._model, sample)
            if self._selectable[shape] is None:
                return 0
            held = 2 + len(self._explain.units)  # the run itself, and what is selected of it
            return samples_at_once(self._model, sample, None, variants=True, held=held, known=self._layouts)

    def run(self, x: Tensor) -> "Run | None":
        """The model's run on x (n, ...), to be explained for any number of outputs of each sample.

        None where it cannot be kept: x has one sample (an axis may have been squeezed away) or more than `run_limit`,
        the model does not give one table of scores, or it makes other calls than for the first sample.
        """
        check_input(x)
        x = self._as_read(x)
        most = self.run_limit(x[:1])
        log = self._log(x)
        known = self._selectable[x.shape[1:]]
        if not 1 < len(x) <= most or known is None or log is None or not log.fit:
            return None
        with _own_precision(x):
            strands = self._explain.record(x, log)
        kept = log.fit and all(strand.is_table and known.is_of(strand.tape) for strand in strands)
        return Run(self._explain, strands, min(most, 2 * len(x))) if kept else None

    def _as_read(self, x: Tensor) -> Tensor:
        """x where the model is, in its floating-point type."""
        if self._explain.strands == "both" and not is_dna(x):
            raise OptionError(f'strands="both" needs DNA, (n, 4, l); got shape {tuple(x.shape)}')
        place, dtype = where(self._model)
        kept = x.dtype if x.is_floating_point() else torch.float32
        x = x.to(device=place or self._device, dtype=dtype or kept)
        if x.device.type == "cpu":
            keep_freed_memory()
        return x

    def _log(self, x: Tensor) -> CallLog | None:
        """What the model does with inputs of this shape, as far as that is known."""
        return self._layouts[x.shape[1:]].log if x.shape[1:] in self._layouts else None


class Run:
    """A model's run on n samples, kept to be explained; `Explainer.run` makes one.

    Attributes
    ----------
    scores
        What is explained: the outputs (n, k), before a final softmax or sigmoid; for both strands their mean.

    Examples
    --------
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(8, 2))
    >>> run = Explainer(net, pruners=(NoPrune(),)).run(torch.eye(4)[:, :2].expand(3, 4, 2))
    >>> run.scores.shape
    torch.Size([3, 2])
    >>> (plain,) = run.explain(samples=torch.tensor([0, 0, 2]), target=torch.tensor([0, 1, 1]))
    >>> plain.relevance.shape
    torch.Size([3, 4, 2])
    """

    def __init__(self, explain: BatchExplainer, strands: list[Recorded], at_once: int) -> None:
        self._explain, self._strands, self._at_once = explain, strands, at_once
        self.scores = table_of(strands)

    def explain(self, samples: Tensor, target: Tensor) -> list[Attribution]:
        """One attribution a pruner of samples (m,), numbers from 0, of one output each, ``target`` (m,).

        Raises
        ------
        OptionError
            A sample or an output that the run does not have.
        """
        samples = torch.as_tensor(samples, device=self.scores.device)
        if samples.ndim != 1 or not len(samples) or not ((samples >= 0) & (samples < len(self.scores))).all():
            raise OptionError(f"samples must be numbers in 0..{len(self.scores) - 1}, at least one; got {samples}")
        chosen = choose_target(self.scores[samples], target)
        with _own_precision(self.scores):
            parts = [
                self._explain.explain_samples(self._strands, samples[rows], chosen[rows], rows.start)
                for rows in batches(len(samples), self._at_once)
            ]
        return [joined(list(by_batch)) for by_batch in zip(*parts, strict=True)]


@contextmanager
def _own_precision(x: Tensor) -> Iterator[None]:
    """Context in which a model runs in its own precision: half, where wanted, is the model's affair.

    The adjoints of views and pools come from autograd, which inference mode would not let them have.
    """
    with torch.inference_mode(False), torch.autocast(x.device.type, enabled=False):
        yield


def check_pruner(pruner: Pruner) -> None:
    """Refuse what is no pruner."""
    if not isinstance(pruner, (NoPrune, PruneLambda, PruneM)):
        raise OptionError(f"pruner must be NoPrune(), PruneLambda(p) or PruneM(p); got {pruner!r}")
