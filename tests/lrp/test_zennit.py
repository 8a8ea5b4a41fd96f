"""Plain sequential networks: the same maps as zennit 0.5.1, which shares no code and no approach with the engine."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from genoplrp.attribution import attribute
from genoplrp.lrp import NoPrune
from tests.lrp.networks import dna
from tests.lrp.pairs import assert_same

Peer = SimpleNamespace


def _epsilon(z: Peer) -> object:
    return z.composites.LayerMapComposite([*z.composites.layer_map_base(), (z.types.Linear, z.rules.Epsilon())])


def _genomic(z: Peer) -> object:
    layers = [(z.types.Convolution, z.rules.ZPlus()), (nn.Linear, z.rules.Epsilon())]
    return z.composites.SpecialFirstLayerMapComposite(
        [*z.composites.layer_map_base(), *layers], [(z.types.Linear, z.rules.ZBox(0.0, 1.0))]
    )


PEERS: dict[str, Callable[[Peer], object]] = {
    "epsilon": _epsilon,
    "epsilon-plus": lambda z: z.composites.EpsilonPlus(),
    "epsilon-plus-flat": lambda z: z.composites.EpsilonPlusFlat(),
    "epsilon-alpha2-beta1": lambda z: z.composites.EpsilonAlpha2Beta1(),
    "epsilon-gamma-box": lambda z: z.composites.EpsilonGammaBox(low=0.0, high=1.0),
    "genomic": _genomic,
}


def sequential(kind: str) -> nn.Sequential:
    """Three chains: the usual one, one with every option of a convolution, one with batch normalisation."""
    chains: dict[str, list[nn.Module]] = {
        "usual": [
            *(nn.Conv1d(4, 8, 7), nn.ReLU(), nn.MaxPool1d(3), nn.Conv1d(8, 6, 3), nn.ReLU(), nn.AvgPool1d(2)),
            *(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 2)),
        ],
        "geometry": [
            *(nn.Conv1d(4, 6, 4, stride=2, padding=3), nn.LeakyReLU(), nn.MaxPool1d(2, 1, 1)),
            *(nn.Conv1d(6, 6, 3, dilation=2, groups=3), nn.Tanh(), nn.AdaptiveAvgPool1d(2)),
            *(nn.Flatten(), nn.Linear(12, 2)),
        ],
        "normalised": [
            *(nn.Conv1d(4, 6, 5), nn.BatchNorm1d(6), nn.ReLU(), nn.Conv1d(6, 4, 3, padding=1), nn.BatchNorm1d(4)),
            *(nn.ReLU(), nn.MaxPool1d(4), nn.Flatten(), nn.Linear(24, 5), nn.ReLU(), nn.Linear(5, 2)),
        ],
    }
    model = nn.Sequential(*chains[kind]).double().eval()
    generator = torch.Generator().manual_seed(3)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            value = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            tensor.copy_(value.abs() + 0.5 if name.endswith("running_var") else value * 0.4)
    return model


def folded(model: nn.Sequential) -> nn.Sequential:
    """The chain with its normalisations folded by torch: zennit's own merging leaves a factor of sqrt(1 + eps)."""
    layers: list[nn.Module] = []
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


def peer_map(model: nn.Module, x: Tensor, composite: object) -> Tensor:
    """zennit's relevance (n, 4, l) of output 1."""
    leaf = x.clone().requires_grad_()
    with composite.context(model) as hooked:
        output = hooked(leaf)
        start = torch.zeros_like(output)
        start[:, 1] = output[:, 1].detach()
        (relevance,) = torch.autograd.grad(output, leaf, start)
    return relevance


@pytest.mark.parametrize("composite", PEERS)
@pytest.mark.parametrize("kind", ["usual", "geometry", "normalised"])
def test_sequential_network_matches_zennit(zennit: Peer, kind: str, composite: str) -> None:
    # The last sequence has Ns, which zennit takes for bases under the flat and box rules: left out.
    model, x = sequential(kind), dna(28, 4, samples=5)[:-1]
    result = attribute(model, x, target=1, composite=composite, pruner=NoPrune())
    assert_same(result.relevance, peer_map(folded(model), x, PEERS[composite](zennit)))
