"""Which outputs of which windows are explained, and the maps of a whole record put together from its windows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import Scorer, batches
from genoplrp.explainer import Explainer
from genoplrp.lrp import NoPrune
from genoplrp.lrp.prune import Pruner
from genoplrp.sequence import Record, Window, one_hot, stitch


@dataclass(frozen=True)
class Scored:
    """A record of length l and what the network says of its w windows.

    Attributes
    ----------
    index
        Position among the annotated records.
    scores
        (w, m) outputs.
    """

    index: int
    record: Record
    scores: NDArray[np.float32]

    @cached_property
    def best(self) -> NDArray[np.float32]:
        """(m,) largest score of each label over the windows."""
        best: NDArray[np.float32] = self.scores.max(0)
        return best


@dataclass(frozen=True)
class Explanation:
    """One explained output of one record of length l.

    Attributes
    ----------
    label, called
        Index of the output; whether its score exceeds the threshold.
    plrp, lrp
        (l,) signed relevance a base, with and without pruning; 0 outside the explained windows.
    explained
        (l,) bool: the bases that lie in an explained window.
    windows
        The explained windows.
    """

    scored: Scored
    label: int
    called: bool
    plrp: NDArray[np.float32]
    lrp: NDArray[np.float32]
    explained: NDArray[np.bool_]
    windows: tuple[Window, ...]

    @property
    def score(self) -> float:
        """The record's score for the label."""
        return float(self.scored.best[self.label])


@dataclass(frozen=True)
class _Unit:
    """An output to explain and the windows in which that is worth while."""

    scored: Scored
    label: int
    called: bool
    windows: list[Window]


class Mapper:
    """Maps with and without pruning of a network's windows, kept for a whole run.

    Parameters
    ----------
    scorer, options
        The network, and how relevance is propagated.
    pruners
        One map each; by default the run's own, PLRP, and none, LRP.
    """

    def __init__(self, scorer: Scorer, options: Options, pruners: Sequence[Pruner] = ()) -> None:
        self.scorer = scorer
        self._references, self._seed = options.references or None, options.seed
        self._explain = Explainer(
            scorer.model,
            pruners=tuple(pruners) or (options.pruner, NoPrune()),
            composite=options.composite,
            strands=options.strands,
        )

    def maps(self, texts: Sequence[str], targets: Sequence[int]) -> Tensor:
        """Relevance a base of each window, of one output each, (n, pruners, length)."""
        x = self.scorer.to_device(one_hot(texts))  # (n, 4, length)
        found = self._explain(x, target=torch.tensor(targets), references=self._references, seed=self._seed)
        return torch.stack([one.per_base for one in found], 1).detach().float().cpu()


def explain(chunk: Sequence[Scored], mapper: Mapper, thresholds: NDArray[np.float32]) -> Iterator[Explanation]:
    """Explanations of every called label of each record, or of its best label where none is called.

    Of a long record the windows that call the label are explained, or its best window; bases in several of these take
    the value of the window in which they lie furthest from the edge (`genoplrp.sequence.stitch`). One record's maps are
    in memory at a time.
    """
    scorer = mapper.scorer
    units = [unit for scored in chunk for unit in _units(scored, scorer, thresholds)]
    requests = ((unit, window) for unit in units for window in unit.windows)
    waiting: list[Tensor] = []  # (2, length) a window
    queue = iter(units)
    unit = next(queue, None)
    for batch in batches(requests, scorer.batch_size):
        texts = [scorer.letters(unit.scored.record.sequence, window) for unit, window in batch]
        waiting += mapper.maps(texts, [unit.label for unit, _ in batch])
        while unit is not None and len(waiting) >= len(unit.windows):
            yield _assembled(unit, waiting[: len(unit.windows)])
            del waiting[: len(unit.windows)]
            unit = next(queue, None)


def called_labels(best: NDArray[np.float32], thresholds: NDArray[np.float32]) -> tuple[list[int], int]:
    """Labels whose score (m,) exceeds the threshold, best first, and the label with the largest margin.

    Examples
    --------
    >>> called_labels(np.array([1.0, 5.0, 4.0]), np.array([2.0, 3.0, 1.0]))
    ([2, 1], 2)
    """
    margin = best - thresholds
    order = np.argsort(-margin, kind="stable")
    called: list[int] = order[: np.count_nonzero(margin > 0)].tolist()
    return called, int(order[0])


def _units(scored: Scored, scorer: Scorer, thresholds: NDArray[np.float32]) -> Iterator[_Unit]:
    """What of a record is to be explained."""
    windows = scorer.windows(len(scored.record.sequence))
    called, top = called_labels(scored.best, thresholds)
    for label in called:
        chosen = np.flatnonzero(scored.scores[:, label] > thresholds[label])
        yield _Unit(scored, label, True, [windows[i] for i in chosen])
    if not called:
        yield _Unit(scored, top, False, [windows[int(scored.scores[:, top].argmax())]])


def _assembled(unit: _Unit, maps: list[Tensor]) -> Explanation:
    """The record's maps from those of its windows; what stands for padding is cut off."""
    length = len(unit.scored.record.sequence)
    plrp, lrp = stitch(maps, unit.windows, length).numpy()  # (2, l)
    explained = np.zeros(length, dtype=bool)
    for window in unit.windows:
        explained[window.start : window.end] = True
    return Explanation(unit.scored, unit.label, unit.called, plrp, lrp, explained, tuple(unit.windows))
