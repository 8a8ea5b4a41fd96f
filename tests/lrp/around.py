"""Small networks and inputs that several engine tests share."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from genoplrp.sequence import one_hot


def dna(n: int = 5, length: int = 16, seed: int = 0) -> Tensor:
    """Random one-hot DNA in float64, (n, 4, length)."""
    generator = torch.Generator().manual_seed(seed)
    letters = torch.randint(4, (n, length), generator=generator)
    return one_hot(["".join("ACGT"[i] for i in row) for row in letters.tolist()]).double()


class Around(nn.Module):
    """conv -> the call under test -> linear read-out to two outputs, so that every call sees signed activations."""

    def __init__(self, call: Callable[[Tensor], Tensor], x: Tensor, seed: int = 1) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv1d(4, 6, 3, padding=1)
        if isinstance(call, nn.Module):
            self.module = call
        self.call = call
        self.double().eval()
        with torch.no_grad():
            width = call(self.conv(x)).flatten(1).shape[1]
        self.out = nn.Linear(width, 2).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.call(self.conv(x)).flatten(1))


def gradient_times_input(model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """What LRP-0 equals on piecewise linear networks (Shrikumar et al. 2016)."""
    x = x.clone().requires_grad_()
    model(x).gather(1, target[:, None]).sum().backward()
    return (x * x.grad).detach()
