"""What discovery works on: for one label, windows of the records, explained, and the same windows shuffled."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import Scorer
from genoplrp.explainer import Explainer
from genoplrp.lrp import Unit
from genoplrp.result import Attribution
from genoplrp.sequence import Window, one_hot
from genoplrp.sequence.references import shuffled_references

T = TypeVar("T")

NULL_WINDOWS = 500
"""At least so many shuffled windows stand behind a false discovery rate."""

_AT_ONCE = 512

Place = tuple[int, Window]
"""Index of a record, and a window of it."""


@dataclass(frozen=True, eq=False)
class Maps:
    """n windows of the network's length l, explained for one label, and k shuffled ones.

    Attributes
    ----------
    label
        The output.
    x
        (n, 4, l) uint8, one-hot; zeros where a record is shorter than the network's input.
    relevance
        (n, l) signed relevance a base.
    hypothetical
        (n, 4, l) what each of the four bases would receive.
    null_x, null
        (k, 4, l) and (k, l): dinucleotide shuffles of the same windows, and their relevance for the same output.
    """

    label: str
    x: NDArray[np.uint8] = field(repr=False)
    relevance: NDArray[np.float32] = field(repr=False)
    hypothetical: NDArray[np.float32] = field(repr=False)
    null_x: NDArray[np.uint8] = field(repr=False)
    null: NDArray[np.float32] = field(repr=False)

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class WindowExplainer:
    """A network, the records, and how relevance is propagated; what engines it needs are kept for the whole run."""

    scorer: Scorer
    sequences: Sequence[str] = field(repr=False)
    options: Options
    _engines: dict[tuple[bool, tuple[str, ...], tuple[Unit, ...]], Explainer] = field(
        default_factory=dict, init=False, repr=False
    )

    def maps(self, label: int, places: Sequence[Place]) -> Maps:
        """Windows explained for an output, with their null."""
        x = self._letters(places)
        explained = self._attribute(label, x, hypothetical=True)
        assert explained.hypothetical is not None  # asked for
        rounds = -(-NULL_WINDOWS // len(x))
        null_x = shuffled_references(x, rounds, seed=self.options.seed + 1).flatten(0, 1)
        null = self._attribute(label, null_x)
        return Maps(
            self.scorer.spec.labels[label],
            _bases(x),
            as_floats(explained.per_base),
            as_floats(explained.hypothetical),
            _bases(null_x),
            as_floats(null.per_base),
        )

    def relevance(
        self, label: int, places: Sequence[Place]
    ) -> Iterator[tuple[Sequence[Place], NDArray[np.uint8], NDArray[np.float32]]]:
        """Part by part: places, their bases (n, 4, l) and their relevance (n, l)."""
        for first in range(0, len(places), _AT_ONCE):
            part = places[first : first + _AT_ONCE]
            x = self._letters(part)
            yield part, _bases(x), as_floats(self._attribute(label, x).per_base)

    def layers(
        self, label: int, places: Sequence[Place], names: tuple[str, ...]
    ) -> Iterator[tuple[Sequence[Place], NDArray[np.uint8], Mapping[str, NDArray[np.float32]]]]:
        """Part by part: places, their bases (n, 4, l), and the relevance of layers' outputs (n, ...), by name."""
        for first in range(0, len(places), _AT_ONCE):
            part = places[first : first + _AT_ONCE]
            x = self._letters(part)
            found = self._attribute(label, x, layers=names)
            yield part, _bases(x), {name: as_floats(found.layers[name]) for name in names}

    def follow(
        self, label: int, places: Sequence[Place], names: tuple[str, ...], units: tuple[Unit, ...]
    ) -> tuple[NDArray[np.uint8], Attribution]:
        """Bases of places (n, 4, l), and an attribution that follows units through layers."""
        x = self._letters(places)
        return _bases(x), self._attribute(label, x, hypothetical=True, layers=names, units=units)

    def _letters(self, places: Sequence[Place]) -> Tensor:
        return one_hot([self.scorer.letters(self.sequences[record], window) for record, window in places])

    def _attribute(
        self,
        label: int,
        x: Tensor,
        *,
        hypothetical: bool = False,
        layers: tuple[str, ...] = (),
        units: tuple[Unit, ...] = (),
    ) -> Attribution:
        options, key = self.options, (hypothetical, layers, units)
        engine = self._engines.get(key)
        if engine is None:
            for other in [other for other in self._engines if units and other[2]]:
                del self._engines[other]  # another output's units, which are done with
            engine = self._engines[key] = Explainer(
                self.scorer.model,
                pruners=(options.pruner,),
                composite=options.composite,
                strands=options.strands,
                hypothetical=hypothetical,
                layers=layers,
                units=units,
            )
        return engine(
            self.scorer.to_device(x),
            target=label,
            references=options.references or None,
            seed=options.seed,
            batch_size=options.batch_size,
        )[0]


def spread(places: Sequence[T], most: int) -> tuple[list[T], list[T]]:
    """At most `most` of the places (or of what stands for them), evenly spread over all, and the rest.

    Examples
    --------
    >>> places = [(i, Window(0, 9)) for i in range(5)]
    >>> [[place[0] for place in part] for part in spread(places, 3)]
    [[0, 2, 4], [1, 3]]
    """
    if len(places) <= most:
        return list(places), []
    chosen = set(np.linspace(0, len(places) - 1, most).round().astype(int).tolist())
    return [places[i] for i in sorted(chosen)], [place for i, place in enumerate(places) if i not in chosen]


class Owners:
    """Which of several windows of a record a span in their overlap belongs to: the one whose middle is nearest.

    Made once from all windows that are looked into, however these are then split, so that no span counts twice.

    Examples
    --------
    >>> owners = Owners([(0, Window(0, 8)), (0, Window(4, 12))])
    >>> owners.own([(0, Window(4, 12))], np.array([0, 0]), np.array([0, 2]), np.array([2, 4]))  # bases 4 to 6, 6 to 8
    array([False,  True])
    """

    def __init__(self, places: Sequence[Place]) -> None:
        centres: dict[int, list[float]] = {}
        for record, window in places:
            centres.setdefault(record, []).append(_centre(window))
        self._centres = {record: sorted(own) for record, own in centres.items()}

    def own(
        self, places: Sequence[Place], rows: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which spans belong to the window they were found in: `rows` of `places`, some of those known, 0-based
        half-open `starts` and `ends` in the window."""
        kept = np.ones(len(rows), dtype=bool)
        for i, (row, start, end) in enumerate(zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True)):
            record, window = places[row]
            centres = self._centres[record]
            if len(centres) > 1:
                middle = window.start - window.offset + (start + end) / 2
                k = bisect_left(centres, middle)
                nearest = min(centres[max(k - 1, 0) : k + 1], key=lambda centre: abs(centre - middle))
                kept[i] = nearest == _centre(window)
        return kept


def _centre(window: Window) -> float:
    return (window.start + window.end) / 2


def _bases(x: Tensor) -> NDArray[np.uint8]:
    return np.asarray(x.to(torch.uint8).cpu().numpy())


def as_floats(values: Tensor) -> NDArray[np.float32]:
    """A tensor as an array, on the CPU."""
    return np.asarray(values.detach().float().cpu().numpy())
