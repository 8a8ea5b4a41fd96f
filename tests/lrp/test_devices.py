"""On a GPU the maps are those of the processor. Skipped where there is no GPU."""

from copy import deepcopy

import pytest
import torch

from genoplrp.attribution import attribute
from tests.lrp.networks import Network, dna
from tests.lrp.pairs import NETWORKS, PRUNERS, assert_same, made

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    pytest.mark.filterwarnings("ignore:Using padding='same'"),
]


@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_maps_are_those_of_the_processor(network: type[Network], pruner: str) -> None:
    model, x, chosen = made(network), dna(network.length, 5), PRUNERS[pruner][0]
    here = attribute(model, x, target=1, pruner=chosen)
    there = attribute(model, x, target=1, pruner=chosen, device="cuda")
    assert there.relevance.device.type == "cuda"
    assert_same(there.relevance.cpu(), here.relevance.numpy())


@pytest.mark.parametrize("network", NETWORKS)
def test_references_on_a_gpu(network: type[Network]) -> None:
    model, x = made(network), dna(network.length, 5)
    pruner = PRUNERS["lambda"][0]
    here = attribute(model, x, target=1, pruner=pruner, references=3)
    there = attribute(deepcopy(model).to("cuda"), x, target=1, pruner=pruner, references=3)
    assert_same(there.relevance.cpu(), here.relevance.numpy())
