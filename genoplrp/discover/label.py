"""Discovery for one label: its maps, seqlets, patterns, and every hit of these."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoplrp.discover.instances import best_apart, find_hits, hit_thresholds
from genoplrp.discover.maps import Maps, Owners, Place, WindowExplainer, spread
from genoplrp.discover.modisco import modisco_patterns
from genoplrp.discover.options import Choices
from genoplrp.discover.patterns import Pattern
from genoplrp.discover.quick import quick_patterns
from genoplrp.discover.seqlets import call_seqlets

_METHODS = {"quick": quick_patterns, "modisco": modisco_patterns}


@dataclass(frozen=True, eq=False)
class Found:
    """What was found for one label.

    Attributes
    ----------
    places
        The windows that patterns were looked for in, row by row of `maps`.
    seqlets
        As `call_seqlets` gives them, with ``pattern`` (index, or -1) and ``strand``; ``sequence`` is the row.
    patterns
        Positive ones first, the largest first.
    hits
        ``record``, ``start`` and ``end`` (0-based half-open, in the record), ``strand``, ``pattern``, ``score``,
        ``log_odds`` and ``share``.
    """

    maps: Maps = field(repr=False)
    places: list[Place] = field(repr=False)
    seqlets: pd.DataFrame
    patterns: list[Pattern]
    hits: pd.DataFrame


def discover_label(explainer: WindowExplainer, label: int, places: Sequence[Place], choices: Choices) -> Found:
    """Look for patterns in some of the places, at least one, and for their hits in all."""
    sample, rest = spread(places, choices.windows)
    maps = explainer.maps(label, sample)
    seqlets = call_seqlets(maps.relevance, maps.null, fdr=choices.fdr)
    seqlets = seqlets[Owners(sample).own(sample, *_columns(seqlets, "sequence"))].reset_index(drop=True)
    patterns = _METHODS[choices.method](maps, seqlets, least=choices.least)
    hits = find_hits(patterns, maps.x, maps.relevance)
    null = find_hits(patterns, maps.null_x, maps.null)
    thresholds = hit_thresholds(hits, null, (len(maps), len(maps.null)), len(patterns), choices.hit_fdr)
    owners = Owners(places)
    parts = [_in_records(hits, sample, owners, thresholds)]
    if patterns:
        for part, x, relevance in explainer.relevance(label, rest):
            parts.append(_in_records(find_hits(patterns, x, relevance), part, owners, thresholds))
    found = best_apart(pd.concat(parts, ignore_index=True), "record")  # windows overlap, and so may their hits
    return Found(maps, sample, _assigned(seqlets, patterns), patterns, found)


def _in_records(
    hits: pd.DataFrame, places: Sequence[Place], owners: Owners, thresholds: NDArray[np.float64]
) -> pd.DataFrame:
    """Hits good enough, in the coordinates of their records."""
    strength = (hits["score"].abs() * hits["log_odds"]).to_numpy()
    good = strength >= thresholds[hits["pattern"].to_numpy()] if len(hits) else np.zeros(0, bool)
    hits = hits[good & owners.own(places, *_columns(hits, "row"))]
    rows = hits["row"].to_numpy()
    record = np.array([place[0] for place in places], dtype=np.int64)[rows]
    shift = np.array([place[1].start - place[1].offset for place in places], dtype=np.int64)[rows]
    return pd.DataFrame(
        {
            "record": record,
            "start": hits["start"].to_numpy() + shift,
            "end": hits["end"].to_numpy() + shift,
            **{name: hits[name].to_numpy() for name in ("strand", "pattern", "score", "log_odds", "share")},
        }
    )


def _assigned(seqlets: pd.DataFrame, patterns: Sequence[Pattern]) -> pd.DataFrame:
    """Seqlets with the pattern that is made of them, and the strand that they have in it."""
    pattern, strand = np.full(len(seqlets), -1), np.full(len(seqlets), ".", dtype=object)
    for k, one in enumerate(patterns):
        pattern[one.members] = k
        strand[one.members] = np.where(one.reverse, "-", "+")
    return seqlets.assign(pattern=pattern, strand=strand)


def _columns(frame: pd.DataFrame, row: str) -> list[NDArray[np.int64]]:
    return [frame[name].to_numpy() for name in (row, "start", "end")]
