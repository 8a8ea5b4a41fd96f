"""Agreement of two maps: correlations against scipy, the overlap of the highest bases against sets and chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from genoplrp.errors import OptionError
from genoplrp.evaluate.agreement import pearson, spearman, top_overlap

rng = np.random.default_rng(0)
A, B = rng.normal(size=(2, 5, 40))
COARSE = np.round(A)  # many ties


def test_correlations_are_scipys() -> None:
    for one, other in ((A, B), (COARSE, B), (A, -A)):
        expected = [stats.pearsonr(a, b).statistic for a, b in zip(one, other, strict=True)]
        np.testing.assert_allclose(pearson(one, other), expected, atol=1e-12)
        expected = [stats.spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]
        np.testing.assert_allclose(spearman(one, other), expected, atol=1e-12)


def test_overlap_of_distinct_values_is_that_of_sets() -> None:
    for k in (1, 7, 40):
        expected = [len({*np.argsort(a)[-k:]} & {*np.argsort(b)[-k:]}) / k for a, b in zip(A, B, strict=True)]
        np.testing.assert_allclose(top_overlap(A, B, k), expected, atol=1e-12)


@given(st.integers(1, 40))
def test_overlap_with_itself_is_one_and_nobody_else_has_more(k: int) -> None:
    np.testing.assert_allclose(top_overlap(COARSE, COARSE, k), 1, atol=1e-12)
    assert (top_overlap(COARSE, B, k) <= 1 + 1e-12).all()


def test_ties_for_the_last_places_share_them() -> None:
    one, other = [[5.0, 0.0, 0.0, 0.0, 0.0]], [[5.0, 4.0, 0.0, 0.0, -1.0]]
    # The first base belongs wholly; a quarter of the second place goes to the second base.
    assert top_overlap(one, other, 2).tolist() == [(1 + 0.25) / 2]


def test_a_constant_map_agrees_with_nothing() -> None:
    for measure in (pearson, spearman, lambda a, b: top_overlap(a, b, 3)):
        assert np.isnan(measure(np.full((1, 40), 0.1), B[:1])).all()


def test_maps_that_do_not_fit_are_refused() -> None:
    with pytest.raises(OptionError, match=r"one shape; got \(5, 40\) and \(5, 39\)"):
        pearson(A, B[:, 1:])
    with pytest.raises(OptionError, match="k must be in 1 to 40, the number of bases; got 41"):
        top_overlap(A, B, 41)
