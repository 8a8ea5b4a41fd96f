"""Where motifs occur in sequences: every match at a p-value, or the best one of each sequence.

A window's score is the sum of its bases' log-odds. Scores are looked up five bases at a time in whole thousandths of a
bit, so that sums are exact and both strands, any order and any cutting into pieces give the same hits.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoplrp.motifs.codes import UNKNOWN, concatenate
from genoplrp.motifs.matrices import Motif, background_frequencies
from genoplrp.motifs.thresholds import ScoreDistribution, score_distribution

_BLOCK = 5  # bases in one look-up: a table of 5**5 int32 stays in the first-level cache
_LETTERS = UNKNOWN + 1
_PIECE = 1 << 16  # windows scored at once
_BATCH = 1 << 22  # bases of short sequences laid end to end
_SIGNS = ("+", "-")


class MotifHit(NamedTuple):
    """One match; `start` and `end` are 0-based, half-open, on the forward strand.

    `motif` counts in the motifs scanned for, `score` is in bits, `p_value` the chance of such a score in one window of
    background.
    """

    sequence: int
    start: int
    end: int
    motif: int
    strand: str
    score: float
    p_value: float


def scan(
    sequences: Iterable[str], motifs: Sequence[Motif], *, p_value: float = 1e-4, background: ArrayLike | None = None
) -> list[MotifHit]:
    """Every window, on either strand, that scores so high with a chance of at most `p_value`.

    A window with N or another ambiguous letter never matches. A palindromic site is found on both strands, as two hits.
    A motif so short that even its consensus is likelier than `p_value` has no hits: its `score_threshold` is infinite.

    Parameters
    ----------
    sequences : iterable of str
        DNA of any lengths; a whole chromosome is scanned in pieces, with the same result.
    motifs : sequence of Motif
    p_value : float
        For one window and one strand, above 0 and at most 1; not corrected for the number of windows.
    background : four numbers, optional
        Probabilities of A, C, G, T outside motifs, averaged with their complement's; a quarter each by default.

    Returns
    -------
    list of MotifHit
        By sequence, start, end, motif, strand.

    Raises
    ------
    OptionError
        If `p_value` is out of range.
    SequenceError
        If a sequence is not DNA.

    Examples
    --------
    >>> from genoplrp.motifs import shipped_motifs
    >>> ctcf = shipped_motifs()[0]
    >>> [(hit.start, hit.end, hit.strand) for hit in scan(["AAAA" + ctcf.consensus + "AAAA"], [ctcf])]
    [(4, 23, '+')]
    """
    scorers = [_scorer(motif, index, background) for index, motif in enumerate(motifs)]
    thresholds = [scorer.distribution.threshold(p_value) for scorer in scorers]
    gap = max((scorer.reach for scorer in scorers), default=0)
    hits: list[MotifHit] = []
    for batch in _batches(sequences, gap):
        for offset, words in _pieces(batch.codes, gap):
            for scorer, threshold in zip(scorers, thresholds, strict=True):
                scores = scorer.scores(words, gap)
                strand, at = np.nonzero(scores >= threshold)
                hits += _hits(scorer, batch, at + offset, strand, scores[strand, at])
    return sorted(hits)


def best_hits(sequences: Iterable[str], motif: Motif, *, background: ArrayLike | None = None) -> list[MotifHit | None]:
    """The best match in each sequence, however weak; of equally good ones the first, on the forward strand first.

    None for a sequence without a window of known bases. Parameters and errors as for `scan`; `MotifHit.motif` is 0.

    Examples
    --------
    >>> from genoplrp.motifs import shipped_motifs
    >>> best_hits(["ACGT"], shipped_motifs()[0])
    [None]
    """
    scorer = _scorer(motif, 0, background)
    lowest = scorer.distribution.low
    found: list[MotifHit | None] = []
    for batch in _batches(sequences, scorer.reach):
        best = np.full(len(batch.starts), lowest - 1, dtype=np.int64)
        at, strand = np.zeros_like(best), np.zeros_like(best)
        for offset, words in _pieces(batch.codes, scorer.reach):
            scores = scorer.scores(words, scorer.reach)
            which, where = _peaks(scores.max(axis=0), batch.starts - offset)
            better = scores[:, where].max(axis=0) > best[which]
            which, where = which[better], where[better]
            best[which], at[which] = scores[:, where].max(axis=0), where + offset
            strand[which] = scores[:, where].argmax(axis=0)
        matched = np.flatnonzero(best >= lowest)
        row: list[MotifHit | None] = [None] * len(best)
        for hit in _hits(scorer, batch, at[matched], strand[matched], best[matched]):
            row[hit.sequence - batch.first] = hit
        found += row
    return found


def best_hit(sequence: str, motif: Motif, *, background: ArrayLike | None = None) -> MotifHit | None:
    """The best match of `motif` in one sequence; see `best_hits`, which is faster for many.

    Examples
    --------
    >>> from genoplrp.motifs import shipped_motifs
    >>> hit = best_hit("TT" + shipped_motifs()[0].reverse_complement().consensus, shipped_motifs()[0])
    >>> hit.start, hit.strand
    (2, '-')
    """
    return best_hits([sequence], motif, background=background)[0]


@dataclass(frozen=True, eq=False)
class _Scorer:
    """A motif's look-up tables, (2 strands, blocks, 5**5) steps, and what is needed to report its hits."""

    index: int
    width: int
    distribution: ScoreDistribution
    tables: NDArray[np.int32]

    @property
    def reach(self) -> int:
        """How many bases from a window's start its look-ups touch."""
        return int(self.tables.shape[1]) * _BLOCK

    def scores(self, words: NDArray[np.uint16], gap: int) -> NDArray[np.int32]:
        """Scores in steps of all windows but the last `gap`, (2, windows); below the lowest where a base is unknown."""
        windows = len(words) - gap
        scores = np.zeros((2, windows), dtype=np.int32)
        for strand, blocks in enumerate(self.tables):
            for i, table in enumerate(blocks):
                scores[strand] += table[words[i * _BLOCK : i * _BLOCK + windows]]
        return scores


@dataclass(frozen=True, eq=False)
class _Batch:
    """Sequences laid end to end with unknown bases between them."""

    first: int
    codes: NDArray[np.uint8]
    starts: NDArray[np.int64]


def _scorer(motif: Motif, index: int, background: ArrayLike | None) -> _Scorer:
    distribution, tables = _look_up(motif, tuple(background_frequencies(background).tolist()))
    return _Scorer(index, motif.width, distribution, tables)


@lru_cache(maxsize=256)  # some milliseconds each, and a job scans piece after piece for the same motifs
def _look_up(motif: Motif, background: tuple[float, ...]) -> tuple[ScoreDistribution, NDArray[np.int32]]:
    distribution = score_distribution(motif, background)
    steps = distribution.steps.astype(np.int64)
    # One unknown base costs more than the best of all other bases can make up for.
    unknown = steps.min(axis=0) - (int(steps.max(axis=0).sum()) - distribution.low + 1)
    forward, reverse = np.vstack([steps, unknown]), np.vstack([steps[::-1, ::-1], unknown[::-1]])
    return distribution, np.stack([_tables(forward), _tables(reverse)])


def _tables(steps: NDArray[np.int64]) -> NDArray[np.int32]:
    """Sums of every five letters at every five positions, (blocks, 5**5), from a matrix (5 letters, w)."""
    padded = np.pad(steps, ((0, 0), (0, -steps.shape[1] % _BLOCK)))
    letters = np.indices((_LETTERS,) * _BLOCK).reshape(_BLOCK, -1).T  # (5**5, 5)
    blocks = padded.reshape(_LETTERS, -1, _BLOCK)  # (letters, blocks, 5)
    return np.stack([block[letters, np.arange(_BLOCK)].sum(axis=1) for block in blocks.swapaxes(0, 1)]).astype(np.int32)


def _batches(sequences: Iterable[str], gap: int) -> Iterator[_Batch]:
    """Whole sequences, as many as make up about 4 million bases, at least one."""
    first, waiting, bases = 0, list[str](), 0
    for sequence in sequences:
        waiting.append(sequence)
        bases += len(sequence) + gap
        if bases >= _BATCH:
            yield _Batch(first, *concatenate(waiting, gap, first))
            first, waiting, bases = first + len(waiting), [], 0
    if waiting:
        yield _Batch(first, *concatenate(waiting, gap, first))


def _pieces(codes: NDArray[np.uint8], gap: int) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    """Offset and words of five bases (in base five) of consecutive pieces, each with `gap` words of the next one."""
    for offset in range(0, len(codes), _PIECE):
        piece = codes[offset : offset + _PIECE + gap + _BLOCK - 1]
        missing = min(_PIECE, len(codes) - offset) + gap + _BLOCK - 1 - len(piece)
        letters = np.pad(piece, (0, missing), constant_values=UNKNOWN).astype(np.uint16)
        count = len(letters) - _BLOCK + 1
        words = letters[:count].copy()
        for i in range(1, _BLOCK):
            words *= _LETTERS
            words += letters[i : i + count]
        yield offset, words


def _peaks(scores: NDArray[np.int32], starts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The sequences that have windows in this piece, and for each its first best window: (k,), (k,).

    `starts` (n,), rising, are where all sequences of the batch start, relative to the piece.
    """
    first = int(np.searchsorted(starts, 0, side="right")) - 1
    last = int(np.searchsorted(starts, len(scores), side="left"))
    edges = np.maximum(starts[first:last], 0)
    peaks = np.maximum.reduceat(scores, edges)
    runs = np.diff(np.append(edges, len(scores)))
    top = np.flatnonzero(scores == np.repeat(peaks, runs))
    return np.arange(first, last), top[np.searchsorted(top, edges)]


def _hits(
    scorer: _Scorer, batch: _Batch, at: NDArray[np.int64], strand: NDArray[np.int64], steps: NDArray[np.integer]
) -> list[MotifHit]:
    """Hits from windows of the batch: where they start, on which strand (0 or 1), and their scores in steps."""
    sequence = np.searchsorted(batch.starts, at, side="right") - 1
    start = at - batch.starts[sequence]
    forward = scorer.distribution.log_odds
    matrices = np.stack([forward, forward[::-1, ::-1]])  # (2, 4, w)
    positions = np.arange(scorer.width)
    bases = batch.codes[at[:, None] + positions]
    score = matrices[strand[:, None], bases, positions].sum(axis=1)
    p_value = scorer.distribution.p_values(steps)
    columns = (sequence + batch.first, start, start + scorer.width, strand, score, p_value)
    return [
        MotifHit(i, low, high, scorer.index, _SIGNS[sign], bits, chance)
        for i, low, high, sign, bits, chance in zip(*(column.tolist() for column in columns), strict=True)
    ]
