"""Convolutions of few channels have an adjoint of their own: it is what autograd says, whatever the geometry."""

import pytest
import torch
from torch import nn

from genoplrp.lrp.linear import FEW_CHANNELS, linear_map
from genoplrp.lrp.record import record
from tests.lrp.networks import dna

GEOMETRIES = [
    {"kernel_size": 5},
    {"kernel_size": 4, "padding": "same"},
    {"kernel_size": 1, "stride": 3},
    {"kernel_size": 3, "padding": 4, "dilation": 3, "stride": 2},
    {"kernel_size": 6, "padding": 5, "stride": 4},
    {"kernel_size": 23, "padding": 7},  # as wide as the sequence with what stands beside it
]


# Torch warns once that "same" with an even kernel may copy its input; that case is meant.
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("filters", [7, 100])
@pytest.mark.parametrize("channels", [4, FEW_CHANNELS, FEW_CHANNELS + 1])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_adjoint_is_the_gradient(geometry: dict[str, int | str], channels: int, filters: int) -> None:
    torch.manual_seed(0)
    first = nn.Conv1d(4, channels, 1).double()
    layer = nn.Conv1d(channels, filters, **geometry).double()
    tape, _ = record(nn.Sequential(first, layer).eval(), dna(17, 3), {})
    x = torch.randn(3, channels, 17, dtype=torch.float64, requires_grad=True)
    z = layer(x)
    share = torch.randn_like(z)
    found = linear_map(tape.calls[-1]).adjoint(share, layer.weight.detach(), x.detach())
    torch.testing.assert_close(found, torch.autograd.grad(z, x, share)[0], rtol=0, atol=1e-12)
