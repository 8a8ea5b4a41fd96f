"""The scanner against scoring each window literally, against Biopython, and against its laws."""

import time
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
from Bio import motifs as bio_motifs
from Bio.Seq import reverse_complement
from hypothesis import given, settings
from hypothesis import strategies as st

from genoplrp.errors import OptionError, SequenceError
from genoplrp.motifs import Background, best_hit, best_hits, scan, score_distribution, shipped_motifs, simulate
from genoplrp.motifs.codes import to_text
from genoplrp.motifs.thresholds import STEP
from genoplrp.resources import motif_file

MOTIFS = shipped_motifs()[1:8:2]
DISTRIBUTIONS = {motif: score_distribution(motif) for motif in MOTIFS}
DNA = st.text("ACGTacgtN", max_size=90)


def _literal(sequence, motif):
    """(start, strand, steps) of every window of known bases, one base after the other."""
    distribution = DISTRIBUTIONS[motif]
    for start in range(len(sequence) - motif.width + 1):
        window = sequence[start : start + motif.width].upper()
        for strand, word in (("+", window), ("-", reverse_complement(window))):
            if set(word) <= set("ACGT"):
                yield start, strand, sum(int(distribution.steps["ACGT".index(b), i]) for i, b in enumerate(word))


@given(st.lists(DNA, max_size=5), st.sampled_from([0.3, 0.05, 1e-3]))
@settings(max_examples=30, deadline=None)
def test_hits_equal_literal_scoring_of_every_window(sequences, p_value):
    found = scan(sequences, MOTIFS, p_value=p_value)
    expected = []
    for i, sequence in enumerate(sequences):
        for m, motif in enumerate(MOTIFS):
            distribution = DISTRIBUTIONS[motif]
            for start, strand, steps in _literal(sequence, motif):
                if distribution.tail[steps - distribution.low] <= p_value:
                    expected.append((i, start, start + motif.width, m, strand))
    assert [hit[:5] for hit in found] == sorted(expected)
    assert all(hit.p_value <= p_value for hit in found)


@given(st.lists(DNA, max_size=5))
@settings(max_examples=30, deadline=None)
def test_best_hit_is_the_first_of_the_highest_windows(sequences):
    motif = MOTIFS[0]
    for sequence, hit in zip(sequences, best_hits(sequences, motif), strict=True):
        windows = list(_literal(sequence, motif))
        if not windows:
            assert hit is None
            continue
        start, strand, _ = max(windows, key=lambda window: (window[2], -window[0], window[1] == "+"))
        assert (hit.start, hit.strand) == (start, strand)


def test_scores_equal_biopython_pssm():
    with motif_file().open() as handle:
        ctcf = next(iter(bio_motifs.parse(handle, "jaspar")))
    pssm = ctcf.counts.normalize(pseudocounts=0.2).log_odds()
    (sequence,) = to_text(Background.uniform().sample(1, 400, np.random.default_rng(0)))
    hits = {(hit.start, hit.strand): hit.score for hit in scan([sequence], shipped_motifs()[:1], p_value=1.0)}
    for strand, matrix in (("+", pssm), ("-", pssm.reverse_complement())):
        ours = [hits[start, strand] for start in range(400 - 18)]
        np.testing.assert_allclose(ours, matrix.calculate(sequence), rtol=1e-5)  # theirs is float32


@given(DNA)
@settings(max_examples=30, deadline=None)
def test_reverse_complement_mirrors_the_hits(sequence):
    forward = scan([sequence], MOTIFS, p_value=0.05, background=[0.4, 0.1, 0.2, 0.3])
    backward = scan([reverse_complement(sequence)], MOTIFS, p_value=0.05, background=[0.4, 0.1, 0.2, 0.3])
    flip = {"+": "-", "-": "+"}
    mirrored = [(len(sequence) - h.end, len(sequence) - h.start, h.motif, flip[h.strand]) for h in backward]
    assert sorted(mirrored) == sorted((h.start, h.end, h.motif, h.strand) for h in forward)


def test_cutting_into_pieces_and_batches_does_not_change_hits(monkeypatch):
    rng = np.random.default_rng(3)
    sequences = [
        text for length in (700, 3, 0, 251, 90) for text in to_text(Background.uniform().sample(2, length, rng))
    ]
    whole = scan(sequences, MOTIFS, p_value=0.01)
    best = best_hits(sequences, MOTIFS[2])
    for piece, batch in [(64, 10**6), (37, 300), (10**6, 1)]:
        module = import_module("genoplrp.motifs.scan")  # as an attribute of the package, this name is the function
        monkeypatch.setattr(module, "_PIECE", piece)
        monkeypatch.setattr(module, "_BATCH", batch)
        assert scan(sequences, MOTIFS, p_value=0.01) == whole
        assert best_hits(sequences, MOTIFS[2]) == best


def test_a_generator_of_sequences_is_as_good_as_a_list():
    sequences = [motif.consensus for motif in MOTIFS]
    assert scan(iter(sequences), MOTIFS) == scan(sequences, MOTIFS)


def test_share_of_chance_hits_is_the_p_value():
    sequences = to_text(Background.from_gc(0.4).sample(200, 5000, np.random.default_rng(0)))
    motif = shipped_motifs()[0]
    hits = scan(sequences, [motif], p_value=1e-3, background=[0.3, 0.2, 0.2, 0.3])
    expected = 2 * 200 * (5000 - motif.width + 1) * 1e-3
    # Overlapping windows are correlated: twice the Poisson width, five times over.
    assert len(hits) == pytest.approx(expected, abs=5 * 2 * np.sqrt(expected))


def test_planted_consensus_sites_are_found_where_they_are():
    sites = simulate(shipped_motifs()[:5], 200, 200, counts=(1, 3), seed=0)
    best = {(h.sequence, h.motif) for h in scan(sites.sequences, sites.motifs, p_value=1e-3)}
    found = [(site.sequence, site.motif) in best for site in sites.sites]
    assert np.mean(found) > 0.9


def test_a_palindrome_is_found_on_both_strands():
    motif = next(motif for motif in shipped_motifs() if motif.name == "TP53")
    hits = scan(["ACATGCCCGGGCATGT" + "AACATGCCCGGGCATGTT"], [motif], p_value=1e-4)
    assert {hit.strand for hit in hits} == {"+", "-"}


def test_unknown_bases_never_match_but_soft_masked_and_rna_do():
    motif = shipped_motifs()[0]
    word = motif.consensus
    assert scan([word.lower(), word.replace("T", "U")], [motif]) == scan([word, word], [motif])
    assert scan([word[:9] + "N" + word[10:], word[:-1] + "R"], [motif], p_value=1.0) == []
    assert best_hit("N" * 50, motif) is None


def test_hits_are_sorted_by_place():
    sequences = to_text(Background.uniform().sample(20, 300, np.random.default_rng(1)))
    hits = scan(sequences, MOTIFS, p_value=0.01)
    assert all(left[:5] < right[:5] for left, right in pairwise(hits))


def test_no_motifs_or_no_sequences_give_no_hits():
    assert scan(["ACGT"], []) == []
    assert scan([], MOTIFS) == []
    assert best_hits([], MOTIFS[0]) == []


def test_errors_name_record_and_argument():
    with pytest.raises(SequenceError, match="record 1, offset 2: 'L'"):
        scan(["ACGT", "ACLT"], MOTIFS)
    with pytest.raises(OptionError, match="p_value"):
        scan(["ACGT"], MOTIFS, p_value=0)


def test_reported_score_is_within_the_rounding_of_its_steps():
    (hit,) = scan([MOTIFS[0].consensus], MOTIFS[:1])
    steps = max(steps for _, _, steps in _literal(MOTIFS[0].consensus, MOTIFS[0]))
    assert hit.score == pytest.approx(steps * STEP, abs=MOTIFS[0].width * STEP / 2)


def test_five_hundred_peaks_take_well_under_a_second():
    sequences = to_text(Background.uniform().sample(500, 200, np.random.default_rng(1)))
    began = time.process_time()
    scan(sequences, shipped_motifs())
    assert time.process_time() - began < 1
