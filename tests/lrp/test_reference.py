"""The reference itself: its forward pass is torch's, and at epsilon 0 it gives gradient x input."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.lrp.branching import Branches, Residual, Reused, Sums
from tests.lrp.networks import Folded, Geometry, Network, Plain, Planes, Pools, Unfolded, dna
from tests.reference import linear, pruning, rules
from tests.reference.network import Graph, Pruning, Rules, propagate

# Torch warns once that "same" with an even kernel may copy its input; that case is meant.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")

NETWORKS = [Plain, Geometry, Folded, Unfolded, Pools, Planes, Residual, Reused, Branches, Sums]


def lrp0(model: Network, x: torch.Tensor) -> np.ndarray:
    zero = rules.epsilon(0.0)
    result = []
    for sample in x.numpy():
        graph = Graph({})
        output = model.reference(graph, graph.input(sample))
        result.append(propagate(graph, output, 1, Rules(zero, zero, epsilon=0.0), Pruning()))
    return np.stack(result)


@pytest.mark.parametrize("network", NETWORKS)
def test_forward_pass_equals_torch(network: type[Network]) -> None:
    model, x = network(), dna(network.length, 0)
    matrices: dict[Any, linear.Dense] = {}
    for sample, expected in zip(x.numpy(), model(x).detach().numpy(), strict=True):
        graph = Graph(matrices)
        output = model.reference(graph, graph.input(sample)).value
        np.testing.assert_allclose(output, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("network", [Plain, Residual, Reused])
def test_lrp0_equals_gradient_times_input(network: type[Network]) -> None:
    model, x = network(), dna(network.length, 0).requires_grad_()
    (gradient,) = torch.autograd.grad(model(x)[:, 1].sum(), x)
    expected = (gradient * x).detach().numpy()
    np.testing.assert_allclose(lrp0(model, x.detach()), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("padding", [0, 2, "same", "valid"])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolution_matrix_equals_probing_torch_with_unit_vectors(padding: int | str, groups: int) -> None:
    layer = nn.Conv1d(4, 6, 4, padding=padding, dilation=2, groups=groups).double()
    shape = (4, 11)
    matrix = linear.conv(
        layer.weight.detach().numpy(),
        layer.bias.detach().numpy(),
        shape,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=groups,
    )
    with torch.no_grad():
        bias = layer(torch.zeros(1, *shape, dtype=torch.float64))
        probed = layer(torch.eye(44, dtype=torch.float64).reshape(44, *shape)) - bias
    np.testing.assert_allclose(matrix.weight, probed.reshape(44, -1).numpy(), atol=1e-14)
    np.testing.assert_allclose(matrix.bias, bias.ravel().numpy(), atol=1e-14)
    assert np.array_equal(matrix.connected, matrix.weight != 0)


def test_dropping_stops_before_the_share_is_passed() -> None:
    relevance = np.array([4.0, -1.0, 1.0, 2.0, 0.0, -3.0, 1.0])
    assert pruning.dropped(relevance, 0.25).tolist() == [False, True, True, False, False, False, True]
    assert pruning.dropped(relevance, 0.2).tolist() == [False] * 7
    assert pruning.dropped(relevance, (0.5, 0.0)).tolist() == [False, False, True, True, False, False, True]


def test_rescaled_keeps_the_mass_of_each_sign() -> None:
    relevance = np.array([4.0, -1.0, 1.0, 2.0, -3.0, 1.0])
    result = pruning.rescaled(relevance, pruning.dropped(relevance, 0.25))
    np.testing.assert_allclose(result, [16 / 3, 0, 0, 8 / 3, -4, 0], rtol=1e-15)


def test_gini_of_even_and_of_lone_mass() -> None:
    assert pruning.gini([2.0] * 5) == pytest.approx(0.0)
    assert pruning.gini([0.0, 0.0, 0.0, 3.0]) == pytest.approx(1 - 1 / 4)


def test_gain_by_l0_drops_what_lies_at_or_below_the_mean() -> None:
    relevance = np.array([1.0, 2.0, 3.0, 10.0, 0.0])
    assert pruning.dropped(relevance, pruning.Gain(1.0, "l0")).tolist() == [True, True, True, False, False]
