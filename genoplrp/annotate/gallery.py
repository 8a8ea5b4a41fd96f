"""The explanations worth drawing: a few of each label while the run goes, the best of the best at its end."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.explain import Explanation
from genoplrp.annotate.hits import Hit
from genoplrp.annotate.truth import Spans

CROP = 120
"""At most this many bases of a record are drawn: more letters than that cannot be read."""


@dataclass(frozen=True)
class Exhibit:
    """A stretch of an explained record, ready to be drawn. Coordinates are 0-based half-open, in the record.

    Attributes
    ----------
    record, label, margin
        Name; what was explained; how far its score lies above the threshold.
    start
        Where the stretch begins.
    letters, lrp, plrp
        The stretch's bases and its two maps.
    spans, hits
        Instances by the truth, and hits, of the whole record.
    """

    record: str
    label: str
    margin: float
    start: int
    letters: str
    lrp: NDArray[np.float32]
    plrp: NDArray[np.float32]
    spans: Spans
    hits: Sequence[Hit]


class Gallery:
    """Keeps the `size` best exhibits of each label by margin; of equal ones the first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: dict[str, list[Exhibit]] = defaultdict(list)

    def wants(self, label: str, margin: float) -> bool:
        """Whether an exhibit with this margin would be kept."""
        kept = self._kept[label]
        return len(kept) < self._size or (self._size > 0 and margin > kept[-1].margin)

    def add(self, exhibit: Exhibit) -> None:
        """Keep an exhibit, if it is among the best of its label."""
        kept = self._kept[exhibit.label]
        kept.append(exhibit)
        kept.sort(key=lambda other: -other.margin)
        del kept[self._size :]

    def best(self, labels: Sequence[str]) -> list[Exhibit]:
        """`size` exhibits: the best of each of `labels` in turn, then the second best of each, and so on."""
        rounds = zip_longest(*(self._kept.get(label, []) for label in labels))
        return [exhibit for turn in rounds for exhibit in turn if exhibit is not None][: self._size]


def exhibit_of(
    explanation: Explanation,
    *,
    label: str,
    threshold: float,
    spans: Spans | None,
    hits: Sequence[Hit],
) -> Exhibit:
    """The stretch of a record around its best hits (or its highest relevance), at most `CROP` bases."""
    record = explanation.scored.record
    length = len(record.sequence)
    start = min(max(0, _middle(explanation, hits) - CROP // 2), max(0, length - CROP))
    piece = slice(start, start + CROP)
    return Exhibit(
        record=record.name,
        label=label,
        margin=explanation.score - threshold,
        start=start,
        letters=record.sequence[piece],
        lrp=explanation.lrp[piece].copy(),
        plrp=explanation.plrp[piece].copy(),
        spans=spans or [],
        hits=tuple(hits),
    )


def _middle(explanation: Explanation, hits: Sequence[Hit]) -> int:
    """Middle of the best hit and of as many of the next ones as can be drawn with it."""
    if not hits:
        return int(explanation.plrp.argmax())
    start, end = hits[0].start, hits[0].end
    for hit in hits[1:]:
        if max(end, hit.end) - min(start, hit.start) <= CROP:
            start, end = min(start, hit.start), max(end, hit.end)
    return (start + end) // 2
