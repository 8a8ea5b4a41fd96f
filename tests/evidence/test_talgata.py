"""The default composite finds planted sites in a network that others trained (its data is not in the repository)."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from genoplrp import NoPrune, PruneLambda, attribute, auprc, rma

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
