"""What a network says of records and why: scored and explained by one run of the network, or by turns.

A batch of short records runs through the network once: what the run leaves is explained, however many outputs are
called. Of a record with more windows than a batch it is known only after all of them what is to be explained; such
records, and all where the network's runs cannot be kept, are scored first and explained then.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, groupby, pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from genoplrp.annotate.background import Crew
from genoplrp.annotate.explain import Mapper, Scored, per_base, to_explain, window_maps
from genoplrp.annotate.scorer import as_array, batches
from genoplrp.explainer import Run
from genoplrp.sequence import Record, tile_count

_CHUNK_BASES = 1 << 19
"""Of records that are recorded together, or a quarter of their maps' bases."""

_MOST_OUTPUTS = 8
"""Explained outputs a window: more, where a network has hundreds and calls most, are explained batch by batch."""

Numbered = tuple[int, Record]


@dataclass
class Chunk:
    """What is recorded together.

    Attributes
    ----------
    scored
        The next records, none where those of the chunk before have more maps.
    maps
        (n, 2, width) each, of the next windows that `to_explain` names for the records scored last, in its order.
    whole
        Number of records of which all maps have come with this chunk.
    """

    scored: list[Scored] = field(default_factory=list)
    maps: list[NDArray[np.float32]] = field(default_factory=list)
    whole: int = 0
    _bases: int = 0

    def add(self, scored: Sequence[Scored], maps: NDArray[np.float32]) -> None:
        """Put records with all their maps to those that are here."""
        self.scored += scored
        self.maps.append(maps)
        self.whole += len(scored)
        self._bases += max(sum(len(one.record.sequence) for one in scored), bases_of(maps) // 4)

    @property
    def is_full(self) -> bool:
        """Whether this is enough to be recorded."""
        return self._bases >= _CHUNK_BASES


def bases_of(maps: NDArray[np.float32]) -> int:
    """Bases in the windows whose maps (n, 2, width) these are."""
    windows, _, width = maps.shape
    return int(windows * width)


class Survey:
    """Scores and explains numbered records by the threads of a crew.

    Parameters
    ----------
    mapper, thresholds
        The network, and above which score (labels,) a label is called.
    crew
        Who works.
    """

    def __init__(self, mapper: Mapper, thresholds: NDArray[np.float32], crew: Crew) -> None:
        self._mapper, self._thresholds, self._crew = mapper, thresholds, crew
        self._scorer, self._width = mapper.scorer, mapper.scorer.spec.length

    def chunks(self, records: Iterable[Numbered]) -> Iterator[Chunk]:
        """Chunk after chunk of the records, in order."""
        stretches = batches(records, _CHUNK_BASES, lambda numbered: len(numbered[1].sequence))
        for at_once, own in groupby(stretches, self._fit_a_run):
            if at_once:
                yield from self._at_once(batches(chain.from_iterable(own), self._mapper.run_limit, self._windows))
            else:
                for stretch in own:
                    yield from self._by_turns(stretch)

    def _fit_a_run(self, stretch: Sequence[Numbered]) -> bool:
        """Whether none of the records has more windows than a run may have."""
        return max(map(self._windows, stretch)) <= self._mapper.run_limit

    def _windows(self, numbered: Numbered) -> int:
        return tile_count(len(numbered[1].sequence), self._width)

    def _at_once(self, parts: Iterable[Sequence[Numbered]]) -> Iterator[Chunk]:
        # What waits to be recorded is copied: left where the crew's threads have put it, amid the memory of their next
        # batches, it kept these from fitting in, and a tenth more was asked for.
        chunk = Chunk()
        for part, (rows, maps) in self._crew.ahead(self._scored_and_explained, parts):
            scored = self._scored(part, rows.copy())
            if chunk.scored and (chunk.is_full or maps is None):
                yield chunk
                chunk = Chunk()
            if maps is None:
                yield from self._explained(scored)
            else:
                chunk.add(scored, maps.copy())
        if chunk.scored:
            yield chunk

    def _by_turns(self, stretch: Sequence[Numbered]) -> Iterator[Chunk]:
        """Records whose windows are all scored first."""
        rows = self._scorer.scores([record.sequence for _, record in stretch], self._crew.map)
        yield from self._explained([Scored(*one, own) for one, own in zip(stretch, rows, strict=True)])

    def _explained(self, scored: list[Scored]) -> Iterator[Chunk]:
        """Records whose windows are explained batch after batch, of which each takes another run of the network."""
        yield Chunk(scored)
        maps = window_maps(to_explain(scored, self._width, self._thresholds), self._mapper, self._crew)
        yield from (Chunk(maps=own) for own in batches(maps, _CHUNK_BASES, bases_of))
        yield Chunk(whole=len(scored))

    def _scored(self, part: Sequence[Numbered], rows: NDArray[np.float32]) -> list[Scored]:
        """Records with their own of the rows of scores of all their windows."""
        ends = list(accumulate(map(self._windows, part), initial=0))
        return [Scored(*one, rows[first:end]) for one, (first, end) in zip(part, pairwise(ends), strict=True)]

    def _scored_and_explained(self, part: Sequence[Numbered]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Scores of a batch of records' windows, and their maps, or None where these are too many."""
        scorer = self._scorer
        windows = [(index, record, window) for index, record in part for window in scorer.windows(len(record.sequence))]
        texts = [scorer.letters(record.sequence, window) for _, record, window in windows]
        run = self._mapper.run(texts)
        rows = scorer.batch_scores(texts) if run is None else as_array(scorer.checked(run.scores, len(texts)))
        number = {(index, window.start): k for k, (index, _, window) in enumerate(windows)}
        wanted = [
            (number[request.scored.index, window.start], request.label)
            for request in to_explain(self._scored(part, rows), self._width, self._thresholds)
            for window in request.windows
        ]
        return rows, None if len(wanted) > _MOST_OUTPUTS * len(texts) else self._maps_of(run, texts, wanted)

    def _maps_of(self, run: Run | None, texts: Sequence[str], wanted: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
        """Maps (n, 2, width) of outputs of windows, each given by the two's numbers."""
        if run is not None:
            samples, labels = torch.from_numpy(np.array(wanted).T)
            return as_array(per_base(run.explain(samples, labels)))
        parts = batches(wanted, self._scorer.batch_size)
        made = [self._mapper.maps([texts[k] for k, _ in own], [label for _, label in own]) for own in parts]
        return as_array(torch.cat(made))
