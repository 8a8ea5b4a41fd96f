"""Masks against the sites they come from and against a literal walk over all bases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoplrp.errors import OptionError
from genoplrp.motifs import Stretch, interval_masks, interval_sites, scan, shipped_motifs, simulate, site_masks
from genoplrp.sequence import Interval, read_bed, write_bed


def test_sites_and_hits_make_masks_alike():
    made = simulate(shipped_motifs()[:3], 20, 80, seed=0)
    np.testing.assert_array_equal(site_masks(made.sites, 20, 80), made.masks.any(axis=1))
    hits = scan(made.sequences, made.motifs)
    expected = np.zeros((20, 80), dtype=bool)
    for hit in hits:
        expected[hit.sequence, hit.start : hit.end] = True
    np.testing.assert_array_equal(site_masks(hits, 20, 80), expected)


def test_planted_sites_written_as_bed_come_back_as_the_same_mask(tmp_path):
    made = simulate(shipped_motifs()[:3], 10, 80, seed=1)
    names = [f"sequence{i}" for i in range(10)]
    write_bed([Interval(names[s.sequence], s.start, s.end) for s in made.sites], tmp_path / "truth.bed")
    masks = interval_masks(read_bed(tmp_path / "truth.bed"), names, [80] * 10)
    np.testing.assert_array_equal(masks, made.masks.any(axis=1))


@given(
    st.lists(st.tuples(st.sampled_from(["chr1", "chr2"]), st.integers(0, 60), st.integers(0, 30)), max_size=8),
    st.lists(st.tuples(st.sampled_from(["chr1", "chr2"]), st.integers(0, 60), st.integers(1, 30)), max_size=6),
)
@settings(max_examples=80, deadline=None)
def test_genomic_intervals_equal_a_walk_over_all_bases(intervals, regions):
    bed = [Interval(chrom, start, start + width) for chrom, start, width in intervals]
    names = [f"{chrom}:{start}-{start + width}" for chrom, start, width in regions]
    masks = interval_masks(bed, names, [width for _, _, width in regions])
    for row, (chrom, start, width) in enumerate(regions):
        walked = [any(i.chrom == chrom and i.start <= start + j < i.end for i in bed) for j in range(width)]
        assert masks[row, :width].tolist() == walked
        assert not masks[row, width:].any()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chr1:100-110", [Stretch(0, 2, 5)]),  # bedtools: from 0, end exclusive
        ("chr1:101-110", [Stretch(0, 2, 5)]),  # samtools: from 1, end inclusive
        ("chr1:100-110(+)", [Stretch(0, 2, 5)]),
        ("chr1:100-110(-)", [Stretch(0, 5, 8)]),
        ("peak7::chr1:100-110(-)", [Stretch(0, 5, 8)]),
        ("chr1:100-150", []),  # not where these ten bases lie
        ("chr10:100-110", []),
        ("chr1", []),
    ],
)
def test_names_that_tell_where_a_sequence_lies(name, expected):
    assert interval_sites([Interval("chr1", 102, 105)], [name], [10]) == expected


def test_an_interval_named_as_the_record_counts_from_its_start():
    name = "chr1:100-110"
    assert interval_sites([Interval(name, 2, 50), Interval(name, 10, 12)], [name], [10]) == [Stretch(0, 2, 10)]


def test_interval_across_two_records_marks_both():
    names = ["chr1:0-10", "chr1:5-15"]
    assert interval_sites([Interval("chr1", 8, 20)], names, [10, 10]) == [Stretch(0, 8, 10), Stretch(1, 3, 10)]


def test_places_outside_are_refused():
    with pytest.raises(OptionError, match="lies outside 2 sequences of 5 bases"):
        site_masks([Stretch(2, 0, 1)], 2, 5)
    with pytest.raises(OptionError, match="lies outside"):
        site_masks([Stretch(0, 3, 6)], 2, 5)
    with pytest.raises(OptionError, match="got 2 and 1"):
        interval_sites([], ["a", "b"], [1])


def test_nothing_makes_an_empty_mask():
    assert site_masks([], 2, 3).sum() == 0
    assert interval_masks([], [], []).shape == (0, 0)
