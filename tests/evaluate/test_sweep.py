"""Sweeps against one attribution and one metric at a time; undefined numbers counted; nothing left is an error."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from genoplrp import NoPrune, PruneLambda, PruneM, attribute, one_hot
from genoplrp.errors import OptionError
from genoplrp.evaluate import auprc, differences, entropy, gini, mean_interval, motif_recall, rma, summarise, sweep
from genoplrp.models import CNNConfig, MotifCNN
from genoplrp.motifs import Stretch, simulate_grammar

PRUNERS = {"LRP": NoPrune(), "lambda": PruneLambda(0.3), "M": PruneM((0.3, 0.0))}


@pytest.fixture(scope="module")
def network():
    return MotifCNN(CNNConfig(length=250, outputs=2, filters=(4, 6), widths=(9, 5), pools=(4, 2), dense=(8,)), seed=1)


@pytest.fixture(scope="module")
def data():
    made = simulate_grammar(40, seed=0)
    return one_hot(made.sequences), made.mask("or"), made.sites("or")


@pytest.mark.parametrize("target", [1, "predicted", lambda output: output[:, 0]])
def test_every_row_is_the_metric_of_that_attribution(network, data, target):
    x, masks, sites = data
    scores = attribute(network, x, target=target, pruner=NoPrune()).output
    middle = float(scores.median())  # an untrained network calls all or none at 0
    table = sweep(network, x, masks, sites, target=target, pruners=PRUNERS, threshold=middle)
    rows = [i for i in range(40) if scores[i] > middle and masks[i].any()]
    assert 5 < len(rows) < 20
    assert table["pruner"].tolist() == [name for name in PRUNERS for _ in rows]
    for name, pruner in PRUNERS.items():
        part = table[table["pruner"] == name].reset_index(drop=True)
        assert part["sequence"].tolist() == rows
        for place, row in enumerate(rows):
            one = attribute(network, x[row : row + 1], target=target, pruner=pruner)
            relevance = one.per_base
            own = [Stretch(0, site.start, site.end) for site in sites if site.sequence == row]
            mask = masks[row : row + 1]
            wanted = [rma(relevance, mask), gini(relevance), entropy(relevance), auprc(relevance, mask),
                      motif_recall(relevance, own)]  # fmt: skip
            # Batching changes float32 sums in the last digits; 250 of them differ by far less than this.
            got = part.loc[place, ["rma", "gini", "entropy", "auprc", "recall"]].to_numpy(dtype=float)
            np.testing.assert_allclose(got, np.concatenate(wanted), atol=1e-3)
            pruned = one.ledger.dropna(subset=["neurons_before"])
            before, after = pruned["neurons_before"].sum(), pruned["neurons_after"].sum()
            assert part.loc[place, "kept"] == pytest.approx(after / before if before else 1.0)


def test_targets_by_sequence_follow_their_sequences(network, data):
    x, masks, sites = data
    own = torch.arange(40) % 2
    table = sweep(network, x, masks, sites, target=own, pruners={"LRP": NoPrune()}, threshold=None)
    scores = network(x).gather(1, own[:, None])[:, 0].detach()
    rows = table["sequence"].to_numpy()
    np.testing.assert_allclose(table["score"], scores.numpy()[rows], rtol=1e-5)


def test_most_keeps_the_first_that_can_be_measured(network, data):
    x, masks, sites = data
    both = [sweep(network, x, masks, sites, target=0, pruners={"LRP": NoPrune()}, threshold=None, most=most)
            for most in (None, 3)]  # fmt: skip
    pd.testing.assert_frame_equal(both[0].head(3), both[1])


def test_without_sites_recall_is_undefined_and_counted(network, data):
    x, masks, _ = data
    table = sweep(network, x, masks, None, target=0, pruners={"LRP": NoPrune()}, threshold=None)
    assert table["recall"].isna().all()
    row = summarise(table, metrics=["recall"]).iloc[0]
    assert np.isnan(row["mean"])
    assert (row["n"], row["undefined"], row["networks"]) == (0, len(table), 0)


def test_all_zero_maps_are_undefined_and_counted(data):
    x, masks, sites = data
    silent = nn.Sequential(nn.Conv1d(4, 2, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(2, 1))
    nn.init.zeros_(silent[4].weight)
    nn.init.ones_(silent[4].bias)  # positive, for no base's sake
    table = sweep(silent, x, masks, sites, target=0, pruners=PRUNERS)
    measured = int(masks.any(axis=1).sum())
    summary = summarise(table).set_index(["pruner", "metric"])
    for metric in ("rma", "gini", "entropy", "recall"):
        assert (summary.xs(metric, level="metric")["undefined"] == measured).all()
        assert summary.xs(metric, level="metric")["mean"].isna().all()


def test_a_network_that_calls_nothing_positive_is_refused_with_the_counts(network, data):
    x, masks, sites = data
    true = int(masks.any(axis=1).sum())
    with pytest.raises(OptionError, match=r"0 of 40 sequences measured: 40 are not called positive.*highest score is"):
        sweep(network, x, masks, sites, target=0, pruners=PRUNERS, threshold=1e6)
    with pytest.raises(OptionError, match=r"0 are not called positive, 40 are but have no true base"):
        sweep(network, x, np.zeros_like(masks), sites, target=0, pruners=PRUNERS, threshold=None)
    assert 0 < true < 40


def test_masks_that_do_not_fit_and_no_pruners_are_refused(network, data):
    x, masks, sites = data
    with pytest.raises(OptionError, match=r"masks must have one value a base, shape \(40, 250\).*got \(39, 250\)"):
        sweep(network, x, masks[1:], sites, target=0, pruners=PRUNERS)
    with pytest.raises(OptionError, match="at least one pruner"):
        sweep(network, x, masks, sites, target=0, pruners={})


def _table(values, pruner="a", seed=0):
    return pd.DataFrame({"pruner": pruner, "seed": seed, "sequence": range(len(values)), "rma": values})


def test_summary_is_the_interval_over_networks_with_unequal_numbers():
    nan = float("nan")
    table = pd.concat([_table([0.1, 0.5, nan]), _table([0.9], seed=1), _table([nan], seed=2)])
    row = summarise(table, network="seed", metrics=["rma"]).iloc[0]
    wanted = mean_interval([[0.1, 0.5, nan], [0.9, nan, nan], [nan, nan, nan]])
    assert (row["mean"], row["low"], row["high"]) == wanted
    assert row["mean"] == pytest.approx((0.3 + 0.9) / 2)  # networks count alike
    assert (row["n"], row["undefined"], row["networks"]) == (3, 2, 2)


def test_differences_are_paired_by_network_and_sequence_whatever_the_order():
    base = pd.concat([_table([0.1, 0.2]), _table([0.3, 0.4], seed=1)])
    other = pd.concat([_table([0.9, 0.6], "b", 1), _table([0.2, 0.5], "b")]).iloc[::-1]
    got = differences(pd.concat([other, base]), baseline="a", on=["seed", "sequence"], metrics=["rma"])
    found = {(row.seed, row.sequence): row.rma for row in got.itertuples()}
    wanted = {(0, 0): 0.1, (0, 1): 0.3, (1, 0): 0.6, (1, 1): 0.2}
    assert found == pytest.approx(wanted)


def test_a_baseline_that_is_missing_or_not_unique_is_refused():
    table = pd.concat([_table([0.1, 0.2]), _table([0.3], seed=1), _table([0.2], "b", 1)])
    with pytest.raises(OptionError, match=r"exactly one row of the baseline 'a' with the same sequence"):
        differences(table, baseline="a", metrics=["rma"])
    with pytest.raises(OptionError, match="exactly one row of the baseline 'LRP'"):
        differences(table, baseline="LRP", on=["seed", "sequence"], metrics=["rma"])
