"""Backgrounds against counts, formulas and the laws of stationary chains."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from genoplrp.errors import OptionError, SequenceError
from genoplrp.motifs import Background
from genoplrp.motifs.codes import encode, to_text


def _cg_ratio(codes):
    """Observed over expected CG of codes (n, l), literally."""
    c, g = (codes == 1).mean(), (codes == 2).mean()
    return ((codes[:, :-1] == 1) & (codes[:, 1:] == 2)).mean() / (c * g)


def test_fit_equals_literal_counting():
    sequences = ["ACGTTGCANNACGT", "ttgacRcat", "", "A"]
    chain = Background.fit(sequences, order=2, pseudocount=0.5).chains[0]
    words = Counter(s.upper()[i : i + 3] for s in sequences for i in range(len(s) - 2))
    for i, context in enumerate(product("ACGT", repeat=2)):
        row = np.array([words["".join(context) + base] + 0.5 for base in "ACGT"])
        np.testing.assert_allclose(chain[i], row / row.sum())


def test_fit_to_its_own_samples_returns_the_chain():
    rng = np.random.default_rng(1)
    truth = Background(2, rng.dirichlet(np.full(4, 5.0), size=(1, 16)))
    fitted = Background.fit(to_text(truth.sample(200, 2000, rng)), order=2)
    # 400,000 words over 16 contexts: standard error of a probability below .5 / sqrt(10,000).
    np.testing.assert_allclose(fitted.chains, truth.chains, atol=0.025)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_every_position_has_the_stationary_frequencies(order):
    rng = np.random.default_rng(order)
    background = Background(order, rng.dirichlet(np.ones(4), size=(1, 4**order)))
    codes = background.sample(40_000, 6, rng)
    for i in range(6):  # standard error below .5 / 200
        np.testing.assert_allclose(np.bincount(codes[:, i], minlength=4) / 40_000, background.frequencies, atol=0.0125)


def test_stationary_share_is_unchanged_by_one_step():
    chain = np.random.default_rng(0).dirichlet(np.ones(4), size=4)
    frequencies = Background(1, chain[None]).frequencies
    np.testing.assert_allclose(frequencies @ chain, frequencies, atol=1e-10)


def test_periodic_chain_has_a_stationary_share():
    swing = np.zeros((1, 4, 4))
    swing[0, [0, 1, 2, 3], [1, 0, 3, 2]] = 1.0
    np.testing.assert_allclose(Background(1, swing).frequencies, 0.25)


@pytest.mark.parametrize(("gc", "cpg"), [(0.3, 0.1), (0.5, 0.2), (0.7, 0.1), (0.6, 1.0), (0.4, 1.3)])
def test_varied_chain_has_the_gc_and_cpg_asked_for(gc, cpg):
    background = Background.varied(gc=(gc, gc), cpg=(cpg, cpg))
    share = background.frequencies
    np.testing.assert_allclose(share, [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2], atol=1e-9)
    joint = share[:, None] * background.chains[0]
    assert joint[1, 2] / (share[1] * share[2]) == pytest.approx(cpg, rel=1e-6)
    np.testing.assert_allclose(joint, joint[::-1, ::-1].T, atol=1e-9)  # the other strand reads the same


def test_varied_samples_differ_in_gc_as_the_range_says():
    codes = Background.varied(gc=(0.3, 0.7), cpg=(0.3, 0.3)).sample(3000, 500, np.random.default_rng(0))
    gc = np.isin(codes, [1, 2]).mean(axis=1)
    # Variance of a uniform over .4 plus that of 500 draws (neighbours are nearly independent).
    assert gc.std() == pytest.approx(np.sqrt(0.4**2 / 12 + 0.25 / 500), rel=0.05)
    rich, poor = codes[gc > 0.6], codes[gc < 0.4]
    assert _cg_ratio(rich) == pytest.approx(0.3, abs=0.03)
    assert _cg_ratio(poor) == pytest.approx(0.3, abs=0.05)


def test_unused_dinucleotides_keep_independence_at_cpg_one():
    background = Background.varied(gc=(0.42, 0.42), cpg=(1.0, 1.0))
    np.testing.assert_allclose(background.chains[0], np.tile([0.29, 0.21, 0.21, 0.29], (4, 1)), atol=1e-12)


def test_sequences_shorter_than_the_order_are_possible():
    assert Background.fit(["ACGT"], order=3).sample(2, 1, np.random.default_rng(0)).shape == (2, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Background.from_gc(1.2), "gc must be between 0 and 1; got 1.2"),
        (lambda: Background.varied(gc=(0.6, 0.4)), "low <= high"),
        (lambda: Background.varied(gc=(0.0, 0.4)), "inside"),
        (lambda: Background.varied(cpg=(0.0, 1.0)), "inside"),
        (lambda: Background.fit(["A"], order=9), "order must be 0 to 8"),
        (lambda: Background(1, np.ones((1, 4, 4))), "summing to 1"),
        (lambda: Background(1, np.ones((4, 4)) / 4), "must have shape"),
    ],
)
def test_impossible_backgrounds_are_refused(make, message):
    with pytest.raises(OptionError, match=message):
        make()


def test_codes_name_record_offset_and_letter():
    with pytest.raises(SequenceError, match="record 7, offset 2: 'L' is no DNA letter"):
        encode("ACLT", 7)
    with pytest.raises(SequenceError, match="offset 1: 'é'"):
        encode("Aé")
