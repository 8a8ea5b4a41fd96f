"""The ledger: what became of the relevance at every layer, per sample.

Columns: ``received`` (relevance that arrived at the call's output), ``passed`` (handed to its inputs), ``absorbed`` =
received - passed (bias, stabiliser, dead neurons, constants), ``pruning_loss`` (the part of absorbed that PLRP-M's
pruning caused; PLRP-lambda loses nothing), ``dropped_positive`` and ``dropped_negative`` (mass dropped from the tensor
that the call reads, both counted positive), ``neurons_before`` and ``neurons_after`` (non-zero entries of that tensor),
``lambda_positive`` and ``lambda_negative``. Columns of pruning are empty where the tensor is not pruned. Summed over
the layers, absorbed is what the explained output and the attributions differ by.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from genoplrp.lrp.ops import Kind
from genoplrp.lrp.plan import Step
from genoplrp.lrp.prune import Cut

COLUMNS = (
    "sample", "strand", "layer", "op", "rule", "received", "passed", "absorbed", "pruning_loss", "dropped_positive",
    "dropped_negative", "neurons_before", "neurons_after", "lambda_positive", "lambda_negative",
)  # fmt: skip


@dataclass(eq=False)
class Ledger:
    """Collects one batch's rows; tensors stay on the device until `frame`."""

    _rows: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    _steps: dict[str, Step] = field(default_factory=dict)

    def enter(self, step: Step, received: Tensor, passed: Tensor) -> None:
        """A step's relevance, (n,) each."""
        row = self._rows.setdefault(step.call.label, {})
        row.update(received=received, passed=passed, absorbed=received - passed)
        self._steps[step.call.label] = step

    def enter_cut(self, step: Step, made: Cut, *, rescaled: bool, loss: Tensor | None = None) -> None:
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

    def frame(self, first_sample: int, strand: str) -> pd.DataFrame:
        """The rows as a table in backward order, a block of samples a layer."""
        blocks = []
        for label, step in self._steps.items():
            row = {name: values.double().cpu().numpy() for name, values in self._rows[label].items()}
            if step.kind in (Kind.VIEW, Kind.ACTIVATION) and not row["absorbed"].any():
                continue  # nothing happens there; a row a layer keeps the table readable
            n = len(row["received"])
            block = pd.DataFrame(
                {
                    "sample": np.arange(first_sample, first_sample + n),
                    "strand": strand,
                    "layer": label,
                    "op": step.call.op,
                    "rule": step.treatment,
                    **{name: row.get(name, np.full(n, np.nan)) for name in COLUMNS[5:]},
                }
            )
            blocks.append(block)
        return pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame(columns=list(COLUMNS))
