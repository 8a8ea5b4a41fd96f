"""The explanations worth drawing: a few of each label while the run goes, the best of the best at its end."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.explain import Explanation
from genoplrp.annotate.hits import Hit
from genoplrp.annotate.quality import Quality
from genoplrp.annotate.truth import Spans

CROP = 120
"""At most this many bases of a record are drawn: more letters than that cannot be read."""


@dataclass(frozen=True)
class Exhibit:
    """A stretch of an explained record, ready to be drawn. Coordinates are 0-based half-open, in the record.

    Attributes
    ----------
    record, label, score, margin
        Name; what was explained; the score and how far it lies above the threshold.
    start, length
        Where the stretch begins, and the length of the whole record.
    letters, lrp, plrp
        The stretch's bases and its two maps.
    spans, hits
        Instances by the truth, and hits, of the whole record.
    qualities
        Metrics of the whole record by method.
    """

    record: str
    label: str
    score: float
    margin: float
    start: int
    length: int
    letters: str
    lrp: NDArray[np.float32]
    plrp: NDArray[np.float32]
    spans: Spans
    hits: Sequence[Hit]
    qualities: dict[str, Quality]

    @property
    def focus(self) -> float:
        """Where in the stretch the best hit (or the highest relevance) lies, 0 at its start to 1 at its end."""
        best = (self.hits[0].start + self.hits[0].end) / 2 - self.start if self.hits else int(self.plrp.argmax())
        return best / len(self.letters)


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
    qualities: dict[str, Quality],
) -> Exhibit:
    """The stretch of a record around its best hits (or its highest relevance), at most `CROP` bases."""
    record = explanation.scored.record
    length = len(record.sequence)
    start = min(max(0, _middle(explanation, hits) - CROP // 2), max(0, length - CROP))
    piece = slice(start, start + CROP)
    return Exhibit(
        record=record.name,
        label=label,
        score=explanation.score,
        margin=explanation.score - threshold,
        start=start,
        length=length,
        letters=record.sequence[piece],
        lrp=explanation.lrp[piece].copy(),
        plrp=explanation.plrp[piece].copy(),
        spans=spans or [],
        hits=tuple(hits),
        qualities=qualities,
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
