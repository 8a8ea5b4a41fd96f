"""Planted sites against the sequences they lie in, and against the distributions they are drawn from."""

import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from Bio.Seq import reverse_complement
from hypothesis import given, settings
from hypothesis import strategies as st

from genoplrp.errors import OptionError
from genoplrp.motifs import Background, Motif, shipped_motifs, simulate


def _fixed(word, name="fixed"):
    """A motif that is always `word`."""
    return Motif(name, name, np.array([[float(base == letter) for base in word] for letter in "ACGT"]))


WORDS = ("GATTACA", "CCCGT", "TTTTTTTTC")
MOTIFS = tuple(_fixed(word, word) for word in WORDS)


@given(
    n=st.integers(0, 20),
    length=st.integers(30, 60),
    counts=st.tuples(st.integers(0, 1), st.integers(1, 3)),
    spacing=st.integers(0, 1),
    strands=st.sampled_from(["both", "forward", "reverse"]),
)
@settings(max_examples=60, deadline=None)
def test_every_site_holds_its_motif_and_nothing_overlaps(n, length, counts, spacing, strands):
    made = simulate(MOTIFS, n, length, counts=counts, spacing=spacing, strands=strands, seed=length)
    assert len(made.sequences) == n
    assert all(len(sequence) == length for sequence in made.sequences)
    assert made.sites == sorted(made.sites)
    masks = np.zeros((n, 3, length), dtype=bool)
    for site in made.sites:
        word = made.sequences[site.sequence][site.start : site.end]
        assert (word if site.strand == "+" else reverse_complement(word)) == WORDS[site.motif]
        masks[site.sequence, site.motif, site.start : site.end] = True
    for left, right in pairwise(made.sites):
        assert left.sequence != right.sequence or right.start - left.end >= spacing
    np.testing.assert_array_equal(made.masks, masks)
    np.testing.assert_array_equal(made.labels, masks.any(axis=2))
    planted = Counter(site.sequence for site in made.sites)
    assert all(counts[0] <= planted[i] <= counts[1] for i in range(n))
    assert {site.strand for site in made.sites} <= {"both": {"+", "-"}, "forward": {"+"}, "reverse": {"-"}}[strands]


def test_same_seed_same_result_and_global_generator_untouched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what is tested
    first = simulate(MOTIFS, 50, 60, seed=4)
    again = simulate(MOTIFS, 50, 60, seed=4)
    other = simulate(MOTIFS, 50, 60, seed=5)
    assert (first.sequences, first.sites) == (again.sequences, again.sites)
    assert first.sequences != other.sequences
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_all_placements_are_equally_likely():
    motif = _fixed("GGG")
    made = simulate([motif], 30_000, 10, counts=(2, 2), spacing=1, strands="forward", seed=0)
    places = Counter()
    for left, right in zip(made.sites[::2], made.sites[1::2], strict=True):
        places[left.start, right.start] += 1
    possible = [(a, b) for a in range(8) for b in range(a + 4, 8)]
    assert sorted(places) == possible
    expected = 30_000 / len(possible)
    chi2 = sum((places[place] - expected) ** 2 / expected for place in possible)
    assert chi2 < 29.6  # 99.9 % quantile, 9 degrees of freedom, rounded up


def test_instances_follow_the_matrix_on_both_strands():
    ctcf = shipped_motifs()[0]
    made = simulate([ctcf], 8000, 40, counts=(1, 1), seed=2)
    for strand in "+-":
        words = [made.sequences[s.sequence][s.start : s.end] for s in made.sites if s.strand == strand]
        words = [word if strand == "+" else reverse_complement(word) for word in words]
        assert 3800 < len(words) < 4200
        shares = np.array([[column.count(base) for base in "ACGT"] for column in zip(*words, strict=True)]).T / len(
            words
        )
        np.testing.assert_allclose(shares, ctcf.probabilities(0), atol=5 * 0.5 / np.sqrt(len(words)))


def test_counts_and_weights_are_the_shares_of_instances():
    made = simulate(MOTIFS, 20_000, 60, counts={0: 1, 3: 3}, weights=[1, 0, 4], seed=0)
    planted = np.bincount([site.sequence for site in made.sites], minlength=20_000)
    assert set(planted) == {0, 3}
    assert (planted == 3).mean() == pytest.approx(0.75, abs=0.02)
    motifs = np.bincount([site.motif for site in made.sites], minlength=3) / len(made.sites)
    assert motifs[1] == 0
    assert motifs[2] == pytest.approx(0.8, abs=0.02)


def test_background_reaches_the_bases_between_sites():
    made = simulate([_fixed("A" * 10)], 500, 100, counts=(1, 1), background=Background.from_gc(1.0), seed=0)
    free = "".join(
        sequence[: site.start] + sequence[site.end :] for sequence, site in zip(made.sequences, made.sites, strict=True)
    )
    assert set(free) == {"C", "G"}


def test_motifs_that_fill_the_sequence_fit():
    made = simulate([_fixed("ACGTA")], 3, 15, counts=(3, 3), strands="forward")
    assert made.sequences == ["ACGTA" * 3] * 3


def test_background_only_sequences_need_no_motif():
    made = simulate([], 2, 10, counts=(0, 0))
    assert made.labels.shape == (2, 0)
    assert made.masks.shape == (2, 0, 10)


def test_fifty_thousand_sequences_take_well_under_the_budget():
    began = time.process_time()
    simulate(shipped_motifs(), 50_000, 200, background=Background.varied(cpg=(0.1, 1.0)))
    assert time.process_time() - began < 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"counts": (2, 1)}, r"0 <= low <= high"),
        ({"counts": {1: -1.0}}, "not negative"),
        ({"counts": (0, 8)}, "8 instances of the widest motif with spacing 0 need 72 bases, but length is 60"),
        ({"spacing": -1}, "spacing at least 0"),
        ({"weights": [1.0]}, "weights must be 3 numbers"),
        ({"strands": "sense"}, "both, forward, reverse; got 5, 'sense'"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        simulate(MOTIFS, 5, 60, **options)


def test_instances_without_motifs_are_refused():
    with pytest.raises(OptionError, match="motifs is empty"):
        simulate([], 5, 60)
