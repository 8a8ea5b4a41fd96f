"""Placing patterns: against the scanner where relevance is alike everywhere, and by relevance where it is not."""

import numpy as np
import pandas as pd
import pytest

from genoplrp import one_hot
from genoplrp.discover.instances import best_apart, find_hits, hit_thresholds
from genoplrp.motifs import scan, shipped_motifs, simulate


@pytest.fixture(scope="module")
def setting(case):
    patterns = list(case.found.found)
    simulation = simulate(shipped_motifs(), 120, 100, counts=(0, 3), seed=8)
    return patterns, simulation.sequences, one_hot(simulation.sequences).numpy().astype(np.uint8)


def test_where_relevance_is_alike_hits_are_the_scanners_best(setting):
    patterns, sequences, x = setting
    hits = find_hits(patterns, x, np.ones((len(x), 100), np.float32))
    reference = {
        (hit.sequence, hit.start, hit.end, hit.motif): hit.score
        for hit in sorted(scan(sequences, [p.motif() for p in patterns], p_value=1e-3), key=lambda hit: hit.score)
    }
    assert len(hits) > 20
    for row in hits.itertuples():
        assert row.log_odds == pytest.approx(reference[row.row, row.start, row.end, row.pattern], abs=0.02)
    for sequence, start, end, _ in reference:
        own = hits[hits["row"] == sequence]
        assert ((own["start"] < end) & (start < own["end"])).any()


def test_hits_do_not_overlap_and_lie_on_relevance_of_their_sign(setting):
    patterns, _, x = setting
    relevance = np.random.default_rng(0).normal(size=(len(x), 100)).astype(np.float32)
    hits = find_hits(patterns, x, relevance, p_value=0.05)
    covered = np.zeros(relevance.shape, int)
    for row in hits.itertuples():
        covered[row.row, row.start : row.end] += 1
        assert row.score == pytest.approx(relevance[row.row, row.start : row.end].sum(), abs=1e-4)
        assert row.score > 0 and 0 < row.share < 2
    assert len(hits) and covered.max() == 1


def test_without_relevance_or_patterns_there_is_no_hit(setting):
    patterns, _, x = setting
    zero = np.zeros((len(x), 100), np.float32)
    assert find_hits(patterns, x, zero).empty
    none = find_hits([], x, zero)
    assert none.empty and none["start"].dtype == np.int64
    assert hit_thresholds(none, none, (40, 40), 0, 0.1).shape == (0,)


def test_a_threshold_lets_in_what_chance_does_not_reach(setting):
    patterns, _, x = setting
    hits = find_hits(patterns, x, np.ones((len(x), 100), np.float32))
    strength = hits["score"] * hits["log_odds"]
    nothing = hits[:0]
    easy = hit_thresholds(hits, nothing, (120, 12000), len(patterns), 0.1)
    hard = hit_thresholds(hits, hits, (120, 120), len(patterns), 0.1)
    for k in range(len(patterns)):
        assert easy[k] == strength[hits["pattern"] == k].min()
        assert hard[k] == np.inf  # chance does as well at every score


def test_of_overlapping_places_the_best_stays():
    """Against the rule taken literally: the best of all, then the best of what does not touch it, and so on."""
    rng = np.random.default_rng(4)
    start = rng.integers(0, 300, 200)
    hits = pd.DataFrame(
        {
            "record": rng.integers(0, 3, 200),
            "start": start,
            "end": start + rng.integers(5, 20, 200),
            "score": rng.normal(size=200),
            "log_odds": rng.uniform(1, 20, 200),
        }
    )
    rest, expected = hits, []
    while len(rest):
        best = rest.loc[(rest["score"].abs() * rest["log_odds"]).idxmax()]
        expected.append(best.name)
        apart = (rest["record"] != best["record"]) | (rest["score"] * best["score"] < 0)
        rest = rest[apart | (rest["end"] <= best["start"]) | (best["end"] <= rest["start"])]
    found = best_apart(hits, "record")
    key = list(hits.columns)
    assert sorted(found[key].itertuples(index=False)) == sorted(hits.loc[expected, key].itertuples(index=False))
    assert found["record"].is_monotonic_increasing and len(expected) < 200
