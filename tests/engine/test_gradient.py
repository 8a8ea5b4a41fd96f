"""LRP-0 equals gradient x input wherever the network is piecewise linear."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genoplrp.attribution import attribute
from genoplrp.lrp import Composite, NoPrune
from tests.engine.branching import Residual, Reused
from tests.engine.networks import Network, Plain, dna
from tests.engine.pairs import assert_same


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


def column() -> Tensor:
    return torch.tensor([[0.5], [0.0], [-2.0], [1.5]], dtype=torch.float64)


def square() -> Tensor:
    return torch.arange(16, dtype=torch.float64).sin().reshape(4, 4)


PIECEWISE_LINEAR: dict[str, Callable[[Tensor], Tensor]] = {
    "plus a tensor": lambda h: h + column(),
    "times a tensor": lambda h: column() * h,
    "constant made like another": lambda h: h + column().to(h),
    "constant made from the length": lambda h: h * torch.arange(h.shape[2], dtype=h.dtype, device=h.device),
    "mask": lambda h: h * (h > 0.1),
    "masked_fill": lambda h: h.masked_fill(h < 0.1, 0.0),
    "where": lambda h: torch.where(h > 0.1, h, 0.3 * h),
    "detached": lambda h: h - 0.5 * h.detach(),
    "maximum": lambda h: torch.maximum(h, h.flip(2)),
    "sum of a list": lambda h: sum([h, h.flip(1), h.relu()]),
    "prelu": lambda h: F.prelu(h, torch.tensor([0.3], dtype=h.dtype)),
    "clamp": lambda h: h.clamp(min=0),
    "matmul from the left": lambda h: torch.matmul(square(), h),
    "einsum": lambda h: torch.einsum("ncl,cd->ndl", h, square()),
    "transposed convolution": lambda h: F.conv_transpose1d(h, square()[..., None], stride=2),
    "two convolutions": lambda h: F.conv1d(F.conv1d(h, square()[..., None]), square()[..., None]),
    "functional normalisation": lambda h: F.batch_norm(h.relu(), column()[:, 0], column()[:, 0].square() + 1),
    "unfold": lambda h: h.unfold(2, 4, 2).mean(-1),
    "gather": lambda h: h.gather(2, torch.arange(12).view(1, 4, 3).expand(len(h), -1, -1)),
    "pool with indices": lambda h: F.max_pool1d(h, 2, return_indices=True)[0],
    "minimum": lambda h: -(-h).amax(2),
}


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_lrp0_equals_gradient_times_input_through(name: str) -> None:
    class Around(Network):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = nn.Conv1d(4, 4, 5), nn.Conv1d(4, 2, 1)
            self.draw(32)

        def forward(self, x: Tensor) -> Tensor:
            h = PIECEWISE_LINEAR[name](self.stem(x))
            return self.head(h if h.ndim == 3 else h.unsqueeze(-1)).sum(2)

    model, x = Around(), dna(20, 7)
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
