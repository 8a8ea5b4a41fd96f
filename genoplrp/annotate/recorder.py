"""What a run keeps: its tables, its store, its counts and the best of what it finds, filled chunk by chunk."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.calibrate import Calibration
from genoplrp.annotate.explain import Assembly, Explanation, Request, Scored, alike, to_explain
from genoplrp.annotate.gallery import Gallery, exhibit_of
from genoplrp.annotate.hits import SPAN_WIDTH, Hit, find_hits
from genoplrp.annotate.output import STORE
from genoplrp.annotate.quality import measure
from genoplrp.annotate.scorer import batches
from genoplrp.annotate.showcase import Showcase
from genoplrp.annotate.store import StoreWriter
from genoplrp.annotate.summary import Summary
from genoplrp.annotate.tables import Tables
from genoplrp.annotate.truth import Spans, Truth
from genoplrp.motifs import Motif, MotifHit, best_hits

_SEARCHED_BASES = 1 << 20
"""Of explanations that are searched together, or of a single one: each base takes some 50 bytes meanwhile."""


@dataclass(frozen=True)
class Recorded:
    """What a run leaves beside its files."""

    summary: Summary
    gallery: Gallery
    showcase: Showcase


class Recorder:
    """Searches the maps of a run for hits, measures them and writes everything; knows nothing of the network itself.

    Chunks of scored records come in order, and after each the maps of its windows.

    Parameters
    ----------
    folder
        Where the tables and the store are written.
    labels, width
        The network's outputs, and the bases that it reads.
    calibration
        The labels' thresholds.
    motifs
        Matrix by label.
    truth
        Where the instances are that the maps are compared with.
    logos, page
        How many explanations and records are kept to be shown.
    facts
        JSON facts to keep with the store.
    """

    def __init__(
        self,
        folder: Path,
        labels: Sequence[str],
        width: int,
        calibration: Calibration,
        *,
        motifs: Mapping[str, Motif],
        truth: Truth,
        logos: int,
        page: int,
        facts: Mapping[str, Any],
    ) -> None:
        matrices = {label: motif.matrix_id for label, motif in motifs.items()}
        self._labels, self._width, self._thresholds = labels, width, calibration.thresholds
        self._motifs, self._truth = motifs, truth
        self._tables = Tables(folder, labels, matrices)
        self._store = StoreWriter(folder / STORE, labels, facts)
        self._summary = Summary(labels, matrices, calibration)
        self._gallery, self._showcase = Gallery(logos), Showcase(page, calibration.thresholds, labels, width)
        self._assembly = Assembly(())
        self._known: dict[tuple[int, int], tuple[Spans | None, MotifHit | None]] = {}

    def add_records(self, chunk: Sequence[Scored]) -> None:
        """Write what the network says of a chunk's records, and look up what their maps will be compared with."""
        requests = to_explain(chunk, self._width, self._thresholds)
        self._tables.add_records([list(own) for _, own in groupby(requests, key=lambda one: one.scored.index)])
        records, best = [scored.record for scored in chunk], np.stack([scored.best for scored in chunk])
        self._summary.add_records(best, np.array([len(scored.scores) for scored in chunk]))
        self._store.add_records([record.name for record in records], [record.sequence for record in records], best)
        self._known = dict(self._looked_up(requests))
        self._summary.instances += sum(len(spans or ()) for spans, _ in self._known.values())
        self._assembly = Assembly(requests)

    def add_maps(self, maps: NDArray[np.float32]) -> None:
        """Take the maps (n, 2, width), with and without pruning, of the next windows that `to_explain` names."""
        if group := self._assembly.add(maps):
            self._add_explanations(group)

    def finish(self) -> Recorded:
        """Write what is still in memory; what there is to say of the whole run."""
        self._store.close()
        self._tables.close()
        return Recorded(self._summary, self._gallery, self._showcase)

    def close(self) -> None:
        """Close the files; without `finish` they are not whole."""
        self._tables.close()

    def _add_explanations(self, group: Sequence[Explanation]) -> None:
        """Measure some explanations of the chunk added last, search them for hits, and write them."""
        spans, best = zip(*(self._known[one.label, one.scored.index] for one in group), strict=True)
        hits, quality = self._hits(group), measure(group, spans)
        called = [k for k, one in enumerate(group) if one.called]
        self._tables.add_quality(group, quality)
        self._tables.add_hits([group[k] for k in called], [hits[k] for k in called])
        self._summary.explanations += len(group)
        self._summary.add_quality([group[k].label for k in called], quality.metrics[called])
        for k in called:
            self._summary.add_hits(group[k].label, hits[k], best[k])
        self._showcase.add(group, spans, hits)
        for k in called:
            self._hang(group[k], spans[k], hits[k])
        self._store.add_explanations(
            [one.scored.index for one in group],
            [one.label for one in group],
            [one.called for one in group],
            [one.plrp for one in group],
            [one.lrp for one in group],
        )

    def _hits(self, group: Sequence[Explanation]) -> list[list[Hit]]:
        """Hits of each explanation whose label is called; those of like length and one width of matrix go together."""
        found: list[list[Hit]] = [[] for _ in group]
        called = [k for k, one in enumerate(group) if one.called]
        motifs = [self._motifs.get(self._labels[group[k].label]) for k in called]
        lengths = [group[k].length for k in called]
        keys = (_kind(length, motif) for length, motif in zip(lengths, motifs, strict=True))
        similar = (batches(places, _SEARCHED_BASES, lengths.__getitem__) for places in alike(keys).values())
        for places in chain.from_iterable(similar):
            own = [called[place] for place in places]
            hits = find_hits(
                _padded([group[k].plrp for k in own]),
                _padded([group[k].explained for k in own]),
                [group[k].scored.record.sequence for k in own],
                [motif for place in places if (motif := motifs[place])],
            )
            for k, of_one in zip(own, hits, strict=True):
                found[k] = of_one
        return found

    def _looked_up(
        self, requests: Sequence[Request]
    ) -> Iterator[tuple[tuple[int, int], tuple[Spans | None, MotifHit | None]]]:
        """Instances and the best match of the matrix, for each label and the index of each record explained for it."""
        for index, own in alike(one.label for one in requests).items():
            label = self._labels[index]
            chosen = [requests[k].scored for k in own]
            records = [scored.record for scored in chosen]
            motif = self._motifs.get(label)
            best = best_hits([record.sequence for record in records], motif) if motif else [None] * len(records)
            for scored, spans, match in zip(chosen, self._truth.spans(records, label), best, strict=True):
                yield (index, scored.index), (spans, match)

    def _hang(self, explanation: Explanation, spans: Spans | None, hits: Sequence[Hit]) -> None:
        """Show an explanation of a called label in the gallery, if it is among the best."""
        label, threshold = self._labels[explanation.label], float(self._thresholds[explanation.label])
        if self._gallery.wants(label, explanation.score - threshold):
            self._gallery.add(exhibit_of(explanation, label=label, threshold=threshold, spans=spans, hits=hits))


def _kind(length: int, motif: Motif | None) -> tuple[bool, int, int, int]:
    """What records that are searched together share: the width of a hit, and their length within a factor of two, or
    exactly where a hit does not fit in."""
    width = motif.width if motif else SPAN_WIDTH
    return motif is None, width, min(length, width), length.bit_length()


def _padded(rows: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Rows of any lengths with zeros behind the shorter ones."""
    padded = np.zeros((len(rows), max(map(len, rows))), rows[0].dtype)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return padded
