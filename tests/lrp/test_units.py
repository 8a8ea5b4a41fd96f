"""The relevance of single units: their parts add up to the whole, and nothing is lost between layers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genoplrp import Composite, attribute, inspect_model
from genoplrp.errors import OptionError
from genoplrp.explainer import Explainer
from genoplrp.lrp import NoPrune, PruneLambda, PruneM, Unit
from tests.lrp.around import dna
from tests.lrp.branching import Branches, Residual, Reused
from tests.lrp.networks import Folded, Geometry, Plain
from tests.lrp.test_calls import LRP0

# Layers through which all relevance flows, one after the other.
CHAINS = [(Plain, ("conv1", "conv2", "body.1")), (Folded, ("conv1", "conv2", "dense")), (Geometry, ("a", "b", "c"))]
PRUNERS = [NoPrune(), PruneLambda(0.2), PruneM(0.2)]
EXACT = {"rtol": 1e-9, "atol": 1e-11}


def linear_calls(net: nn.Module, x: Tensor) -> dict[str, int]:
    """Label -> number of units of every linear call on the way, a layer used twice being two of them; the weight of
    these networks' products is on the right."""
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
        arrived = sum(part.handed[layer] for part in result.units.values() if layer in part.handed)
        torch.testing.assert_close(arrived, result.layers[layer], **EXACT)
    assert not any(last in part.handed for part in result.units.values())
    torch.testing.assert_close(sum(part.direct for part in result.units.values()), result.relevance, **EXACT)


def test_what_is_handed_on_does_not_go_through_a_layer_between():
    part = explained(Plain()).units[Unit("body.3", 1)]  # the output that is explained
    assert part.relevance.any() and part.handed["body.1"].any()
    assert not part.handed["conv2"].any() and not part.handed["conv1"].any() and not part.direct.any()


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
    with pytest.raises(OptionError, match="units: the network calls no layer 'conv7'"):
        attribute(net, x, units=[("conv7", 0)])


PRODUCTS = {
    "w @ h": ("matmul", lambda w, h: w @ h),
    "h @ w": ("matmul", lambda w, h: h.mT @ w.T),
    "linear": ("linear", lambda w, h: F.linear(h.mT, w)),
    "matmul by names": ("matmul", lambda w, h: torch.matmul(other=h, input=w)),
    "reflected": ("rmatmul", lambda w, h: h.__rmatmul__(w)),
    "reflected, from the right": ("rmatmul", lambda w, h: w.T.__rmatmul__(h.mT)),
    "bmm": ("bmm", lambda w, h: torch.bmm(w.expand(len(h), -1, -1), h)),
    "mm": ("mm", lambda w, h: torch.mm(h.amax(2), w.T)),
    "addmm": ("addmm", lambda w, h: torch.addmm(torch.zeros(5).double(), h.amax(2), w.T)),
    "einsum": ("einsum", lambda w, h: torch.einsum("ncl,oc->nlo", h, w)),
    "einsum, weight first": ("einsum", lambda w, h: torch.einsum("oc, ncl -> nol", w, h)),
    "einsum with dots": ("einsum", lambda w, h: torch.einsum("oc,...cl->...ol", w, h)),
    "einsum without an arrow": ("einsum", lambda w, h: torch.einsum("bcp,oc", h, w)),
    "convolution": ("conv1d", lambda w, h: F.conv1d(h, w[:, :, None])),
    "what follows": ("relu", lambda w, h: F.relu(h.mT @ w.T)),
    "a pool behind": ("max_pool1d", lambda w, h: F.max_pool1d(w @ h, 2)),
}
UNITLESS = {
    "a vector": ("matmul", lambda w, h: h.mT @ w[0]),
    "samples last": ("matmul", lambda w, h: (w @ h.amax(2).T).T),
    "a matrix a place": ("matmul", lambda w, h: h.mT[:, :, None] @ torch.arange(16 * 30.0).double().view(16, 6, 5)),
    "einsum by place": ("einsum", lambda w, h: torch.einsum("ncl,c->ncl", h, w[0])),
}


class Product(nn.Module):
    """A convolution, a product of its six channels with a weight (5, 6), and a read-out."""

    def __init__(self, product) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.product, self.conv, self.weight = product, nn.Conv1d(4, 6, 3, padding=1), nn.Parameter(torch.randn(5, 6))
        self.double().eval()
        self.out = nn.Linear(product(self.weight, self.conv(dna())).flatten(1).shape[1], 2).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.product(self.weight, self.conv(x)).flatten(1))


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_unit_of_a_product_is_a_row_of_its_weight_whichever_side_that_is_on(name):
    """The unit's map is that of the network whose weight has this row alone, measured without biases' help by LRP-0."""
    label, product = PRODUCTS[name]
    net, x = Product(product), dna()
    options = {"target": 1, "composite": LRP0, "pruner": NoPrune()}
    followed = attribute(net, x, units=[(label, k) for k in range(5)], **options).units
    weight = net.weight.detach().clone()
    for k in range(5):
        with torch.no_grad():
            net.weight.zero_()[k] = weight[k]
        torch.testing.assert_close(followed[label, k].relevance, attribute(net, x, **options).relevance, **EXACT)
    with pytest.raises(OptionError, match=f"layer '{label}' has 5 units, numbered from 0; got 5"):
        attribute(net, x, units=[(label, 5)])


@pytest.mark.parametrize("name", UNITLESS)
def test_products_without_an_axis_of_units_are_refused(name):
    label, product = UNITLESS[name]
    with pytest.raises(OptionError, match=f"units: layer '{label}' has none that can be told apart: its output"):
        attribute(Product(product), dna(), units=[(label, 0)])


@pytest.mark.parametrize(
    "given",
    [
        [("conv1", np.int64(2))], [["conv1", 2]], ("conv1", 2), ["conv1", 2], Unit("conv1", 2),
        [Unit("conv1", torch.tensor(2))], (pair for pair in [("conv1", 2)]),
    ],
    ids=["numpy", "list", "pair", "listed pair", "Unit", "tensor", "generator"],
)  # fmt: skip
def test_a_unit_is_named_in_several_ways(given):
    (unit,) = attribute(Plain(), dna(1, Plain.length), units=given).units
    assert unit == ("conv1", 2) and type(unit.which) is int


@pytest.mark.parametrize("which", [[0, 3], np.array([0, 3]), range(0, 4, 3)], ids=str)
def test_several_units_are_named_in_several_ways(which):
    assert list(attribute(Plain(), dna(1, Plain.length), units=[("conv1", which)]).units) == [("conv1", (0, 3))]


@pytest.mark.parametrize(
    "given",
    ["conv1", ["conv1"], ["conv1", "conv2"], [("conv1", 1, 2)], [("conv1", 1.0)], [("conv1", ())], [("conv1", True)],
     [("conv1", "2")], [("conv1", (0, False))], [(1, "conv1")], [("conv1",)], None, 3],
    ids=str,
)  # fmt: skip
def test_what_names_no_unit_is_an_error_with_an_example(given):
    with pytest.raises(OptionError, match=r'units: a unit is the name of a layer and .* units=\[\("conv2", 3\)'):
        Explainer(Plain(), pruners=(NoPrune(),), units=given)


def test_units_are_checked_before_relevance_is_handed_down():
    """The rule that is asked for would fail, but only in the walk."""

    def fails(inputs, output, relevance):
        raise AssertionError("relevance was handed down")

    with pytest.raises(OptionError, match="units: layer 'conv1' has 5 units"):
        attribute(Plain(), dna(1, Plain.length), composite=Composite.named("genomic").with_op("relu", fails),
                  units=[("conv1", 9)])  # fmt: skip


def test_units_are_handed_no_layer_that_is_not_below_them():
    """The gate and the value are beside each other."""
    result = attribute(Branches(), dna(2, Branches.length), layers=("motif", "value", "gate"), units=[("gate", 0)])
    assert list(result.units["gate", 0].handed) == ["motif"]


def test_units_of_both_strands_are_the_forward_strands():
    net, x = Plain(), dna(2, Plain.length)
    options = {"target": 1, "layers": ("conv1",), "units": [("conv2", k) for k in range(6)]}
    forward, both = attribute(net, x, **options), attribute(net, x, strands="both", **options)
    total = sum(part.relevance for part in both.units.values())
    torch.testing.assert_close(total, forward.relevance, **EXACT)
    assert not torch.allclose(total, both.relevance)


def test_batches_are_smaller_by_the_number_of_units():
    """A sample has four numbers of 4 bytes a base in its input and eight in the convolution, the largest tensor."""
    net = nn.Sequential(nn.Conv1d(4, 8, 1), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 1)).eval()
    x = dna(1, 20_000).float().expand(78, -1, -1)  # twice as many as fit: batches are nearly of one size
    seen = []
    net.register_forward_hook(lambda module, args, output: seen.append(len(output)))
    for units in ([], [("0", k) for k in range(5)]):
        seen.clear()
        attribute(net, x, target=0, pruner=NoPrune(), units=units)
        fitting = 256 * 2**20 // (12 * 4 * 20_000) // (1 + len(units))
        assert max(seen) == min(fitting, 24 * 2**20 // (8 * 4 * 20_000))
