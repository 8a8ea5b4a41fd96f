"""Small float64 networks on DNA, among them one network in many spellings."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.reference import rescale

LENGTH = 30


def dna(n: int, length: int = LENGTH, seed: int = 0) -> Tensor:
    codes = torch.randint(0, 4, (n, length), generator=torch.Generator().manual_seed(seed))
    return F.one_hot(codes, 4).movedim(2, 1).double()


def drawn(model: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.double().eval().parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5)
    return model


def smooth(outputs: int = 3) -> nn.Module:
    """No kinks: finite differences hold."""
    return drawn(nn.Sequential(nn.Conv1d(4, 5, 5), nn.Tanh(), nn.Flatten(), nn.Linear(5 * 26, outputs)), 1)


class Modules(nn.Module):
    """Convolution, ReLU, max-pool, convolution, ReLU, max over positions, dense: as modules."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(4, 6, 5), nn.Conv1d(6, 5, 3)
        self.dense, self.head = nn.Linear(5, 4), nn.Linear(4, 3)
        self.relu, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.pool, self.top = nn.MaxPool1d(2), nn.MaxPool1d(11)
        drawn(self, 2)
        self.dense.bias.data += 3  # lest the ReLU behind be dead

    def forward(self, x: Tensor) -> Tensor:
        h = self.pool(self.relu(self.conv1(x)))
        h = self.top(self.relu2(self.conv2(h))).flatten(1)
        return self.head(self.relu3(self.dense(h)))

    def literal(self) -> list[rescale.Layer]:
        conv1, conv2, dense, head = (
            [part.weight.detach().numpy(), part.bias.detach().numpy()]
            for part in (self.conv1, self.conv2, self.dense, self.head)
        )
        relu = rescale.ReLU()
        body = [rescale.Conv(*conv1), relu, rescale.MaxPool(2), rescale.Conv(*conv2), relu, rescale.MaxPool(11)]
        return [*body, rescale.Dense(*dense), relu, rescale.Dense(*head)]


class Functional(Modules):
    def forward(self, x: Tensor) -> Tensor:
        h = F.max_pool1d(torch.relu(self.conv1(x)), 2)
        return self.head(F.relu(self.dense(self.conv2(h).relu().amax(2))))


class InPlace(Modules):
    def forward(self, x: Tensor) -> Tensor:
        h = torch.max_pool1d(F.relu(self.conv1(x), inplace=True), 2)
        h = self.conv2(h)
        h.relu_()
        return self.head(torch.clamp(self.dense(h.max(-1).values), min=0))


class Reused(Modules):
    def forward(self, x: Tensor) -> Tensor:
        h = self.pool(self.relu(self.conv1(x)))
        h = F.adaptive_max_pool1d(self.relu(self.conv2(h)), 1).squeeze(2)
        return self.head(self.relu(self.dense(h)))


SPELLINGS = [Modules, Functional, InPlace, Reused]


class Squashed(nn.Module):
    """A network with a sigmoid inside whose scores go through ``last``."""

    def __init__(self, last) -> None:
        super().__init__()
        self.body, self.last = Modules(), last
        self.gate = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def logits(self, x: Tensor) -> Tensor:
        return self.body(x) * torch.sigmoid(self.gate) + torch.sigmoid(self.body(x)[:, :1])

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.logits(x))


class Logits(Squashed):
    def forward(self, x: Tensor) -> Tensor:
        return self.logits(x)


LASTS = {
    "module sigmoid": nn.Sigmoid(),
    "module softmax": nn.Softmax(1),
    "functional": lambda z: F.softmax(z, dim=-1),
    "method in place": lambda z: z.sigmoid_(),
    "log": lambda z: F.log_softmax(z, 1),
    "heads": lambda z: torch.cat([torch.sigmoid(z[:, :1]), torch.sigmoid(z[:, 1:])], 1),
    "view behind": lambda z: torch.softmax(z, 1)[:, [0, 1, 2]].unsqueeze(1).flatten(1),
}


def literal_mutagenesis(score, x: np.ndarray) -> np.ndarray:
    """f with each base at each position minus the mean of f over the four, (4, l), one by one."""
    effects = np.zeros_like(x)
    for position in range(x.shape[1]):
        scores = []
        for base in range(4):
            mutant = x.copy()
            mutant[:, position] = 0
            mutant[base, position] = 1
            scores.append(score(mutant))
        effects[:, position] = np.array(scores) - np.mean(scores)
    return effects
