"""The report's numbers against pandas, and which explanations are drawn."""

from math import isnan, nan

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from genoplrp.annotate.calibrate import Calibration
from genoplrp.annotate.explain import Explanation, Scored
from genoplrp.annotate.gallery import CROP, Exhibit, Gallery, exhibit_of
from genoplrp.annotate.hits import Hit
from genoplrp.annotate.quality import METHODS, METRICS
from genoplrp.annotate.summary import Factor, Summary, binomial_tail, headline
from genoplrp.motifs import MotifHit
from genoplrp.sequence import Record, Window

LABELS = ("A", "B", "C")


def calibration() -> Calibration:
    rates = np.array([0.01, 0.01, 0.01])
    return Calibration(np.array([1, 2, 3], np.float32), rates, rates * 1.5, 100, np.zeros((100, 3), np.float32), 1)


def add_records(summary: Summary, *called: list[int], windows: int = 1) -> None:
    """Records that call these labels."""
    scores = np.zeros((len(called), len(LABELS)), np.float32)
    for row, labels in zip(scores, called, strict=True):
        row[labels] = 5
    summary.add_records(scores, np.full(len(called), windows))


def hit(start: int, end: int) -> Hit:
    return Hit(start, end, "+", 0.5, 3.0, 1.0, 5.0)


def exhibit(label: str, margin: float) -> Exhibit:
    flat = np.zeros(4, np.float32)
    return Exhibit(f"{label}{margin}", label, margin, 0, "ACGT", flat, flat, [], [])


def test_quality_means_equal_pandas_over_defined_values() -> None:
    rng = np.random.default_rng(0)
    summary, rows = Summary(LABELS, {}, calibration()), []
    add_records(summary, [0, 1])
    for size in (0, 1, 70, 129):
        labels = rng.integers(0, 2, size)
        metrics = np.where(rng.random((size, 2, 5)) < 0.2, nan, rng.random((size, 2, 5)))
        for label, pair in zip(labels, metrics, strict=True):
            for method, values in zip(METHODS, pair, strict=True):
                rows.append({"label": LABELS[label], "method": method, **dict(zip(METRICS, values, strict=True))})
        summary.add_quality(labels.tolist(), metrics)
    groups = pd.DataFrame(rows).groupby(["label", "method"])
    assert {(row.label, row.method) for row in summary.qualities()} == set(groups.groups)
    for row in summary.qualities():
        chosen = groups.get_group((row.label, row.method))
        assert row.explanations == len(chosen)
        for metric in METRICS:
            assert row.means[metric] == pytest.approx(chosen[metric].mean())
            assert row.undefined[metric] == chosen[metric].isna().sum()


def test_metric_that_is_never_defined_is_nan() -> None:
    summary = Summary(LABELS, {}, calibration())
    add_records(summary, [0])
    summary.add_quality([0], np.array([[[nan, 0.5, 1.0, nan, nan]] * 2]))
    row = summary.qualities()[0]
    assert isnan(row.means["rma"]) and row.undefined["rma"] == 1 and row.means["gini"] == 0.5


def test_overlap_counts_hits_that_share_a_base_with_the_best_match() -> None:
    summary = Summary(LABELS, {"A": "M1"}, calibration())
    add_records(summary, [0])
    best = MotifHit(0, 20, 30, 0, "+", 9.0, 1e-5)
    summary.add_hits(0, [hit(10, 20), hit(11, 21), hit(29, 40), hit(30, 40)], best)
    summary.add_hits(1, [hit(0, 5)], None)
    factors = {factor.label: factor for factor in summary.factors()}
    assert (factors["A"].hits, factors["A"].judged, factors["A"].overlapping) == (4, 4, 2)
    assert factors["A"].overlap == 0.5
    assert isnan(factors["B"].overlap)


def test_factors_are_sorted_by_calls_beyond_chance_and_marked() -> None:
    summary = Summary(LABELS, {}, calibration())
    add_records(summary, *[[1, 2]] * 2, *[[1]] * 6, *[[]] * 92)
    factors = summary.factors()
    assert [factor.label for factor in factors] == ["B", "C", "A"]
    assert [factor.called for factor in factors] == [8, 2, 0]
    assert [factor.above_chance for factor in factors] == [True, False, False]


@pytest.mark.parametrize(
    ("called", "records", "above"), [(1, 10, False), (2, 20, False), (5, 20, True), (30, 500, True)]
)
def test_few_calls_in_few_records_are_luck(called: int, records: int, above: bool) -> None:
    """Twice as often as chance is easily reached by one record of ten: the binomial tail must be small too."""
    factor = Factor("A", None, 1.0, called, records, 0.01, 0.01, 0, 0, 0)
    assert factor.share >= 2 * factor.null
    assert factor.above_chance is above
    assert binomial_tail(called, records, 0.01) == pytest.approx(binom.sf(called - 1, records, 0.01), rel=1e-9)


def test_records_much_longer_than_those_behind_the_thresholds_are_warned_of() -> None:
    summary = Summary(LABELS, {}, calibration())
    add_records(summary, [], windows=2)
    assert summary.warnings() == []
    add_records(summary, [], windows=3)
    assert summary.warnings()[0].startswith("1 of 2 records are more than twice as long")


def test_a_score_on_the_threshold_is_no_call_and_the_first_scores_are_kept() -> None:
    summary, given = Summary(LABELS, {}, calibration()), np.random.default_rng(0).normal(2, 1, (6000, 3))
    scores = given.astype(np.float32)
    scores[0] = calibration().thresholds
    for first in range(0, 6000, 700):
        summary.add_records(scores[first : first + 700], np.ones(len(scores[first : first + 700]), dtype=np.int64))
    counted = {factor.label: (factor.called, factor.records) for factor in summary.factors()}
    called = [sum(score > threshold for score in column) for column, threshold in zip(scores.T, (1, 2, 3), strict=True)]
    assert counted == {label: (count, 6000) for label, count in zip(LABELS, called, strict=True)}
    np.testing.assert_array_equal(np.stack(summary.scores), scores[:5000])


def test_headline_without_a_matrix_says_nothing_of_matches() -> None:
    text = headline(Factor("open", None, 1.0, 1500, 3000, 0.01, 0.02, 10, 0, 0))
    assert text == (
        "open is called in 1,500 of 3,000 sequences (50.0 %), and in 1.0 % of the same sequences shuffled "
        "(2.0 % of a fresh shuffle)."
    )


def test_headline_says_so_where_nothing_is_called_beyond_chance() -> None:
    """The first factor is one that no record calls only if chance calls each of the others as often as records do."""
    summary = Summary(LABELS, {}, calibration())
    add_records(summary, *[[]] * 40)
    first = summary.factors()[0]
    assert first.called == 0
    assert headline(first) == "No output is called more often in these sequences (40) than in the same ones shuffled."


def test_gallery_keeps_the_best_of_each_label_and_takes_them_in_turn() -> None:
    gallery = Gallery(3)
    for margin in (1, 5, 3, 4, 2):
        for label in ("A", "B"):
            if gallery.wants(label, margin):
                gallery.add(exhibit(label, margin))
    assert [item.record for item in gallery.best(["A", "B"])] == ["A5", "B5", "A4"]
    assert [item.record for item in gallery.best(["B"])] == ["B5", "B4", "B3"]
    assert not gallery.wants("A", 3) and gallery.wants("A", 3.5)
    assert gallery.best([]) == []


def test_gallery_of_none_wants_nothing() -> None:
    assert not Gallery(0).wants("A", 100.0)


def test_stretch_drawn_holds_the_best_hit_and_as_many_others_as_fit() -> None:
    relevance = np.zeros((2, 1000), np.float32)
    relevance[:, 500] = 1.0
    scored = Scored(0, Record("a", "ACGTT" * 200), np.array([[4.0]], np.float32))
    explanation = Explanation(scored, 0, True, (Window(0, 1000),), relevance, np.ones(1000, dtype=bool))

    def stretch(*hits: Hit) -> range:
        found = exhibit_of(explanation, label="A", threshold=1.0, spans=None, hits=hits)
        assert found.letters == scored.record.sequence[found.start : found.start + CROP]
        assert found.margin == 3.0
        return range(found.start, found.start + len(found.letters))

    assert stretch() == range(500 - CROP // 2, 500 + CROP // 2)
    assert stretch(hit(2, 12)) == range(CROP)
    assert stretch(hit(990, 1000)) == range(1000 - CROP, 1000)
    both = stretch(hit(100, 120), hit(20, 40), hit(400, 420))
    assert {20, 39, 100, 119} <= set(both) and 400 not in both
