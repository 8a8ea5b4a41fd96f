"""A model ready to be explained, call after call: what `genoplrp.attribute` makes once, and long jobs keep."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from genoplrp.batch import BatchExplainer
from genoplrp.errors import OptionError
from genoplrp.inputs import batches, check_input, is_dna, samples_at_once
from genoplrp.lrp.borrow import borrowed, where
from genoplrp.lrp.composite import Composite, as_composite
from genoplrp.lrp.prune import NoPrune, PruneLambda, PruneM, Pruner
from genoplrp.lrp.samples import SampleLayout
from genoplrp.lrp.target import Target, target_of
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
        if self._explain.strands == "both" and not is_dna(x):
            raise OptionError(f'strands="both" needs DNA, (n, 4, l); got shape {tuple(x.shape)}')
        place, dtype = where(self._model)
        kept = x.dtype if x.is_floating_point() else torch.float32
        x = x.to(device=place or self._device, dtype=dtype or kept)
        if x.device.type == "cpu":
            keep_freed_memory()
        # The adjoints of views and pools come from autograd; half precision, where wanted, is the model's own.
        with torch.inference_mode(False), torch.autocast(x.device.type, enabled=False):
            size = self._at_once(x, batch_size)
            log = self._layouts[x.shape[1:]].log if x.shape[1:] in self._layouts else None
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

    def _at_once(self, x: Tensor, batch_size: int | None) -> int:
        held = 1 + len(self._explain.units)
        return samples_at_once(self._model, x, batch_size, held=held, known=self._layouts)


def check_pruner(pruner: Pruner) -> None:
    """Refuse what is no pruner."""
    if not isinstance(pruner, (NoPrune, PruneLambda, PruneM)):
        raise OptionError(f"pruner must be NoPrune(), PruneLambda(p) or PruneM(p); got {pruner!r}")
