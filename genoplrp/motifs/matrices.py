"""Motif matrices: what a transcription factor likes to bind, read from and written to JASPAR and MEME files.

A `Motif` holds counts; probabilities, log-odds and information follow from them. Finding motifs in sequences is in
`scan`, planting them is in `simulate`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from Bio import motifs as bio_motifs
from numpy.typing import ArrayLike, NDArray

from genoplrp.errors import MotifError, OutputError
from genoplrp.resources import motif_file

LETTERS = "ACGT"
UNIFORM = (0.25, 0.25, 0.25, 0.25)

# Biopython reads MEME's probabilities as round(p * nsites), which for the usual nsites=20 leaves one digit.
# The text is given to it with this many sites instead, and the counts are scaled back.
_MEME_SITES = 10**9
_FORMATS = {".jaspar": "jaspar", ".pfm": "jaspar", ".meme": "meme"}


def information(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Bits of each column of probabilities (4, w): 2 - entropy, 0 to 2 (Schneider and Stephens 1990).

    Examples
    --------
    >>> information(np.array([[1.0, 0.5, 0.25], [0, 0.5, 0.25], [0, 0, 0.25], [0, 0, 0.25]])).tolist()
    [2.0, 1.0, 0.0]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    logarithm = np.log2(p, where=p > 0, out=np.zeros_like(p))
    return np.asarray(np.maximum(2.0 + (p * logarithm).sum(axis=0), 0.0))


@dataclass(frozen=True, eq=False)
class Motif:
    """A position count matrix with its names.

    Parameters
    ----------
    name : str
        What people call the factor, such as ``CTCF``.
    matrix_id : str
        The matrix' accession, such as ``MA0139.1``.
    counts : array of shape (4, w)
        How often A, C, G, T (rows) were seen at each of the w positions: finite, not negative, no column all zero.
        Kept as a read-only float64 copy.

    Raises
    ------
    MotifError
        If `counts` is none of the above.

    Examples
    --------
    >>> motif = Motif("demo", "D1", [[8, 0], [0, 4], [0, 2], [0, 2]])
    >>> motif.width, motif.consensus
    (2, 'AC')
    >>> motif.information.round(3).tolist()
    [2.0, 0.5]
    >>> motif.reverse_complement().consensus
    'GT'
    """

    name: str
    matrix_id: str
    counts: NDArray[np.float64]

    def __post_init__(self) -> None:
        counts = np.array(self.counts, dtype=np.float64)
        if counts.ndim != 2 or counts.shape[0] != 4 or counts.shape[1] == 0:
            raise MotifError(
                f"motif {self.matrix_id}: counts must have shape (4, width), rows A, C, G, T; got {counts.shape}"
            )
        bad = ~np.isfinite(counts).all(axis=0) | (counts < 0).any(axis=0) | (counts.sum(axis=0) <= 0)
        if bad.any():
            column = int(np.flatnonzero(bad)[0])
            raise MotifError(
                f"motif {self.matrix_id}: position {column} holds {counts[:, column].tolist()}; counts must be finite, "
                "not negative, and not all zero"
            )
        counts.setflags(write=False)
        object.__setattr__(self, "counts", counts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Motif):
            return NotImplemented
        same_names = (self.name, self.matrix_id) == (other.name, other.matrix_id)
        return same_names and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.name, self.matrix_id, self.counts.tobytes()))

    @property
    def width(self) -> int:
        """Number of positions."""
        return int(self.counts.shape[1])

    @property
    def consensus(self) -> str:
        """The most frequent base at each position; of equally frequent ones the first of A, C, G, T."""
        return "".join(LETTERS[i] for i in self.counts.argmax(axis=0))

    @cached_property
    def information(self) -> NDArray[np.float64]:
        """Information content in bits, shape (w,), from 0 (any base) to 2 (always the same): 2 - entropy."""
        return information(self.probabilities(0.0))

    @property
    def heights(self) -> NDArray[np.float64]:
        """Letters of the sequence logo in bits, shape (4, w): each base's share of the information."""
        return self.probabilities(0.0) * self.information

    def probabilities(self, pseudocount: float = 0.8) -> NDArray[np.float64]:
        """Base probabilities, shape (4, w), columns summing to 1.

        ``(count + pseudocount / 4) / (sum of the column + pseudocount)``: `pseudocount` is shared out over the four
        bases, as JASPAR's tools do; Biopython's ``normalize(pseudocounts=0.2)`` is the same as 0.8 here.
        """
        if not 0.0 <= pseudocount < np.inf:
            raise MotifError(f"pseudocount must be finite and not negative; got {pseudocount}")
        padded = self.counts + pseudocount / 4.0
        return np.asarray(padded / padded.sum(axis=0, keepdims=True))

    def log_odds(self, background: ArrayLike | None = None, pseudocount: float = 0.8) -> NDArray[np.float64]:
        """Score matrix, shape (4, w): log2 of the base's probability here over that in `background`.

        Parameters
        ----------
        background : four numbers, optional
            Probabilities of A, C, G, T outside motifs; a quarter each by default.
        pseudocount : float
            See `probabilities`; with 0, a base never seen scores minus infinity.
        """
        frequencies = background_frequencies(background)
        with np.errstate(divide="ignore"):
            return np.log2(self.probabilities(pseudocount) / frequencies[:, None])

    def reverse_complement(self) -> "Motif":
        """The same motif as it is read on the other strand, names unchanged."""
        return Motif(self.name, self.matrix_id, self.counts[::-1, ::-1])


def background_frequencies(background: ArrayLike | None) -> NDArray[np.float64]:
    """Four checked base probabilities, scaled to sum to 1; uniform for None.

    >>> background_frequencies([3, 2, 2, 3]).tolist()
    [0.3, 0.2, 0.2, 0.3]
    """
    frequencies = np.asarray(UNIFORM if background is None else background, dtype=np.float64)
    if frequencies.shape != (4,) or not np.isfinite(frequencies).all() or (frequencies <= 0).any():
        raise MotifError(f"background must be four positive numbers, for A, C, G, T; got {frequencies.tolist()}")
    return np.asarray(frequencies / frequencies.sum())


def read_motifs(path: str | Path, format: str | None = None) -> tuple[Motif, ...]:
    """Motifs of a JASPAR or MEME file, in the order of the file.

    Parameters
    ----------
    path : str or Path
        JASPAR (with or without row letters and brackets) or MEME (minimal or full text).
    format : {"jaspar", "meme"}, optional
        By default the file's first lines tell.

    Raises
    ------
    MotifError
        If the file is missing, holds no motif, or cannot be read as `format`.

    Examples
    --------
    >>> from genoplrp.resources import motif_file
    >>> read_motifs(motif_file())[0].consensus
    'TGGCCACCAGGGGGCGCTA'
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MotifError(f"{path}: cannot be read as a motif file: {error}") from error
    chosen = _checked_format(format) if format else _sniff(text)
    try:
        found = _parse_meme(text) if chosen == "meme" else _parse_jaspar(text)
    except MotifError as error:
        raise MotifError(f"{path}: {error}") from error
    except Exception as error:  # Biopython's parsers raise whatever their line of code met: KeyError, IndexError, ...
        raise MotifError(f"{path}: not a {chosen} file that Biopython can read: {error!r}") from error
    if not found:
        raise MotifError(f"{path}: no motif in it; expected JASPAR ('>ID name', four rows) or MEME ('MOTIF ID name')")
    return found


def write_motifs(motifs: Iterable[Motif], path: str | Path, format: str | None = None) -> None:
    """Write motifs so that `read_motifs` returns the same again.

    JASPAR keeps counts exactly. MEME has probabilities and one number of sites a motif: probabilities come back to
    1e-9, and counts do where all columns of a motif have the same whole sum.

    Parameters
    ----------
    motifs : iterable of Motif
    path : str or Path
        An existing file is replaced.
    format : {"jaspar", "meme"}, optional
        By default from the suffix: ``.jaspar``, ``.pfm`` or ``.meme``.

    Raises
    ------
    MotifError
        If the suffix does not tell the format, or a name or id is empty or has a space in it.
    OutputError
        If the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if format is None and suffix not in _FORMATS:
        raise MotifError(f"{path}: the suffix does not tell the format; pass format='jaspar' or format='meme'")
    chosen = _checked_format(format) if format else _FORMATS[suffix]
    motifs = tuple(motifs)
    for motif in motifs:
        if any(len(word.split()) != 1 for word in (motif.matrix_id, motif.name)):
            raise MotifError(f"id {motif.matrix_id!r} and name {motif.name!r} must each be one word in a motif file")
    text = _format_meme(motifs) if chosen == "meme" else _format_jaspar(motifs)
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: motifs cannot be written: {error.strerror}") from error


def shipped_motifs() -> tuple[Motif, ...]:
    """The 20 vertebrate JASPAR motifs that come with genoplrp.

    Examples
    --------
    >>> [motif.name for motif in shipped_motifs()][:3]
    ['CTCF', 'Gata1', 'GATA1::TAL1']
    """
    return read_motifs(motif_file())


def _checked_format(format: str) -> str:
    if format not in ("jaspar", "meme"):
        raise MotifError(f"format must be 'jaspar' or 'meme'; got {format!r}")
    return format


def _sniff(text: str) -> str:
    """MEME if a line starts as only MEME's do, else JASPAR."""
    return "meme" if re.search(r"^(MEME version|MOTIF\s)", text, re.MULTILINE) else "jaspar"


def _to_motif(found: Any, name: str, matrix_id: str, scale: float = 1.0) -> Motif:
    return Motif(name, matrix_id, np.array([found.counts[letter] for letter in LETTERS]) * scale)


def _parse_jaspar(text: str) -> tuple[Motif, ...]:
    found = bio_motifs.parse(StringIO(text), "jaspar")
    headers = sum(line.startswith(">") for line in text.splitlines())
    if headers != len(found):
        raise MotifError(f"{headers} headers ('>ID name') but {len(found)} complete matrices of four rows")
    return tuple(_to_motif(motif, motif.name, motif.matrix_id) for motif in found)


def _parse_meme(text: str) -> tuple[Motif, ...]:
    _check_meme_alphabet(text)
    names = re.findall(r"^MOTIF[ \t]+(\S+)(?:[ \t]+(\S+))?", text, re.MULTILINE)
    blocks = re.split(r"^(?=MOTIF\s)", text, flags=re.MULTILINE)[1:]
    return tuple(_meme_motif(block, *name) for name, block in zip(names, blocks, strict=True))


def _check_meme_alphabet(text: str) -> None:
    alphabet = re.search(r"^ALPHABET[ =]*(.*)$", text, re.MULTILINE)
    if alphabet and not alphabet.group(1).strip().strip('"').upper().startswith(("ACGT", "ACGU", "DNA", "RNA")):
        raise MotifError(f"alphabet {alphabet.group(1).strip()!r}: only DNA and RNA motifs can be used")


def _meme_motif(block: str, matrix_id: str, alternate: str) -> Motif:
    """One ``MOTIF`` block, given to Biopython with the header it insists on."""
    matrix = re.search(r"^letter-probability matrix:(.*)((?:\n[ \t]*[\d.+-].*)+)", block, re.MULTILINE)
    if matrix is None:
        raise MotifError(f"motif {matrix_id}: no 'letter-probability matrix:' with rows of numbers below it")
    facts, rows = matrix.group(1), matrix.group(2).strip().splitlines()
    _check_meme_rows(matrix_id, facts, rows)
    header = "MEME version 4\n\nALPHABET= ACGT\n\nBackground letter frequencies\nA 0.25 C 0.25 G 0.25 T 0.25\n\n"
    body = f"MOTIF {matrix_id}\nletter-probability matrix: w= {len(rows)} nsites= {_MEME_SITES}\n" + "\n".join(rows)
    (found,) = bio_motifs.parse(StringIO(header + body + "\n"), "minimal")
    sites = re.search(r"nsites=\s*([\d.]+)", facts)
    wanted = float(sites.group(1)) if sites else 20.0  # MEME's own default
    return _to_motif(found, alternate or matrix_id, matrix_id, (wanted or 20.0) / _MEME_SITES)


def _check_meme_rows(matrix_id: str, facts: str, rows: Sequence[str]) -> None:
    width = re.search(r"\bw=\s*(\d+)", facts)
    if width and int(width.group(1)) != len(rows):
        raise MotifError(f"motif {matrix_id}: says w= {width.group(1)} but has {len(rows)} rows")
    for i, row in enumerate(rows):
        numbers = [float(word) for word in row.split()]
        if len(numbers) != 4 or abs(sum(numbers) - 1.0) > 0.02:
            raise MotifError(
                f"motif {matrix_id}, row {i}: expected four probabilities that sum to 1; got {row.strip()!r}"
            )


def _format_jaspar(motifs: Iterable[Motif]) -> str:
    # Biopython's writer rounds to two digits, which turns a matrix of probabilities into another motif.
    lines = []
    for motif in motifs:
        lines.append(f">{motif.matrix_id} {motif.name}")
        for letter, row in zip(LETTERS, motif.counts.tolist(), strict=True):
            lines.append(f"{letter} [ {' '.join(_plain(value) for value in row)} ]")
    return "\n".join(lines) + "\n"


def _format_meme(motifs: Iterable[Motif]) -> str:
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", ""]
    lines += ["Background letter frequencies", "A 0.25 C 0.25 G 0.25 T 0.25", ""]
    for motif in motifs:
        sites = max(1, round(float(motif.counts.sum(axis=0).max())))  # other readers expect a whole number
        lines.append(f"MOTIF {motif.matrix_id} {motif.name}")
        lines.append(f"letter-probability matrix: alength= 4 w= {motif.width} nsites= {sites} E= 0")
        lines += [" " + "  ".join(f"{p:.10f}" for p in column) for column in motif.probabilities(0.0).T.tolist()]
        lines.append("")
    return "\n".join(lines)


def _plain(value: float) -> str:
    """The shortest text that reads back as `value`, whole numbers without a point."""
    return str(int(value)) if value.is_integer() else repr(value)
