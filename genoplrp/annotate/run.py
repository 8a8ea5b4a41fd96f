"""One run at work: chunk after chunk of records is scored, explained, searched for hits, and written."""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from genoplrp.annotate.background import Background, ahead, in_turn
from genoplrp.annotate.calibrate import Calibration
from genoplrp.annotate.explain import Explanation, Mapper, Request, Scored, called_labels, explain, to_explain
from genoplrp.annotate.gallery import Gallery, exhibit_of
from genoplrp.annotate.hits import Hit, find_hits
from genoplrp.annotate.quality import Quality, qualities
from genoplrp.annotate.showcase import Showcase
from genoplrp.annotate.store import StoreWriter
from genoplrp.annotate.summary import Summary
from genoplrp.annotate.tables import Tables
from genoplrp.annotate.truth import Spans, Truth
from genoplrp.motifs import Motif, MotifHit, best_hits
from genoplrp.sequence import Record

T = TypeVar("T")

_CHUNK_BASES, _GROUP_BASES = 1 << 19, 1 << 17
"""Of records that are scored together, and of maps that are searched together; two such chunks and four such groups are
in memory."""


@dataclass
class Run:
    """What a run works with, and what it fills.

    Attributes
    ----------
    mapper, calibration
        The network with how it is explained, and its thresholds.
    motifs
        Matrix by label.
    truth
        Where the instances are that the maps are compared with.
    tables, store, summary, gallery, showcase
        What is filled, by calls in the background; whole when that has ended.
    later
        Where these calls are made.
    """

    mapper: Mapper
    calibration: Calibration
    motifs: Mapping[str, Motif]
    truth: Truth
    tables: Tables
    store: StoreWriter
    summary: Summary
    gallery: Gallery
    showcase: Showcase
    later: Background
    _known: dict[tuple[int, int], tuple[Spans | None, MotifHit | None]] = field(default_factory=dict, init=False)

    def add_all(self, records: Iterable[Record]) -> Generator[int]:
        """Score and explain records, chunk after chunk; the number taken so far, after each.

        While a chunk is explained the next one is scored, where the network can do both at once, and what was found in
        earlier ones is searched and written.
        """
        scorer, thresholds = self.mapper.scorer, self.calibration.thresholds

        def prepared(
            numbered: Sequence[tuple[int, Record]], given_up: Callable[[], bool]
        ) -> tuple[list[Scored], list[Request]]:
            found = scorer.scores([record.sequence for _, record in numbered], given_up)
            chunk = [Scored(index, record, rows) for (index, record), rows in zip(numbered, found, strict=True)]
            return chunk, to_explain(chunk, scorer, thresholds)

        following = ahead if scorer.threads_may_share else in_turn
        taken = 0
        with closing(following(prepared, chunks(records))) as made:
            for _, (chunk, requests) in made:
                self.later.do(self._add_records, chunk)
                for group in in_stretches(explain(requests, self.mapper), _GROUP_BASES, lambda one: one.length):
                    self.later.do(self._add_explanations, group)
                taken += len(chunk)
                yield taken

    def _add_records(self, chunk: Sequence[Scored]) -> None:
        """Write what the network says of a chunk's records, and look up what their maps will be compared with."""
        needed: dict[int, list[Scored]] = defaultdict(list)
        for scored in chunk:
            called, top = called_labels(scored.best, self.calibration.thresholds)
            self.tables.add_record(scored, called, top)
            self.summary.add_record(scored.best, called, len(scored.scores))
            for label in called or [top]:
                needed[label].append(scored)
        records = [scored.record for scored in chunk]
        self.store.add_records(
            [record.name for record in records],
            [record.sequence for record in records],
            np.stack([scored.best for scored in chunk]),
        )
        self._known = dict(self._looked_up(needed))

    def _add_explanations(self, group: Sequence[Explanation]) -> None:
        """Measure some explanations of the chunk added last, search them for hits, and write them."""
        spans, best = zip(*(self._known[one.label, one.scored.index] for one in group), strict=True)
        measured = qualities(list(zip(group, spans, strict=True)))
        for added in zip(group, self._hits(group), spans, measured, best, strict=True):
            self._enter(*added)
        self.store.add_explanations(
            [one.scored.index for one in group],
            [one.label for one in group],
            [one.called for one in group],
            [one.plrp for one in group],
            [one.lrp for one in group],
        )
        self.summary.explanations += len(group)

    def _hits(self, group: Sequence[Explanation]) -> list[list[Hit]]:
        """Hits of each explanation whose label is called; those of one label and length are searched for together."""
        found: list[list[Hit]] = [[] for _ in group]
        alike: dict[tuple[int, int], list[int]] = defaultdict(list)
        for k, one in enumerate(group):
            if one.called:
                alike[one.label, one.length].append(k)
        for (label, _), those in alike.items():
            own = [group[k] for k in those]
            hits = find_hits(
                np.stack([one.plrp for one in own]),
                np.stack([one.explained for one in own]),
                [one.scored.record.sequence for one in own],
                self.motifs.get(self.mapper.scorer.spec.labels[label]),
            )
            for k, of_one in zip(those, hits, strict=True):
                found[k] = of_one
        return found

    def _looked_up(
        self, needed: Mapping[int, Sequence[Scored]]
    ) -> Iterator[tuple[tuple[int, int], tuple[Spans | None, MotifHit | None]]]:
        """Instances and the best match of the matrix, for each label and the index of each record explained for it."""
        for index, chosen in needed.items():
            label = self.mapper.scorer.spec.labels[index]
            records = [scored.record for scored in chosen]
            motif = self.motifs.get(label)
            best = best_hits([record.sequence for record in records], motif) if motif else [None] * len(records)
            for scored, spans, match in zip(chosen, self.truth.spans(records, label), best, strict=True):
                yield (index, scored.index), (spans, match)

    def _enter(
        self,
        explanation: Explanation,
        hits: Sequence[Hit],
        spans: Spans | None,
        quality: dict[str, Quality],
        best: MotifHit | None,
    ) -> None:
        """Enter one explanation and, if its label is called, its hits."""
        index = explanation.label
        label, threshold = self.mapper.scorer.spec.labels[index], float(self.calibration.thresholds[index])
        self.tables.add_quality(explanation, quality)
        self.showcase.add(explanation, spans, hits)
        if not explanation.called:
            return
        self.tables.add_hits(explanation, hits, probability(explanation.score))
        self.summary.add_hits(index, hits, best)
        self.summary.add_quality(index, quality)
        if self.gallery.wants(label, explanation.score - threshold):
            self.gallery.add(exhibit_of(explanation, label=label, threshold=threshold, spans=spans, hits=hits))


def probability(score: float) -> float:
    """Logistic function of a score, without overflow.

    Examples
    --------
    >>> probability(0.0), probability(-1000.0)
    (0.5, 0.0)
    """
    return float(np.exp(-np.logaddexp(0.0, -score)))


def chunks(records: Iterable[Record]) -> Iterator[list[tuple[int, Record]]]:
    """Numbered records in lists of about half a million bases; a longer record is alone or ends its list."""
    return in_stretches(enumerate(records), _CHUNK_BASES, lambda numbered: len(numbered[1].sequence))


def in_stretches(items: Iterable[T], bases: int, length: Callable[[T], int]) -> Iterator[list[T]]:
    """Items in lists of so many bases or a few more.

    Examples
    --------
    >>> list(in_stretches(["AC", "G", "ACGT", "T"], 3, len))
    [['AC', 'G'], ['ACGT'], ['T']]
    """
    group: list[T] = []
    total = 0
    for item in items:
        group.append(item)
        total += length(item)
        if total >= bases:
            yield group
            group, total = [], 0
    if group:
        yield group
