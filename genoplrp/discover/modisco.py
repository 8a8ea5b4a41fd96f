"""Patterns by TF-MoDISco (Shrikumar et al., arXiv:1811.00416), as modisco-lite implements it, on our seqlets.

Coarse and fine similarities, Leiden clustering, merging and trimming are modisco-lite's own with its own defaults; only
which stretches are seqlets is decided here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

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
        found += [_pattern(maps, sign, pattern, pad) for pattern in _run(find, cut_out, tracks, sign, least)]
    return [pattern for pattern in found if len(pattern) >= least]


def _run(find: Callable[..., Any], seqlets: list[Any], tracks: Any, sign: int, least: int) -> list[Any]:
    """modisco-lite's patterns, with the defaults of its whole run where those of this part of it differ."""
    patterns = find(
        seqlets=seqlets, track_set=tracks, track_signs=sign, trim_to_window_size=_FRAME, initial_flank_to_add=_FLANK,
        final_min_cluster_size=least,
    )  # fmt: skip
    return patterns or []


def _pattern(maps: Maps, sign: int, pattern: Any, pad: int) -> Pattern:
    rows, starts, ends, reverse = (
        np.array([getattr(seqlet, name) for seqlet in pattern.seqlets])
        for name in ("example_idx", "start", "end", "is_revcomp")
    )
    return laid_over(maps, sign, Frames(rows, starts - pad, reverse.astype(bool), int(ends[0] - starts[0])))
