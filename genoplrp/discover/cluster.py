"""The quick way from seqlets to patterns: groups of seqlets that look alike at some shift, on either strand.

The seqlet with the most lookalikes founds a group: their mean takes in whatever of the rest looks like it, is made
anew, and so on until nothing changes; then the next founds another, as long as it has lookalikes enough. Every seqlet
then goes to the group that it is most like, if it is like one at all, and groups whose means are alike become one. No
random numbers, no number of groups to be guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genoplrp.discover.align import Alignment, Tracks, align

ALIKE = 0.7
"""Cosine from which a seqlet belongs to a group; of two unrelated tracks at their best shift it is .3 to .5."""

SAME = 0.85
"""Cosine of the means from which two groups are one."""

_FOUNDERS = 2000  # the best seqlets, among which groups are founded; the others only join
_ROUNDS = 10


@dataclass(frozen=True, eq=False)
class Group:
    """Seqlets that look alike, k of them.

    Attributes
    ----------
    members
        (k,) rows of the tracks, the most relevant first.
    shift, reverse
        (k,) how each lies in the group's frame, as in `Alignment`.
    """

    members: NDArray[np.intp]
    shift: NDArray[np.int16]
    reverse: NDArray[np.bool_]


def cluster(tracks: Tracks, *, reach: int, least: int, alike: float = ALIKE, same: float = SAME) -> list[Group]:
    """Groups of at least `least` of the tracks, the largest first.

    Parameters
    ----------
    tracks
        (m, 4, w) the seqlets, the most relevant first, each in the middle of its track.
    reach
        Largest shift tried; the w - 2 reach columns in the middle are compared.
    least
        Members that a group must have.
    alike, same
        See `ALIKE` and `SAME`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> first, second = rng.normal(size=(2, 4, 30)).astype(np.float32)
    >>> groups = cluster(np.stack([first] * 5 + [second[::-1, ::-1]] * 2 + [second] * 2), reach=5, least=3)
    >>> [group.members.tolist() for group in groups]
    [[0, 1, 2, 3, 4], [5, 6, 7, 8]]
    """
    if len(tracks) < least:
        return []
    units = _units(tracks)
    models = _founded(units[:_FOUNDERS], reach, least, alike)
    while models:
        placed = align(np.stack(models), units, reach)
        groups = _assigned(placed, alike, least)
        models = [_mean(units, group) for group in groups]
        merged = _merged(models, reach, same)
        if len(merged) == len(models):
            return sorted(groups, key=lambda group: -len(group.members))
        models = merged
    return []


def oriented(tracks: Tracks, shift: NDArray[np.int16], reverse: NDArray[np.bool_]) -> Tracks:
    """Tracks (k, 4, w) moved into the frame that they were aligned with; zeros come in at the ends."""
    width = tracks.shape[2]
    turned = np.where(reverse[:, None, None], tracks[:, ::-1, ::-1], tracks)
    place = np.arange(width) + shift[:, None].astype(np.int64)  # (k, w)
    inside = (place >= 0) & (place < width)
    moved = np.take_along_axis(turned, np.clip(place, 0, width - 1)[:, None], axis=2)
    return np.asarray(moved * inside[:, None], dtype=np.float32)


def _founded(units: Tracks, reach: int, least: int, alike: float) -> list[Tracks]:
    """The means of the groups that are founded, in order."""
    near = align(units, units, reach)
    free = np.ones(len(units), bool)
    models: list[Tracks] = []
    while True:
        counts = np.where(free, (near.similarity >= alike) @ free.astype(np.float32), 0)
        seed = int(counts.argmax()) if len(counts) else 0
        if not len(counts) or counts[seed] < least:
            return models
        row = Alignment(near.similarity[seed : seed + 1], near.shift[seed : seed + 1], near.reverse[seed : seed + 1])
        model, members = _grown(units, free, row, reach, alike)
        free[members] = False
        free[seed] = False
        if len(members) >= least:
            models.append(model)


def _grown(
    units: Tracks, free: NDArray[np.bool_], first: Alignment, reach: int, alike: float
) -> tuple[Tracks, NDArray[np.intp]]:
    """A group's mean and members, from the alignment of its founder with all."""
    placed, members = first, np.empty(0, np.intp)
    model = np.zeros(units.shape[1:], np.float32)
    for _ in range(_ROUNDS):
        before = members
        members = np.flatnonzero(free & (placed.similarity[0] >= alike))
        if np.array_equal(before, members) or not len(members):
            break
        model = _mean(units, Group(members, placed.shift[0, members], placed.reverse[0, members]))
        placed = align(model[None], units, reach)
    return model, members


def _assigned(placed: Alignment, alike: float, least: int) -> list[Group]:
    """Each seqlet in the group that it is most like."""
    best = placed.similarity.argmax(axis=0)
    like = placed.similarity.max(axis=0) >= alike
    groups = []
    for k in range(len(placed.similarity)):
        members = np.flatnonzero(like & (best == k))
        if len(members) >= least:
            groups.append(Group(members, placed.shift[k, members], placed.reverse[k, members]))
    return groups


def _merged(models: Sequence[Tracks], reach: int, same: float) -> list[Tracks]:
    """The means without those that are like one before them."""
    if len(models) < 2:
        return list(models)
    similarity = align(np.stack(models), np.stack(models), reach).similarity
    similarity = np.maximum(similarity, similarity.T)
    kept: list[int] = []
    for k in range(len(models)):
        if not any(similarity[k, other] >= same for other in kept):
            kept.append(k)
    return [models[k] for k in kept]


def _mean(units: Tracks, group: Group) -> Tracks:
    return np.asarray(oriented(units[group.members], group.shift, group.reverse).mean(axis=0), dtype=np.float32)


def _units(tracks: Tracks) -> Tracks:
    norm = np.sqrt(np.square(tracks).sum(axis=(1, 2), keepdims=True))
    return np.asarray(np.divide(tracks, norm, where=norm > 0, out=np.zeros_like(tracks, dtype=np.float32)))
