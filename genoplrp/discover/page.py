"""A discovery as the data of its page: the sequences looked into with their instances, and the patterns."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from genoplrp.annotate.amounts import stretch_of
from genoplrp.annotate.explain import Scored
from genoplrp.annotate.options import Options
from genoplrp.annotate.page import SELECTION, SITES, Shelf, shelf_of
from genoplrp.annotate.scorer import Scorer
from genoplrp.annotate.showcase import Entry, Showcase, Shown, entry_around
from genoplrp.discover.label import Found
from genoplrp.discover.labels import Choice
from genoplrp.discover.logos import in_frame
from genoplrp.discover.names import Name
from genoplrp.discover.patterns import Pattern
from genoplrp.discover.result import Discovery
from genoplrp.motifs import Motif
from genoplrp.sequence import Record, Window
from genoplrp.show import page
from genoplrp.show.page import PageData, Site, Span

AMOUNTS = (0.5,)
"""Besides LRP and the run's own amount: measured from references every further one costs as much as the run's."""

_LOOKED_INTO = "those that patterns were looked for in"

Explained = tuple[Window, NDArray[np.float32]]
"""A window and its relevance, (length,)."""

Spans = Mapping[tuple[str, int], Sequence[Span]]
"""By record and index of the label the instances, those with the largest share first."""


def discovery_page(
    discovery: Discovery,
    found: Sequence[Found],
    choice: Choice,
    *,
    records: Sequence[Record],
    scorer: Scorer,
    options: Options,
) -> PageData:
    """The page's data: of the records that patterns were looked for in the best `options.page`, and every pattern.

    Of a record those outputs are shown that it calls or has an instance for, or else the one that comes nearest.
    """
    labels = scorer.spec.labels
    words = arrow_names(discovery.found, discovery.names)
    spans = _spans(discovery, words, labels)
    showcase = Showcase(options.page, choice.thresholds, labels, scorer.spec.length)
    looked_into = 0
    for entry in _entries(found, choice, records, spans, scorer):
        looked_into += 1
        showcase.offer(entry)
    shelf = shelf_of(showcase.chosen(), scorer, options, AMOUNTS)
    sites = _sites(shelf)
    database = {motif.matrix_id: motif for motif in discovery.database}
    numbers = discovery.patterns[["instances", "sequences"]].to_numpy().tolist()
    whole = len(shelf.parts) == looked_into
    return PageData(
        labels=labels,
        settings=shelf.settings,
        chosen=shelf.own,
        sequences=shelf.sequences(),
        patterns=tuple(
            _pattern(one, name, database.get(name.matrix), counts, sites[labels.index(one.label), words[one.name]])
            for one, name, counts in zip(discovery.found, discovery.names, numbers, strict=True)
        ),
        thresholds=tuple(choice.thresholds.tolist()),
        total=len(records),
        selection=_LOOKED_INTO if whole else f"of {_LOOKED_INTO}, {SELECTION}",
        opens="patterns",
    )


def arrow_names(patterns: Sequence[Pattern], names: Sequence[Name]) -> dict[str, str]:
    """For each pattern a name that fits on an arrow: its match, unless another pattern of the output has that, too.

    Patterns that speak against their output say so.
    """
    words = {
        pattern.name: (name.match if name.matrix else pattern.name) + ("" if pattern.sign > 0 else " (against)")
        for pattern, name in zip(patterns, names, strict=True)
    }
    uses = Counter((pattern.label, words[pattern.name]) for pattern in patterns)
    return {
        pattern.name: words[pattern.name] if uses[pattern.label, words[pattern.name]] == 1 else pattern.name
        for pattern in patterns
    }


def _spans(discovery: Discovery, words: Mapping[str, str], labels: Sequence[str]) -> Spans:
    found: dict[tuple[str, int], list[Span]] = defaultdict(list)
    index = {label: k for k, label in enumerate(labels)}
    best_first = discovery.instances.sort_values("share", ascending=False, kind="stable")
    columns = (best_first[name].tolist() for name in ("record", "label", "pattern", "start", "end", "strand", "share"))
    for record, label, pattern, start, end, strand, share in zip(*columns, strict=True):
        found[record, index[label]].append(Span(start, end, words[pattern], strand, share))
    return found


def _entries(
    found: Sequence[Found], choice: Choice, records: Sequence[Record], spans: Spans, scorer: Scorer
) -> Iterator[Entry]:
    """The records that patterns were looked for in, in order."""
    explained: dict[int, dict[int, list[Explained]]] = defaultdict(lambda: defaultdict(list))
    for one, part in zip(choice.chosen, found, strict=True):
        for (record, window), relevance in zip(part.places, part.maps.relevance, strict=True):
            explained[record][one.label].append((window, relevance))
    for i in sorted(explained):
        yield _entry(Scored(i, records[i], choice.scores[i]), explained[i], choice, spans, scorer)


def _entry(
    scored: Scored, explained: Mapping[int, Sequence[Explained]], choice: Choice, spans: Spans, scorer: Scorer
) -> Entry:
    """A record with the outputs that are worth looking at, the one that it calls most clearly first."""
    name, sequence = scored.record.name, scored.record.sequence
    margin = scored.best - choice.thresholds
    hits = {label: _covered(spans.get((name, label), ()), own) for label, own in explained.items()}
    order = sorted(explained, key=lambda label: -margin[label])
    worth = [label for label in order if margin[label] > 0 or hits[label]] or order[:1]
    entry = entry_around(scored, _middle(hits[worth[0]], explained[worth[0]]), float(margin[order[0]]))
    for label in worth:
        reached = entry.reached([window for window, _ in explained[label]])
        if reached:
            rows = [torch.from_numpy(row)[None] for window, row in explained[label] if window in reached]
            shown = Shown(
                label=label,
                called=bool(margin[label] > 0),
                hits=entry.inside(hits[label]),
                windows=reached,
                texts=tuple(scorer.letters(sequence, window) for window in reached),
                plrp=stretch_of(rows, reached, entry.start, len(entry.letters))[0],
            )
            entry.shown.append(shown)
    return entry


def _covered(spans: Sequence[Span], explained: Sequence[Explained]) -> list[Span]:
    """Spans that lie in a window whose map is at hand."""
    return [
        span for span in spans if any(window.start <= span.start and span.end <= window.end for window, _ in explained)
    ]


def _middle(hits: Sequence[Span], explained: Sequence[Explained]) -> int:
    """Of the best hit, or of the window with the highest relevance where there is none."""
    if hits:
        return (hits[0].start + hits[0].end) // 2
    window, _ = max(explained, key=lambda one: float(one[1].max()))
    return (window.start + window.end) // 2


def _sites(shelf: Shelf) -> Mapping[tuple[int, str], list[Site]]:
    """By label and name on the arrow the instances on the page: the best of each sequence, then the second best."""
    ranked: dict[tuple[int, str], list[tuple[int, Site]]] = defaultdict(list)
    for i, part in enumerate(shelf.parts):
        for shown in part.entry.shown:
            seen: Counter[str] = Counter()
            for hit in shown.hits:
                site = Site(i, shown.label, hit.start, hit.end, hit.strand)
                ranked[shown.label, hit.name].append((seen[hit.name], site))
                seen[hit.name] += 1
    in_turn = {key: sorted(sites, key=lambda one: one[0]) for key, sites in ranked.items()}
    return defaultdict(list, {key: [site for _, site in sites] for key, sites in in_turn.items()})


def _pattern(
    pattern: Pattern, name: Name, match: Motif | None, counts: Sequence[int], sites: Sequence[Site]
) -> page.Pattern:
    """A card of the gallery; the motif that the pattern is like stands in the pattern's frame."""
    instances, sequences = counts
    start, end = pattern.core
    motif = pattern.motif()
    q = f"q {name.q:.1g}"
    direction = "for" if pattern.sign > 0 else "against"
    return page.Pattern(
        name=f"{name.match} ({pattern.name})" if match else pattern.name,
        source=f"{name.matrix}, {q}" if match else f"no known match, best {q}",
        count=instances,
        note=f"{direction} {pattern.label}, {len(pattern):,} seqlets in {sequences:,} sequences",
        pwm=motif.probabilities(0.0).T,
        cwm=np.asarray(pattern.cwm[:, start:end].T),
        known=in_frame(motif, match).T if match else None,
        sites=tuple(sites[:SITES]),
    )
