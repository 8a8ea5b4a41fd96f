"""What `genoplrp.attribute` returns: relevance, what it explains, and the accounts of where the rest went."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd
import torch
from torch import Tensor

from genoplrp.lrp.ledger import Page, ledger_frame
from genoplrp.lrp.prune import Pruner
from genoplrp.lrp.units import Unit, UnitRelevance


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
    units
        What flows through each of the units asked for; of the forward strand.
    disagreement
        For ``strands="both"``: sum |a - b| / sum (|a| + |b|) of the two strands' ``per_base``, (n,), 0 (the same) to 1;
        else None.
    explained
        Which tensor was explained: the model's output, or the input of the softmax or sigmoid at its end.
    pages
        What `ledger` is made of.
    pruner
        How relevance was pruned, with the amount found where p was ``"auto"``; None for methods that do not prune.
    reference_output
        For ``references=``: the mean score of each sequence's references, (n,); else None.
    """

    relevance: Tensor
    output: Tensor
    target: Tensor | None
    hypothetical: Tensor | None
    layers: dict[str, Tensor]
    disagreement: Tensor | None
    explained: str
    pages: tuple[Page, ...] = field(repr=False)
    pruner: Pruner | None = None
    reference_output: Tensor | None = None
    units: dict[Unit, UnitRelevance] = field(default_factory=dict, repr=False)

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
        """sum of relevance / what it explains, (n,): 1 where nothing was absorbed on the way; NaN where that is 0.

        Explained is f(x), or with references f(x) less the mean score of the references.
        """
        total = self.relevance.flatten(1).sum(1)
        explained = self.output if self.reference_output is None else self.output - self.reference_output
        return torch.where(explained == 0, torch.nan, total / explained)


def joined(parts: list[Attribution]) -> Attribution:
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
        units={unit: UnitRelevance.joined([part.units[unit] for part in parts]) for unit in parts[0].units},
        pages=tuple(page for part in parts for page in part.pages),
        disagreement=cat(part.disagreement for part in parts),
        explained=parts[0].explained,
        pruner=parts[0].pruner,
        reference_output=cat(part.reference_output for part in parts),
    )
