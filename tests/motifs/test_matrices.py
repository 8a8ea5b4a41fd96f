"""Matrices against Biopython, formulas and round trips."""

import numpy as np
import pytest
from Bio import motifs as bio_motifs

from genoplrp.errors import MotifError, OutputError
from genoplrp.motifs import Motif, read_motifs, shipped_motifs, write_motifs
from genoplrp.resources import motif_file

MEME = """MEME version 4

ALPHABET= ACGT

MOTIF M1 first
letter-probability matrix: alength= 4 w= 2 nsites= 7 E= 0
 0.123456 0.376544 0.250000 0.250000
 0.000000 1.000000 0.000000 0.000000
URL http://example.org

MOTIF M2
letter-probability matrix: alength= 4 w= 1
 0.1 0.2 0.3 0.4
"""


@pytest.fixture
def biopython():
    with motif_file().open() as handle:
        return list(bio_motifs.parse(handle, "jaspar"))


def test_shipped_motifs_are_twenty_with_distinct_ids():
    ids = {motif.matrix_id for motif in shipped_motifs()}
    assert len(ids) == len(shipped_motifs()) == 20


def test_log_odds_equal_biopython_pssm(biopython):
    background = {"A": 0.3, "C": 0.2, "G": 0.2, "T": 0.3}
    for ours, theirs in zip(shipped_motifs(), biopython, strict=True):
        pssm = theirs.counts.normalize(pseudocounts=0.2).log_odds(background)
        expected = np.array([pssm[letter] for letter in "ACGT"])
        np.testing.assert_allclose(ours.log_odds([0.3, 0.2, 0.2, 0.3]), expected, rtol=1e-12, atol=1e-12)
        assert ours.consensus == str(theirs.consensus)


def test_information_equals_relative_entropy(biopython):
    for ours, theirs in zip(shipped_motifs(), biopython, strict=True):
        expected = theirs.counts.normalize().log_odds().mean()
        assert ours.information.sum() == pytest.approx(expected, rel=1e-12)


def test_reverse_complement_equals_biopython_and_undoes_itself(biopython):
    for ours, theirs in zip(shipped_motifs(), biopython, strict=True):
        reverse = theirs.counts.reverse_complement()
        np.testing.assert_array_equal(ours.reverse_complement().counts, [reverse[letter] for letter in "ACGT"])
        assert ours.reverse_complement().reverse_complement() == ours


@pytest.mark.parametrize("name", ["set.jaspar", "set.pfm"])
def test_jaspar_round_trip_is_exact(tmp_path, name):
    motifs = (*shipped_motifs(), Motif("third", "X1", np.full((4, 2), 1 / 3)))
    write_motifs(motifs, tmp_path / name)
    assert read_motifs(tmp_path / name) == motifs


def test_meme_round_trip_keeps_names_and_probabilities(tmp_path):
    write_motifs(shipped_motifs(), tmp_path / "set.meme")
    for before, after in zip(shipped_motifs(), read_motifs(tmp_path / "set.meme"), strict=True):
        assert (before.name, before.matrix_id) == (after.name, after.matrix_id)
        np.testing.assert_allclose(after.probabilities(0), before.probabilities(0), atol=2e-9)


def test_biopython_reads_what_is_written(tmp_path):
    motifs = (*shipped_motifs(), Motif("odd", "X1", [[2.6], [0.2], [0.3], [0.4]]))
    write_motifs(motifs, tmp_path / "set.meme")
    write_motifs(motifs, tmp_path / "set.jaspar")
    for name, format in [("set.meme", "minimal"), ("set.jaspar", "jaspar")]:
        with (tmp_path / name).open() as handle:
            theirs = list(bio_motifs.parse(handle, format))
        assert [str(motif.consensus) for motif in theirs] == [motif.consensus for motif in motifs]


def test_meme_probabilities_are_not_rounded_to_sites_and_names_are_kept(tmp_path):
    path = tmp_path / "motifs.txt"
    path.write_text(MEME)
    first, second = read_motifs(path)
    assert (first.name, first.matrix_id, second.name, second.matrix_id) == ("first", "M1", "M2", "M2")
    np.testing.assert_allclose(first.probabilities(0)[:, 0], [0.123456, 0.376544, 0.25, 0.25], atol=1e-9)
    assert first.counts.sum(axis=0) == pytest.approx([7, 7])
    assert second.counts.sum(axis=0) == pytest.approx([20])


def test_bare_jaspar_rows_are_read(tmp_path):
    path = tmp_path / "bare.pfm"
    path.write_text(">MA1 name\n1 2\n3 4\n5 6\n7 8\n")
    (motif,) = read_motifs(path)
    np.testing.assert_array_equal(motif.counts, [[1, 2], [3, 4], [5, 6], [7, 8]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no motif in it"),
        (">MA1 x\nA [1 2]\nC [1 2]\n", "1 headers"),
        (">MA1 x\nA [1 2]\nC [1]\nG [1 2]\nT [1 2]\n", "not a jaspar file"),
        (">MA1 x\nA [0]\nC [0]\nG [0]\nT [0]\n", "position 0 holds"),
        (">MA1 x\nA [-1]\nC [2]\nG [0]\nT [0]\n", "not negative"),
        (MEME.replace("w= 2", "w= 3"), "says w= 3 but has 2 rows"),
        (MEME.replace("0.1 0.2", "0.1 0.9"), "sum to 1"),
        (MEME.replace("= ACGT", "= ACDEFGHIKLMNPQRSTVWY"), "only DNA and RNA"),
        (MEME.split("letter", maxsplit=1)[0], "no 'letter-probability matrix:'"),
    ],
)
def test_broken_files_are_refused_by_name(tmp_path, text, message):
    path = tmp_path / "broken.txt"
    path.write_text(text)
    with pytest.raises(MotifError, match=message) as caught:
        read_motifs(path)
    assert "broken.txt" in str(caught.value)


def test_missing_and_binary_files_are_refused(tmp_path):
    with pytest.raises(MotifError, match="cannot be read"):
        read_motifs(tmp_path / "absent.jaspar")
    (tmp_path / "binary.meme").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MotifError, match="cannot be read"):
        read_motifs(tmp_path / "binary.meme")


def test_unknown_formats_are_refused(tmp_path):
    with pytest.raises(MotifError, match="pass format='jaspar' or format='meme'"):
        write_motifs(shipped_motifs(), tmp_path / "motifs.txt")
    with pytest.raises(MotifError, match="'jaspar' or 'meme'; got 'homer'"):
        read_motifs(motif_file(), format="homer")


def test_files_that_would_not_read_back_are_not_written(tmp_path):
    with pytest.raises(MotifError, match="must each be one word"):
        write_motifs([Motif("two words", "X1", np.ones((4, 2)))], tmp_path / "a.meme")
    with pytest.raises(OutputError, match="No such file"):
        write_motifs(shipped_motifs(), tmp_path / "absent" / "a.meme")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("counts", [np.ones((3, 5)), np.ones((4, 0)), np.ones(4)])
def test_counts_of_another_shape_are_refused(counts):
    with pytest.raises(MotifError, match=r"must have shape \(4, width\)"):
        Motif("x", "x", counts)


def test_counts_are_a_read_only_copy():
    given = np.ones((4, 3))
    motif = Motif("x", "x", given)
    given[0, 0] = 9
    assert motif.counts[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        motif.counts[0, 0] = 2
