"""Patterns by TF-MoDISco (Shrikumar et al., arXiv:1811.00416), as modisco-lite implements it, on our seqlets.

Coarse and fine similarities, Leiden clustering, merging and trimming are modisco-lite's own with its own defaults; only
which stretches are seqlets is decided here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoplrp.baselines.peers import needed
from genoplrp.discover.maps import Maps
from genoplrp.discover.patterns import Pattern
from genoplrp.discover.quick import Frames, laid_over

SEQLET = 41
"""Bases in a seqlet as TF-MoDISco has it by default: a window of 21 and a flank of 10 on both sides."""

_FRAME, _FLANK = 30, 10  # its defaults for the trimmed window, and what is added around it


def modisco_patterns(maps: Maps, seqlets: pd.DataFrame, *, least: int) -> list[Pattern]:
    """Patterns of one label's seqlets, positive ones first; as `quick_patterns`.

    Raises
    ------
    OptionError
        modisco-lite is not installed; says how to.
    """
    core = needed("modiscolite.core", "method='modisco'", extra="modisco")
    find = needed("modiscolite.tfmodisco", "method='modisco'", extra="modisco").seqlets_to_patterns
    pad = SEQLET
    x, hypothetical = (
        np.pad(tracks.astype(np.float32), ((0, 0), (0, 0), (pad, pad))).swapaxes(1, 2)
        for tracks in (maps.x, maps.hypothetical)
    )
    tracks = core.TrackSet(
        one_hot=np.ascontiguousarray(x),
        contrib_scores=np.ascontiguousarray(x * hypothetical),
        hypothetical_contribs=np.ascontiguousarray(hypothetical),
    )
    found = []
    for sign in (1, -1):
        own = seqlets[seqlets["sign"] == sign]
        if len(own) < least:
            continue
        middle = (own["start"] + own["end"]).to_numpy() // 2 + pad
        places = zip(own["sequence"].tolist(), (middle - SEQLET // 2).tolist(), strict=True)
        cut_out = tracks.create_seqlets([core.Seqlet(row, start, start + SEQLET, False) for row, start in places])
        found += _patterns(maps, own, _run(find, cut_out, tracks, sign, least), pad)
    return [pattern for pattern in found if len(pattern) >= least]


def _run(find: Callable[..., Any], seqlets: list[Any], tracks: Any, sign: int, least: int) -> list[Any]:
    """modisco-lite's patterns, with the defaults of its whole run where those of this part of it differ."""
    patterns = find(
        seqlets=seqlets, track_set=tracks, track_signs=sign, trim_to_window_size=_FRAME, initial_flank_to_add=_FLANK,
        final_min_cluster_size=least,
    )  # fmt: skip
    return patterns or []


def _patterns(maps: Maps, seqlets: pd.DataFrame, patterns: list[Any], pad: int) -> list[Pattern]:
    """Our patterns of modisco-lite's, which were found in these seqlets."""
    places = [
        np.array([[getattr(seqlet, name) for name in ("example_idx", "start", "end", "is_revcomp")] for seqlet in one])
        for one in (pattern.seqlets for pattern in patterns)
    ]
    if not places:
        return []
    members = origins(seqlets, np.concatenate(places) - [0, pad, pad, 0])
    found = []
    for place, own in zip(places, np.split(members, np.cumsum([len(place) for place in places])[:-1]), strict=True):
        (rows, starts, ends, reverse), kept = place[own >= 0].T, own[own >= 0]
        if len(kept):
            frames = Frames(kept, rows, starts - pad, reverse.astype(bool), int(ends[0] - starts[0]))
            found.append(laid_over(maps, int(seqlets["sign"].iloc[0]), frames))
    return found


def origins(seqlets: pd.DataFrame, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which seqlet each of modisco-lite's was: of its window the one with the nearest middle, each only once.

    modisco-lite moves and widens what it is given, and does not say what that was.

    Parameters
    ----------
    seqlets
        What it was given; their index is what is returned.
    places
        (k, 3 or more) window, start and end of its seqlets.

    Returns
    -------
    (k,) index, -1 where all seqlets of the window are nearer to others.
    """
    middles: dict[int, list[tuple[int, int]]] = {}
    for row, start, end, index in zip(
        *(seqlets[name] for name in ("sequence", "start", "end")), seqlets.index, strict=True
    ):
        middles.setdefault(row, []).append((start + end, index))
    pairs = sorted(
        (abs(middle - start - end), k, index)
        for k, (row, start, end, *_) in enumerate(places.tolist())
        for middle, index in middles.get(row, [])
    )
    found = np.full(len(places), -1, dtype=np.int64)
    taken: set[int] = set()
    for _, k, index in pairs:
        if found[k] < 0 and index not in taken:
            found[k] = index
            taken.add(index)
    return found
