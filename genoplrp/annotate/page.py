"""What a run found, as the data of its page: the best records with their maps, and each label's motif."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.amounts import maps_of, settings_of
from genoplrp.annotate.genome import parse_locus
from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import Scorer
from genoplrp.annotate.showcase import Entry, Showcase
from genoplrp.annotate.summary import Factor, Summary
from genoplrp.motifs import Motif
from genoplrp.sequence import one_hot
from genoplrp.show.page import Explained, PageData, PageSequence, Pattern, Site, Span

ROOM = 7_500_000
"""Characters of the page that maps may take; the records beyond are left out."""

_SITES = 30
_CHARACTERS = 8 / 3  # of base64, for a 16-bit number
_SELECTION = "the best of every output, then those whose scores exceed their thresholds by most"


@dataclass(frozen=True)
class _Part:
    """A record that is on the page, with its maps (k, l) of each explanation."""

    entry: Entry
    maps: list[NDArray[np.float32]]


def page_data(
    showcase: Showcase, summary: Summary, scorer: Scorer, options: Options, *, motifs: Mapping[str, Motif], truth: str
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
        In words, what the maps are compared with.
    """
    settings, pruners, own = settings_of(options.pruner)
    parts: list[_Part] = []
    spent = 0.0
    for entry, maps in maps_of(showcase.chosen(), pruners, own, scorer, options):
        if not all(np.isfinite(part).all() for part in maps):
            continue  # the tables have it; a page that cannot be drawn must not cost the run
        spent += len(entry.letters) + _CHARACTERS * sum(int(np.count_nonzero(part)) for part in maps)
        if parts and spent > ROOM:
            break
        parts.append(_Part(entry, maps))
    labels = summary.labels
    return PageData(
        labels=labels,
        settings=tuple(settings),
        chosen=own,
        sequences=tuple(_sequence(part, labels) for part in parts),
        patterns=tuple(_pattern(f, parts, labels, motifs.get(f.label), own) for f in summary.factors() if f.hits),
        thresholds=tuple(summary.calibration.thresholds.tolist()),
        total=summary.records,
        selection=_SELECTION,
        truth=truth,
    )


def _sequence(part: _Part, labels: Sequence[str]) -> PageSequence:
    entry = part.entry
    explained = tuple(
        Explained(
            label=shown.label,
            called=shown.called,
            relevance=maps,
            hits=tuple(Span(hit.start, hit.end, labels[shown.label], hit.strand, hit.share) for hit in shown.hits),
            truth=shown.truth,
        )
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


def _pattern(factor: Factor, parts: Sequence[_Part], labels: Sequence[str], motif: Motif | None, own: int) -> Pattern:
    """A label's matrix, what the network reads in its hits, and examples from the best records."""
    label = labels.index(factor.label)
    sites: list[Site] = []
    read: list[NDArray[np.float32]] = []
    for i, part in enumerate(parts):
        for shown, maps in zip(part.entry.shown, part.maps, strict=True):
            for hit in shown.hits if shown.label == label else ():
                sites.append(Site(i, label, hit.start, hit.end, hit.strand))
                if hit.strand != ".":
                    read.append(_oriented(part.entry, maps[own], hit.start, hit.end, hit.strand))
    chance = "" if factor.above_chance else ", not clearly more often than by chance"
    return Pattern(
        name=factor.label,
        source=factor.matrix or "no matrix",
        count=factor.hits,
        note=f"called in {factor.called:,} of {factor.records:,} sequences{chance}",
        pwm=motif.probabilities(0.0).T if motif else None,
        cwm=np.mean(read, axis=0).T if read else None,
        sites=tuple(sites[:_SITES]),
    )


def _oriented(entry: Entry, relevance: NDArray[np.float32], start: int, end: int, strand: str) -> NDArray[np.float32]:
    """Relevance of A, C, G, T (4, w) in a hit, read along its strand."""
    piece = slice(start - entry.start, end - entry.start)
    found: NDArray[np.float32] = one_hot([entry.letters[piece]])[0].numpy() * relevance[piece]
    return found[::-1, ::-1] if strand == "-" else found
