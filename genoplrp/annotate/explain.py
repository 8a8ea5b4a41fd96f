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
class Request:
    """An output of a record to explain, and the windows in which that is worth while.

    Attributes
    ----------
    scored, label, called
        The record; index of the output; whether its score exceeds the threshold.
    windows
        Those to explain.
    """

    scored: Scored
    label: int
    called: bool
    windows: tuple[Window, ...]


@dataclass(frozen=True)
class Explanation(Request):
    """One explained output of one record of length l.

    Its maps are put together from those of the windows when they are first asked for: beside the network, in a job.

    Attributes
    ----------
    maps
        Of each window, (2, width): relevance a base with and without pruning.
    """

    maps: Sequence[Tensor]

    @property
    def length(self) -> int:
        """Bases in the record."""
        return len(self.scored.record.sequence)

    @property
    def score(self) -> float:
        """The record's score for the label."""
        return float(self.scored.best[self.label])

    @property
    def plrp(self) -> NDArray[np.float32]:
        """(l,) signed relevance a base with pruning; 0 outside the explained windows."""
        return self._along_the_record[0]

    @property
    def lrp(self) -> NDArray[np.float32]:
        """(l,) the same without pruning."""
        return self._along_the_record[1]

    @cached_property
    def explained(self) -> NDArray[np.bool_]:
        """(l,) the bases that lie in an explained window."""
        inside = np.zeros(self.length, dtype=bool)
        for window in self.windows:
            inside[window.start : window.end] = True
        return inside

    @cached_property
    def _along_the_record(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(l,) with and without pruning; what stands for padding is cut off."""
        plrp, lrp = stitch(self.maps, self.windows, self.length).numpy()
        return plrp, lrp


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


def to_explain(chunk: Sequence[Scored], scorer: Scorer, thresholds: NDArray[np.float32]) -> list[Request]:
    """Every called label of each record, or its best label where none is called.

    Of a long record the windows that call the label are explained, or its best window.
    """
    return [request for scored in chunk for request in _requests(scored, scorer, thresholds)]


def explain(requests: Sequence[Request], mapper: Mapper) -> Iterator[Explanation]:
    """Explanations of what is requested, in its order.

    Bases in several windows take the value of the one in which they lie furthest from the edge
    (`genoplrp.sequence.stitch`). One record's maps are in memory at a time.
    """
    scorer = mapper.scorer
    windows = ((request, window) for request in requests for window in request.windows)
    waiting: list[Tensor] = []  # (2, length) a window
    queue = iter(requests)
    first = next(queue, None)
    for batch in batches(windows, scorer.batch_size):
        texts = [scorer.letters(request.scored.record.sequence, window) for request, window in batch]
        waiting += mapper.maps(texts, [request.label for request, _ in batch])
        while first is not None and len(waiting) >= len(first.windows):
            own = waiting[: len(first.windows)]
            yield Explanation(first.scored, first.label, first.called, first.windows, own)
            del waiting[: len(first.windows)]
            first = next(queue, None)


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


def _requests(scored: Scored, scorer: Scorer, thresholds: NDArray[np.float32]) -> Iterator[Request]:
    """What of a record is to be explained."""
    windows = scorer.windows(len(scored.record.sequence))
    called, top = called_labels(scored.best, thresholds)
    for label in called:
        chosen = np.flatnonzero(scored.scores[:, label] > thresholds[label]).tolist()
        yield Request(scored, label, True, tuple(windows[i] for i in chosen))
    if not called:
        yield Request(scored, top, False, (windows[int(scored.scores[:, top].argmax())],))
