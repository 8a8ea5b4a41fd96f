"""How alike stretches of relevance are, at the best of all shifts and on either strand.

Everything here works on tracks (m, 4, w): what each base at each place is worth, whether the base is there or not.
Reversing both axes of a track is its reverse complement.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tracks = NDArray[np.float32]

_AT_ONCE = 1 << 24  # numbers in one table of similarities


@dataclass(frozen=True, eq=False)
class Alignment:
    """The best placement of each query on each target; all arrays (queries, targets).

    Attributes
    ----------
    similarity
        Cosine of the query's core and what the target has there, -1 to 1.
    shift
        Where the query's core begins in the target, less where it begins in the query: to read the target in the
        query's frame, move `shift` to the right.
    reverse
        Whether the target has to be reverse-complemented first; `shift` is then in the reverse complement.
    """

    similarity: NDArray[np.float32]
    shift: NDArray[np.int16]
    reverse: NDArray[np.bool_]


def align(queries: Tracks, targets: Tracks, reach: int) -> Alignment:
    """Place the core of each query, all but `reach` columns at both ends, on each target.

    Parameters
    ----------
    queries, targets
        (q, 4, w) and (t, 4, w).
    reach
        Shifts tried: -reach to reach, with w > 2 reach.

    Examples
    --------
    >>> track = np.zeros((1, 4, 9), np.float32)
    >>> track[0, 0, 4] = track[0, 1, 5] = 1  # AC in the middle
    >>> moved = np.roll(track, 2, axis=2)[:, ::-1, ::-1]  # GT, two to the left
    >>> found = align(track, moved, 3)
    >>> found.similarity.round(6).tolist(), found.shift.tolist(), found.reverse.tolist()
    ([[1.0]], [[2]], [[True]])
    """
    width = queries.shape[2] - 2 * reach
    core = _unit(queries[:, :, reach : reach + width])
    shape = (len(queries), len(targets))
    best = Alignment(np.full(shape, -np.inf, np.float32), np.zeros(shape, np.int16), np.zeros(shape, bool))
    step = max(1, _AT_ONCE // max(1, len(queries)))
    for first in range(0, len(targets), step):
        part = slice(first, first + step)
        for reverse in (False, True):
            block = targets[part, ::-1, ::-1] if reverse else targets[part]
            for shift in range(-reach, reach + 1):
                start = reach + shift
                similarity = core @ _unit(block[:, :, start : start + width]).T
                better = similarity > best.similarity[:, part]
                best.similarity[:, part][better] = similarity[better]
                best.shift[:, part][better] = shift
                best.reverse[:, part][better] = reverse
    return best


def _unit(tracks: Tracks) -> NDArray[np.float32]:
    """Rows of length 1, (m, 4 w); a track without anything stays 0."""
    flat = np.ascontiguousarray(tracks, dtype=np.float32).reshape(len(tracks), -1)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.divide(flat, norm, where=norm > 0, out=np.zeros_like(flat)))
