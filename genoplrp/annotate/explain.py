"""Which outputs of which windows are explained, and the maps of a whole record put together from its windows."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.annotate.background import Crew
from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import Scorer, batches
from genoplrp.explainer import Explainer
from genoplrp.lrp import NoPrune
from genoplrp.lrp.prune import Pruner
from genoplrp.sequence import Record, Window, one_hot, stitch, tile


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

    Its maps are put together from those of the windows when they are first asked for.

    Attributes
    ----------
    maps
        (windows, 2, width) relevance a base with and without pruning.
    """

    maps: NDArray[np.float32]

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
        plrp, lrp = stitch(torch.from_numpy(self.maps), self.windows, self.length).numpy()
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


def to_explain(chunk: Iterable[Scored], width: int, thresholds: NDArray[np.float32]) -> list[Request]:
    """Every called label of each record, or its best label where none is called.

    Of a long record the windows of `width` bases that call the label are explained, or its best window.
    """
    return [request for scored in chunk for request in _requests(scored, width, thresholds)]


def window_maps(requests: Iterable[Request], mapper: Mapper, crew: Crew) -> Iterator[NDArray[np.float32]]:
    """Maps (n, 2, width) with and without pruning of the windows that are requested, in order, a batch at a time.

    Several batches are explained at once, if the crew has several threads.
    """
    scorer = mapper.scorer

    def explained(batch: Sequence[tuple[Request, Window]], _: object) -> NDArray[np.float32]:
        texts = [scorer.letters(request.scored.record.sequence, window) for request, window in batch]
        maps: NDArray[np.float32] = mapper.maps(texts, [request.label for request, _ in batch]).numpy()
        return maps

    windows = ((request, window) for request in requests for window in request.windows)
    return (maps for _, maps in crew.ahead(explained, batches(windows, scorer.batch_size)))


class Assembly:
    """Puts explanations together from the maps of their windows, which come in the order of `requests`.

    Bases in several windows take the value of the one in which they lie furthest from the edge
    (`genoplrp.sequence.stitch`). Maps are held until their explanation is whole.
    """

    def __init__(self, requests: Iterable[Request]) -> None:
        self._requests = deque(requests)
        self._waiting: deque[NDArray[np.float32]] = deque()  # (2, width) a window

    def add(self, maps: NDArray[np.float32]) -> list[Explanation]:
        """The explanations that are whole with the next windows' maps (n, 2, width)."""
        self._waiting.extend(maps)
        found = []
        while self._requests and len(self._waiting) >= len(self._requests[0].windows):
            request = self._requests.popleft()
            own = np.stack([self._waiting.popleft() for _ in request.windows])
            found.append(Explanation(request.scored, request.label, request.called, request.windows, own))
        return found


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


def _requests(scored: Scored, width: int, thresholds: NDArray[np.float32]) -> Iterator[Request]:
    """What of a record is to be explained."""
    windows = tile(len(scored.record.sequence), width)
    called, top = called_labels(scored.best, thresholds)
    for label in called:
        chosen = np.flatnonzero(scored.scores[:, label] > thresholds[label]).tolist()
        yield Request(scored, label, True, tuple(windows[i] for i in chosen))
    if not called:
        yield Request(scored, top, False, (windows[int(scored.scores[:, top].argmax())],))
