"""Discovery on a network that others trained, with the place of every planted site, and on real peaks."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from genoplrp.discover import discover
from genoplrp.resources import example_file

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "talgata"


@pytest.fixture(scope="module")
def benchmark():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        spec = importlib.util.spec_from_file_location("discover_benchmark", ROOT / "benchmarks" / "discover.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.mark.skipif(not DATA.exists(), reason="the TAL1/GATA1 network is not beside the checkout")
def test_tal1_and_gata1_come_back_for_their_outputs_and_in_their_places(benchmark, tmp_path):
    """Precision and recall of the instances both at least .9: the project's promise, over all outputs and for each."""
    found, truth = benchmark.talgata(DATA, tmp_path / "out")
    by_label = {
        label: set(found.patterns.loc[found.patterns["label"] == label, "match"])
        for label in found.patterns["label"].unique()
    }
    assert by_label["TAL1"] == {"TAL1::TCF3"}
    assert by_label["GATA1"] == {"Gata1"}
    assert by_label["both"] == {"TAL1::TCF3", "Gata1"}
    assert (found.patterns["q"] < 0.05).all()
    explained = {tuple(reversed(name.split("|"))) for name in np.load(tmp_path / "out" / "regions.npz")["peak_name"]}
    for labels in ({"TAL1"}, {"GATA1"}, {"both"}, {"TAL1", "GATA1", "both"}):
        own = found.instances[found.instances["label"].isin(labels)]
        score = benchmark.judged(own, truth, {pair for pair in explained if pair[1] in labels})
        assert score["precision"] >= 0.9 and score["recall"] >= 0.9


def test_ctcf_is_the_first_pattern_of_real_ctcf_peaks():
    found = discover("vertebrate20", example_file())
    first = found.patterns.iloc[0]
    assert (first["label"], first["match"], first["sign"]) == ("CTCF", "CTCF", 1)
    assert first["sequences"] > 300  # of 500 peaks
