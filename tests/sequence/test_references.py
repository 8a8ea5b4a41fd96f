"""Shuffled references: each is a dinucleotide shuffle, all are equally likely, and each sequence has its own stream."""

from collections import Counter
from itertools import pairwise, permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from genoplrp.errors import OptionError, SequenceError
from genoplrp.sequence import decode, one_hot, shuffled_references

SEQUENCES = ["ACGTTGCAAGTCNNATGACGTAACGTTA", "NNNACGTACCCGATTAGCGCANNGGATN", "T" * 28, "N" * 28, "ACGN" * 7]


@settings(deadline=None)
@given(st.lists(st.text("ACGTN", min_size=40, max_size=40), min_size=1, max_size=3), st.integers(1, 3))
def test_every_run_of_bases_keeps_its_dinucleotides_ends_and_place(sequences, r):
    for sequence, references in zip(sequences, shuffled_references(one_hot(sequences), r), strict=True):
        for shuffled in decode(references):
            assert [letter == "N" for letter in shuffled] == [letter == "N" for letter in sequence]
            for run, before in zip(shuffled.split("N"), sequence.split("N"), strict=True):
                assert Counter(pairwise(run)) == Counter(pairwise(before))
                assert (run[:1], run[-1:]) == (before[:1], before[-1:])


@pytest.mark.parametrize("sequence", ["ACAGATAC", "AACCACAGA", "ACGTACGAC", "AAAAAAACA", "ACAGATACNTTG"])
def test_every_shuffle_is_equally_likely(sequence):
    head = sequence.split("N")[0]
    orders = {sequence[0] + "".join(order) for order in permutations(head[1:])}
    shuffles = [order for order in orders if Counter(pairwise(order)) == Counter(pairwise(head))]
    drawn = Counter(
        text[: len(head)] for text in decode(shuffled_references(one_hot(sequence), 200 * len(shuffles))[0])
    )
    assert set(drawn) == set(shuffles)
    assert chisquare([drawn[shuffle] for shuffle in shuffles]).pvalue > 1e-3


def test_references_do_not_depend_on_the_batch_nor_on_how_many_there_are():
    together = shuffled_references(one_hot(SEQUENCES), 6)
    for sequence, references in zip(SEQUENCES, together, strict=True):
        assert torch.equal(shuffled_references(one_hot(sequence), 4)[0], references[:4])


def test_chunks_change_nothing(monkeypatch):
    together = shuffled_references(one_hot(SEQUENCES), 6)
    monkeypatch.setattr("genoplrp.sequence.references._BASES_AT_ONCE", 200)
    assert torch.equal(shuffled_references(one_hot(SEQUENCES), 6), together)


def test_the_seed_decides():
    x = one_hot("ACGTTGCAAGTCCATGACGT" * 10)
    first, again, other = (shuffled_references(x, 2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0, 0], first[0, 1])


def test_references_have_the_type_of_the_sequences():
    assert shuffled_references(one_hot("ACGTTGCA").double(), 1).dtype == torch.float64
    assert shuffled_references(one_hot(["", ""]), 3).shape == (2, 3, 4, 0)
    assert shuffled_references(torch.zeros(0, 4, 9), 3).shape == (0, 3, 4, 9)


def test_what_cannot_be_shuffled_is_refused():
    with pytest.raises(SequenceError, match=r"^sequence 0, offset 1 \(0-based\): the column"):
        shuffled_references(one_hot("ACGT") * torch.tensor([1, 0.5, 1, 1]), 2)
    for wrong in ({"r": 0}, {"r": 2.0}, {"r": 2, "seed": -1}):
        with pytest.raises(OptionError, match=r"must be a whole number from [01] on; got"):
            shuffled_references(one_hot("ACGT"), **wrong)
