"""Letters to tensors and back: encoding, decoding, reverse complement, and the check that a string is DNA at all.

The channel order is A, C, G, T everywhere. Lower case (soft-masked) letters count as upper case, U reads as T, and N
and the other IUPAC codes are all-zero columns: the network sees no base there. Any other character is an error that
names the record and the offset. Reading files lives in `fasta`, cutting records into network windows in `windows`.
"""

from collections.abc import Iterable
from typing import overload

import numpy as np
import torch
from torch import Tensor

from genoplrp.errors import SequenceError

BASES = "ACGT"
"""The four channels, in order."""

_UPPER = BASES + "UNRYSWKMBDHV"
_LETTERS = (_UPPER + _UPPER.lower()).encode()
_KNOWN = b"ACGTUacgtu"
# Amino acids whose letters no nucleotide code uses: meeting one is how a protein file shows.
_PROTEIN_ONLY = frozenset("EFILPQXZ*efilpqxz")

_COMPLEMENT = str.maketrans(
    "ACGTURYSWKMBDHVN" + "acgturyswkmbdhvn",
    "TGCAAYRSWMKVHDBN" + "tgcaayrswmkvhdbn",
)
AMBIGUOUS_CODE, FOREIGN_CODE = 4, 255


def _code_table() -> np.ndarray:
    """Byte -> channel 0-3, or 4 for an IUPAC code, or 255 for what is not DNA; (256,) uint8."""
    table = np.full(256, FOREIGN_CODE, dtype=np.uint8)
    table[list(_LETTERS)] = AMBIGUOUS_CODE
    for channel, letter in enumerate(BASES):
        table[[ord(letter), ord(letter.lower())]] = channel
    table[[ord("U"), ord("u")]] = BASES.index("T")
    table.setflags(write=False)
    return table


BYTE_CODES = _code_table()


def one_hot(sequences: str | Iterable[str]) -> Tensor:
    """One-hot tensor of DNA sequences of one length.

    Parameters
    ----------
    sequences
        One sequence or several of equal length. Either case; U reads as T; N and the other IUPAC codes become all-zero
        columns.

    Returns
    -------
    Tensor
        (n, 4, l) float32 of zeros and ones, channels A, C, G, T; n is 1 for a single string.

    Raises
    ------
    SequenceError
        A character is no nucleotide code (record and 0-based offset are named), lengths differ, or an item is no str.

    Examples
    --------
    >>> one_hot("AcgUN")[0].int().tolist()
    [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]
    >>> one_hot(["ACGT", "TTTT"]).shape
    torch.Size([2, 4, 4])
    """
    rows = [sequences] if isinstance(sequences, str) else list(sequences)
    _check_rows(rows)
    n, length = len(rows), len(rows[0]) if rows else 0
    codes = BYTE_CODES[np.frombuffer(_to_bytes("".join(rows)), dtype=np.uint8)].reshape(n, length)  # (n, l)
    if (codes == FOREIGN_CODE).any():
        for index, row in enumerate(rows):
            check_dna(row, f"sequence {index}")
    x = np.empty((n, 4, length), dtype=np.float32)
    for channel in range(4):
        np.equal(codes, channel, out=x[:, channel])
    return torch.from_numpy(x)


def decode(x: Tensor) -> list[str]:
    """Upper-case sequences of a one-hot tensor: the inverse of `one_hot`.

    Parameters
    ----------
    x
        (n, 4, l), any dtype, at most a single one per column and zeros elsewhere.

    Returns
    -------
    list of str
        n strings of length l; an all-zero column reads as N.

    Raises
    ------
    SequenceError
        The shape is not (n, 4, l), or a column is neither one-hot nor all zero (row and 0-based offset are named).

    Examples
    --------
    >>> decode(one_hot(["acgu", "NNRT"]))
    ['ACGT', 'NNNT']
    """
    if x.ndim != 3 or x.shape[1] != 4:
        raise SequenceError(f"decode takes a tensor of shape (n, 4, l), channels A, C, G, T; got {tuple(x.shape)}.")
    dense = x.detach().cpu()
    hot = (dense == 1).to(torch.uint8)  # (n, 4, l)
    bases = hot.sum(1, dtype=torch.uint8)  # (n, l)
    wrong = (bases != (dense != 0).sum(1, dtype=torch.uint8)) | (bases > 1)
    if wrong.any():
        row, offset = wrong.nonzero()[0].tolist()
        column = dense[row, :, offset].tolist()
        raise SequenceError(
            f"sequence {row}, offset {offset} (0-based): the column {column} is neither one-hot nor all zero. "
            "decode reads sequences, not probabilities; take the argmax over axis 1 first if that is what you want."
        )
    letters = np.frombuffer(b"NACGT", dtype=np.uint8)
    code = hot[:, 0] + 2 * hot[:, 1] + 3 * hot[:, 2] + 4 * hot[:, 3]  # (n, l), 0 for no base
    return [row.tobytes().decode("ascii") for row in letters[code.numpy()]]


@overload
def reverse_complement(sequence: str) -> str: ...
@overload
def reverse_complement(sequence: Tensor) -> Tensor: ...
def reverse_complement(sequence: str | Tensor) -> str | Tensor:
    """Reverse complement of a string, or of one-hot sequences or maps of relevance.

    Twice the reverse complement is the sequence again, except that U comes back as T (the result is DNA).

    Parameters
    ----------
    sequence
        A string, whose case and IUPAC codes are kept (R becomes Y, B becomes V, ...), or a tensor (..., 4, l) with
        channels A, C, G, T, which is flipped along its last two axes.

    Returns
    -------
    str or Tensor
        As came in. A tensor is a copy.

    Raises
    ------
    SequenceError
        A character is no nucleotide code, or the tensor has no axis of four channels before the last.

    Examples
    --------
    >>> reverse_complement("AACgtR")
    'YacGTT'
    >>> decode(reverse_complement(one_hot("AACG")))
    ['CGTT']
    """
    if isinstance(sequence, str):
        check_dna(sequence, "sequence")
        return sequence.translate(_COMPLEMENT)[::-1]
    if sequence.ndim < 2 or sequence.shape[-2] != 4:
        raise SequenceError(
            f"reverse_complement takes a str or a tensor (..., 4, l), channels A, C, G, T; got {tuple(sequence.shape)}."
        )
    return sequence.flip(-2, -1)


def check_dna(sequence: str, record: str) -> None:
    """Raise unless every character is a nucleotide code.

    Parameters
    ----------
    sequence
        What should be DNA.
    record
        How the error names the sequence, such as ``"record 'chr1'"``.

    Raises
    ------
    SequenceError
        Names the record, the 0-based offset and the first character that is none of ACGTU, N and the IUPAC codes.

    Examples
    --------
    >>> check_dna("ACGTN", "record 'peak_1'")
    >>> check_dna("ACJF", "record 'P53'")
    Traceback (most recent call last):
        ...
    genoplrp.errors.SequenceError: record 'P53', offset 2 (0-based): 'J' is no nucleotide code (ACGTU, N, other IUPAC).
    """
    encoded = _to_bytes(sequence)
    foreign = encoded.translate(None, _LETTERS)
    if not foreign:
        return
    offset = encoded.index(foreign[0])
    letter = sequence[offset]
    advice = " This looks like protein; genoplrp reads DNA." if letter in _PROTEIN_ONLY else ""
    raise SequenceError(
        f"{record}, offset {offset} (0-based): {letter!r} is no nucleotide code (ACGTU, N, other IUPAC).{advice}"
    )


def count_bases(sequence: str) -> int:
    """Number of letters that name a base (ACGTU in either case): 0 for a sequence of only N.

    Examples
    --------
    >>> count_bases("NNacgNNR"), count_bases("NNNN")
    (3, 0)
    """
    return len(sequence) - len(_to_bytes(sequence).translate(None, _KNOWN))


def _to_bytes(text: str) -> bytes:
    """One byte a character, so that offsets stay true; what does not fit becomes '?', which is no nucleotide."""
    return text.encode("latin-1", "replace")


def _check_rows(rows: list[str]) -> None:
    """Raise unless all rows are strings of the first one's length."""
    for index, row in enumerate(rows):
        if not isinstance(row, str):
            raise SequenceError(
                f"sequence {index} is of type {type(row).__name__}; one_hot takes str, or several of them "
                "(of a Record, pass its .sequence)."
            )
        if len(row) != len(rows[0]):
            raise SequenceError(
                f"sequence {index} has {len(row)} letters and sequence 0 has {len(rows[0])}; one_hot takes sequences "
                "of one length. Cut or pad them with genoplrp.sequence.tile and place."
            )
