"""LRP-0 equals gradient x input on whole networks; `test_calls` has it call by call."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genoplrp.attribution import attribute
from genoplrp.lrp import Composite, NoPrune
from tests.lrp.branching import Residual, Reused
from tests.lrp.networks import Network, Plain, dna
from tests.lrp.pairs import assert_same


class Mixed(Network):
    """Strided, dilated, grouped and two-dimensional layers, every pool, adds, batch normalisation on either side."""

    def __init__(self) -> None:
        super().__init__()
        self.plane = nn.Conv2d(1, 6, (4, 3), padding=(0, 2))
        self.norm1, self.norm2 = nn.BatchNorm2d(6), nn.BatchNorm1d(6)
        self.wide = nn.Conv1d(6, 6, 3, padding=2, dilation=2, groups=3)
        self.down = nn.Conv1d(6, 6, 4, stride=2, padding=1)
        self.head = nn.Linear(6, 3)
        self.draw(31)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.norm1(self.plane(x.unsqueeze(1)))).squeeze(2)
        h = self.norm2(h + F.leaky_relu(self.wide(h)))
        h = F.max_pool1d(h, 3, 2) + F.avg_pool1d(h, 3, 2)
        h = self.down(h).relu() * 0.5 - 0.25
        return self.head(h.amax(2) + h.mean(2))


@pytest.mark.parametrize("network", [Plain, Residual, Reused, Mixed])
def test_lrp0_equals_gradient_times_input(network: type[Network]) -> None:
    model, x = network(), dna(network.length, 7)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(leaf)[:, 1].sum(), leaf)
    result = attribute(model, x, target=1, composite=Composite.named("epsilon", epsilon=0.0), pruner=NoPrune())
    assert_same(result.relevance, gradient * x)


def test_lrp0_adds_up_to_the_output_without_biases() -> None:
    model, x = Plain(), dna(Plain.length, 7)
    for name, tensor in model.state_dict().items():
        if name.endswith("bias"):
            tensor.zero_()
    result = attribute(model, x, target=2, composite=Composite.named("epsilon", epsilon=0.0), pruner=NoPrune())
    torch.testing.assert_close(result.relevance.sum((1, 2)), model(x)[:, 2].detach(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(result.per_base, result.relevance.sum(1), rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(result.output, model(x)[:, 2].detach(), rtol=1e-12, atol=0)
