"""Metrics against scikit-learn, scipy, literal loops and their laws."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import average_precision_score, roc_auc_score

from genoplrp.errors import OptionError
from genoplrp.evaluate import auprc, auroc, entropy, gini, motif_recall, rma
from genoplrp.motifs import Stretch

# Few distinct values, so that ties and zero rows come up often.
VALUES = st.sampled_from([-2.0, -0.5, 0.0, 0.25, 1.0, 3.0])
MAPS = st.tuples(st.integers(1, 5), st.integers(1, 12)).flatmap(
    lambda shape: st.tuples(arrays(np.float64, shape, elements=VALUES), arrays(np.bool_, shape))
)


def _slow_rma(row, inside, sign):
    mass = [{"positive": max(r, 0.0), "absolute": abs(r), "signed": r}[sign] for r in row]
    total = sum(mass)
    return sum(m for m, i in zip(mass, inside, strict=True) if i) / total if any(inside) and total else np.nan


def _slow_gini(row):
    """Mean absolute difference of all pairs over twice the mean."""
    mass = np.abs(row)
    return np.abs(mass[:, None] - mass).mean() / (2 * mass.mean()) if mass.any() else np.nan


@given(MAPS, st.sampled_from(["positive", "absolute", "signed"]))
@settings(max_examples=80, deadline=None)
def test_rma_equals_literal_sums(maps, sign):
    expected = [_slow_rma(row, inside, sign) for row, inside in zip(*maps, strict=True)]
    np.testing.assert_allclose(rma(*maps, sign=sign), expected, rtol=1e-12)


@given(MAPS)
@settings(max_examples=80, deadline=None)
def test_auprc_equals_scikit_learn_with_ties(maps):
    expected = [
        average_precision_score(inside, row) if inside.any() else np.nan for row, inside in zip(*maps, strict=True)
    ]
    np.testing.assert_allclose(auprc(*maps), expected, rtol=1e-12)


def test_auprc_equals_scikit_learn_on_long_rows():
    rng = np.random.default_rng(0)
    relevance, mask = rng.normal(size=(20, 500)).round(1), rng.random((20, 500)) < 0.1
    expected = [average_precision_score(inside, row) for row, inside in zip(relevance, mask, strict=True)]
    np.testing.assert_allclose(auprc(relevance, mask), expected, rtol=1e-12)


@given(MAPS)
@settings(max_examples=80, deadline=None)
def test_auroc_equals_scikit_learn_with_ties(maps):
    expected = [
        roc_auc_score(inside, row) if inside.any() and not inside.all() else np.nan
        for row, inside in zip(*maps, strict=True)
    ]
    np.testing.assert_allclose(auroc(*maps), expected, rtol=1e-12, atol=1e-15)


def test_auroc_equals_scikit_learn_on_long_rows():
    rng = np.random.default_rng(0)
    relevance, mask = rng.normal(size=(20, 500)).round(1), rng.random((20, 500)) < 0.1
    expected = [roc_auc_score(inside, row) for row, inside in zip(relevance, mask, strict=True)]
    np.testing.assert_allclose(auroc(relevance, mask), expected, rtol=1e-12)


@given(MAPS)
@settings(max_examples=40, deadline=None)
def test_auroc_of_the_negated_map_is_the_rest(maps):
    np.testing.assert_allclose(auroc(-maps[0], maps[1]), 1 - auroc(*maps), rtol=1e-12, atol=1e-12)


@given(MAPS)
@settings(max_examples=60, deadline=None)
def test_gini_equals_mean_difference_of_pairs(maps):
    expected = [_slow_gini(row) for row in maps[0]]
    np.testing.assert_allclose(gini(maps[0]), expected, rtol=1e-12, atol=1e-15)


@given(MAPS)
@settings(max_examples=60, deadline=None)
def test_entropy_equals_scipy(maps):
    expected = [scipy_entropy(np.abs(row)) if row.any() else np.nan for row in maps[0]]
    np.testing.assert_allclose(entropy(maps[0]), expected, rtol=1e-12, atol=1e-15)


@given(MAPS, st.sampled_from([1e-6, 0.5, 1024.0]))
@settings(max_examples=40, deadline=None)
def test_scale_does_not_change_a_metric(maps, scale):
    relevance, mask = maps
    sites = [Stretch(row, 0, 1) for row in range(len(mask))]
    for metric in (rma, auprc, auroc):
        np.testing.assert_allclose(metric(relevance * scale, mask), metric(relevance, mask), rtol=1e-12)
    for metric in (gini, entropy):
        np.testing.assert_allclose(metric(relevance * scale), metric(relevance), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(motif_recall(relevance * scale, sites), motif_recall(relevance, sites))


@given(MAPS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_of_bases_does_not_change_a_metric(maps, random):
    relevance, mask = maps
    order = random.sample(range(mask.shape[1]), mask.shape[1])
    np.testing.assert_allclose(rma(relevance[:, order], mask[:, order]), rma(relevance, mask), rtol=1e-12)
    np.testing.assert_allclose(auprc(relevance[:, order], mask[:, order]), auprc(relevance, mask), rtol=1e-12)
    np.testing.assert_allclose(gini(relevance[:, order]), gini(relevance), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(entropy(relevance[:, order]), entropy(relevance), rtol=1e-12, atol=1e-15)


@given(MAPS)
@settings(max_examples=40, deadline=None)
def test_mask_and_its_complement_share_the_mass(maps):
    relevance, mask = maps
    both = mask.any(axis=1) & (~mask).any(axis=1)
    shares = rma(relevance, mask) + rma(relevance, ~mask)
    np.testing.assert_allclose(shares[both & (relevance > 0).any(axis=1)], 1.0)


def test_bounds_are_reached():
    one, alike = np.eye(1, 8), np.full((1, 8), -2.0)
    assert gini(one)[0] == pytest.approx(1 - 1 / 8)
    assert gini(alike)[0] == 0
    assert entropy(one)[0] == 0
    assert entropy(alike)[0] == pytest.approx(np.log(8))


def test_undefined_is_nan_and_warns_not():
    nothing, mask = np.zeros((1, 4)), np.array([[1, 0, 0, 0]])
    for value in (gini(nothing), entropy(nothing), rma(nothing, mask), rma(-mask, mask), auprc(mask, nothing)):
        assert np.isnan(value).all()
    assert np.isnan(rma([[1.0, -1.0]], [[1, 0]], sign="signed")).all()
    assert np.isnan(rma(mask, nothing)).all()
    assert np.isnan([auroc(mask, nothing), auroc(mask, np.ones((1, 4)))]).all()
    assert np.isnan(motif_recall(nothing, [Stretch(0, 0, 2)])).all()
    assert np.isnan(motif_recall(mask, [])).all()


def test_motif_recall_counts_sites_with_a_uniform_share():
    relevance = np.array([[0.0, 0.0, 6.0, 1.0, 1.0, -9.0, 0.0, 0.0], [1.0] * 8, [0.0] * 7 + [1.0]])
    sites = [Stretch(0, 2, 4), Stretch(0, 4, 5), Stretch(0, 5, 7), Stretch(1, 0, 3), Stretch(1, 2, 8), Stretch(2, 0, 7)]
    # Row 0: 7/8 >= 2/8; exactly 1/8; 0. Row 1: uniform, both exactly their share. Row 2: nothing on the site.
    np.testing.assert_allclose(motif_recall(relevance, sites), [2 / 3, 1.0, 0.0])


@given(MAPS, st.data())
@settings(max_examples=60, deadline=None)
def test_motif_recall_equals_a_literal_loop(maps, data):
    relevance = maps[0]
    n, length = relevance.shape
    starts = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, length - 1)), max_size=8))
    sites = [Stretch(row, start, data.draw(st.integers(start + 1, length))) for row, start in starts]
    expected = []
    for row, values in enumerate(np.maximum(relevance, 0)):
        mine = [site for site in sites if site.sequence == row]
        shares = [
            (values[s.start : s.end].sum() / values.sum(), (s.end - s.start) / length) for s in mine if values.any()
        ]
        expected.append(np.mean([share >= uniform - 1e-9 for share, uniform in shares]) if shares else np.nan)
    np.testing.assert_allclose(motif_recall(relevance, sites), expected)


def test_tensors_and_arrays_give_the_same():
    rng = np.random.default_rng(0)
    relevance, mask = rng.normal(size=(3, 20)), rng.random((3, 20)) < 0.3
    tensor = torch.tensor(relevance, requires_grad=True)
    for metric in (rma, auprc, auroc):
        np.testing.assert_array_equal(metric(tensor, torch.tensor(mask)), metric(relevance, mask))
    for metric in (gini, entropy):
        np.testing.assert_array_equal(metric(tensor), metric(relevance))


def test_no_sequences_give_no_numbers():
    empty = np.zeros((0, 5))
    for value in (
        rma(empty, empty),
        auprc(empty, empty),
        auroc(empty, empty),
        gini(empty),
        entropy(empty),
        motif_recall(empty, []),
    ):
        assert value.shape == (0,)


def test_wrong_arguments_are_refused_with_the_way_out():
    with pytest.raises(OptionError, match=r"sum over axis 1, which an Attribution has as per_base"):
        gini(np.zeros((2, 4, 5)))
    with pytest.raises(OptionError, match=r"mask must have the shape of relevance, \(2, 5\); got \(5,\)"):
        rma(np.zeros((2, 5)), np.zeros(5))
    with pytest.raises(OptionError, match="sign must be one of positive, absolute, signed; got 'both'"):
        rma(np.zeros((2, 5)), np.zeros((2, 5)), sign="both")
    with pytest.raises(OptionError, match="sequence 1, base 2 is nan"):
        entropy([[0, 0, 0], [0, 1, np.nan]])
    with pytest.raises(OptionError, match=r"\(0, 3, 9\) is empty or lies outside"):
        motif_recall(np.ones((1, 5)), [Stretch(0, 3, 9)])
