"""Score distributions against enumeration of every word and against Biopython's."""

from itertools import product
from math import inf

import numpy as np
import pytest

from genoplrp.errors import OptionError
from genoplrp.motifs import Motif, score_distribution, score_threshold, shipped_motifs
from genoplrp.motifs.thresholds import STEP


def _random_motif(width, seed):
    return Motif("x", "x", np.random.default_rng(seed).dirichlet(np.full(4, 0.4), size=width).T * 50)


def _all_words(width, frequencies):
    """Every word as codes (4**w, w), and its chance (4**w,)."""
    words = np.array(list(product(range(4), repeat=width)))
    return words, np.asarray(frequencies)[words].prod(axis=1)


@pytest.mark.parametrize("frequencies", [(0.25, 0.25, 0.25, 0.25), (0.3, 0.2, 0.2, 0.3), (0.15, 0.35, 0.35, 0.15)])
@pytest.mark.parametrize("width", [1, 3, 6])
def test_p_values_equal_enumeration_of_all_words(width, frequencies):
    distribution = score_distribution(_random_motif(width, width), frequencies)
    words, chances = _all_words(width, frequencies)
    scores = distribution.steps[words, np.arange(width)].sum(axis=1)
    expected = [chances[scores >= score].sum() for score in scores]
    np.testing.assert_allclose(distribution.p_values(scores), expected, rtol=1e-12)


@pytest.mark.parametrize("p_value", [1.0, 0.3, 1e-2, 4.0**-6, 2.5e-4])
def test_threshold_is_the_lowest_score_rare_enough(p_value):
    motif = _random_motif(6, 3)
    distribution = score_distribution(motif)
    words, chances = _all_words(6, (0.25,) * 4)
    scores = distribution.steps[words, np.arange(6)].sum(axis=1)
    rare = [score for score in np.unique(scores) if chances[scores >= score].sum() <= p_value]
    called = scores >= distribution.threshold(p_value)
    np.testing.assert_array_equal(called, scores >= min(rare, default=np.inf))


def test_rounding_moves_no_score_by_more_than_half_a_step_a_base():
    for motif in shipped_motifs():
        distribution = score_distribution(motif)
        assert np.abs(distribution.steps * STEP - distribution.log_odds).max() <= STEP / 2 * (1 + 1e-9)


def test_threshold_agrees_with_biopython():
    from Bio import motifs as bio_motifs

    motif = _random_motif(7, 5)
    theirs = bio_motifs.Motif(counts=dict(zip("ACGT", motif.counts.tolist(), strict=True)))
    pssm = theirs.counts.normalize(pseudocounts=0.2).log_odds()
    expected = pssm.distribution(precision=1000).threshold_fpr(1e-3)
    # Both are on grids: theirs of (range / (7 * 1000)) bits, with an error of one step for each position.
    step = (pssm.max - pssm.min) / 7000
    assert score_threshold(motif, 1e-3) == pytest.approx(expected, abs=8 * (step + STEP))


def test_background_is_read_on_both_strands():
    motif = _random_motif(5, 1)
    skewed = score_distribution(motif, [0.4, 0.3, 0.1, 0.2])
    np.testing.assert_allclose(skewed.tail, score_distribution(motif, [0.3, 0.2, 0.2, 0.3]).tail, rtol=1e-12)
    mirrored = score_distribution(motif.reverse_complement(), [0.4, 0.3, 0.1, 0.2])
    np.testing.assert_allclose(mirrored.tail, skewed.tail, rtol=1e-12)


def test_a_short_motif_has_no_window_rare_enough():
    assert score_threshold(_random_motif(6, 0), 1e-4) == inf
    assert score_threshold(_random_motif(6, 0), 4.0**-6) < inf


@pytest.mark.parametrize("p_value", [0.0, -1.0, 1.5, float("nan")])
def test_impossible_p_values_are_refused(p_value):
    with pytest.raises(OptionError, match="p_value must be above 0 and at most 1"):
        score_threshold(_random_motif(3, 0), p_value)
