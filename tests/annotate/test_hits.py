"""Hits: a slow literal search for the matrix, planted sites, and the laws that every list of hits obeys."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoplrp.annotate.hits import Hit, find_hits, placement_scores, sliding_sums, smallest_share
from genoplrp.motifs import Motif, shipped_motifs
from genoplrp.motifs.codes import encode
from tests.annotate.sequences import CTCF, planted

MOTIF = shipped_motifs()[0]


def hits_of(relevance: np.ndarray, sequence: str, motif: Motif | None) -> list[Hit]:
    """Hits of one record that is explained everywhere."""
    motifs = [motif] if motif else []
    (hits,) = find_hits(relevance[None], np.ones((1, len(relevance)), dtype=bool), [sequence], motifs)
    return hits


def test_fixture_is_the_consensus_of_the_shipped_matrix() -> None:
    assert MOTIF.consensus == CTCF


def test_placement_scores_equal_a_literal_sum_over_letters() -> None:
    sequence, matrix = "ACgUNACGTTGCA", Motif("m", "m", np.arange(1, 13).reshape(4, 3))
    odds = matrix.log_odds()
    complement = {"A": "T", "C": "G", "G": "C", "T": "A"}
    scores = placement_scores(encode(sequence)[None], [matrix], np.arange(len(sequence) - 2)[None])[:, 0]
    letters = sequence.upper().replace("U", "T")
    for start in range(len(letters) - 2):
        window = letters[start : start + 3]
        if "N" in window:
            assert np.isneginf(scores[:, start]).all()
            continue
        forward = sum(odds["ACGT".index(base), j] for j, base in enumerate(window))
        backward = sum(odds["ACGT".index(complement[base]), j] for j, base in enumerate(reversed(window)))
        assert scores[:, start] == pytest.approx([forward, backward], abs=1e-12)


@pytest.mark.parametrize("record", planted(8, 120), ids=lambda record: record.name)
def test_hit_takes_the_frame_and_strand_of_the_planted_site_though_relevance_is_shifted(record) -> None:
    relevance = np.zeros(120, np.float32)
    shift = 4 if record.start < 60 else -4  # the network looked a little to one side
    relevance[record.start + shift : record.end + shift] = 1.0
    (hit,) = hits_of(relevance, record.sequence, MOTIF)
    assert (hit.start, hit.end, hit.strand) == (record.start, record.end, record.strand)
    assert hit.share == pytest.approx(15 / 19, abs=1e-6)
    assert hit.relevance == pytest.approx(15)
    assert hit.enrichment == pytest.approx(15 / 19 * 120 / 19, abs=1e-5)


def test_relevance_without_a_match_nearby_is_a_hit_without_strand() -> None:
    relevance = np.zeros(100, np.float32)
    relevance[40:46] = 1.0
    (hit,) = hits_of(relevance, "A" * 100, MOTIF)
    assert (hit.start, hit.end, hit.strand) == (40, 46, ".")
    assert math.isnan(hit.log_odds)


def test_label_without_a_matrix_gets_the_span_itself() -> None:
    relevance = np.zeros(100, np.float32)
    relevance[[70, 71, 75]] = 2.0
    (hit,) = hits_of(relevance, "ACGTA" * 20, None)
    assert (hit.start, hit.end, hit.strand, hit.share) == (70, 76, ".", 1.0)


def test_two_sites_in_one_record_are_two_hits() -> None:
    sequence = "T" * 30 + CTCF + "T" * 30 + CTCF + "T" * 30
    relevance = np.zeros(len(sequence), np.float32)
    relevance[30:49], relevance[79:98] = 2.0, 1.0
    hits = hits_of(relevance, sequence, MOTIF)
    assert [(hit.start, hit.strand) for hit in hits] == [(30, "+"), (79, "+")]
    assert [hit.share for hit in hits] == pytest.approx([2 / 3, 1 / 3])


def test_matrix_placed_far_from_the_relevance_is_not_taken() -> None:
    sequence = CTCF + "A" * 81
    relevance = np.zeros(100, np.float32)
    relevance[60:70] = 1.0
    (hit,) = hits_of(relevance, sequence, MOTIF)
    assert hit.start >= 60


@pytest.mark.parametrize("relevance", [np.zeros(60), -np.ones(60), np.ones(60)], ids=["none", "negative", "uniform"])
def test_relevance_that_points_nowhere_gives_no_hit(relevance: np.ndarray) -> None:
    assert hits_of(relevance.astype(np.float32), "ACGTT" * 12, MOTIF) == []


def test_record_shorter_than_the_matrix_still_has_its_span() -> None:
    relevance = np.array([0, 0, 0, 3, 0, 0, 0, 0], np.float32)
    assert [(hit.start, hit.end) for hit in hits_of(relevance, "ACGTACGT", MOTIF)] == [(3, 4)]


def test_record_hardly_longer_than_the_motif_can_have_a_hit() -> None:
    sequence = "AA" + CTCF + "AA"
    relevance = np.array([0, 0, *[1] * 19, 0, 0], np.float32)
    (hit,) = hits_of(relevance, sequence, MOTIF)
    assert (hit.start, hit.end, hit.strand) == (2, 21, "+")


def test_sliding_sums_equal_literal_sums() -> None:
    values = np.random.default_rng(0).normal(size=50)
    expected = [values[i : i + 7].sum() for i in range(44)]
    np.testing.assert_allclose(sliding_sums(np.stack([values, -values]), 7)[0], expected, atol=1e-12)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.1, 0.5]), st.booleans())
def test_hits_never_overlap_and_all_carry_more_than_chance(seed: int, density: float, with_matrix: bool) -> None:
    rng = np.random.default_rng(seed)
    relevance = (rng.normal(size=150) * (rng.random(150) < density)).astype(np.float32)
    sequence = "".join(rng.choice(list("ACGTN"), 150))
    hits = hits_of(relevance, sequence, MOTIF if with_matrix else None)
    covered = np.zeros(150, dtype=int)
    for hit in hits:
        assert 0 <= hit.start < hit.end <= 150
        covered[hit.start : hit.end] += 1
        assert hit.share >= smallest_share((hit.end - hit.start) / 150) - 1e-6
    assert covered.max(initial=0) <= 1
    assert sum(hit.share for hit in hits) <= 1 + 1e-6
    assert [hit.share for hit in hits] == sorted((hit.share for hit in hits), reverse=True)


def test_flank_of_a_placed_site_is_no_second_hit() -> None:
    (record,) = planted(1, 120)
    relevance = np.zeros(120, np.float32)
    relevance[record.start : record.end] = 1.0
    after = min(record.end + 12, 120)
    relevance[record.end : after] = 1.0
    hits = hits_of(relevance, record.sequence, MOTIF)
    assert [(hit.start, hit.end, hit.strand) for hit in hits] == [(record.start, record.end, record.strand)]


@pytest.mark.parametrize("seed", range(40))
def test_palindromic_site_is_on_the_forward_strand(seed: int) -> None:
    """Both strands score the same but for rounding, whichever way the sums are taken."""
    half = np.random.default_rng(seed).integers(1, 100, (4, 3))
    matrix = Motif("p", "p", np.concatenate([half, half[::-1, ::-1]], axis=1))
    site = "".join("ACGT"[base] for base in matrix.log_odds().argmax(0))
    sequence = "A" * 12 + site + "A" * 12
    relevance = np.zeros(len(sequence), np.float32)
    relevance[12 : 12 + len(site)] = 1
    (hit,) = hits_of(relevance, sequence, matrix)
    assert (hit.start, hit.end, hit.strand) == (12, 12 + len(site), "+")


def test_many_records_at_once_have_the_hits_of_each_alone() -> None:
    """Records with several hits, none, N in them and bases that were not explained."""
    rng = np.random.default_rng(3)
    records = planted(40, 120)
    relevance = (rng.normal(size=(40, 120)) * (rng.random((40, 120)) < 0.1)).astype(np.float32)
    sequences = [record.sequence for record in records]
    for k, record in enumerate(records):
        relevance[k, record.start : record.end] += k % 3
        if k % 7 == 0:
            sequences[k] = "N" * 30 + record.sequence[30:]
    relevance[5], relevance[6] = 0.0, -1.0
    explained = rng.random((40, 1)) < 0.8 * np.ones(120) + 0.4 * (np.arange(120) < 60)
    relevance[~explained] = 0.0
    other = Motif("o", "o", np.random.default_rng(4).integers(1, 100, (4, MOTIF.width)))
    for motifs in ([MOTIF] * 40, [MOTIF, other, other, MOTIF] * 10, []):
        together = find_hits(relevance, explained, sequences, motifs)
        ones = [slice(k, k + 1) for k in range(40)]
        alone = [find_hits(relevance[one], explained[one], sequences[one], motifs[one]) for one in ones]
        assert [repr(hits) for hits in together] == [repr(hits) for (hits,) in alone]
        assert {len(hits) for hits in together} >= {0, 1, 2}
        for hits, values, bases in zip(together, relevance, explained.sum(1), strict=True):
            for hit in hits:
                inside = values[hit.start : hit.end].astype(np.float64)
                assert hit.share == pytest.approx(inside.clip(0).sum() / values.clip(0).sum(dtype=np.float64))
                assert hit.enrichment == pytest.approx(hit.share * bases / len(inside))
                assert hit.relevance == pytest.approx(inside.sum(), rel=1e-5)
                assert motifs or (inside[[0, -1]] > 0).all()


@pytest.mark.parametrize("motif", [MOTIF, None])
def test_records_of_mixed_lengths_have_the_hits_of_each_alone(motif: Motif | None) -> None:
    """Relevance lies at the records' ends too, where a stretch must not reach beyond."""
    rng = np.random.default_rng(6)
    lengths = rng.integers(MOTIF.width, 121, 60)
    sequences = ["".join(rng.choice(list("ACGTN"), length)) for length in lengths]
    sequences[:20] = [(sequence + CTCF)[-length:] for sequence, length in zip(sequences[:20], lengths, strict=False)]
    within = np.arange(120) < lengths[:, None]
    relevance = rng.normal(size=(60, 120)) * (rng.random((60, 120)) < 0.1)
    relevance[np.arange(60), lengths - 1] += np.arange(60) % 3
    relevance = np.where(within, relevance, 0).astype(np.float32)
    motifs = [motif] * 60 if motif else []
    together = find_hits(relevance, within, sequences, motifs)
    assert {len(hits) for hits in together} >= {0, 1, 2}
    for k, (hits, length) in enumerate(zip(together, lengths.tolist(), strict=True)):
        one = slice(k, k + 1)
        alone = find_hits(relevance[one, :length], within[one, :length], sequences[one], motifs[one])
        assert repr(hits) == repr(alone[0])
