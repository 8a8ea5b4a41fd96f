"""What Koo and Ploenzke (2021) published for task 3, and their methods by their own definitions.

Their maps explain the probability (behind the sigmoid) and are multiplied by the one-hot sequence; three of the four
differ from what goes by the same name elsewhere, so that both stand in the tables.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

SALIENCY, ISM, IG, DEEPSHAP = "saliency", "ISM", "IG", "DeepSHAP"
AUROC = {
    "local-relu": {SALIENCY: (0.7710, 0.0132), ISM: (0.8084, 0.0215), IG: (0.7800, 0.0097), DEEPSHAP: (0.8098, 0.0148)},
    "local-exp": {SALIENCY: (0.8271, 0.0191), ISM: (0.8871, 0.0159), IG: (0.8203, 0.0157), DEEPSHAP: (0.8367, 0.0174)},
    "dist-relu": {SALIENCY: (0.7300, 0.0443), ISM: (0.8940, 0.0106), IG: (0.7706, 0.0354), DEEPSHAP: (0.8161, 0.0192)},
    "dist-exp": {SALIENCY: (0.8035, 0.1149), ISM: (0.9077, 0.0224), IG: (0.7986, 0.1129), DEEPSHAP: (0.8354, 0.0631)},
}
"""Network -> method -> mean and standard deviation, over ten trained networks, of the mean per-sequence AUROC."""

REFERENCES, STEPS = 10, 20
_VARIANTS = 1000


def saliency(model: nn.Module, x: Tensor) -> Tensor:
    """Gradient of the probability times input, (n, l)."""
    return torch.cat([(_gradient(model, part) * part).sum(1) for part in torch.split(x, _VARIANTS)])


def mutagenesis(model: nn.Module, x: Tensor) -> Tensor:
    """Length of the vector of changes of the probability by the four possible bases, (n, l); it has no sign."""
    return torch.stack([_changes(model, sequence).norm(dim=0) for sequence in x])


def integrated_gradients(model: nn.Module, x: Tensor, *, seed: int = 0) -> Tensor:
    """Gradient of the probability, averaged over 20 steps from each of 10 shuffles, times input, (n, l).

    The shuffles keep the bases only, the steps stop one short of the sequence, and what is multiplied is the sequence,
    not its difference from the shuffle.
    """
    rng = np.random.default_rng(seed)
    return torch.stack([(_path_gradient(model, sequence, rng) * sequence).sum(0) for sequence in x])


def _gradient(model: nn.Module, x: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        gradient: Tensor = torch.autograd.grad(model(leaf).sigmoid().sum(), leaf)[0]
    return gradient


def _path_gradient(model: nn.Module, sequence: Tensor, rng: np.random.Generator) -> Tensor:
    length = sequence.shape[1]
    shuffles = torch.stack([sequence[:, rng.permutation(length)] for _ in range(REFERENCES)])  # (r, 4, l)
    share = torch.arange(STEPS).view(-1, 1, 1, 1) / STEPS
    points = shuffles + (sequence - shuffles) * share  # (steps, r, 4, l)
    return _gradient(model, points.flatten(0, 1)).mean(0)


def _changes(model: nn.Module, sequence: Tensor) -> Tensor:
    """Probability with each base at each position minus the sequence's own, (4, l)."""
    length = sequence.shape[1]
    with torch.no_grad():
        own = model(sequence[None]).sigmoid()
        scores = torch.cat([model(part).sigmoid() for part in _mutants(sequence)])
    changes: Tensor = (scores - own).view(4, length)
    return changes


def _mutants(sequence: Tensor) -> Iterator[Tensor]:
    """For each base in turn, the l sequences that have it at one position, (l, 4, l)."""
    length = sequence.shape[1]
    diagonal = torch.arange(length)
    for base in range(4):
        mutated = sequence.repeat(length, 1, 1)
        mutated[diagonal, :, diagonal] = torch.eye(4)[base]
        yield mutated


DEFINITIONS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    SALIENCY: saliency,
    ISM: mutagenesis,
    IG: integrated_gradients,
}
"""Their DeepSHAP is the shap package's; ours, tangermeme's, stands for it."""
