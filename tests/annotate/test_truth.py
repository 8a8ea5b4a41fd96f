"""Instances: of a matrix, counted once where it is palindromic, and of BED files against a literal search."""

from pathlib import Path

import numpy as np
import pytest

from genoplrp.annotate.genome import parse_locus
from genoplrp.annotate.truth import BedTruth, ScannedTruth
from genoplrp.errors import SequenceError
from genoplrp.motifs import Motif, shipped_motifs
from genoplrp.sequence import Record, read_bed
from tests.annotate.sequences import CTCF, planted


def test_scanned_truth_holds_the_planted_site() -> None:
    records = planted(10, 100)
    truth = ScannedTruth({"CTCF": shipped_motifs()[0]})
    found = truth.spans([Record(r.name, r.sequence) for r in records], "CTCF")
    assert all((r.start, r.end) in spans for r, spans in zip(records, found, strict=True))
    assert truth.spans([Record("a", CTCF)], "unknown") == [None]


def test_palindromic_site_is_one_instance() -> None:
    palindrome = Motif(
        "p", "p", np.array([[9, 0, 0, 9, 0, 0], [0, 9, 0, 0, 9, 0], [0, 0, 9, 0, 0, 9], [0, 0, 0, 0, 0, 0]])
    )
    counts = palindrome.counts + palindrome.reverse_complement().counts
    twofold = Motif("p", "p", np.concatenate([counts, counts], axis=1))
    text = "T" * 20 + twofold.consensus + "T" * 20
    (spans,) = ScannedTruth({"p": twofold}).spans([Record("a", text)], "p")
    assert len(spans) == len(set(spans))


def test_bed_truth_equals_a_literal_search(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(400):
        start, width = int(rng.integers(0, 3000)), int(rng.choice([1, 5, 20, 900]))
        chrom = rng.choice(["chr1", "chr2", "peak_1"])
        lines.append(f"{chrom}\t{start}\t{start + width}\t{rng.choice(['CTCF', 'REST', 'site'])}")
    bed = tmp_path / "truth.bed"
    bed.write_text("\n".join(lines), encoding="utf-8")
    records = [Record(f"chr1:{s}-{s + 300}{strand}", "A" * 300) for s in range(0, 2500, 170) for strand in ("", "(-)")]
    records += [Record("peak_1", "A" * 2000), Record("peak_2", "A" * 10)]
    truth = BedTruth(bed, ["CTCF", "REST"])
    for record, found in zip(records, truth.spans(records, "CTCF"), strict=True):
        expected = set()
        locus = parse_locus(record.name, len(record.sequence))
        for item in read_bed(bed):
            if item.name == "REST":
                continue
            if item.chrom == record.name:
                covered = [b for b in range(item.start, item.end) if b < len(record.sequence)]
            elif locus is not None and item.chrom == locus.chrom:
                inside = [b for b in range(item.start, item.end) if locus.start <= b < locus.end]
                covered = [b - locus.start if locus.strand == "+" else locus.end - 1 - b for b in inside]
            else:
                continue
            if covered:
                expected.add((min(covered), max(covered) + 1))
        assert found == sorted(expected)


def test_bed_without_intervals_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "truth.bed").write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(SequenceError, match=r"truth\.bed: no interval in it; expected BED lines"):
        BedTruth(tmp_path / "truth.bed", ["CTCF"])
