"""What a discovery returns: patterns with their names, seqlets, instances, and the figure of the patterns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoplrp.discover.concepts import Concepts
from genoplrp.discover.files import h5_names
from genoplrp.discover.filters import Filters
from genoplrp.discover.label import Found
from genoplrp.discover.logos import plot_matches
from genoplrp.discover.maps import Place
from genoplrp.discover.names import Name, name_motifs, one_word_each
from genoplrp.discover.patterns import Pattern
from genoplrp.motifs import Motif
from genoplrp.sequence import Record
from genoplrp.show.figure import NotebookFigure

SIGNS = {1: "pos", -1: "neg"}

_PATTERNS = (
    *("name", "match", "matrix", "q", "others", "label", "sign", "seqlets", "sequences", "relevance", "instances"),
    *("width", "consensus", "h5"),
)
_SEQLETS = ("record", "start", "end", "label", "sign", "score", "q", "pattern", "strand")
_INSTANCES = ("record", "start", "end", "pattern", "match", "label", "strand", "score", "log_odds", "share")


@dataclass(frozen=True, eq=False)
class Discovery:
    """What a network's relevance is made of. Coordinates are 0-based half-open, in the record.

    Attributes
    ----------
    patterns
        A row a pattern, the one with the most seqlets first: ``name``; ``match``, ``matrix`` and ``q`` of the most
        similar motif of the database (``no_known_match`` where q > .05) and ``others`` with q <= .05; ``label``,
        ``sign`` (1: speaks for the label, -1: against it); numbers of ``seqlets``, of ``sequences`` that have one, of
        ``instances``; mean ``relevance`` of a seqlet; ``width`` and ``consensus`` of the core; ``h5``, its place in
        ``patterns.h5``.
    seqlets
        ``record``, ``start``, ``end``, ``label``, ``sign``, ``score`` (summed relevance), ``q``, ``pattern`` and
        ``strand`` (empty and ``.`` where it belongs to none).
    instances
        ``record``, ``start``, ``end``, ``pattern``, ``match``, ``label``, ``strand``, ``score`` (summed relevance),
        ``log_odds`` in bits, and ``share`` of the window's relevance of that sign.
    found
        The patterns themselves, row by row.
    warnings
        What to know, and what to try.
    filters
        What the filters of the first convolution were used for, if asked for.
    concepts
        What the units of every layer were used for, if asked for.
    rejected
        How many records were left out.
    out
        The folder written, if any.
    """

    patterns: pd.DataFrame
    seqlets: pd.DataFrame = field(repr=False)
    instances: pd.DataFrame = field(repr=False)
    found: tuple[Pattern, ...] = field(repr=False)
    names: tuple[Name, ...] = field(repr=False)
    database: tuple[Motif, ...] = field(repr=False)
    warnings: tuple[str, ...] = ()
    filters: Filters | None = field(default=None, repr=False)
    concepts: Concepts | None = field(default=None, repr=False)
    rejected: int = 0
    out: Path | None = None

    @property
    def motifs(self) -> tuple[Motif, ...]:
        """The patterns' cores as motifs, row by row."""
        return tuple(pattern.motif() for pattern in self.found)

    def plot(self, most: int = 40) -> NotebookFigure:
        """Figure of the patterns, at most so many: relevance, shared bases, and the known motif."""
        by_id = {motif.matrix_id: motif for motif in self.database}
        return plot_matches(self.found[:most], self.names[:most], by_id, total=len(self.found))

    def _repr_html_(self) -> str:
        html: str = self.patterns.to_html(index=False, float_format=lambda value: f"{value:.3g}")
        return html


def discovery_of(
    found: Sequence[Found], records: Sequence[Record], database: Sequence[Motif], labels: Sequence[str]
) -> Discovery:
    """Everything that was found, in tables; `labels` are all of the network's, for names that do not depend on which of
    them were looked into."""
    named: list[Pattern] = []
    words = dict(zip(labels, one_word_each(labels), strict=True))
    for one in found:
        word, ranks = words[one.maps.label], {1: 0, -1: 0}
        for pattern in one.patterns:
            named.append(pattern.renamed(f"{word}_{SIGNS[pattern.sign]}_{ranks[pattern.sign]}"))
            ranks[pattern.sign] += 1
    order = sorted(range(len(named)), key=lambda i: -len(named[i]))
    patterns = [named[i] for i in order]
    names = name_motifs([pattern.motif() for pattern in patterns], database) if patterns else []
    match = {pattern.name: name.match for pattern, name in zip(patterns, names, strict=True)}
    first, seqlets, instances, sequences = 0, [], [], {}
    for one in found:
        local = [pattern.name for pattern in named[first : first + len(one.patterns)]]
        first += len(local)
        seqlets.append(_seqlets(one, local, records))
        instances.append(_instances(one, local, match, records))
        for name, pattern in zip(local, one.patterns, strict=True):
            sequences[name] = len({one.places[row][0] for row in pattern.rows.tolist()})
    hits = _joined(instances, _INSTANCES)
    return Discovery(
        _patterns(patterns, names, sequences, Counter(hits["pattern"].tolist())),
        _joined(seqlets, _SEQLETS),
        hits,
        tuple(patterns),
        tuple(names),
        tuple(database),
    )


def _patterns(
    patterns: Sequence[Pattern], names: Sequence[Name], sequences: Mapping[str, int], instances: Mapping[str, int]
) -> pd.DataFrame:
    rows = []
    for pattern, name, h5 in zip(patterns, names, h5_names(patterns), strict=True):
        motif = pattern.motif()
        rows.append(
            (
                *(pattern.name, name.match, name.matrix, name.q, ",".join(name.others), pattern.label, pattern.sign),
                *(len(pattern), sequences[pattern.name], pattern.relevance, instances[pattern.name]),
                *(motif.width, motif.consensus, h5),
            )
        )
    return pd.DataFrame(rows, columns=list(_PATTERNS))


def _seqlets(found: Found, names: Sequence[str], records: Sequence[Record]) -> pd.DataFrame:
    frame = found.seqlets
    record, shift = _where(found.places, frame["sequence"].to_numpy())
    own = [names[k] if k >= 0 else "" for k in frame["pattern"].tolist()]
    lengths = np.array([len(records[i].sequence) for i in record.tolist()], dtype=np.int64)
    return frame.assign(
        record=[records[i].name for i in record.tolist()],
        start=np.clip(frame["start"].to_numpy() + shift, 0, None),
        end=np.minimum(frame["end"].to_numpy() + shift, lengths),
        label=found.maps.label,
        pattern=own,
    )[list(_SEQLETS)]


def _instances(found: Found, names: Sequence[str], match: Mapping[str, str], records: Sequence[Record]) -> pd.DataFrame:
    frame = found.hits
    own = [names[k] for k in frame["pattern"].tolist()]
    return frame.assign(
        record=[records[i].name for i in frame["record"].tolist()],
        pattern=own,
        match=[match[name] for name in own],
        label=found.maps.label,
    )[list(_INSTANCES)]


def _joined(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """All rows of the parts; columns of numbers stay so."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))


def _where(places: Sequence[Place], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Record of each row's window, and what to add to a place in the window to have it in the record."""
    record = np.array([place[0] for place in places], dtype=np.int64)
    shift = np.array([place[1].start - place[1].offset for place in places], dtype=np.int64)
    return record[rows], shift[rows]
