"""How much relevance flows through each unit of a layer: a filter, a channel or a neuron."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genoplrp.discover.maps import Place

FOLLOWED = 8
"""Units of a layer that are followed one by one, at most; one more where it is the only one left."""

CARRIED = 0.9
"""Share of a layer's relevance that is enough to be followed one by one."""


@dataclass(frozen=True, eq=False)
class Carried:
    """What flows through the units of a layer, (units,) each: relevance for the label, against it, and in how many
    records any."""

    positive: NDArray[np.float64]
    negative: NDArray[np.float64]
    sequences: NDArray[np.int64]

    @property
    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the relevance for, and of that against the label that passes the layer; each adds up to 1, or is 0."""
        return self.positive / (self.positive.sum() or 1), self.negative / (self.negative.sum() or 1)

    def followed(self) -> list[int]:
        """The units that carry most, of either sign, in falling order."""
        amount = self.positive + self.negative
        order = np.argsort(-amount, kind="stable")
        enough = int(np.searchsorted(np.cumsum(amount[order]), CARRIED * amount.sum())) + 1
        return [k for k in order[: min(enough, FOLLOWED)].tolist() if amount[k] > 0]


class Account:
    """Adds up what each of several units carries, window by window; a record's windows follow each other.

    Examples
    --------
    >>> from genoplrp.sequence import Window
    >>> account = Account(2)
    >>> relevance = np.array([[[0.5], [0.0]], [[0.25], [-0.5]]], np.float32)
    >>> account.add([(0, Window(0, 8)), (0, Window(4, 12))], relevance)
    >>> account.carried.positive.tolist(), account.carried.negative.tolist(), account.carried.sequences.tolist()
    ([0.75, 0.0], [0.0, 0.5], [1, 1])
    """

    def __init__(self, units: int) -> None:
        self.carried = Carried(np.zeros(units), np.zeros(units), np.zeros(units, np.int64))
        self._record, self._seen = -1, np.zeros(units, bool)

    def add(self, places: Sequence[Place], relevance: NDArray[np.float32]) -> None:
        """Add windows and what the units carry there, (n, units, places in the layer)."""
        self.carried.positive[:] += np.maximum(relevance, 0).sum((0, 2), dtype=np.float64)
        self.carried.negative[:] += np.maximum(-relevance, 0).sum((0, 2), dtype=np.float64)
        active = np.asarray(relevance.any(axis=2))
        for (record, _), own in zip(places, active, strict=True):
            if record != self._record:
                self._record, self._seen = record, np.zeros_like(self._seen)
            self.carried.sequences[:] += own & ~self._seen
            self._seen = self._seen | own
