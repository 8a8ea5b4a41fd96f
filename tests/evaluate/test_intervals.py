"""Bootstrap intervals against formulas: the standard error of a mean, coverage, and two-stage variance."""

import numpy as np
import pytest

from genoplrp.errors import OptionError
from genoplrp.evaluate import mean_interval

Z = 1.959964  # 97.5 % point of the normal distribution


def test_ends_are_the_mean_and_two_standard_errors_for_many_sequences():
    """The bootstrap variance of a mean is s^2 / n exactly; 4,000 draws give its quantiles to about 3 %."""
    values = np.random.default_rng(1).normal(3, 2, 400)
    interval = mean_interval(values, draws=4000)
    error = values.std() / 20
    assert interval.mean == pytest.approx(values.mean())
    assert (interval.high - interval.low) == pytest.approx(2 * Z * error, rel=0.1)


def test_an_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    covered = [low <= 0 <= high for _, low, high in (mean_interval(rng.normal(size=60), draws=300) for _ in range(400))]
    assert 0.90 <= np.mean(covered) <= 0.98  # a share of 400 has a standard error of .011


def test_networks_that_differ_widen_the_interval_to_the_two_stage_error():
    """Two-stage: variance between the networks' means over s, plus the mean within variance over s n."""
    rng = np.random.default_rng(3)
    values = rng.normal(0, 1, (8, 1)) + rng.normal(0, 1, (8, 50))
    error = np.sqrt(values.mean(1).var() / 8 + values.var(1).mean() / (8 * 50))
    low, high = mean_interval(values, draws=4000)[1:]
    assert (high - low) == pytest.approx(2 * Z * error, rel=0.15)
    assert (high - low) > np.subtract(*mean_interval(values.ravel())[:0:-1])


def test_every_network_counts_alike_whatever_is_undefined():
    assert mean_interval([[1.0, 1.0, 1.0], [0.0, np.nan, np.nan]]).mean == 0.5


def test_same_seed_same_interval_another_seed_another():
    values = np.arange(30.0)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1) != mean_interval(values, seed=2)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [[np.nan], [np.nan]]])
def test_nothing_defined_is_nan(values):
    assert np.isnan(mean_interval(values)).all()


def test_one_value_is_its_own_interval():
    assert mean_interval([2.5]) == (2.5, 2.5, 2.5)


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        ([[[1.0]]], {}, r"shape \(n,\) or \(networks, n\); got shape \(1, 1, 1\)"),
        ([np.inf], {}, "finite or NaN"),
        ([1.0], {"level": 1.0}, "level must lie in"),
        ([1.0], {"draws": 0}, "draws be at least 1"),
    ],
)
def test_bad_values_and_options_are_refused(values, options, said):
    with pytest.raises(OptionError, match=said):
        mean_interval(values, **options)
