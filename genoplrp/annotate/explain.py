"""Which outputs of which windows are explained, and the maps of a whole record put together from its windows."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, compress
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.annotate.background import Crew
from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import Scorer, batches
from genoplrp.explainer import Explainer, Run
from genoplrp.lrp import NoPrune
from genoplrp.lrp.composite import Composite, as_composite
from genoplrp.lrp.prune import Pruner
from genoplrp.result import Attribution
from genoplrp.sequence import Record, Window, one_hot, stitch, tile

K = TypeVar("K", bound=Hashable)


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

    Attributes
    ----------
    maps
        (2, l) signed relevance a base with and without pruning; 0 outside the explained windows.
    explained
        (l,) the bases that lie in an explained window.
    """

    maps: NDArray[np.float32]
    explained: NDArray[np.bool_]

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
        """(l,) relevance with pruning."""
        plrp: NDArray[np.float32] = self.maps[0]
        return plrp

    @property
    def lrp(self) -> NDArray[np.float32]:
        """(l,) relevance without pruning."""
        lrp: NDArray[np.float32] = self.maps[1]
        return lrp


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
        self._rules_are_ours = _are_ours(as_composite(options.composite))
        self._explain = Explainer(
            scorer.model,
            pruners=tuple(pruners) or (options.pruner, NoPrune()),
            composite=options.composite,
            strands=options.strands,
        )

    @property
    def threads_may_share(self) -> bool:
        """Whether several threads may explain at once: neither the network nor a rule is anybody else's code."""
        return self.scorer.threads_may_share and self._rules_are_ours

    @cached_property
    def run_limit(self) -> int:
        """Windows of which a run is kept at most: a batch, or fewer; 0 where each explanation takes a run of its own.

        That is so from references, and where the engine cannot keep the network's runs.
        """
        letters = np.random.default_rng(0).choice(list("ACGT"), self.scorer.spec.length)
        most = 0 if self._references else self._explain.run_limit(one_hot("".join(letters)))
        return min(self.scorer.batch_size, most)

    def run(self, texts: Sequence[str]) -> Run | None:
        """The network's run on these windows, to be explained; None where it cannot be kept."""
        if not self.run_limit:
            return None
        x = self.scorer.to_device(one_hot(texts))
        with self.scorer.running_on(x):
            return self._explain.run(x)

    def maps(self, texts: Sequence[str], targets: Sequence[int]) -> Tensor:
        """Relevance a base of each window, of one output each, (n, pruners, length)."""
        x = self.scorer.to_device(one_hot(texts))  # (n, 4, length)
        return per_base(self._explain(x, target=torch.tensor(targets), references=self._references, seed=self._seed))


def per_base(found: Sequence[Attribution]) -> Tensor:
    """Relevance a base, (n, pruners, length), of what was explained by several pruners."""
    return torch.stack([one.per_base for one in found], 1).detach().float().cpu()


def to_explain(chunk: Sequence[Scored], width: int, thresholds: NDArray[np.float32]) -> list[Request]:
    """Every called label of each record, the best first, or its best label where none is called.

    A label is called where its score exceeds the threshold, and the better, the further. Of a long record the windows
    of `width` bases that call the label are explained, or its best window.
    """
    tiles = {length: tile(length, width) for length in {len(scored.record.sequence) for scored in chunk}}
    chosen = list(_chosen(chunk, thresholds))
    found: dict[int, Request] = {}
    for own in alike(len(scored.scores) for scored, *_ in chosen).values():
        scores = np.stack([scored.scores[:, label] for scored, label, _ in (chosen[k] for k in own)])  # (k, w)
        above = scores > thresholds[np.array([chosen[k][1] for k in own])][:, None]
        best = np.arange(scores.shape[1]) == scores.argmax(axis=1)[:, None]
        explained = np.where(above.any(axis=1, keepdims=True), above, best)
        for k, inside in zip(own, explained, strict=True):
            scored, label, called = chosen[k]
            windows = tuple(compress(tiles[len(scored.record.sequence)], inside.tolist()))
            found[k] = Request(scored, label, called, windows)
    return [found[k] for k in range(len(chosen))]


def window_maps(requests: Iterable[Request], mapper: Mapper, crew: Crew) -> Iterator[NDArray[np.float32]]:
    """Maps (n, 2, width) with and without pruning of the windows that are requested, in order, a batch at a time.

    Several batches are explained at once, if the crew has several threads.
    """
    scorer = mapper.scorer

    def explained(batch: Sequence[tuple[Request, Window]]) -> NDArray[np.float32]:
        texts = [scorer.letters(request.scored.record.sequence, window) for request, window in batch]
        maps: NDArray[np.float32] = mapper.maps(texts, [request.label for request, _ in batch]).numpy()
        return maps

    windows = ((request, window) for request in requests for window in request.windows)
    return crew.map(explained, batches(windows, scorer.batch_size))


def _are_ours(composite: Composite) -> bool:
    """Whether all rules are this package's."""
    rules = composite.conv, composite.dense, composite.first, composite.conv_from_references, *composite.layers.values()
    known = all(rule is None or type(rule).__module__.startswith("genoplrp.") for rule in rules)
    return known and not any(callable(rule) for rule in composite.ops.values())


class Assembly:
    """Puts explanations together from the maps of their windows, which come in the order of `requests`.

    Bases in several windows take the value of the one in which they lie furthest from the edge
    (`genoplrp.sequence.stitch`). Maps are held until their explanation is whole.
    """

    def __init__(self, requests: Iterable[Request]) -> None:
        self._requests = list(requests)
        self._ends = list(accumulate(len(request.windows) for request in self._requests))  # of each one's windows
        self._first = self._taken = 0  # of the requests not yet whole; windows of those that are
        self._waiting: list[NDArray[np.float32]] = []  # (n, 2, width) each

    def add(self, maps: NDArray[np.float32]) -> list[Explanation]:
        """The explanations that are whole with the next windows' maps (n, 2, width)."""
        self._waiting.append(maps)
        whole = bisect_right(self._ends, self._taken + sum(map(len, self._waiting)), lo=self._first)
        if whole == self._first:
            return []
        rows = np.concatenate(self._waiting)
        starts = [0, *(end - self._taken for end in self._ends[self._first : whole])]
        found = _explanations(self._requests[self._first : whole], rows, np.array(starts[:-1]))
        self._waiting, self._taken, self._first = [rows[starts[-1] :]], self._ends[whole - 1], whole
        return found


def alike(keys: Iterable[K]) -> dict[K, list[int]]:
    """Places of each key, in order.

    Examples
    --------
    >>> alike("abca")
    {'a': [0, 3], 'b': [1], 'c': [2]}
    """
    places: dict[K, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        places[key].append(place)
    return dict(places)


def _chosen(chunk: Sequence[Scored], thresholds: NDArray[np.float32]) -> Iterator[tuple[Scored, int, bool]]:
    """Each record with each label that is to be explained of it, and whether that is called."""
    starts = [0, *accumulate(len(scored.scores) for scored in chunk)][:-1]
    rows = np.concatenate([np.empty((0, len(thresholds)), np.float32), *(scored.scores for scored in chunk)])
    margins = np.maximum.reduceat(rows, starts) - thresholds if chunk else rows
    order = np.argsort(-margins, axis=1, kind="stable")
    for scored, labels, calls in zip(chunk, order, np.count_nonzero(margins > 0, axis=1).tolist(), strict=True):
        for label in labels[: max(calls, 1)].tolist():
            yield scored, label, calls > 0


def _explanations(
    requests: Sequence[Request], rows: NDArray[np.float32], starts: NDArray[np.int64]
) -> list[Explanation]:
    """Explanations from maps (n, 2, width) of their windows, those of each request from its start on."""
    found: dict[int, Explanation] = {}
    for (windows, length), own in alike((one.windows, len(one.scored.record.sequence)) for one in requests).items():
        held = rows[starts[own] + np.arange(len(windows))[:, None]]  # (windows, k, 2, width)
        maps = stitch(torch.from_numpy(held), windows, length).numpy()
        explained = np.zeros(length, dtype=bool)
        for window in windows:
            explained[window.start : window.end] = True
        for k, along in zip(own, maps, strict=True):
            one = requests[k]
            found[k] = Explanation(one.scored, one.label, one.called, one.windows, along, explained)
    return [found[k] for k in range(len(requests))]
