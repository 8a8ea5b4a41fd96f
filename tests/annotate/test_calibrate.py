"""Thresholds: counted by hand, and kept by shuffles that they have not seen."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from genoplrp.annotate.calibrate import calibrate, upper_threshold
from genoplrp.annotate.scorer import Scorer, scorer_for
from genoplrp.models import ModelSpec, load_model
from tests.annotate.networks import matrix_network
from tests.annotate.sequences import planted


class CountG(nn.Module):
    """Scores the number of G: the same in every shuffle of a sequence."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 2].sum(1, keepdim=True)


def count_g(length: int) -> Scorer:
    network = CountG()
    network.spec = ModelSpec("CountG", {}, length=length, labels=("G",))
    return scorer_for(network, 64, "forward")


@given(
    arrays(np.float32, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=st.integers(0, 9)), st.floats(0, 0.99)
)
def test_threshold_is_the_smallest_score_that_few_enough_exceed(scores: np.ndarray, fpr: float) -> None:
    allowed = int(np.floor(fpr * len(scores)))
    thresholds = upper_threshold(scores, fpr)
    for column, threshold in zip(scores.T, thresholds, strict=True):
        assert (column > threshold).sum() <= allowed
        lower = column[column < threshold]
        assert not lower.size or (column > lower.max()).sum() > allowed


def test_null_keeps_composition_so_that_a_network_that_counts_bases_calls_nothing() -> None:
    sequences = [record.sequence for record in planted(200, 40)]
    scorer = count_g(40)
    found = calibrate(sequences, scorer, 0.01, seed=0)
    real = np.array([text.count("G") for text in sequences])
    assert found.shuffles == 200
    assert (real > found.thresholds[0]).mean() == found.null[0] == found.fresh[0] <= 0.01


@pytest.mark.parametrize(("n", "shuffles"), [(1, 200), (3, 201), (250, 250), (7, 203)])
def test_few_records_are_shuffled_several_times(n: int, shuffles: int) -> None:
    found = calibrate(["ACGTTGCAAC"] * n, count_g(10), 0.01, seed=0)
    assert found.shuffles == len(found.scores) == shuffles


def test_fresh_shuffles_are_other_shuffles_and_confirm_the_rate() -> None:
    sequences = [record.sequence for record in planted(100, 60)]
    found = calibrate(sequences, scorer_for(matrix_network(60), 64, "forward"), 0.05, seed=0)
    assert (found.null <= 0.05).all()
    assert 0 < found.fresh[0] < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200)
    assert (found.null != found.fresh).any()


def test_seed_decides() -> None:
    sequences = [record.sequence for record in planted(50, 60)]
    scorer = scorer_for(matrix_network(60), 64, "forward")
    first, again, other = (calibrate(sequences, scorer, 0.05, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.scores, again.scores)
    assert (first.scores != other.scores).any()


def test_long_record_stands_for_itself_by_a_stretch_that_avoids_n() -> None:
    class Letters(CountG):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(int(x.sum()))
            return torch.zeros(len(x), 1)

    seen: list[int] = []
    network = Letters()
    network.spec = ModelSpec("Letters", {}, length=10, labels=("G",))
    sequence = "N" * 4000 + "ACGT" * 1000
    calibrate([sequence], scorer_for(network, 10**6, "forward"), 0.01, seed=0)
    whole = 2 * 200 * 39 * 10  # two sets of stretches of 200 bases, of 39 windows of 10 bases each
    assert 0.9 * whole < sum(seen) <= whole


@pytest.mark.parametrize("sequence", ["A", "GGGGG", "T" * 250])
def test_record_that_shuffling_cannot_change_is_not_called(sequence: str) -> None:
    """Its score alone and its score in a batch of shuffles differ in the last digits only."""
    scorer = scorer_for(load_model("vertebrate20"), 64, "forward")
    found = calibrate([sequence], scorer, 0.01, seed=0)
    (scores,) = scorer.scores([sequence])
    assert not (scores.max(0) > found.thresholds).any()
