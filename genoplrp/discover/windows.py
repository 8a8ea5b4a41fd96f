"""Windows cut out of maps, of any place and width: what lies beyond the map's ends is zero."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def cut(tracks: NDArray[Any], rows: NDArray[np.int64], starts: NDArray[np.int64], width: int) -> NDArray[np.float32]:
    """Stretches (m, c, width) of tracks (n, c, l): of the given rows, from the given starts on.

    Examples
    --------
    >>> cut(np.arange(4.0).reshape(1, 1, 4), np.array([0, 0]), np.array([-1, 2]), 3).tolist()
    [[[0.0, 0.0, 1.0]], [[2.0, 3.0, 0.0]]]
    """
    place = starts[:, None] + np.arange(width)  # (m, width)
    inside = (place >= 0) & (place < tracks.shape[2])
    found = tracks[rows[:, None], :, np.clip(place, 0, tracks.shape[2] - 1)]  # (m, width, c)
    return np.ascontiguousarray((found * inside[:, :, None]).transpose(0, 2, 1), dtype=np.float32)


def centred(hypothetical: NDArray[Any]) -> NDArray[np.float32]:
    """Hypothetical relevance (n, 4, l) less the mean over the four bases: which base is preferred, and how much.

    Rules such as zbox give every base at a relevant place something; that part says where, not which.
    """
    return np.asarray(hypothetical - hypothetical.mean(axis=1, keepdims=True), dtype=np.float32)


def reversed_where(tracks: NDArray[np.float32], reverse: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Tracks (m, 4, w), reverse-complemented where it says so."""
    return np.where(reverse[:, None, None], tracks[:, ::-1, ::-1], tracks)
