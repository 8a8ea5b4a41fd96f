"""The study of defaults: what its tables say of scores made up by hand, and that it runs and goes on."""

import numpy as np
import pandas as pd
import pytest

from genoplrp.errors import OptionError
from genoplrp.studies.defaults import run
from genoplrp.studies.defaults.tables import amounts, by_network, over_networks


def scores() -> pd.DataFrame:
    """Two networks, two seeds, three p; AUPRC falls with p on "a" and rises on "b"; recall is 1 - p."""
    rows = [
        {"part": part, "composite": "genomic", "references": 0, "signs": "both", "p": p, "network": network,
         "seed": seed, "sequence": sequence, "auprc": 0.5 + slope * p + 0.01 * seed, "rma": 0.4, "recall": 1 - p,
         "gini": np.nan if sequence else 0.7}
        for part in ("choose", "report")
        for network, slope in (("a", -0.2), ("b", 0.4))
        for seed in (0, 1)
        for p in (0.0, 0.1, 0.5)
        for sequence in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_networks_and_seeds_count_alike_and_undefined_scores_are_left_out():
    table = over_networks(by_network(scores()))
    row = table[(table["part"] == "report") & (table["p"] == 0.5)].iloc[0]
    assert row["auprc"] == pytest.approx((0.4 + 0.7) / 2 + 0.005)
    assert row["gini"] == pytest.approx(0.7)
    assert row["together"] == pytest.approx((row["auprc"] + 0.4 + 0.5) / 3)


def test_the_best_together_comes_first_in_each_part():
    table = over_networks(by_network(scores()))
    for _, part in table.groupby("part"):
        assert part["together"].is_monotonic_decreasing


def test_amounts_found_are_compared_with_the_best_fixed_one_in_hindsight():
    found = pd.DataFrame(
        [("genomic", network, seed, p) for network, p in (("a", 0.5), ("b", 0.1)) for seed in (0, 1)],
        columns=["composite", "network", "seed", "auto"],
    )
    table = amounts(scores(), found).set_index("network")
    assert table["best"].to_dict() == {"a": 0.0, "b": 0.5}
    assert table["auprc_auto"].to_dict() == pytest.approx({"a": 0.405, "b": 0.545})
    assert table["auprc_best"].to_dict() == pytest.approx({"a": 0.505, "b": 0.705})
    assert table["recall_auto"].to_dict() == pytest.approx({"a": 0.5, "b": 0.9})
    assert table["recall_fixed"].to_dict() == pytest.approx({"a": 0.9, "b": 0.9})


def test_the_study_runs_and_goes_on_where_it_stopped(tmp_path):
    first = run(tmp_path, small=True, seeds=(0,), progress=False)
    assert [path.name for path in first] == [
        "defaults.csv", "defaults_networks.csv", "defaults_chosen.csv", "defaults_auto.csv", "defaults.png",
    ]  # fmt: skip
    before = {path: path.read_bytes() for path in first[:4]}
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "scores").iterdir()}
    assert {path: path.read_bytes() for path in run(tmp_path, small=True, seeds=(0,), progress=False)[:4]} == before
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "scores").iterdir()} == kept
    table = pd.read_csv(first[0])
    assert set(table["part"]) == {"choose", "report"}
    assert len(table) == 2 * 52


def test_no_seeds_are_refused(tmp_path):
    with pytest.raises(OptionError, match="at least one seed"):
        run(tmp_path, seeds=())
