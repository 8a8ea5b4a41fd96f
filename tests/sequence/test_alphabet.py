"""Encoding, decoding, reverse complement: laws, and errors word by word."""

import numpy as np
import pytest
import torch
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st

from genoplrp.errors import SequenceError
from genoplrp.sequence import check_dna, count_bases, decode, one_hot, reverse_complement

IUPAC_DNA = "ACGTNRYSWKMBDHV"
dna = st.text(alphabet="ACGT", max_size=60)
iupac = st.text(alphabet=IUPAC_DNA + IUPAC_DNA.lower(), max_size=60)
batches = st.integers(0, 30).flatmap(
    lambda length: st.lists(st.text(alphabet="ACGTN", min_size=length, max_size=length), min_size=1, max_size=5)
)


def literal_one_hot(sequence: str) -> np.ndarray:
    x = np.zeros((4, len(sequence)), dtype=np.float32)
    for position, letter in enumerate(sequence):
        base = letter.upper().replace("U", "T")
        if base in "ACGT":
            x["ACGT".index(base), position] = 1
    return x


@settings(deadline=None)
@given(st.text(alphabet=IUPAC_DNA + "U" + IUPAC_DNA.lower() + "u", max_size=60))
def test_encoding_matches_a_letter_by_letter_version(sequence):
    np.testing.assert_array_equal(one_hot(sequence)[0].numpy(), literal_one_hot(sequence))


@settings(deadline=None)
@given(batches)
def test_decode_inverts_one_hot(sequences):
    assert decode(one_hot(sequences)) == sequences


@settings(deadline=None)
@given(iupac)
def test_reverse_complement_twice_is_the_identity(sequence):
    assert reverse_complement(reverse_complement(sequence)) == sequence


@settings(deadline=None)
@given(iupac)
def test_reverse_complement_matches_biopython(sequence):
    assert reverse_complement(sequence) == str(Seq(sequence).reverse_complement())


@settings(deadline=None)
@given(iupac)
def test_reverse_complement_of_the_tensor_is_that_of_the_string(sequence):
    assert torch.equal(reverse_complement(one_hot(sequence)), one_hot(reverse_complement(sequence)))


def test_uracil_is_complemented_as_thymine():
    assert reverse_complement("ACGUu") == "aACGT"
    assert torch.equal(one_hot("UuTt"), one_hot("TTTT"))


def test_ambiguous_letters_are_all_zero_columns():
    assert one_hot("NRYSWKMBDHVnryswkmbdhv").abs().sum() == 0


def test_encoding_is_float32_and_a_string_is_one_sequence():
    x = one_hot("ACGTA")
    assert (x.dtype, tuple(x.shape)) == (torch.float32, (1, 4, 5))
    assert tuple(one_hot(iter(["AC", "GT"])).shape) == (2, 4, 2)


def test_no_sequences_and_empty_sequences_encode_to_empty_tensors():
    assert tuple(one_hot([]).shape) == (0, 4, 0)
    assert tuple(one_hot("").shape) == (1, 4, 0)
    assert decode(one_hot("")) == [""]


@pytest.mark.parametrize("letter", ["E", "f", "*", "-", ".", " ", "\t", "1", "\0", "é", "Σ", "😀", "\ud800", "?"])
def test_foreign_character_is_named_with_record_and_offset(letter):
    with pytest.raises(SequenceError) as caught:
        one_hot(["ACGTA", f"AC{letter}T" + "E"])
    assert str(caught.value).startswith(f"sequence 1, offset 2 (0-based): {letter!r} is no nucleotide code")


def test_protein_is_recognised_word_by_word():
    with pytest.raises(SequenceError) as caught:
        check_dna("MKTAYIAKQR", "record 'sp|P1'")
    assert str(caught.value) == (
        "record 'sp|P1', offset 5 (0-based): 'I' is no nucleotide code (ACGTU, N, other IUPAC). "
        "This looks like protein; genoplrp reads DNA."
    )


def test_unequal_lengths_name_the_first_odd_one():
    with pytest.raises(SequenceError, match=r"^sequence 2 has 3 letters and sequence 0 has 4; .*\.tile and place\.$"):
        one_hot(["ACGT", "ACGT", "ACG"])


def test_items_that_are_no_strings_are_refused():
    with pytest.raises(SequenceError, match=r"^sequence 1 is of type bytes; one_hot takes str"):
        one_hot(["ACGT", b"ACGT"])


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float64])
def test_decode_takes_any_dtype(dtype):
    assert decode(one_hot("ACGTN").to(dtype)) == ["ACGTN"]


def test_decode_leaves_a_tensor_that_requires_grad_alone():
    x = one_hot("ACGT").requires_grad_()
    assert decode(x) == ["ACGT"]
    assert x.requires_grad


@pytest.mark.parametrize(
    "column", [[0.5, 0.5, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0.5], [-1, 0, 0, 0], [float("nan"), 0, 0, 0]]
)
def test_decode_refuses_columns_that_are_no_base(column):
    x = one_hot(["ACGT", "ACGT"])
    x[1, :, 2] = torch.tensor(column)
    with pytest.raises(SequenceError, match=r"^sequence 1, offset 2 \(0-based\): the column .* is neither one-hot"):
        decode(x)


@pytest.mark.parametrize("shape", [(4, 10), (2, 5, 10), (1, 2, 4, 10)])
def test_decode_states_the_shape_it_takes(shape):
    with pytest.raises(SequenceError, match=r"shape \(n, 4, l\)"):
        decode(torch.zeros(shape))


def test_reverse_complement_flips_maps_of_any_leading_shape():
    maps = torch.randn(2, 3, 4, 7, generator=torch.Generator().manual_seed(0))
    flipped = reverse_complement(maps)
    assert torch.equal(flipped[1, 2, 0], maps[1, 2, 3].flip(0))
    assert torch.equal(reverse_complement(flipped), maps)


def test_reverse_complement_refuses_what_has_no_four_channels():
    with pytest.raises(SequenceError, match=r"got \(2, 10, 4\)"):
        reverse_complement(torch.zeros(2, 10, 4))
    with pytest.raises(SequenceError, match=r"^sequence, offset 1 \(0-based\): 'X'"):
        reverse_complement("AXC")


@settings(deadline=None)
@given(iupac)
def test_bases_counted_are_the_columns_that_are_not_zero(sequence):
    assert count_bases(sequence) == int(one_hot(sequence).sum())
