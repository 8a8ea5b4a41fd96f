"""The default composite finds planted sites in a network that others trained (its data is not in the repository)."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from genoplrp import NoPrune, PruneLambda, attribute, auprc, rma
from genoplrp.evaluate import motif_recall

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "talgata"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the TAL1/GATA1 network is not beside the checkout")


@pytest.fixture(scope="module")
def tasks():
    spec = importlib.util.spec_from_file_location("talgata", ROOT / "benchmarks" / "talgata.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    return benchmark.load(DATA)


@pytest.mark.parametrize(("name", "least"), [("TAL1", 0.97), ("GATA1", 0.95), ("both", 0.0)])
def test_pruned_maps_find_the_sites_and_are_sharper_than_plain_ones(tasks, name, least):
    """The floors are the project's promise; random scores would have an AUPRC of about .1, the share of site bases."""
    model, by_name = tasks
    task = by_name[name]
    plain = attribute(model, task.x, target=task.output, pruner=NoPrune()).per_base
    pruned = attribute(model, task.x, target=task.output, pruner=PruneLambda(0.1)).per_base
    assert np.mean(auprc(pruned, task.mask)) >= least
    assert np.mean(rma(pruned, task.mask)) > np.mean(rma(plain, task.mask))


@pytest.mark.parametrize("name", ["TAL1", "GATA1", "both"])
def test_pruned_rescale_is_sharper_and_no_worse_than_unpruned(tasks, name):
    """DeepLIFT's Rescale from shuffles, with and without pruning, on the same sequences and references."""
    model, by_name = tasks
    task = by_name[name]
    x, mask = task.x[:60], task.mask[:60]
    plain, pruned = (
        attribute(model, x, target=task.output, composite="epsilon", pruner=pruner, references=3).per_base
        for pruner in (NoPrune(), PruneLambda(0.1))
    )
    assert np.mean(rma(pruned, mask)) > np.mean(rma(plain, mask))
    assert np.mean(auprc(pruned, mask)) >= np.mean(auprc(plain, mask))


@pytest.mark.parametrize("name", ["TAL1", "GATA1", "both"])
def test_the_amount_found_loses_no_site_that_the_default_finds(tasks, name):
    """Within 5 % of the AUPRC of the best fixed amount, and no recall lost against p = .1: the project's promise."""
    model, by_name = tasks
    task, n = by_name[name], 100
    x, mask, sites = task.x[:n], task.mask[:n], [site for site in task.sites if site.sequence < n]
    fixed = {p: attribute(model, x, target=task.output, pruner=PruneLambda(p)).per_base for p in (0.0, 0.1, 0.2)}
    found = attribute(model, x, target=task.output, pruner=PruneLambda("auto")).per_base
    best = max(np.mean(auprc(map_, mask)) for map_ in fixed.values())
    assert np.mean(auprc(found, mask)) >= 0.95 * best
    recalls = [np.nanmean(motif_recall(map_, sites)) for map_ in (found, fixed[0.1])]
    assert recalls[0] >= recalls[1]
