"""What the shipped network must show on 500 real CTCF ChIP-seq peaks: the promise of the demo."""

from pathlib import Path

import pandas as pd
import pytest

from genoplrp.annotate import annotate, calibrate
from genoplrp.motifs import best_hit, shipped_motifs
from genoplrp.resources import example_file
from genoplrp.sequence import read_bed, read_fasta


def test_ctcf_is_called_in_most_peaks_seldom_in_shuffles_and_where_the_matrix_fits_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "SHUFFLES", 2000)  # as in a real run
    result = annotate(example_file(), "vertebrate20", tmp_path / "out", logos=0)
    top = result.factors[0]
    assert (top.label, top.records) == ("CTCF", 500)
    assert top.share >= 0.70
    assert top.null <= 0.02
    assert top.fresh <= 0.02
    ctcf = shipped_motifs()[0]
    peaks = {record.name: record.sequence for record in read_fasta(example_file())}
    hits = [hit for hit in read_bed(tmp_path / "out" / "hits.bed") if hit.name == "CTCF"]
    best = {name: best_hit(peaks[name], ctcf) for name in {hit.chrom for hit in hits}}
    on_best = [hit.start < best[hit.chrom].end and best[hit.chrom].start < hit.end for hit in hits]
    assert sum(on_best) / len(on_best) >= 0.80
    assert (len(on_best), sum(on_best)) == (top.judged, top.overlapping)  # the report says the same
    rows = pd.read_csv(tmp_path / "out" / "rma.tsv", sep="\t").query("label == 'CTCF' and called == 'yes'")
    means = rows.groupby("method")["rma"].mean()
    assert means["PLRP"] > means["LRP"]
    assert (tmp_path / "out" / "report.html").stat().st_size < 10_000_000  # with all 500 to look at
