"""The page's viewer as a value: it shows itself in a notebook, as widget or figure, and saves itself as a page."""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genoplrp.errors import OptionError
from genoplrp.motifs.masks import Placed
from genoplrp.result import Attribution
from genoplrp.sequence import Record
from genoplrp.show.figure import NotebookFigure, checked
from genoplrp.show.letters import LetterStyle
from genoplrp.show.maps import densest, plot_triptych
from genoplrp.show.page import Explained, PageData, PageSequence, Setting, Span, page_html

if TYPE_CHECKING:
    from genoplrp.show.widget import ViewerWidget

SHOWN = 120
"""Bases of the figure, of which letters can be read."""


@dataclass(frozen=True, eq=False)
class Viewer:
    """Sequences to look at: the last line of a cell shows it.

    With anywidget (extra ``notebook``) that is the page's viewer: hover, zoom, search, pick a sequence. Where widgets
    do not run, and in what is kept of a notebook, it is a figure of one sequence.

    Attributes
    ----------
    data
        What is shown.
    title
        Above it.
    first
        Index of the sequence that is open at first, and drawn as the figure.
    """

    data: PageData
    title: str = ""
    first: int = 0

    @cached_property
    def widget(self) -> "ViewerWidget":
        """The widget; its trait ``sequence`` is the index of the sequence that is open.

        Raises
        ------
        OptionError
            anywidget is not installed.
        """
        if find_spec("anywidget") is None:
            raise OptionError('a widget needs anywidget: pip install "genoplrp[notebook]"')
        from genoplrp.show.widget import ViewerWidget

        return ViewerWidget.of(self.data, self.title, self.first)

    def figure(
        self, sequence: int | None = None, *, width: int = SHOWN, style: LetterStyle | str = "okabe-ito"
    ) -> NotebookFigure:
        """Triptych of a sequence: truth, the first map and the chosen one, where most relevance lies.

        Parameters
        ----------
        sequence
            Its index; by default that of the first one open.
        width
            At most so many bases.
        style
            A `LetterStyle`, or the name of a colour scheme.

        Raises
        ------
        OptionError
            There is no such sequence.
        """
        index = self.first if sequence is None else sequence
        if not 0 <= index < len(self.data.sequences):
            raise OptionError(f"sequence must be one of {len(self.data.sequences)}; got {index}")
        chosen = self.data.sequences[index]
        explained = chosen.explained[0]
        first = densest(np.abs(explained.relevance[self.data.chosen]), width)
        start, piece = chosen.start + first, slice(first, first + width)
        end = start + len(chosen.letters[piece])
        maps = {self.data.settings[k].name: explained.relevance[k, piece] for k in sorted({0, self.data.chosen})}
        return plot_triptych(
            chosen.letters[piece],
            maps,
            truth=[(max(a, start), min(b, end)) for a, b in explained.truth or () if a < end and start < b],
            hits=[hit for hit in explained.hits if start <= hit.start and hit.end <= end],
            start=start,
            title=f"{self.data.labels[explained.label]}   {chosen.name}",
            style=style,
            truth_name=self.data.truth_name,
        )

    def save(self, path: str | Path) -> None:
        """Write the viewer as a page of one file (docs/page.md)."""
        Path(path).write_text(page_html(self.data, title=self.title or "Sequences"), encoding="utf-8")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Widget and figure in one bundle: a front end takes the richest that it knows."""
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        if self.data.sequences:
            bundle["image/png"] = b64encode(self.figure()._repr_png_()).decode("ascii")
        if find_spec("anywidget") is not None:
            shown, _ = self.widget._repr_mimebundle_() or ({}, {})
            bundle = shown | bundle
        return bundle

    def __repr__(self) -> str:
        many = "sequence" if len(self.data.sequences) == 1 else "sequences"
        text = f"Viewer of {len(self.data.sequences):,} {many}"
        return f"{text}: {self.title}" if self.title else text


def view(
    sequences: str | Sequence[str | Record],
    maps: Mapping[str, Any],
    *,
    names: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    hits: Iterable[Any] = (),
    motifs: Sequence[Any] = (),
    truth: Iterable[Placed] | None = None,
    title: str = "",
) -> Viewer:
    """Viewer of n explained sequences.

    Parameters
    ----------
    sequences
        Letters, or records of a FASTA file, which bring their names.
    maps
        Name -> `Attribution` of the sequences, or relevance a base, (n, l) or n times (l,). The first is the one that
        the others are compared with, as a rule LRP; the last is shown beside it.
    names
        One a sequence; by default the records' or a number.
    labels
        Names of the network's outputs (``model.spec.labels``); by default a number.
    hits
        Things with sequence (an index), start, end and strand, such as `genoplrp.motifs.scan` finds.
    motifs
        What ``hit.motif`` counts in, for the names of hits.
    truth
        The true sites, with sequence, start and end; None where none are known.
    title
        Above the viewer.

    Raises
    ------
    OptionError
        Nothing to show, maps that do not fit the sequences or each other, or hits and sites outside.

    Examples
    --------
    >>> shown = view(["ACGTA"], {"LRP": [[0, 0.4, 1, 0.5, 0.1]], "PLRP": [[0, 0, 1, 0.6, 0]]}, title="mine")
    >>> shown
    Viewer of 1 sequence: mine
    >>> shown.data.settings[1].name
    'PLRP'
    """
    given = [sequences] if isinstance(sequences, str) else list(sequences)
    letters = [item.sequence if isinstance(item, Record) else item for item in given]
    if not letters or not maps:
        raise OptionError("view needs at least one sequence and one map, as {name: attribution}")
    called = list(names) if names is not None else [_name(item, i) for i, item in enumerate(given, start=1)]
    if len(called) != len(letters):
        raise OptionError(f"expected a name for each of {len(letters)} sequences; got {len(called)}")
    relevance = {name: _rows(name, found, letters) for name, found in maps.items()}
    targets, scores = _outputs(maps, len(letters))
    shown = sorted(set(targets))
    spans = _by_sequence(hits, letters, "hit")
    sites = None if truth is None else _by_sequence(truth, letters, "site")
    settings = tuple(Setting(name, None) for name in relevance)
    pages = []
    for i, (text, name) in enumerate(zip(letters, called, strict=True)):
        stacked = np.stack([rows[i] for rows in relevance.values()])
        label = shown.index(targets[i])
        own = np.where(np.arange(len(shown)) == label, scores[i], np.nan)
        explained = Explained(
            label=label,
            called=True,
            relevance=stacked,
            hits=tuple(_span(hit, stacked[-1], motifs) for hit in spans[i]),
            truth=None if sites is None else tuple(sorted((site.start, site.end) for site in sites[i])),
        )
        pages.append(PageSequence(name, text, own, (explained,)))
    outputs = tuple(labels[k] if labels is not None and k < len(labels) else f"output {k}" for k in shown)
    return Viewer(PageData(outputs, settings, len(settings) - 1, tuple(pages)), title)


def _name(item: str | Record, number: int) -> str:
    return item.name if isinstance(item, Record) and item.name else f"sequence {number}"


def _rows(name: str, found: Any, letters: Sequence[str]) -> list[NDArray[np.float64]]:
    """One map a sequence."""
    values = found.per_base.detach().cpu() if isinstance(found, Attribution) else found
    if len(values) != len(letters):
        raise OptionError(f"map {name!r} is of {len(values)} sequences, but there are {len(letters)}")
    return [checked(name, row, len(text)) for row, text in zip(values, letters, strict=True)]


def _outputs(maps: Mapping[str, Any], n: int) -> tuple[list[int], list[float]]:
    """Which output is explained of each sequence, and its score, as the attributions among the maps say."""
    found = [item for item in maps.values() if isinstance(item, Attribution)]
    if not found:
        return [0] * n, [np.nan] * n
    targets = [[0] * n if item.target is None else [int(k) for k in item.target] for item in found]
    if any(other != targets[0] for other in targets):
        raise OptionError("the maps explain different outputs; pass the same target to each attribution")
    return targets[0], [float(score) for score in found[0].output]


def _by_sequence(places: Iterable[Any], letters: Sequence[str], kind: str) -> dict[int, list[Any]]:
    """Hits or sites by the index of their sequence."""
    found: dict[int, list[Any]] = defaultdict(list)
    for place in places:
        if not (0 <= place.sequence < len(letters) and 0 <= place.start <= place.end <= len(letters[place.sequence])):
            raise OptionError(f"{kind} {place} lies outside the {len(letters)} sequences")
        found[place.sequence].append(place)
    return found


def _span(hit: Any, relevance: NDArray[np.float64], motifs: Sequence[Any]) -> Span:
    """A hit with its name and its share of the positive relevance."""
    positive = np.maximum(relevance, 0)
    total = float(positive.sum())
    share = float(positive[hit.start : hit.end].sum()) / total if total else 0.0
    name = motifs[hit.motif].name if len(motifs) else getattr(hit, "name", None) or f"motif {hit.motif}"
    return Span(hit.start, hit.end, name, hit.strand, share)
