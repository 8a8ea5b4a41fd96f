"""Some samples of a recorded run, perhaps one several times: what another run on them would record."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from genoplrp.lrp.call import Call
from genoplrp.lrp.layout import flat, is_channels_last, unflat


class Taped(Protocol):
    """What a backward walk needs of a tape."""

    @property
    def values(self) -> Sequence[Tensor]:
        """Content of the live tensors."""

    @property
    def calls(self) -> Sequence[Call]:
        """The calls, in order."""


class Selection:
    """Samples (m,) of a tape, where they can be selected (`genoplrp.lrp.samples.selectable_run`)."""

    def __init__(self, tape: Taped, samples: Tensor) -> None:
        self.calls = tape.calls
        self.values = _SelectedValues(tape.values, samples)


class _SelectedValues(Sequence[Tensor]):
    """Rows of tensors (n, ...), put together when they are first read: most are read by no rule."""

    def __init__(self, values: Sequence[Tensor], samples: Tensor) -> None:
        self._values, self._samples = values, samples
        self._made: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: int) -> Tensor:  # type: ignore[override]  # nobody takes a slice of a tape
        if index not in self._made:
            self._made[index] = _chosen(self._values[index], self._samples)
        return self._made[index]


def _chosen(tensor: Tensor, samples: Tensor) -> Tensor:
    """Rows (m, ...) of a tensor (n, ...), which lie in memory as its own do."""
    rows = flat(tensor).index_select(0, samples)
    return unflat(rows, torch.Size((len(samples), *tensor.shape[1:])), last=is_channels_last(tensor))
