"""Local Lipschitz estimates against brute force, bounds from linear algebra, and their laws."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from genoplrp import attribute, decode, one_hot
from genoplrp.errors import OptionError
from genoplrp.evaluate import local_lipschitz, noisy, substituted

MATRIX = np.random.default_rng(0).normal(size=(9, 48))


def linear(x):
    """A linear explanation, 9 numbers from (n, 4, 12)."""
    return x.flatten(1).double().numpy() @ MATRIX.T


def squared(x):
    return linear(x) ** 2


def hamming(one, other):
    return sum(a != b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("norm", "divide"),
    [
        ("none", lambda r: r),
        ("unit", lambda r: r / np.sqrt((r**2).sum())),
        ("max", lambda r: r / max(abs(v) for v in r)),
    ],
)
def test_all_substitutions_give_the_brute_force_maximum(norm, divide):
    sequences = ["ACGTACGTNNAC", "GGGGGGGGGGGG"]
    found = local_lipschitz(squared, one_hot(sequences), substituted(one_hot(sequences), samples=None), norm=norm)
    for sequence, largest in zip(sequences, found, strict=True):
        ratios = []
        for position, base in enumerate(sequence):
            for other in set("ACGT") - {base} if base != "N" else ():
                changed = sequence[:position] + other + sequence[position + 1 :]
                one, two = (divide(squared(one_hot(text))[0]) for text in (sequence, changed))
                ratios.append(np.sqrt(((one - two) ** 2).sum()) / np.sqrt(2))
        np.testing.assert_allclose(largest, max(ratios), rtol=1e-10)


def test_substitutions_are_all_different_and_one_base_away():
    sequences = ["ACGTNACG", "TTTTTTTT"]
    drawn = list(zip(*(decode(x) for x in substituted(one_hot(sequences), samples=None)), strict=True))
    assert len(drawn[0]) == len(drawn[1]) == 24
    assert len(set(drawn[1])) == 24
    assert all(hamming(text, sequences[1]) == 1 for text in drawn[1])
    assert len(set(drawn[0]) - {sequences[0]}) == 21  # none at the N; then the sequence as it is
    assert all(text[4] == "N" and hamming(text, sequences[0]) <= 1 for text in drawn[0])


def test_substitutions_depend_on_the_seed_and_the_row_alone():
    x = one_hot(["ACGTACGT", "TTTTTTTT"])
    one, alone = list(substituted(x, samples=5, seed=1)), list(substituted(x[:1], samples=5, seed=1))
    assert all(torch.equal(a[:1], b) for a, b in zip(one, alone, strict=True))
    assert decode(one[0]) != decode(next(substituted(x, seed=2)))


def test_more_samples_never_lower_the_estimate():
    x = one_hot(["ACGTACGTTGAC", "GATTACAGATTA"])
    found = [local_lipschitz(squared, x, substituted(x, samples=samples)) for samples in (1, 5, 20, None)]
    assert all((more >= less).all() for less, more in pairwise(found))
    assert (found[-1] > found[0]).all()


def test_noise_on_a_linear_explanation_stays_below_the_spectral_norm_and_reaches_most_of_it():
    x = torch.rand(3, 4, 12, dtype=torch.float64)
    largest = np.linalg.norm(MATRIX, 2)
    for kind in ("gaussian", "uniform"):
        found = local_lipschitz(linear, x, noisy(x, samples=50, kind=kind, scale=0.3), norm="none")
        # E ||A u||^2 is ||A||_F^2 / 48 for a random direction u: the best of 50 is above the mean.
        assert (found <= largest * (1 + 1e-12)).all()
        assert (found > np.linalg.norm(MATRIX) / np.sqrt(48)).all()


def test_noise_is_of_the_kind_and_size_asked_for():
    x = torch.zeros(4, 3, 50, 50)
    gaussian = next(noisy(x, scale=0.2, seed=1))
    assert abs(gaussian.std().item() / 0.2 - 1) < 0.03  # 30,000 values: relative standard deviation .004
    uniform = next(noisy(x, kind="uniform", scale=0.2))
    assert uniform.abs().max() <= 0.2
    assert abs(uniform.std().item() / (0.2 / np.sqrt(3)) - 1) < 0.03
    assert torch.equal(gaussian, next(noisy(x, scale=0.2, seed=1)))


def test_unit_and_max_do_not_depend_on_the_scale_of_the_map():
    x = one_hot(["ACGTACGTTGAC", "GATTACAGATTA"])
    for norm in ("unit", "max"):
        one, other = (
            local_lipschitz(lambda y, f=factor: squared(y) * f, x, substituted(x), norm=norm) for factor in (1, 1e3)
        )
        np.testing.assert_allclose(one, other, rtol=1e-9)
    assert (local_lipschitz(linear, x, substituted(x)) <= np.sqrt(2)).all()


def test_undefined_is_nan():
    x = one_hot(["ACGTACGTTGAC", "NNNNNNNNNNNN"])
    assert np.isnan(local_lipschitz(squared, x, substituted(x))).tolist() == [False, True]
    assert np.isnan(local_lipschitz(lambda y: np.zeros((2, 3)), x, substituted(x))).all()
    assert local_lipschitz(lambda y: np.zeros((2, 3)), x, substituted(x), norm="none")[0] == 0
    assert np.isnan(local_lipschitz(squared, x, [])).all()


def test_a_neighbour_whose_map_vanishes_is_as_far_as_the_map_is_long():
    x = one_hot("ACGT")

    def once(y):
        return torch.ones(1, 4) * bool(torch.equal(y, x))

    np.testing.assert_allclose(local_lipschitz(once, x, substituted(x)), 1 / np.sqrt(2))


def test_rows_keep_their_own_target():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(4, 6, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(6, 3))
    x, target = one_hot(["ACGTACGTTGAC", "GATTACAGATTA"]), torch.tensor([2, 0])
    both = local_lipschitz(lambda y: attribute(model, y, target=target).per_base, x, substituted(x, samples=8))
    # A row's substitutions depend on its place: both rows hold the sequence when it is measured alone.
    for row in range(2):
        twice = x[[row, row]]
        alone = local_lipschitz(
            lambda y, k=row: attribute(model, y, target=int(target[k])).per_base, twice, substituted(twice, samples=8)
        )
        np.testing.assert_allclose(both[row], alone[row], rtol=1e-5)


def test_wrong_arguments_are_refused():
    x = one_hot(["ACGT", "ACGT"])
    with pytest.raises(OptionError, match='norm must be "unit", "max" or "none"; got \'l2\''):
        local_lipschitz(linear, x, [x], norm="l2")
    with pytest.raises(OptionError, match=r"neighbours must have the shape of x, \(2, 4, 4\); got \(1, 4, 4\)"):
        local_lipschitz(lambda y: y, x, [x[:1]])
    with pytest.raises(OptionError, match=r"must return relevance \(n, ...\) for n = 2 inputs; got shape \(2,\)"):
        local_lipschitz(lambda y: np.zeros(2), x, [x])
    with pytest.raises(OptionError, match="relevance that is not finite"):
        local_lipschitz(lambda y: y * np.inf, x, [x])
    with pytest.raises(OptionError, match="samples must be at least 1, or None for all"):
        substituted(x, samples=0)
    for wrong in ({"samples": 0}, {"scale": 0}, {"kind": "salt"}):
        with pytest.raises(OptionError, match="samples must be at least 1, scale positive, kind"):
            noisy(x, **wrong)
