"""Labels and masks recomputed literally from the placed sites, and shares, shortcuts and refusals of the grammar."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from Bio.Seq import reverse_complement
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from genoplrp.errors import OptionError
from genoplrp.motifs import INTERACTIONS, Motif, Simulation, Site, shipped_motifs, simulate_grammar
from genoplrp.motifs.grammar import labelled


def _fixed(word):
    """A motif that is always `word`."""
    return Motif(word, word, np.array([[float(base == letter) for base in word] for letter in "ACGT"]))


CORE = (_fixed("GATTACA"), _fixed("CCCGT"))
DECOYS = (_fixed("TTTTTTTT"), _fixed("AC"))


def _literal(a, b, spacing):
    """Label and mask positions of every interaction for one sequence's sites, straight from the definitions."""
    inside = {"a": set(), "b": set()}
    for name, sites in (("a", a), ("b", b)):
        for site in sites:
            inside[name] |= set(range(site.start, site.end))
    every = inside["a"] | inside["b"]
    spaced, ordered = set(), set()
    for one in a:
        for other in b:
            pair = set(range(one.start, one.end)) | set(range(other.start, other.end))
            between = other.start - one.end if one.end <= other.start else one.start - other.end
            if spacing[0] <= between <= spacing[1]:
                spaced |= pair
            if one.start < other.start:
                ordered |= pair
    return {
        "single": inside["a"],
        "additive": every if len(a) + len(b) > 1 else set(),
        "and": every if a and b else set(),
        "or": every,
        "xor": every if (len(a) == 0) + (len(b) == 0) == 1 else set(),
        "spacing": spaced,
        "order": ordered,
    }


@given(
    seed=st.integers(0, 1000),
    strands=st.sampled_from(["both", "forward", "reverse"]),
    spacing=st.sampled_from([(0, 0), (3, 9)]),
)
@settings(max_examples=25, deadline=None)
def test_labels_and_masks_are_those_of_the_sites(seed, strands, spacing):
    made = simulate_grammar(25, length=90, core=CORE, decoys=DECOYS, decoy_counts=(0, 4), spacing=spacing,
                            strands=strands, seed=seed)  # fmt: skip
    core = defaultdict(lambda: ([], []))
    decoys = np.zeros((25, 90), dtype=bool)
    for site in made.simulation.sites:
        if site.motif < 2:
            core[site.sequence][site.motif].append(site)
        else:
            decoys[site.sequence, site.start : site.end] = True
    assert made.interactions == tuple(INTERACTIONS)
    for row in range(25):
        wanted = _literal(*core[row], spacing)
        assert made.count[row] == len(core[row][0]) + len(core[row][1])
        for column, name in enumerate(made.interactions):
            assert set(np.flatnonzero(made.masks[row, column]).tolist()) == wanted[name], name
            assert made.labels[row, column] == bool(wanted[name])
            covered = {i for s in made.sites(name) if s.sequence == row for i in range(s.start, s.end)}
            assert covered == wanted[name]
    np.testing.assert_array_equal(made.decoy_mask, decoys)
    assert not (made.decoy_mask[:, None] & made.masks).any()


@given(seed=st.integers(0, 1000), strands=st.sampled_from(["both", "forward", "reverse"]))
@settings(max_examples=20, deadline=None)
def test_every_site_holds_its_motif_and_nothing_overlaps(seed, strands):
    made = simulate_grammar(20, length=120, core=CORE, decoys=DECOYS, strands=strands, seed=seed)
    sites = made.simulation.sites
    assert sites == sorted(sites)
    for site in sites:
        word = made.sequences[site.sequence][site.start : site.end]
        assert (word if site.strand == "+" else reverse_complement(word)) == made.motifs[site.motif].name
    for left, right in pairwise(sites):
        assert left.sequence != right.sequence or left.end <= right.start


@pytest.fixture(scope="module")
def large():
    return simulate_grammar(6000, seed=3)


def test_every_label_is_positive_in_a_quarter_to_three_quarters(large):
    share = large.labels.mean(axis=0)
    assert ((share > 0.25) & (share < 0.75)).all(), dict(zip(large.interactions, share, strict=True))


def test_neither_decoys_nor_gc_content_tell_a_label(large):
    decoys = np.bincount([s.sequence for s in large.simulation.sites], minlength=6000) - large.count
    gc = [sequence.count("G") + sequence.count("C") for sequence in large.sequences]
    for name in large.interactions:
        # Six standard errors of a chance AUROC with a quarter positive: 6 sqrt(1 / (12 n .25 .75)).
        assert abs(roc_auc_score(large.label(name), decoys) - 0.5) < 0.052, name
        assert abs(roc_auc_score(large.label(name), gc) - 0.5) < 0.052, name


def test_pairs_come_in_either_order_at_every_distance_of_the_range(large):
    both = np.flatnonzero(large.label("and"))
    assert 0.5 < large.label("order")[both].mean() < 0.75
    gaps = set()
    for left, right in pairwise(large.sites("spacing")):
        if left.sequence == right.sequence and left.motif != right.motif:
            gaps.add(right.start - left.end)
    assert set(range(2, 21)) <= gaps


def test_sites_of_hand_made_sequences():
    sites = [Site(0, 0, 5, 0, "+"), Site(0, 10, 15, 1, "+"), Site(0, 40, 45, 0, "+"), Site(1, 3, 8, 1, "+"),
             Site(2, 3, 8, 2, "+")]  # fmt: skip
    empty = Simulation(["A" * 50] * 3, np.zeros((3, 3), dtype=np.uint8), sites, (*CORE, DECOYS[0]), 50)
    made = labelled(empty, (5, 5))
    assert made.labels.tolist() == [[1, 1, 1, 1, 0, 1, 1], [0, 0, 0, 1, 1, 0, 0], [0] * 7]
    assert made.sites("order") == made.sites("spacing") == (sites[0], sites[1])
    assert made.sites("and") == tuple(sites[:3])
    assert made.sites("xor") == (sites[3],)


def test_same_seed_same_result():
    one, same, other = (simulate_grammar(30, seed=seed) for seed in (4, 4, 5))
    assert (one.sequences, one.simulation.sites) == (same.sequences, same.simulation.sites)
    assert one.sequences != other.sequences


def test_no_sequences_make_empty_arrays():
    made = simulate_grammar(0)
    assert made.labels.shape == (0, 7)
    assert made.masks.shape == (0, 7, 250)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 150}, "need 152 bases, but length is 150; raise length, or lower spacing or decoy_counts"),
        ({"spacing": (5, 2)}, r"spacing must be \(low, high\)"),
        ({"decoys": ()}, r"pass motifs or decoy_counts=\(0, 0\)"),
        ({"decoy_counts": (3, 1)}, r"decoy_counts must be \(low, high\)"),
        ({"strands": "up"}, "strands one of both, forward, reverse"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        simulate_grammar(2, **options)


def test_an_unknown_interaction_is_refused_with_the_choices():
    with pytest.raises(OptionError, match="one of single, additive, and, or, xor, spacing, order; got 'nand'"):
        simulate_grammar(2, core=shipped_motifs()[:2]).mask("nand")
