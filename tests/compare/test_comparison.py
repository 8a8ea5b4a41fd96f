"""The comparison in Python: its tables are the metrics' own, its figure draws each map, bad requests are refused."""

import numpy as np
import pytest
import torch

from genoplrp.baselines import explain, methods, peers
from genoplrp.compare import Comparison, compare
from genoplrp.errors import OptionError
from genoplrp.evaluate import auprc, gini, motif_recall, rma
from genoplrp.evaluate.agreement import pearson, top_overlap
from genoplrp.motifs import Stretch
from tests.baselines.networks import LENGTH, Modules, dna

NAMES = ("gradient", "ism", "plrp")
SITES = [Stretch(0, 3, 9), Stretch(1, 10, 15), Stretch(1, 20, 24)]


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(Modules(), dna(3), methods=NAMES, target=1, sites=SITES, options={"plrp": {"strands": "both"}})


def test_results_are_those_of_the_methods(comparison: Comparison) -> None:
    for name in NAMES:
        options = {"strands": "both"} if name == "plrp" else {}
        alone = explain(name, Modules(), dna(3), target=1, **options)
        assert torch.equal(comparison.results[name].per_base, alone.per_base)
    scores = comparison.scores(2)
    assert scores.columns.tolist() == ["position", "base", *NAMES]
    np.testing.assert_array_equal(scores["ism"], comparison.results["ism"].per_base[2].numpy())


def test_metrics_are_means_over_the_sequences_where_they_are_defined(comparison: Comparison) -> None:
    mask = np.zeros((3, LENGTH), bool)
    for site in SITES:
        mask[site.sequence, site.start : site.end] = True
    for name, row in comparison.table.iterrows():
        maps = comparison.results[name].per_base
        assert row["gini"] == pytest.approx(gini(maps).mean())
        assert row["rma"] == pytest.approx(np.nanmean(rma(maps, mask)))
        assert row["auprc"] == pytest.approx(np.nanmean(auprc(maps, mask)))
        assert row["recall"] == pytest.approx(np.nanmean(motif_recall(maps, SITES)))
        assert row["undefined"] == 3  # the third sequence has no site: three metrics
        assert row["ms"] > 0
    assert comparison.table["relative_time"].min() == 1


def test_agreement_has_every_pair_once(comparison: Comparison) -> None:
    pairs = comparison.agreement
    assert list(zip(pairs["one"], pairs["other"], strict=True)) == [
        ("gradient", "ism"),
        ("gradient", "plrp"),
        ("ism", "plrp"),
    ]
    one, other = (comparison.results[name].per_base for name in ("gradient", "plrp"))
    assert pairs["pearson"][1] == pytest.approx(pearson(one, other).mean())
    assert pairs["top"][1] == pytest.approx(top_overlap(one, other, LENGTH // 10).mean())


def test_columns_without_a_base_do_not_count() -> None:
    x = dna(1)
    x[0, :, :5] = 0
    found = compare(Modules(), x, methods=["gradient", "ism"], target=0, sites=[Stretch(0, 8, 12), Stretch(0, 3, 9)])
    maps = found.results["gradient"].per_base[:, 5:]
    mask = np.zeros((1, LENGTH - 5), bool)
    mask[0, 3:7] = True  # the second site reaches into what holds no base, and is left out
    assert found.table.loc["gradient", "rma"] == pytest.approx(rma(maps, mask)[0])
    assert found.table.loc["gradient", "gini"] == pytest.approx(gini(maps)[0])
    assert found.agreement["pearson"][0] == pytest.approx(pearson(maps, found.results["ism"].per_base[:, 5:])[0])


def test_without_sites_there_is_no_metric_that_needs_them() -> None:
    assert "rma" not in compare(Modules(), dna(1), methods=["gradient"]).table


def test_the_figure_has_a_logo_for_each_method_where_most_relevance_is(comparison: Comparison) -> None:
    figure = comparison.plot(0, width=10, offset=100)
    assert [axes.get_ylabel() for axes in figure.axes] == ["motif", "gradient", "ISM", "PLRP"]
    low, high = figure.axes[1].get_xlim()
    assert high - low == pytest.approx(10, abs=0.5)
    assert 100 - 1 <= low <= 100 + LENGTH - 10


def test_what_cannot_be_compared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = Modules(), dna(1)
    for names, message in (
        (["gradient", "shap"], "there is no method 'shap'"),
        (["lrp", "lrp"], "each once; got lrp, lrp"),
        ([], "each once; got none"),
    ):
        with pytest.raises(OptionError, match=message):
            compare(model, x, methods=names)
    with pytest.raises(OptionError, match="options are given for ism, but compared are lrp"):
        compare(model, x, methods=["lrp"], options={"ism": {}})
    with pytest.raises(OptionError, match="without a single base"):
        compare(model, torch.zeros(1, 4, LENGTH))
    for module in (peers, methods):
        monkeypatch.setattr(module, "installed", lambda package: False)
    with pytest.raises(OptionError, match=r'ism needs tangermeme: pip install "genoplrp\[peers\]"'):
        compare(model, x, methods=["ism"])
    assert list(compare(model, x).results) == [
        "gradient",
        "corrected-gradient",
        "lrp",
        "plrp",
        "plrp-m",
        "plrp-references",
    ]
