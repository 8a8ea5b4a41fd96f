"""DeepLIFT's rescale rule written down literally for one sequence and one reference: loops, float64, no autograd.

A network is a list of layers. Multipliers m are those of Shrikumar, Greenside and Kundaje (2017): m_out * weight for
linear layers, m_out * delta out / delta in for ReLU, and for max-pool the change of the maximum handed to the entries
that held it: what it rose above the reference's to the winner in the sequence, what it fell to the winner in the
reference.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Conv:
    weight: np.ndarray  # (out, in, width)
    bias: np.ndarray

    def forward(self, x: np.ndarray) -> np.ndarray:
        out, _, width = self.weight.shape
        z = np.zeros((out, x.shape[1] - width + 1))
        for j in range(out):
            for p in range(z.shape[1]):
                z[j, p] = (self.weight[j] * x[:, p : p + width]).sum() + self.bias[j]
        return z

    def multipliers(self, x: np.ndarray, reference: np.ndarray, m: np.ndarray) -> np.ndarray:
        out, _, width = self.weight.shape
        found = np.zeros_like(x)
        for j in range(out):
            for p in range(m.shape[1]):
                found[:, p : p + width] += self.weight[j] * m[j, p]
        return found


@dataclass(frozen=True)
class Dense:
    weight: np.ndarray  # (out, in)
    bias: np.ndarray

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.weight @ x.ravel() + self.bias

    def multipliers(self, x: np.ndarray, reference: np.ndarray, m: np.ndarray) -> np.ndarray:
        return (self.weight.T @ m).reshape(x.shape)


class ReLU:
    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    def multipliers(self, x: np.ndarray, reference: np.ndarray, m: np.ndarray) -> np.ndarray:
        change = x - reference
        slope = np.where(x > 0, 1.0, 0.0)  # the gradient, where nothing changed
        moved = np.abs(change) > 1e-6
        slope[moved] = (self.forward(x) - self.forward(reference))[moved] / change[moved]
        return m * slope


@dataclass(frozen=True)
class MaxPool:
    width: int

    def windows(self, x: np.ndarray) -> list[tuple[int, int, slice]]:
        places = range(x.shape[1] // self.width)
        return [(c, p, slice(p * self.width, (p + 1) * self.width)) for c in range(len(x)) for p in places]

    def forward(self, x: np.ndarray) -> np.ndarray:
        z = np.zeros((len(x), x.shape[1] // self.width))
        for c, p, window in self.windows(x):
            z[c, p] = x[c, window].max()
        return z

    def multipliers(self, x: np.ndarray, reference: np.ndarray, m: np.ndarray) -> np.ndarray:
        contribution, found = np.zeros_like(x), np.zeros_like(x)
        for c, p, window in self.windows(x):
            here, there = x[c, window].max(), reference[c, window].max()
            contribution[c, window.start + x[c, window].argmax()] += m[c, p] * (max(here, there) - there)
            contribution[c, window.start + reference[c, window].argmax()] += m[c, p] * (here - max(here, there))
        change = x - reference
        moved = change != 0
        found[moved] = contribution[moved] / change[moved]
        for c, p, window in self.windows(x):  # where nothing changed, the gradient
            winner = window.start + x[c, window].argmax()
            if not moved[c, winner]:
                found[c, winner] = m[c, p]
        return found


Layer = Conv | Dense | ReLU | MaxPool


def run(layers: list[Layer], x: np.ndarray) -> list[np.ndarray]:
    """What each layer reads, and the output."""
    values = [x]
    for layer in layers:
        values.append(layer.forward(values[-1]))
    return values


def hypothetical(layers: list[Layer], x: np.ndarray, reference: np.ndarray, output: int) -> np.ndarray:
    """What each base would receive in the place of the reference's, (4, l), from one-hot x and reference (4, l)."""
    seen, unseen = run(layers, x), run(layers, reference)
    m = np.zeros_like(seen[-1])
    m[output] = 1
    for layer, here, there in zip(layers[::-1], seen[-2::-1], unseen[-2::-1], strict=True):
        m = layer.multipliers(here, there, m)
    imagined = np.zeros_like(x)
    for base in range(4):
        for position in range(x.shape[1]):
            imagined[base, position] = m[base, position] - (m[:, position] * reference[:, position]).sum()
    return imagined
