"""The ledger: what became of the relevance at every layer, per sample.

Columns: ``received`` (relevance that arrived at the call's output), ``passed`` (handed to its inputs), ``absorbed`` =
received - passed (bias, stabiliser, dead neurons, constants), ``pruning_loss`` (the part of absorbed that PLRP-M's
pruning caused; PLRP-lambda loses nothing), ``dropped_positive`` and ``dropped_negative`` (mass dropped from the tensor
that the call reads, both counted positive), ``neurons_before`` and ``neurons_after`` (non-zero entries of that tensor),
``lambda_positive`` and ``lambda_negative``. Columns of pruning are empty where the tensor is not pruned. Summed over
the layers, absorbed is what the explained output and the attributions differ by.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from genoplrp.lrp.ops import Kind
from genoplrp.lrp.plan import Step
from genoplrp.lrp.prune import Tally

COLUMNS = (
    "sample", "strand", "layer", "op", "rule", "received", "passed", "absorbed", "pruning_loss", "dropped_positive",
    "dropped_negative", "neurons_before", "neurons_after", "lambda_positive", "lambda_negative",
)  # fmt: skip


_ROUNDING = 1e-6
"""Share of what a view received up to which what it seems to absorb is rounding."""
_ABSENT = "(absent bases)"  # no layer's name: a module may well be called "input"


@dataclass(frozen=True)
class _Entry:
    """What a row says of its call."""

    op: str
    rule: str
    quiet: bool  # views and activations: a row only where they absorb something


@dataclass(eq=False)
class Ledger:
    """Collects one batch's rows; a table is made of them only when somebody looks."""

    _rows: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    _entries: dict[str, _Entry] = field(default_factory=dict)

    def enter(self, step: Step, received: Tensor, passed: Tensor) -> None:
        """A step's relevance, (n,) each."""
        row = self._rows.setdefault(step.call.label, {})
        row.update(received=received, passed=passed, absorbed=received - passed)
        quiet = step.kind in (Kind.VIEW, Kind.ACTIVATION)
        self._entries[step.call.label] = _Entry(step.call.op, step.treatment, quiet)

    def enter_cut(self, step: Step, made: Tally, *, rescaled: bool, loss: Tensor | None = None) -> None:
        """What pruning did to the tensor that this step reads."""
        row = self._rows.setdefault(step.call.label, {})
        row.update(
            dropped_positive=made.dropped[0],
            dropped_negative=made.dropped[1],
            neurons_before=made.before,
            neurons_after=made.after,
            pruning_loss=torch.zeros_like(made.dropped[0]) if loss is None else loss,
        )
        if rescaled:
            row.update(lambda_positive=made.scale[0], lambda_negative=made.scale[1])

    def enter_absent(self, received: Tensor, kept: Tensor) -> None:
        """What reached positions that hold no base, (n,) each before and after it was taken away."""
        self._rows[_ABSENT] = {"received": received, "passed": kept, "absorbed": received - kept}
        self._entries[_ABSENT] = _Entry("absent bases", "no relevance", quiet=True)

    @classmethod
    def mean(cls, ledgers: Sequence["Ledger"]) -> "Ledger":
        """The mean row by row of ledgers of the same steps: of a sequence measured from several references."""
        first = ledgers[0]
        rows = {
            label: {name: torch.stack([one._rows[label][name].double() for one in ledgers]).mean(0) for name in row}
            for label, row in first._rows.items()
        }
        return cls(rows, dict(first._entries))

    def columns(self, first_sample: int, strand: str) -> dict[str, np.ndarray]:
        """The rows as columns, in backward order, a block of samples a layer."""
        blocks = [self._block(label, entry, first_sample, strand) for label, entry in self._entries.items()]
        blocks = [block for block in blocks if block]
        return {name: np.concatenate([block[name] for block in blocks]) for name in COLUMNS} if blocks else {}

    def _block(self, label: str, entry: _Entry, first_sample: int, strand: str) -> dict[str, np.ndarray]:
        row = {name: values.double().cpu().numpy() for name, values in self._rows[label].items()}
        if entry.quiet and not (np.abs(row["absorbed"]) > _ROUNDING * np.abs(row["received"])).any():
            return {}
        n = len(row["received"])
        texts = {"strand": strand, "layer": label, "op": entry.op, "rule": entry.rule}
        return {
            "sample": np.arange(first_sample, first_sample + n),
            **{name: np.full(n, text, dtype=object) for name, text in texts.items()},
            **{name: row.get(name, np.full(n, np.nan)) for name in COLUMNS[5:]},
        }


@dataclass(frozen=True)
class Page:
    """One batch's ledger, with the number of its first sample and its strand."""

    ledger: Ledger
    first_sample: int
    strand: str


def ledger_frame(pages: Sequence[Page]) -> pd.DataFrame:
    """The table of all batches."""
    parts = [part for page in pages if (part := page.ledger.columns(page.first_sample, page.strand))]
    columns: dict[str, Any] = {
        name: np.concatenate([part[name] for part in parts]) if parts else [] for name in COLUMNS
    }
    return pd.DataFrame(columns)
