"""The main job from FASTA to folder: its tables against the planted sites, the stored maps and each other."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genoplrp.annotate import Result, annotate, read_attributions
from genoplrp.evaluate import auprc, gini, rma
from genoplrp.lrp import PruneM
from genoplrp.sequence import read_bed
from tests.annotate.networks import LABELS, matrix_network
from tests.annotate.sequences import CTCF, planted, write_fasta

BAD = {
    "gap": ("ACGT-ACGT", "record 'gap', offset 4 (0-based): '-' is no nucleotide code"),
    "protein": ("MEEPQSDPSVEPPLSQETFSDLWK", "offset 1 (0-based): 'E' is no nucleotide code.*looks like protein"),
    "empty": ("", "has no sequence; if it is the file's last one, the file may have been cut short"),
    "unknown": ("NNNNnnnnRY", "only N or other ambiguous letters"),
}
LONG = "AT" * 90 + CTCF + "TA" * 100


def mixed_fasta(path: Path) -> Path:
    """40 good records of 60 bases, 3 of other lengths, one name twice, and one of each kind that is rejected."""
    records = [
        (f"chr1:{1000 * i}-{1000 * i + 60}", record.sequence) for i, record in enumerate(planted(40, 60), start=1)
    ]
    records += [("long", LONG), ("short", "acgu" + CTCF.lower()), ("tiny", "ACG"), ("long", "ACGT" * 20)]
    return write_fasta(path, [*records, *((name, text) for name, (text, _) in BAD.items())])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("job")
    return annotate(mixed_fasta(folder / "in.fa"), matrix_network(60), folder / "out", logos=2)


def table(run: Result, name: str) -> pd.DataFrame:
    return pd.read_csv(run.out / name, sep="\t", keep_default_na=False, na_values="NaN")


def test_every_record_is_annotated_or_rejected_with_its_reason(run: Result) -> None:
    rejected = table(run, "rejected.tsv")
    assert (run.annotated, run.rejected) == (43, 5) == (len(table(run, "predictions.tsv")), len(rejected))
    reasons = dict(zip(rejected["record"], rejected["reason"], strict=True))
    for name, (_, reason) in BAD.items():
        assert re.search(reason.replace("(0-based)", r"\(0-based\)"), reasons[name]), reasons[name]
    assert reasons["long"].startswith("duplicate name")


def test_hits_lie_on_the_planted_sites_on_their_strand(run: Result) -> None:
    truth = {f"chr1:{1000 * i}-{1000 * i + 60}": record for i, record in enumerate(planted(40, 60), start=1)}
    hits = [hit for hit in read_bed(run.out / "hits.bed") if hit.name == "CTCF" and hit.chrom in truth]
    exact = [
        hit
        for hit in hits
        if (hit.start, hit.end, hit.strand) == (truth[hit.chrom].start, truth[hit.chrom].end, truth[hit.chrom].strand)
    ]
    assert len({hit.chrom for hit in exact}) == 40
    assert all(0 <= hit.score <= 1000 for hit in hits)


def test_hit_in_a_long_and_in_a_short_record_is_in_record_coordinates(run: Result) -> None:
    hits = {hit.chrom: (hit.start, hit.end, hit.strand) for hit in read_bed(run.out / "hits.bed") if hit.name == "CTCF"}
    assert hits["long"] == (180, 199, "+")
    assert hits["short"] == (4, 23, "+")


def test_genome_hits_are_the_same_hits_moved(run: Result) -> None:
    genome, local = read_bed(run.out / "hits.genome.bed"), read_bed(run.out / "hits.bed")
    moved = [hit for hit in local if hit.chrom.startswith("chr1:")]
    assert [(hit.chrom, hit.strand) for hit in genome] == [("chr1", hit.strand) for hit in moved]
    for there, here in zip(genome, moved, strict=True):
        assert there.start - here.start == int(here.chrom.split(":")[1].split("-")[0])
        assert there.end - there.start == here.end - here.start


def test_tables_agree_with_each_other_and_with_the_store(run: Result) -> None:
    predictions, hits, rma_table = table(run, "predictions.tsv"), table(run, "hits.tsv"), table(run, "rma.tsv")
    store, params = read_attributions(run.out), json.loads((run.out / "params.json").read_text())
    thresholds = np.array([params["thresholds"][label] for label in LABELS])
    np.testing.assert_allclose(predictions[list(LABELS)], store.predictions, rtol=1e-5)
    for row, scores in zip(predictions.itertuples(), store.predictions, strict=True):
        called = {label for label, score, limit in zip(LABELS, scores, thresholds, strict=True) if score > limit}
        assert set(row.called.split(",")) - {"."} == called
        assert row.top == LABELS[int((scores - thresholds).argmax())]
    explained = [(item.record, item.label) for item in store]
    assert len(explained) == len(set(explained)) == params["counts"]["explanations"] == len(rma_table) / 2
    assert {item.record for item in store} == set(predictions["record"])
    assert set(zip(hits["record"], hits["label"], strict=True)) <= {(i.record, i.label) for i in store if i.called}
    assert len(hits) == params["counts"]["hits"] == len(read_bed(run.out / "hits.bed"))
    np.testing.assert_allclose(hits["probability"], 1 / (1 + np.exp(-hits["score"])), rtol=1e-4)


def test_share_in_hits_is_that_of_the_stored_map(run: Result) -> None:
    maps = {(item.record, item.label): item.relevance for item in read_attributions(run.out)}
    for row in table(run, "hits.tsv").itertuples():
        relevance = maps[row.record, row.label]
        assert row.share == pytest.approx(
            np.clip(relevance[row.start : row.end], 0, None).sum() / np.clip(relevance, 0, None).sum(), rel=1e-4
        )
        assert row.relevance == pytest.approx(relevance[row.start : row.end].sum(), rel=1e-4)


def test_quality_is_that_of_the_stored_maps(run: Result) -> None:
    rows = table(run, "rma.tsv").set_index(["record", "label", "method"])
    assert list(rows.columns) == ["called", "rma", "gini", "entropy", "auprc", "recall", "n", "instances"]
    records = {f"chr1:{1000 * i}-{1000 * i + 60}": record for i, record in enumerate(planted(40, 60), start=1)}
    checked = 0
    for item in read_attributions(run.out):
        row = rows.loc[item.record, item.label, "PLRP"]
        if item.label != "CTCF" or item.record not in records or row["instances"] != 1:
            continue
        mask = np.zeros((1, 60), dtype=bool)
        mask[0, records[item.record].start : records[item.record].end] = True
        assert row["rma"] == pytest.approx(rma(item.relevance[None], mask)[0], rel=1e-4)
        assert row["auprc"] == pytest.approx(auprc(item.relevance[None], mask)[0], rel=1e-4)
        assert row["gini"] == pytest.approx(gini(item.relevance[None])[0], rel=1e-4)
        assert rows.loc[item.record, item.label, "LRP"]["gini"] == pytest.approx(
            gini(item.relevance_lrp[None])[0], rel=1e-4
        )
        checked += 1
    assert checked > 30


def test_metric_without_a_truth_is_nan_and_counted(run: Result) -> None:
    rows = table(run, "rma.tsv")
    without = rows[rows["instances"] == 0]
    assert len(without) > 0
    assert without[["rma", "auprc", "recall"]].isna().all().all()
    for quality in run.qualities:
        chosen = rows[(rows["label"] == quality.label) & (rows["method"] == quality.method) & (rows["called"] == "yes")]
        assert quality.explanations == len(chosen)
        assert quality.undefined["rma"] == chosen["rma"].isna().sum()
        assert quality.means["rma"] == pytest.approx(chosen["rma"].mean(), rel=1e-4)


def test_factor_counts_are_those_of_the_tables(run: Result) -> None:
    predictions, hits = table(run, "predictions.tsv"), table(run, "hits.tsv")
    for factor in run.factors:
        assert factor.called == sum(factor.label in called.split(",") for called in predictions["called"])
        assert factor.hits == (hits["label"] == factor.label).sum()
        assert factor.null <= 0.01
    top = run.factors[0]
    assert (top.label, top.matrix) == ("CTCF", "MA0139.1")
    assert top.overlap > 0.9
    assert run.headline.startswith(f"CTCF is called in {top.called} of 43 sequences")


def test_report_opens_offline_and_says_what_matters(run: Result) -> None:
    page = (run.out / "report.html").read_text(encoding="utf-8")
    resources = re.findall(
        r"<(?:img|script|link|iframe|source|video|audio|use|image)\b[^>]*?(?:src|href)=\"([^\"]*)\"", page
    )
    assert resources == ["data:,"]  # no icon: a browser would look for one
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//|@import|url\((?!#)", page)
    for link in re.findall(r"<a href=\"([^\"#]+)\"", page):
        assert (run.out / link).exists(), link
    assert run.headline.split(".")[0] in page
    assert "5 records were rejected" in page
    assert "looks like protein" in page


def test_names_are_escaped_in_the_report(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    fasta = write_fasta(tmp_path / "in.fa", [(evil, planted(1, 60)[0].sequence), ("<b>bad</b>", "ACGT!")])
    result = annotate(fasta, matrix_network(60), tmp_path / "out", logos=1)
    page = (result.out / "report.html").read_text(encoding="utf-8")
    assert evil not in page and "<b>bad</b>" not in page
    assert "&lt;b&gt;bad&lt;/b&gt;" in page and "\\u003cscript\\u003e" in page


def test_logos_are_png_and_svg_of_the_best_called_sequences(run: Result) -> None:
    names = sorted(path.name for path in (run.out / "logos").iterdir())
    assert len(names) == 4
    assert all(name.startswith(("01_CTCF", "02_CTCF")) for name in names)
    assert (run.out / "logos" / names[0]).read_bytes().startswith(b"\x89PNG")


def test_params_list_every_file(run: Result) -> None:
    params = json.loads((run.out / "params.json").read_text())
    present = {p.relative_to(run.out).as_posix() for p in run.out.rglob("*") if p.is_file()}
    inside_store = {name for name in present if name.startswith("attributions.zarr/")}
    assert set(params["files"]) == (present - inside_store) | {"attributions.zarr"}
    assert {"version", "versions", "model", "method", "seed", "command", "thresholds", "counts", "fpr"} <= set(params)
    assert len(params["model"]["sha256"]) == 64


def test_same_seed_gives_the_same_bytes(run: Result, tmp_path: Path) -> None:
    again = annotate(mixed_fasta(tmp_path / "in.fa"), matrix_network(60), tmp_path / "out", logos=2)
    for path in sorted(run.out.rglob("*")):
        if path.is_file() and path.name not in ("params.json", "report.html"):  # these two state the time
            assert path.read_bytes() == (again.out / path.relative_to(run.out)).read_bytes(), path.name


def test_gzip_gives_the_same_hits(run: Result, tmp_path: Path) -> None:
    packed = tmp_path / "in.fa.gz"
    packed.write_bytes(gzip.compress(mixed_fasta(tmp_path / "in.fa").read_bytes()))
    again = annotate(packed, matrix_network(60), tmp_path / "out", logos=0)
    assert (again.out / "hits.tsv").read_bytes() == (run.out / "hits.tsv").read_bytes()
    assert not (again.out / "logos").exists()


def test_given_truth_is_used_by_label_and_by_place(tmp_path: Path) -> None:
    records = planted(6, 60)
    fasta = write_fasta(
        tmp_path / "in.fa", [(f"chr2:{100 * i}-{100 * i + 60}", r.sequence) for i, r in enumerate(records)]
    )
    lines = [f"chr2\t{100 * i + r.start}\t{100 * i + r.end}\t{'CTCF' if i else 'REST'}" for i, r in enumerate(records)]
    bed = tmp_path / "sites.bed"
    bed.write_text("\n".join([*lines, "chr2:100-160\t0\t2\tpeak", "chr9\t0\t50\tCTCF"]) + "\n", encoding="utf-8")
    result = annotate(fasta, matrix_network(60), tmp_path / "out", truth=bed, logos=0, pruner=PruneM(0.1))
    assert result.shown.truth_name == "truth"
    rows = table(result, "rma.tsv").query("label == 'CTCF' and method == 'LRP'").set_index("record")
    assert rows["instances"].tolist() == [0, 2, 1, 1, 1, 1]
    assert (rows["rma"].iloc[2:] > 0.9).all()


def test_labels_without_matrices_are_annotated_all_the_same(tmp_path: Path) -> None:
    network = matrix_network(60)
    network.spec = network.describe(("open", "closed"))
    fasta = write_fasta(tmp_path / "in.fa", [(r.name, r.sequence) for r in planted(5, 60)])
    result = annotate(fasta, network, tmp_path / "out", logos=1)
    hits = table(result, "hits.tsv")
    assert (hits["strand"] == ".").all() and (hits["matrix"] == ".").all() and len(hits) >= 5
    assert not (result.out / "hits.genome.bed").exists()
    assert "overlap the best match" not in result.headline


def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []
    fasta = write_fasta(tmp_path / "in.fa", [(r.name, r.sequence) for r in planted(3, 60)])
    annotate(fasta, matrix_network(60), tmp_path / "out", logos=0, progress=lambda *step: seen.append(step))
    assert seen == [("calibrating", 0), ("annotating", 3), ("drawing", 3)]
