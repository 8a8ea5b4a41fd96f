"""DNA as small integers: 0 to 3 for A, C, G, T and 4 for N and the other IUPAC letters."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genoplrp.errors import SequenceError
from genoplrp.sequence.alphabet import AMBIGUOUS_CODE, BYTE_CODES, FOREIGN_CODE

UNKNOWN = AMBIGUOUS_CODE
_LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)


def encode(sequence: str, record: int = 0) -> NDArray[np.uint8]:
    """Codes of one sequence, shape (l,); `record` is its index, for the error message.

    Raises
    ------
    SequenceError
        At the first letter that is no DNA letter.

    Examples
    --------
    >>> encode("acGTUN").tolist()
    [0, 1, 2, 3, 3, 4]
    """
    return concatenate([sequence], 0, record)[0]


def to_text(codes: NDArray[np.uint8]) -> list[str]:
    """Strings of codes of shape (n, l).

    >>> to_text(np.array([[0, 1, 2, 3, 4]], dtype=np.uint8))
    ['ACGTN']
    """
    n, length = codes.shape
    if n == 0 or length == 0:
        return [""] * n
    text: list[bytes] = np.ascontiguousarray(_LETTERS[codes]).view(f"S{length}").ravel().tolist()
    return [row.decode("ascii") for row in text]


def concatenate(sequences: Sequence[str], gap: int, first: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All sequences in one array with `gap` unknown bases after each, and where each starts, shape (n,).

    `first` is the index of the first sequence, for the error message.

    Raises
    ------
    SequenceError
        At the first letter that is no DNA letter.
    """
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64) + gap
    starts = np.cumsum(lengths) - lengths
    # "replace" turns each letter beyond ASCII into one "?", so that offsets stay true.
    text = ("N" * gap).join([*sequences, ""]).encode("ascii", "replace")
    codes = BYTE_CODES[np.frombuffer(text, dtype=np.uint8)]
    if codes.size and codes.max() == FOREIGN_CODE:
        place = int(codes.argmax())
        which = int(np.searchsorted(starts, place, side="right")) - 1
        offset = place - int(starts[which])
        raise SequenceError(
            f"record {first + which}, offset {offset}: {sequences[which][offset]!r} is no DNA letter; "
            "expected A, C, G, T, U, N or another IUPAC code"
        )
    return codes, starts
