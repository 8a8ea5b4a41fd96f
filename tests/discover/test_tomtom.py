"""Tomtom's p-values against the definition, drawn at random; q-values against scipy."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from genoplrp.discover import name_motifs, tomtom
from genoplrp.discover.tomtom import benjamini_hochberg
from genoplrp.motifs import Motif, shipped_motifs

SHIPPED = shipped_motifs()


def best_score(query: np.ndarray, target: np.ndarray, medians: np.ndarray) -> float:
    """The definition: over all offsets the sum of median less distance over the columns that lie on each other."""
    best = -np.inf
    for offset in range(1 - query.shape[1], target.shape[1]):
        total = 0.0
        for i in range(query.shape[1]):
            if 0 <= i + offset < target.shape[1]:
                total += medians[i] - np.linalg.norm(query[:, i] - target[:, i + offset])
        best = max(best, total)
    return best


@pytest.mark.parametrize("index", [1, 8])
def test_p_value_is_the_chance_that_alignments_of_random_columns_score_as_high(index):
    """Each offset's columns drawn anew from the database, the best of all offsets taken: the null of the method."""
    rng = np.random.default_rng(index)
    query = SHIPPED[index].probabilities(0.0)
    pool = np.concatenate(
        [m.probabilities(0.0) for m in SHIPPED] + [m.reverse_complement().probabilities(0.0) for m in SHIPPED], axis=1
    )
    distance = np.linalg.norm(query[:, :, None] - pool[:, None], axis=0)
    medians = np.median(distance, axis=1)
    found = tomtom([SHIPPED[index]], SHIPPED)
    for k in (0, 3, 8, 15):
        target = SHIPPED[k]
        score = max(
            best_score(query, strand.probabilities(0.0), medians) for strand in (target, target.reverse_complement())
        )
        draws = 4000
        best = np.full(draws, -np.inf)
        for offset in range(1 - query.shape[1], target.width):
            columns = range(max(0, -offset), min(query.shape[1], target.width - offset))
            total = sum(medians[i] - rng.choice(distance[i], draws) for i in columns)
            best = np.maximum(best, total)
        one_strand = np.mean(best >= score)
        expected = 1 - (1 - one_strand) ** 2
        error = 2 * np.sqrt(max(one_strand * (1 - one_strand), 1 / draws) / draws)
        assert found.p_value[0, k] == pytest.approx(expected, abs=4 * error + 0.02)  # .02: scores in a hundred steps


def test_every_motif_is_most_like_itself_on_either_strand():
    found = tomtom([motif.reverse_complement() for motif in SHIPPED], SHIPPED)
    assert found.p_value.argmin(1).tolist() == list(range(len(SHIPPED)))
    widths = [motif.width for motif in SHIPPED]
    assert np.diag(found.overlap).tolist() == widths
    assert np.diag(found.offset).tolist() == [0] * len(widths)


def test_strand_of_the_query_does_not_change_p():
    forward = tomtom(SHIPPED[:5], SHIPPED).p_value
    reverse = tomtom([motif.reverse_complement() for motif in SHIPPED[:5]], SHIPPED).p_value
    assert forward == pytest.approx(reverse, rel=1e-6)


def test_motifs_of_shuffled_columns_are_seldom_known():
    """With columns drawn from the database, no more than about one in twenty may be called at q .05."""
    rng = np.random.default_rng(0)
    pool = np.concatenate([motif.counts / motif.counts.sum(0) for motif in SHIPPED], axis=1)
    made = [Motif("m", f"m{i}", pool[:, rng.integers(0, pool.shape[1], 11)]) for i in range(150)]
    called = np.mean([name.match != "no_known_match" for name in name_motifs(made, SHIPPED)])
    assert called <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_q_values_are_those_of_scipy():
    p = np.random.default_rng(0).random((3, 17)) ** 2
    assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p, axis=1))


def test_a_motif_that_says_nothing_has_no_name():
    nothing = Motif("n", "n", np.ones((4, 10)))
    assert name_motifs([nothing], SHIPPED)[0].match == "no_known_match"
