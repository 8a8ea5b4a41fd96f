"""Patterns by the built-in way: cut the seqlets out, group them, lay each group's seqlets over each other."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoplrp.discover.cluster import Group, cluster
from genoplrp.discover.maps import Maps
from genoplrp.discover.patterns import Pattern
from genoplrp.discover.windows import centred, cut, reversed_where

WIDTH = 30
"""Bases in a pattern's frame: longer than nearly all motifs of single factors (JASPAR's longest has 35)."""

REACH = 10
"""Largest shift between two seqlets of a group."""

_BESIDE = 2  # bases beside a seqlet's span that are compared, too
_TWICE = 5  # two seqlets of a group whose frames begin closer than this are one


def quick_patterns(maps: Maps, seqlets: pd.DataFrame, *, least: int) -> list[Pattern]:
    """Patterns of one label's seqlets, positive ones first, then by number of seqlets.

    Parameters
    ----------
    maps
        What the seqlets were called in.
    seqlets
        As `call_seqlets` gives them.
    least
        Seqlets that a pattern must have.
    """
    found = []
    for sign in (1, -1):
        own = seqlets[seqlets["sign"] == sign].sort_values("score", key=np.abs, ascending=False, kind="stable")
        tracks, starts = _tracks(maps, own)
        for group in cluster(tracks, reach=REACH, least=least):
            pattern = _pattern(maps, group, own, starts)
            if len(pattern) >= least:
                found.append(pattern)
    return found


def _tracks(maps: Maps, seqlets: pd.DataFrame) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What of each seqlet is compared, (m, 4, w), and where that begins: preferences within the span, zero elsewhere.

    The middle is the span's centre of relevance.
    """
    width = WIDTH + 2 * REACH
    rows, start, end = (seqlets[name].to_numpy() for name in ("sequence", "start", "end"))
    mass = np.abs(maps.relevance).astype(np.float64)
    sums = np.pad(np.cumsum(mass, axis=1), ((0, 0), (1, 0)))
    moments = np.pad(np.cumsum(mass * np.arange(mass.shape[1]), axis=1), ((0, 0), (1, 0)))
    middle = (moments[rows, end] - moments[rows, start]) / (sums[rows, end] - sums[rows, start])
    first = np.rint(middle).astype(np.int64) - width // 2
    place = first[:, None] + np.arange(width)
    inside = (place >= (start - _BESIDE)[:, None]) & (place < (end + _BESIDE)[:, None])
    return cut(centred(maps.hypothetical), rows, first, width) * inside[:, None], first


def _pattern(maps: Maps, group: Group, seqlets: pd.DataFrame, starts: NDArray[np.int64]) -> Pattern:
    """The pattern of a group; of seqlets that lie over each other in one sequence the most relevant stays."""
    own = seqlets.iloc[group.members]
    rows = own["sequence"].to_numpy()
    # A reversed track is read from its other end: what comes `shift` later there begins `shift` earlier here.
    shift = group.shift.astype(np.int64)
    begin = starts[group.members] + REACH + np.where(group.reverse, -shift, shift)
    kept = _apart(rows, begin)
    members = own.index.to_numpy()[kept]
    return laid_over(
        maps, int(own["sign"].iloc[0]), Frames(members, rows[kept], begin[kept], group.reverse[kept], WIDTH)
    )


@dataclass(frozen=True, eq=False)
class Frames:
    """Where k frames of `width` bases lie: of which seqlet (its row in the table), in which window, from which base on
    (0-based, in the window), and whether on the other strand."""

    members: NDArray[np.int64]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    reverse: NDArray[np.bool_]
    width: int


def laid_over(maps: Maps, sign: int, frames: Frames) -> Pattern:
    """The pattern of frames at known places; it has no name yet."""
    rows, starts, reverse, width = frames.rows, frames.starts, frames.reverse, frames.width
    sequences, hypothetical = (
        reversed_where(cut(tracks, rows, starts, width), reverse) for tracks in (maps.x, maps.hypothetical)
    )
    relevance = cut(maps.relevance[:, None], rows, starts, width)
    contributions = sequences * np.where(reverse[:, None, None], relevance[:, :, ::-1], relevance)
    return Pattern("", maps.label, sign, rows, starts, reverse, sequences, contributions, hypothetical, frames.members)


def _apart(rows: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.intp]:
    """The first of each bunch of frames that begin at about the same place of a row."""
    taken: dict[int, list[int]] = {}
    kept = []
    for i, (row, start) in enumerate(zip(rows.tolist(), starts.tolist(), strict=True)):
        others = taken.setdefault(row, [])
        if all(abs(start - other) >= _TWICE for other in others):
            others.append(start)
            kept.append(i)
    return np.array(kept, dtype=np.intp)
