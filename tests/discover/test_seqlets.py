"""Seqlets: planted hills are found, chance is not, and q is what its definition says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genoplrp.discover import call_seqlets
from genoplrp.discover.seqlets import find_spans, q_values
from genoplrp.errors import OptionError

HILL = np.array([1, 3, 6, 8, 9, 8, 6, 3, 1], float)


def noise(rng: np.random.Generator, n: int, length: int = 120) -> np.ndarray:
    """Maps of short hills of random heights, of either sign: what a network gives shuffled sequences."""
    maps = rng.normal(0, 0.05, (n, length))
    for row in maps:
        for start in rng.integers(0, length - 9, 4):
            row[start : start + 9] += rng.exponential(0.3) * HILL / 9 * rng.choice([-1, 1])
    return maps


def test_planted_hills_of_both_signs_are_found_where_they_are():
    rng = np.random.default_rng(0)
    maps, null = noise(rng, 60), noise(rng, 500)
    for i, row in enumerate(maps):
        row[20:29] += HILL
        row[70:79] -= HILL * (i % 2)
    found = call_seqlets(maps, null, fdr=0.05)
    for sign, start, rows in ((1, 20, 60), (-1, 70, 30)):
        own = found[found["sign"] == sign]
        at = own[(own["start"] < start + 9) & (own["end"] > start)]
        assert set(at["sequence"]) == set(range(60)) if sign == 1 else set(range(1, 60, 2))
        assert len(at) == rows
        assert len(own) - rows <= 0.1 * rows  # twice the rate asked for, for the draw
        assert (np.sign(own["score"]) == sign).all()


def test_chance_alone_is_seldom_called():
    """Where all is chance any call is false, and the share of data sets with a call is about the rate."""
    rng = np.random.default_rng(1)
    calls = [len(call_seqlets(noise(rng, 40), noise(rng, 200), fdr=0.05)) > 0 for _ in range(30)]
    assert np.mean(calls) < 0.35  # two signs and thirty draws; spans called at p < .05 would be there every time


def test_neighbouring_hills_are_two_spans_and_a_dip_within_one_is_none():
    two, one = np.zeros((1, 60)), np.zeros((1, 60))
    two[0, 10:19], two[0, 24:33] = HILL, HILL
    one[0, 10:19] = HILL
    one[0, 13] = 0.0  # a base that says nothing in the middle of a motif
    assert find_spans(two)[["start", "end"]].apply(lambda row: row["end"] <= 24 or row["start"] >= 16, axis=1).all()
    assert len(find_spans(two)) == 2
    assert len(find_spans(one)) == 1


@given(arrays(float, (2, 40), elements=st.floats(-5, 5, allow_subnormal=False)))
def test_spans_do_not_overlap_and_score_what_lies_in_them(maps):
    spans = find_spans(maps)
    covered = np.zeros(maps.shape, int)
    for row in spans.itertuples():
        covered[row.sequence, row.start : row.end] += 1
        inside = np.maximum(maps[row.sequence], 0)[row.start : row.end].sum()
        assert row.score == pytest.approx(inside, abs=1e-9)
    assert covered.max(initial=0) <= 1


@given(
    arrays(float, st.integers(1, 12), elements=st.integers(0, 9).map(float)),
    arrays(float, st.integers(0, 12), elements=st.integers(0, 9).map(float)),
)
def test_q_is_the_smallest_rate_of_all_cuts_that_let_the_span_in(scores, null):
    n, null_n = 7, 11
    expected = []
    for score in scores:
        rates = [((np.sum(null >= cut) + 1) / null_n) / (np.sum(scores >= cut) / n) for cut in scores if cut <= score]
        expected.append(min(1.0, *rates, 1.0))
    assert q_values(scores, null, n, null_n) == pytest.approx(np.array(expected))


def test_zero_maps_have_no_seqlets():
    found = call_seqlets(np.zeros((3, 20)), np.zeros((5, 20)))
    assert found.empty and list(found) == ["sequence", "start", "end", "sign", "score", "q"]


@pytest.mark.parametrize(("maps", "fdr"), [(np.zeros((3, 4, 20)), 0.1), (np.full((3, 20), np.nan), 0.1)])
def test_maps_of_another_kind_are_refused(maps, fdr):
    with pytest.raises(OptionError, match="relevance must be finite and of shape"):
        call_seqlets(maps, np.zeros((5, 20)), fdr=fdr)


@pytest.mark.parametrize("fdr", [0.0, 1.5])
def test_rates_out_of_range_are_refused(fdr):
    with pytest.raises(OptionError, match="fdr must be above 0 and at most 1"):
        call_seqlets(np.zeros((3, 20)), np.zeros((5, 20)), fdr=fdr)
