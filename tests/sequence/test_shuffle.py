"""Dinucleotide shuffles: what is kept exactly, and that all shuffles are equally likely."""

from collections import Counter
from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from genoplrp.errors import SequenceError
from genoplrp.sequence import dinucleotide_shuffle
from genoplrp.sequence.shuffle import _draw_last_steps

seeds = st.integers(0, 2**32 - 1)


def dinucleotides(sequence: str) -> Counter:
    return Counter(pairwise(sequence))


@settings(deadline=None)
@given(st.text("ACGTacgtUuNRn", max_size=120), seeds)
def test_dinucleotide_counts_and_ends_are_kept(sequence, seed):
    folded = sequence.upper().replace("U", "T")
    shuffled = dinucleotide_shuffle(sequence, np.random.default_rng(seed))
    assert dinucleotides(shuffled) == dinucleotides(folded)
    assert (shuffled[:1], shuffled[-1:]) == (folded[:1], folded[-1:])


@settings(deadline=None)
@given(st.text("ACGTN", max_size=120), seeds)
def test_letters_that_are_no_base_stay_where_they_are(sequence, seed):
    shuffled = dinucleotide_shuffle(sequence, np.random.default_rng(seed))
    assert [letter == "N" for letter in shuffled] == [letter == "N" for letter in sequence]
    for run, before in zip(shuffled.split("N"), sequence.split("N"), strict=True):
        assert dinucleotides(run) == dinucleotides(before)


def all_shuffles(sequence: str) -> set[str]:
    """Every sequence with the same first letter and dinucleotide counts, by trying all orders."""
    orders = set(permutations(sequence[1:]))
    candidates = {sequence[0] + "".join(order) for order in orders}
    return {candidate for candidate in candidates if dinucleotides(candidate) == dinucleotides(sequence)}


@pytest.mark.parametrize("sequence", ["ACAGATAC", "AACCACAGA", "ACGTACGAC", "AAAAAACA"])
def test_every_shuffle_is_equally_likely(sequence):
    rng = np.random.default_rng(3)
    shuffles = sorted(all_shuffles(sequence))
    drawn = Counter(dinucleotide_shuffle(sequence, rng) for _ in range(200 * len(shuffles)))
    assert set(drawn) == set(shuffles)
    assert chisquare([drawn[shuffle] for shuffle in shuffles]).pvalue > 1e-3


def test_a_letter_that_is_left_once_in_a_long_run_is_no_trap():
    sequence = "A" * 20_000 + "C"
    assert dinucleotide_shuffle(sequence, np.random.default_rng(0)) == sequence


def test_last_steps_of_millions_of_letters_are_drawn_by_their_number():
    counts = np.full((4, 4), 1000)
    counts[0], counts[1], counts[2] = [3_000_000, 2_100_000, 0, 3_000_000], [0, 0, 3_000_000, 0], [0, 0, 0, 3_000_000]
    rng = np.random.default_rng(0)
    drawn = [_draw_last_steps(counts, (0, 1, 2), 3, rng)[0] for _ in range(2000)]
    assert set(drawn) == {1, 3}
    # Binomial, six standard errors.
    assert abs(drawn.count(1) / 2000 - 21 / 51) < 6 * (0.25 / 2000) ** 0.5


def test_short_sequences_come_back_as_they_are():
    for letters in product("ACGT", repeat=3):
        sequence = "".join(letters)
        assert dinucleotide_shuffle(sequence, np.random.default_rng(0)) == sequence
    assert dinucleotide_shuffle("", np.random.default_rng(0)) == ""


def test_the_seed_decides():
    sequence = "ACGTTGCAAGTCCATGACGT" * 10
    first, again, other = (dinucleotide_shuffle(sequence, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_what_is_no_dna_is_refused():
    with pytest.raises(SequenceError, match=r"^sequence, offset 3 \(0-based\): 'E'"):
        dinucleotide_shuffle("ACGE", np.random.default_rng(0))
