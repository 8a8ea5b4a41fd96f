"""What a run found, as the data of its page: the best records with their maps, and each label's motif.

Discovery shows its records in the same way; only its motifs are others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.amounts import AMOUNTS, maps_of, settings_of
from genoplrp.annotate.genome import parse_locus
from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import Scorer
from genoplrp.annotate.showcase import Entry, Showcase
from genoplrp.annotate.summary import Factor, Summary
from genoplrp.annotate.truth import Truth
from genoplrp.motifs import Motif
from genoplrp.sequence import one_hot
from genoplrp.show.page import Explained, PageData, PageSequence, Pattern, Setting, Site

ROOM = 7_500_000
"""Characters of the page that maps may take; the records beyond are left out."""

SITES = 30
"""At most so many example sites of a motif."""

SELECTION = "the best of every output, then those whose scores exceed their thresholds by most"

_CHARACTERS = 8 / 3  # of base64, for a 16-bit number


@dataclass(frozen=True)
class Part:
    """A record that is on the page, with its maps (k, l) of each explanation."""

    entry: Entry
    maps: list[NDArray[np.float32]]


@dataclass(frozen=True)
class Shelf:
    """The records on the page, the k settings that their maps were made at, and which of these is the run's own."""

    parts: list[Part]
    settings: tuple[Setting, ...]
    own: int

    def sequences(self) -> tuple[PageSequence, ...]:
        """The records as the page has them."""
        return tuple(_sequence(part) for part in self.parts)


def shelf_of(entries: Sequence[Entry], scorer: Scorer, options: Options, amounts: Sequence[float] = AMOUNTS) -> Shelf:
    """As many of the records, in their order, as the page has room for, with maps at several amounts of pruning."""
    settings, pruners, own = settings_of(options.pruner, amounts)
    parts: list[Part] = []
    spent = 0.0
    for entry, maps in maps_of(entries, pruners, own, scorer, options):
        if not all(np.isfinite(part).all() for part in maps):
            continue  # the tables have it; a page that cannot be drawn must not cost the run
        spent += len(entry.letters) + _CHARACTERS * sum(int(np.count_nonzero(part)) for part in maps)
        if parts and spent > ROOM:
            break
        parts.append(Part(entry, maps))
    return Shelf(parts, tuple(settings), own)


def page_data(
    showcase: Showcase, summary: Summary, scorer: Scorer, options: Options, *, motifs: Mapping[str, Motif], truth: Truth
) -> PageData:
    """The page's data.

    Parameters
    ----------
    showcase
        The records to show.
    summary
        The run's counts.
    scorer, options
        With which the maps at other amounts of pruning are made.
    motifs
        Matrix by label.
    truth
        What the maps are compared with.
    """
    shelf = shelf_of(showcase.chosen(), scorer, options)
    labels = summary.labels
    return PageData(
        labels=labels,
        settings=shelf.settings,
        chosen=shelf.own,
        sequences=shelf.sequences(),
        patterns=tuple(
            _pattern(f, shelf, labels.index(f.label), motifs.get(f.label)) for f in summary.factors() if f.hits
        ),
        thresholds=tuple(summary.calibration.thresholds.tolist()),
        total=summary.records,
        selection=SELECTION,
        truth=truth.source,
        truth_name=truth.name,
    )


def _sequence(part: Part) -> PageSequence:
    entry = part.entry
    explained = tuple(
        Explained(shown.label, shown.called, maps, shown.hits, shown.truth)
        for shown, maps in zip(entry.shown, part.maps, strict=True)
    )
    locus = parse_locus(entry.name, entry.length)
    return PageSequence(
        name=entry.name,
        letters=entry.letters,
        scores=entry.scores,
        explained=explained,
        start=entry.start,
        length=entry.length,
        locus=(locus.chrom, locus.start, locus.strand) if locus else None,
    )


def _pattern(factor: Factor, shelf: Shelf, label: int, motif: Motif | None) -> Pattern:
    """A label's matrix, what the network reads in its hits, and examples from the best records."""
    sites: list[Site] = []
    read: list[NDArray[np.float32]] = []
    for i, part in enumerate(shelf.parts):
        for shown, maps in zip(part.entry.shown, part.maps, strict=True):
            for hit in shown.hits if shown.label == label else ():
                sites.append(Site(i, label, hit.start, hit.end, hit.strand))
                if hit.strand != ".":
                    read.append(_oriented(part.entry, maps[shelf.own], hit.start, hit.end, hit.strand))
    chance = "" if factor.above_chance else ", not clearly more often than by chance"
    return Pattern(
        name=factor.label,
        source=factor.matrix or "no matrix",
        count=factor.hits,
        note=f"called in {factor.called:,} of {factor.records:,} sequences{chance}",
        pwm=motif.probabilities(0.0).T if motif else None,
        cwm=np.mean(read, axis=0).T if read else None,
        sites=tuple(sites[:SITES]),
    )


def _oriented(entry: Entry, relevance: NDArray[np.float32], start: int, end: int, strand: str) -> NDArray[np.float32]:
    """Relevance of A, C, G, T (4, w) in a hit, read along its strand."""
    piece = slice(start - entry.start, end - entry.start)
    found: NDArray[np.float32] = one_hot([entry.letters[piece]])[0].numpy() * relevance[piece]
    return found[::-1, ::-1] if strand == "-" else found
