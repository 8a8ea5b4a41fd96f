"""VGG-16 and ResNet-50 in torchvision's structure: parity with zennit and its canonizers, every composite and pruner.

Narrow (an eighth of the channels) and small (64 x 64), with seeded weights and statistics of batch norm. zennit gets
the same function with the batch norms' eps moved into the variance: otherwise its merging leaves each of them, now with
variance 1, a factor of 1 / sqrt(1 + eps).
"""

from collections.abc import Callable
from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genoplrp import Composite, NoPrune, PruneLambda, PruneM, SparsityGain, attribute, inspect_model
from genoplrp.lrp import Gamma, ZBox
from genoplrp.studies.images.networks import resnet50, vgg16
from tests.lrp.pairs import assert_same
from tests.lrp.test_zennit import PEERS, Peer, peer_map

NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "vgg16": (lambda: vgg16(classes=5, width=1 / 8), "VGGCanonizer"),
    "vgg16_bn": (lambda: vgg16(classes=5, width=1 / 8, batch_norm=True), "VGGCanonizer"),
    "resnet50": (lambda: resnet50(classes=5, width=1 / 8), "ResNetCanonizer"),
}
# Of torchvision's documentation; images in [0, 1] are normalised by them.
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).double(), torch.tensor([0.229, 0.224, 0.225]).double()
LOW, HIGH = (-MEAN / STD).tolist(), ((1 - MEAN) / STD).tolist()
PRUNERS = {
    "lambda": PruneLambda(0.2),
    "lambda by sign": PruneLambda((0.3, 0.1)),
    "lambda gain": PruneLambda(SparsityGain()),
    "M": PruneM(0.2),
    "M by sign": PruneM((0.3, 0.1)),
    "M gain": PruneM(SparsityGain(min_gain=1.5)),
}


@cache
def network(name: str) -> nn.Module:
    """In float64 with weights of He's size, so that no signal vanishes, and statistics far from 0 and 1."""
    model = NETWORKS[name][0]().double().eval()
    generator = torch.Generator().manual_seed(0)
    for key, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(_seeded(key, tensor, generator))
    return model


@cache
def without_eps(name: str) -> nn.Module:
    """The same function: eps of the batch norms is 0, and in their variance."""
    model = deepcopy(network(name))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var += module.eps
            module.eps = 0.0
    return model


def _seeded(key: str, tensor: Tensor, generator: torch.Generator) -> Tensor:
    normal = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    if tensor.ndim > 1:
        return normal * (2 / tensor[0].numel()) ** 0.5
    if key.endswith("running_var"):
        return normal.abs() + 0.5
    return 1 + 0.2 * normal if key.endswith("weight") else 0.1 * normal


def images(n: int = 2, size: int = 64) -> Tensor:
    """Smooth colours in [0, 1], (n, 3, size, size)."""
    coarse = torch.rand(n, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")


def peer(zennit: Peer, name: str, x: Tensor, composite: object) -> Tensor:
    composite.canonizers = [getattr(zennit.torchvision, NETWORKS[name][1])()]
    return peer_map(without_eps(name), x, composite)


@pytest.mark.parametrize("composite", PEERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_image_network_matches_zennit_with_its_canonizers(zennit: Peer, name: str, composite: str) -> None:
    x = images()
    result = attribute(network(name), x, target=1, composite=composite, pruner=NoPrune())
    assert_same(result.relevance, peer(zennit, name, x, PEERS[composite](zennit)))


@pytest.mark.parametrize("name", NETWORKS)
def test_normalised_image_with_bounds_by_colour_matches_zennit(zennit: Peer, name: str) -> None:
    x = (images() - MEAN[:, None, None]) / STD[:, None, None]
    low, high = (torch.tensor(bound, dtype=torch.float64).view(1, 3, 1, 1) for bound in (LOW, HIGH))
    box = Composite(conv=Gamma(0.25), first=ZBox(LOW, HIGH))
    result = attribute(network(name), x, target=1, composite=box, pruner=NoPrune())
    assert_same(result.relevance, peer(zennit, name, x, zennit.composites.EpsilonGammaBox(low=low, high=high)))


def test_zennit_without_its_canonizer_is_wrong_on_the_residual_additions(zennit: Peer) -> None:
    # Why users of zennit must know their network's family: plain autograd gives each summand all of the relevance.
    x = images()
    plain = peer_map(network("resnet50"), x, PEERS["epsilon"](zennit))
    ours = attribute(network("resnet50"), x, target=1, composite="epsilon", pruner=NoPrune())
    assert (plain.flatten(1).norm(dim=1) > 10 * ours.relevance.flatten(1).norm(dim=1)).all()


def test_lrp0_of_residual_network_is_gradient_times_input() -> None:
    x = images().requires_grad_()
    model = network("resnet50")
    (gradient,) = torch.autograd.grad(model(x)[:, 2].sum(), x)
    lrp0 = Composite.named("epsilon", epsilon=0.0)
    result = attribute(model, x.detach(), target=2, composite=lrp0, pruner=NoPrune())
    # The additions divide by sums that come close to 0: a few digits are lost on the way through fifty layers.
    assert_same(result.relevance, (gradient * x).detach(), rtol=1e-7)


@pytest.mark.parametrize("pruner", [NoPrune(), PruneLambda(0.2)])
@pytest.mark.parametrize("name", NETWORKS)
def test_with_references_the_map_adds_up_to_the_difference_of_scores(name: str, pruner: object) -> None:
    x, references = images(2, 32), images(4, 32).flip(2, 3).reshape(2, 2, 3, 32, 32)
    model = network(name)
    result = attribute(model, x, target=1, composite="epsilon", pruner=pruner, references=references)
    baseline = model(references.flatten(0, 1))[:, 1].reshape(2, 2).mean(1)
    difference = (model(x)[:, 1] - baseline).detach()
    torch.testing.assert_close(result.relevance.flatten(1).sum(1), difference, rtol=1e-8, atol=0)


@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("composite", PEERS)
@pytest.mark.parametrize("name", ["vgg16", "resnet50"])
def test_every_composite_and_pruner_accounts_for_all_relevance_image_by_image(
    name: str, composite: str, pruner: str
) -> None:
    x = images(2, 32)
    options = {"target": 1, "composite": composite, "pruner": PRUNERS[pruner]}
    together = attribute(network(name), x, batch_size=2, **options)
    alone = attribute(network(name), x, batch_size=1, **options)
    assert together.relevance.shape == x.shape and together.per_base.shape == (2, 32, 32)
    assert_same(together.relevance, alone.relevance, rtol=1e-8)
    rows = together.ledger.groupby("sample")
    moved = rows["received"].apply(lambda received: np.abs(received).max())  # what rounding is relative to
    missing = (together.output - together.relevance.flatten(1).sum(1)).numpy()
    assert (np.abs(rows["absorbed"].sum() - missing) <= 1e-9 * moved).all()
    pruned = together.ledger.dropna(subset="neurons_before")
    assert (pruned["neurons_after"] < pruned["neurons_before"]).any()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_call_has_a_rule_and_batch_norms_are_folded(name: str) -> None:
    report = inspect_model(network(name), images(1))
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in network(name).modules())
    assert report.table.loc[report.table["op"] != "batch_norm", "rule"].str.contains("folded in").sum() == norms
    assert not report.gaps


def test_parameter_names_are_those_of_torchvision() -> None:
    # Counts and names from torchvision's published state dicts: vgg16 has 138,357,544 parameters, resnet50 25,557,032.
    vgg, resnet = (dict(build().named_parameters()) for build in (lambda: meta(vgg16), lambda: meta(resnet50)))
    assert sum(p.numel() for p in vgg.values()) == 138_357_544
    assert sum(p.numel() for p in resnet.values()) == 25_557_032
    assert {"features.0.weight", "features.28.bias", "classifier.0.weight", "classifier.6.bias"} <= vgg.keys()
    assert {"conv1.weight", "layer1.0.downsample.0.weight", "layer4.2.bn3.bias", "fc.bias"} <= resnet.keys()


def meta(build: Callable[[], nn.Module]) -> nn.Module:
    """The network at full size without memory for its weights."""
    with torch.device("meta"):
        return build()
