"""The records that the page shows: the best ones, gathered while the run goes, in memory that does not grow with it.

Kept are the records with the highest score above the threshold of any label, and besides these a few of the best of
every label, so that a label of low scores has its examples too. Coordinates are 0-based half-open, in the record.
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.explain import Explanation, Scored
from genoplrp.annotate.hits import Hit
from genoplrp.annotate.truth import Spans
from genoplrp.sequence import Window, place
from genoplrp.show.page import Span

STRETCH = 10_000
"""At most this many bases of a record are shown: those around its best hit."""


@dataclass(frozen=True)
class Shown:
    """One explained output of a record, cut to the stretch of l bases that is shown.

    Attributes
    ----------
    label, called
        Index of the output; whether its score exceeds the threshold.
    hits
        Those inside the stretch, in coordinates of the record, the best first.
    windows, texts
        The explained windows that reach into the stretch, and what the network read in each.
    truth
        True instances inside the stretch; None where nothing is known of them.
    plrp, lrp
        (l,) the run's own maps; None where they are still to be made.
    """

    label: int
    called: bool
    hits: tuple[Span, ...]
    windows: tuple[Window, ...]
    texts: tuple[str, ...]
    truth: tuple[tuple[int, int], ...] | None = None
    plrp: NDArray[np.float32] | None = None
    lrp: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Entry:
    """A record on show, and the stretch of it that is shown.

    Attributes
    ----------
    index, name, length, scores
        Of the whole record; `scores` has shape (m,).
    start, letters
        The stretch.
    margin
        How far a score of the record exceeds its threshold at most.
    shown
        What was explained of it, the best label first.
    """

    index: int
    name: str
    start: int
    letters: str
    length: int
    scores: NDArray[np.float32]
    margin: float
    shown: list[Shown] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Where the stretch ends."""
        return self.start + len(self.letters)

    def inside(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """Spans that lie in the stretch."""
        return tuple(span for span in spans if self.start <= span.start and span.end <= self.end)

    def reached(self, windows: Sequence[Window]) -> tuple[Window, ...]:
        """Windows that reach into the stretch."""
        return tuple(window for window in windows if window.start < self.end and self.start < window.end)


def entry_around(scored: Scored, middle: int, margin: float) -> Entry:
    """A record with nothing explained of it yet; a long one is cut around base `middle`."""
    sequence = scored.record.sequence
    start = min(max(0, middle - STRETCH // 2), max(0, len(sequence) - STRETCH))
    letters = sequence[start : start + STRETCH]
    return Entry(scored.index, scored.record.name, start, letters, len(sequence), scored.best, margin)


class Showcase:
    """Keeps the `size` best records and, of each of the m labels, the best `size` / 2m (at least one).

    Parameters
    ----------
    size
        How many records are shown in the end; 0 for none.
    thresholds
        (m,) a record is the better, the further a score lies above its label's threshold.
    labels, width
        Their names, and the bases that the network reads.
    """

    def __init__(self, size: int, thresholds: NDArray[np.float32], labels: Sequence[str], width: int) -> None:
        self._size, self._thresholds, self._labels, self._width = size, thresholds, labels, width
        self._entry: Entry | None = None  # the record whose explanations are coming, if it may be shown
        self._current = -1  # index of the record whose explanations are coming
        self._kept: dict[int, Entry] = {}
        self._uses: Counter[int] = Counter()
        self._best: list[tuple[float, int]] = []  # heaps of (margin, -index): of equal records the first stays
        self._by_label: list[list[tuple[float, int]]] = [[] for _ in thresholds]
        self._each = max(1, size // (2 * max(1, len(thresholds))))  # records that a label keeps for itself

    def add(
        self, explanations: Sequence[Explanation], spans: Sequence[Spans | None], hits: Sequence[Sequence[Hit]]
    ) -> None:
        """Add explanations, at least one; those of one record come together, the best label first."""
        if not self._size:
            return
        margins = np.stack([one.scored.best for one in explanations]) - self._thresholds
        promising = self._have_place(margins).tolist()  # fewer and fewer: what is kept only gets better
        for row, one in enumerate(explanations):
            if one.scored.index != self._current:
                self._settle()
                self._current = one.scored.index
                if promising[row] and self._have_place(margins[row : row + 1])[0]:
                    middle = (hits[row][0].start + hits[row][0].end) // 2 if hits[row] else int(one.plrp.argmax())
                    self._entry = entry_around(one.scored, middle, float(margins[row].max()))
            if self._entry is not None:
                shown = self._cut(one, self._entry, spans[row], hits[row])
                if shown.windows:
                    self._entry.shown.append(shown)

    def _have_place(self, margins: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which records with margins (n, m) are good enough for a heap, so that cutting them out is worth while."""
        least = self._best[0][0] if len(self._best) == self._size else -np.inf
        each = [heap[0][0] if len(heap) == self._each else 0.0 for heap in self._by_label]
        return np.asarray((margins > np.minimum(each, least).astype(np.float32)).any(axis=1))

    def chosen(self) -> list[Entry]:
        """At most `size` records, the best first."""
        self._settle()
        reserved = {-index for heap in self._by_label for _, index in heap}
        order = sorted(self._kept.values(), key=lambda entry: (entry.index not in reserved, -entry.margin, entry.index))
        return sorted(order[: self._size], key=lambda entry: (-entry.margin, entry.index))

    def _settle(self) -> None:
        """Offer the record whose explanations have all come."""
        entry, self._entry, self._current = self._entry, None, -1
        if entry is not None:
            self.offer(entry)

    def offer(self, entry: Entry) -> None:
        """Keep a record, if something is explained of it and it is good enough, and let go what it pushes out."""
        if not entry.shown or not self._size:
            return
        self._kept[entry.index] = entry
        self._uses[entry.index] += 1  # so that it is not let go before it has been in every heap
        self._push(self._best, entry.margin, entry.index, self._size)
        for shown in entry.shown:
            if shown.called:
                margin = float(entry.scores[shown.label] - self._thresholds[shown.label])
                self._push(self._by_label[shown.label], margin, entry.index, self._each)
        self._release(entry.index)

    def _push(self, heap: list[tuple[float, int]], margin: float, index: int, size: int) -> None:
        self._uses[index] += 1
        heapq.heappush(heap, (margin, -index))
        if len(heap) > size:
            self._release(-heapq.heappop(heap)[1])

    def _release(self, index: int) -> None:
        self._uses[index] -= 1
        if not self._uses[index]:
            del self._uses[index], self._kept[index]

    def _cut(self, explanation: Explanation, entry: Entry, spans: Spans | None, hits: Sequence[Hit]) -> Shown:
        """The part of an explanation that lies in the stretch."""
        sequence, start, end = explanation.scored.record.sequence, entry.start, entry.end
        label = self._labels[explanation.label]
        windows = entry.reached(explanation.windows)
        inside = [(a, b) for a, b in spans or [] if start <= a and b <= end and explanation.explained[a:b].all()]
        return Shown(
            label=explanation.label,
            called=explanation.called,
            hits=entry.inside([Span(hit.start, hit.end, label, hit.strand, hit.share) for hit in hits]),
            windows=windows,
            texts=tuple(place(sequence, window, self._width) for window in windows),
            truth=None if spans is None else tuple(inside),
            plrp=explanation.plrp[start:end].copy(),
            lrp=explanation.lrp[start:end].copy(),
        )
