"""Genome coordinates: conventions of names, and a literal walk over bases for the reverse strand."""

import pytest

from genoplrp.annotate.genome import Locus, parse_locus
from genoplrp.resources import example_file
from genoplrp.sequence import read_fasta


@pytest.mark.parametrize(
    ("name", "length", "expected"),
    [
        ("chr1:100-200", 100, Locus("chr1", 100, 200)),
        ("chr1:101-200", 100, Locus("chr1", 100, 200)),
        ("chr1:100-200(-)", 100, Locus("chr1", 100, 200, "-")),
        ("peak_7::chr1:100-200(+)", 100, Locus("chr1", 100, 200, "+")),
        ("HLA-A*01:100-200", 100, Locus("HLA-A*01", 100, 200)),
    ],
)
def test_name_that_fits_the_length_is_an_address(name: str, length: int, expected: Locus) -> None:
    assert parse_locus(name, length) == expected


@pytest.mark.parametrize(
    "name", ["peak_1", "chr1", "chr1:100", "chr1:200-100", "chr1:100-205", "chr1:a-b", "chr1:0-99"]
)
def test_any_other_name_is_none(name: str) -> None:
    assert parse_locus(name, 100) is None


def test_every_shipped_peak_has_an_address() -> None:
    for record in read_fasta(example_file()):
        locus = parse_locus(record.name, len(record.sequence))
        assert locus is not None
        assert locus.end - locus.start == len(record.sequence)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_mapping_equals_a_walk_over_the_bases(strand: str) -> None:
    locus = Locus("chr1", 1000, 1010, strand)
    places = list(range(1000, 1010)) if strand == "+" else list(range(1009, 999, -1))  # genome base of each record base
    for start in range(10):
        for end in range(start + 1, 11):
            walked = places[start:end]
            low, high, found = locus.to_genome(start, end, "+")
            assert (low, high, found) == (min(walked), max(walked) + 1, strand)
            assert locus.to_record(low, high) == (start, end)
    assert locus.to_genome(0, 1, ".")[2] == "."
