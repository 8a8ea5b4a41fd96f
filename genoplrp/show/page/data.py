"""What the page shows: sequences with their maps at several amounts of pruning, spans, patterns and predictions.

Plain records of arrays and texts, which know nothing of HTML, of a network or of a job: `genoplrp annotate` fills them
from a run, and whatever else finds sequences and patterns can. Coordinates are 0-based half-open, in the whole record,
also where only a stretch of it is shown.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genoplrp.errors import OptionError

_STRANDS = ("+", "-", ".")


@dataclass(frozen=True)
class Setting:
    """One way in which every map was made.

    Attributes
    ----------
    name
        In words, such as ``"LRP"`` or ``"PLRP, p = 0.1"``.
    p
        Share of mass dropped at each layer, 0 for LRP; None where one number does not say it.
    """

    name: str
    p: float | None


@dataclass(frozen=True)
class Span:
    """A stretch of a sequence with a name: a hit, or with ``strand="."`` anything.

    Attributes
    ----------
    start, end
        0-based half-open, in the whole record.
    name
        What lies there.
    strand
        ``"+"``, ``"-"`` or ``"."``.
    share
        Part of the sequence's positive relevance inside, 0 to 1.
    """

    start: int
    end: int
    name: str
    strand: str = "."
    share: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end or self.strand not in _STRANDS:
            raise OptionError(f"a span needs 0 <= start <= end and a strand of + - or .; got {self}")


@dataclass(frozen=True)
class Explained:
    """One explained output of one sequence, of which l bases are shown.

    Attributes
    ----------
    label
        Index of the output in `PageData.labels`.
    called
        Whether its score exceeds the label's threshold.
    relevance
        (k, l) signed relevance a base, one row a setting.
    hits
        What was found in it.
    truth
        (start, end) of the true instances; None where nothing is known of them.
    """

    label: int
    called: bool
    relevance: NDArray[np.floating[Any]]
    hits: tuple[Span, ...] = ()
    truth: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True)
class PageSequence:
    """One sequence, or the stretch of it that is shown.

    Attributes
    ----------
    name
        Any text.
    letters
        The l bases shown.
    scores
        (m,) the network's score of each label.
    explained
        What was explained, what is to be shown first in front.
    start, length
        Where the stretch begins, and the length of the whole record (0: that of `letters`).
    locus
        Chromosome, 0-based start of the record, and strand that it was read from, where it has a place in a genome.
    """

    name: str
    letters: str
    scores: NDArray[np.floating[Any]]
    explained: tuple[Explained, ...]
    start: int = 0
    length: int = 0
    locus: tuple[str, int, str] | None = None


@dataclass(frozen=True)
class Site:
    """An example of a pattern: a stretch of one of the sequences on the page.

    Attributes
    ----------
    sequence
        Index in `PageData.sequences`.
    label
        The output in whose map the pattern lies.
    start, end, strand
        0-based half-open; ``"-"`` where the pattern lies on the other strand.
    """

    sequence: int
    label: int
    start: int
    end: int
    strand: str = "+"


@dataclass(frozen=True)
class Pattern:
    """A motif of the gallery.

    Attributes
    ----------
    name
        Such as ``"CTCF"``, or ``"pattern 3"``.
    source
        Where the name comes from: ``"JASPAR MA0139.1"``, ``"no known match"``, ``"GATA1, q = 2e-5"``.
    count
        How often it was found.
    note
        One more line of text.
    pwm
        (w, 4) probabilities of A, C, G, T; None where there is no matrix.
    cwm
        (w, 4) mean relevance of A, C, G, T; None where it was not measured.
    sites
        Examples.
    known
        (w, 4) bits of the known motif that it is like, in the same frame; None where there is none.
    """

    name: str
    source: str
    count: int
    note: str = ""
    pwm: NDArray[np.floating[Any]] | None = None
    cwm: NDArray[np.floating[Any]] | None = None
    sites: tuple[Site, ...] = ()
    known: NDArray[np.floating[Any]] | None = None

    def __post_init__(self) -> None:
        for name in ("pwm", "cwm", "known"):
            matrix = getattr(self, name)
            if matrix is not None and (matrix.ndim != 2 or matrix.shape[1] != 4 or not np.isfinite(matrix).all()):
                raise OptionError(f"pattern {self.name!r}: {name} must be finite, shape (w, 4); got {matrix.shape}")


@dataclass(frozen=True)
class PageData:
    """Everything that the viewer shows.

    Attributes
    ----------
    labels
        Names of the network's outputs.
    settings
        The k ways in which maps were made; the first is LRP, and p rises.
    chosen
        Index of the setting shown first.
    sequences, patterns
        In the order in which they are listed.
    thresholds
        (m,) score above which a label is called; empty if there are none.
    truth_name
        What `Explained.truth` is called where it is drawn: ``"truth"``, or ``"match"`` if only a matrix says so.
    total
        How many sequences there are, of which the page may hold a part only.
    selection
        In words, which part that is.
    truth
        In words, what `Explained.truth` is.
    opens
        Whether the ``"sequences"`` or the ``"patterns"`` are seen first.

    Raises
    ------
    OptionError
        Parts do not fit each other: the message says which.

    Examples
    --------
    >>> explained = Explained(0, True, np.array([[0.0, 1.0, 0.5, 0.0]]), (Span(1, 3, "demo", "+", 1.0),))
    >>> sequence = PageSequence("first", "ACGT", np.array([2.5]), (explained,))
    >>> PageData(("demo",), (Setting("LRP", 0.0),), 0, (sequence,)).total
    1
    """

    labels: tuple[str, ...]
    settings: tuple[Setting, ...]
    chosen: int
    sequences: tuple[PageSequence, ...]
    patterns: tuple[Pattern, ...] = ()
    thresholds: tuple[float, ...] = ()
    truth_name: str = "truth"
    total: int = 0
    selection: str = ""
    truth: str = ""
    opens: Literal["sequences", "patterns"] = "sequences"

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", self.total or len(self.sequences))
        if not 0 <= self.chosen < len(self.settings):
            raise OptionError(f"chosen must be one of {len(self.settings)} settings; got {self.chosen}")
        if self.thresholds and len(self.thresholds) != len(self.labels):
            raise OptionError(f"expected a threshold for each of {len(self.labels)} labels; got {len(self.thresholds)}")
        for sequence in self.sequences:
            self._check(sequence)
        for pattern in self.patterns:
            for site in pattern.sites:
                if not 0 <= site.sequence < len(self.sequences):
                    raise OptionError(f"pattern {pattern.name!r}: there is no sequence {site.sequence} for its site")

    def _check(self, sequence: PageSequence) -> None:
        shape = (len(self.settings), len(sequence.letters))
        if sequence.scores.shape != (len(self.labels),):
            raise OptionError(
                f"sequence {sequence.name!r}: expected {len(self.labels)} scores; got {sequence.scores.shape}"
            )
        if not sequence.explained or not sequence.letters:
            raise OptionError(f"sequence {sequence.name!r}: there is nothing to show")
        for explained in sequence.explained:
            if explained.relevance.shape != shape or not np.isfinite(explained.relevance).all():
                raise OptionError(
                    f"sequence {sequence.name!r}: relevance must be finite, one row a setting and one number a base, "
                    f"shape {shape}; got {explained.relevance.shape}"
                )
