"""The relevance of single units: their parts add up to the whole, and nothing is lost between layers."""

import pytest
import torch
from torch import Tensor, nn

from genoplrp import attribute, inspect_model
from genoplrp.errors import OptionError
from genoplrp.lrp import NoPrune, PruneLambda, PruneM, Unit
from tests.lrp.around import dna
from tests.lrp.branching import Branches, Residual, Reused
from tests.lrp.networks import Folded, Geometry, Plain

# Layers through which all relevance flows, one after the other.
CHAINS = [(Plain, ("conv1", "conv2", "body.1")), (Folded, ("conv1", "conv2", "dense")), (Geometry, ("a", "b", "c"))]
PRUNERS = [NoPrune(), PruneLambda(0.2), PruneM(0.2)]
EXACT = {"rtol": 1e-9, "atol": 1e-11}


def linear_calls(net: nn.Module, x: Tensor) -> dict[str, int]:
    """Label -> number of units of every linear call on the way, a layer used twice being two of them."""
    table = inspect_model(net, x).table
    axis = {"conv1d": 0, "linear": -1, "matmul": -1}
    return {row.layer: row.shape[axis[row.op]] for row in table.itertuples() if row.op in axis}


def explained(net: nn.Module, layers=None, pruner=None, references: bool = False, **options):
    """All units of the layers, or of every linear call, followed in three sequences."""
    x = dna(3, net.length)
    calls = linear_calls(net, x)
    layers = tuple(calls) if layers is None else layers
    return attribute(
        net, x, target=1, pruner=pruner or NoPrune(), layers=layers,
        units=[Unit(layer, k) for layer in layers for k in range(calls[layer])],
        references=torch.stack([dna(3, net.length, seed=k) for k in (5, 6)], 1) if references else None, **options,
    )  # fmt: skip


@pytest.fixture(params=[False, True], ids=["from zero", "from references"])
def references(request):
    return request.param


@pytest.mark.parametrize("pruner", PRUNERS, ids=str)
@pytest.mark.parametrize(("network", "layers"), CHAINS)
def test_units_of_a_layer_add_up_to_the_whole_map(network, layers, pruner, references):
    result = explained(network(), layers, pruner, references, hypothetical=True)
    for layer in layers:
        own = [part for unit, part in result.units.items() if unit.layer == layer]
        torch.testing.assert_close(sum(part.relevance for part in own), result.relevance, **EXACT)
        torch.testing.assert_close(sum(part.hypothetical for part in own), result.hypothetical, **EXACT)
    if not isinstance(pruner, NoPrune):  # else the law would say nothing of pruning
        assert not torch.allclose(result.relevance, explained(network(), layers, None, references).relevance)


@pytest.mark.parametrize("pruner", PRUNERS, ids=str)
@pytest.mark.parametrize("network", [Plain, Residual, Reused, Branches])
def test_what_units_hand_to_each_other_directly_is_all_that_a_layer_receives(network, pruner, references):
    """Along additions, branches and layers used several times, each of their calls being a layer."""
    result = explained(network(), None, pruner, references)
    *inner, last = result.layers
    for layer in inner:
        arrived = sum(part.handed[layer] for part in result.units.values())
        torch.testing.assert_close(arrived, result.layers[layer], **EXACT)
    assert not any(part.handed[last].any() for part in result.units.values())
    torch.testing.assert_close(sum(part.rest for part in result.units.values()), result.relevance, **EXACT)


def test_what_is_handed_on_does_not_go_through_a_layer_between():
    part = explained(Plain()).units[Unit("body.3", 1)]  # the output that is explained
    assert part.relevance.any() and part.handed["body.1"].any()
    assert not part.handed["conv2"].any() and not part.handed["conv1"].any() and not part.rest.any()


def test_a_layer_around_which_relevance_flows_has_less_than_all_of_it():
    """A residual block's convolution: its units' maps do not add up to the whole map, and do not claim to."""
    result = explained(Residual(), ("blocks.0",))
    own = sum(part.relevance for part in result.units.values())
    assert own.any() and not torch.allclose(own, result.relevance)


def test_units_change_nothing_of_the_whole_and_batches_nothing_of_units(every_way):
    net = Plain()
    whole, parts = explained(net, pruner=PruneLambda(0.2)), explained(net, pruner=PruneLambda(0.2), batch_size=2)
    alone = attribute(net, dna(3, net.length), target=1, pruner=PruneLambda(0.2))
    torch.testing.assert_close(whole.relevance, alone.relevance, **EXACT)
    for unit, part in whole.units.items():
        torch.testing.assert_close(part.relevance, parts.units[unit].relevance, **EXACT)


def test_several_units_taken_together_are_their_sum():
    net, x = Plain(), dna(3, Plain.length)
    parts = attribute(net, x, layers=("conv1",), units=[("conv2", 0), ("conv2", 3), ("conv2", (0, 3))]).units
    one, two, both = parts.values()
    torch.testing.assert_close(one.relevance + two.relevance, both.relevance)
    torch.testing.assert_close(one.handed["conv1"] + two.handed["conv1"], both.handed["conv1"])


def test_a_unit_that_there_is_not_is_an_error():
    net, x = Plain(), dna(1, Plain.length)
    with pytest.raises(OptionError, match="units: layer 'conv1' has 5 units, numbered from 0; got 5"):
        attribute(net, x, units=[("conv1", 5)])
    with pytest.raises(OptionError, match="the network calls no layer 'conv7'"):
        attribute(net, x, units=[("conv7", 0)])
