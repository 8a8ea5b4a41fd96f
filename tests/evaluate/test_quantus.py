"""Set alike, our numbers are those of Quantus 0.6.0 (LGPL; a peer in tests only)."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from genoplrp import NoPrune, attribute
from genoplrp.evaluate import deletion_curve, gini, local_lipschitz, noisy, parameter_randomisation, rma

pytestmark = pytest.mark.skipif(find_spec("quantus") is None, reason="make installs quantus 0.6.0")

QUIET = {"disable_warnings": True, "display_progressbar": False}
# What quantus (or zennit, which it imports) loads and does not need here.
NEEDLESS = ("torchvision", "torchvision.models", "torchvision.models.resnet", "cv2", "skimage", "skimage.segmentation")


@pytest.fixture(scope="module")
def quantus() -> Iterator[Any]:
    """Quantus, imported with stand-ins for what it never needs here."""
    modules = {name: ModuleType(name) for name in NEEDLESS}
    for name, module in modules.items():
        if "." in name:
            setattr(modules[name.rpartition(".")[0]], name.rpartition(".")[2], module)
    resnet = modules["torchvision.models.resnet"]
    resnet.Bottleneck, resnet.BasicBlock = (type(name, (nn.Module,), {}) for name in ("Bottleneck", "BasicBlock"))
    modules["skimage.segmentation"].slic = modules["skimage.segmentation"].felzenszwalb = None
    with pytest.MonkeyPatch.context() as patch:
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)
        import quantus

        yield quantus


def dna_network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv1d(4, 6, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(4), nn.Flatten(), nn.Linear(24, 3)]
    return nn.Sequential(*layers).double().eval()


def dna(n: int, length: int) -> torch.Tensor:
    codes = torch.randint(0, 4, (n, length), generator=torch.Generator().manual_seed(1))
    return nn.functional.one_hot(codes, 4).transpose(1, 2).double()


def image_network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)]
    return nn.Sequential(*layers).double().eval()


def images(n: int) -> torch.Tensor:
    return torch.rand(n, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def explained(model: nn.Module, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """LRP, one number a position."""
    return attribute(model, x, target=target, pruner=NoPrune(), composite="epsilon-plus").relevance.sum(1)


def for_quantus(model: nn.Module, inputs: np.ndarray, targets: np.ndarray, **_: Any) -> np.ndarray:
    """The same explanation in the signature that Quantus calls, channels kept."""
    x, target = torch.as_tensor(inputs).double(), torch.as_tensor(targets).long()
    return explained(model, x, target)[:, None].numpy()


@pytest.mark.parametrize("kind", ["image", "dna"])
def test_deletion_is_pixel_flipping(quantus: Any, kind: str) -> None:
    model, x, step = (image_network(), images(4), 1) if kind == "image" else (dna_network(), dna(4, 40), 4)
    model, x, target = model.float(), x.float(), torch.tensor([0, 1, 2, 1])  # theirs hands on float32
    model[-1].bias.data += 2  # positive scores
    relevance = torch.rand(4, *x.shape[2:], generator=torch.Generator().manual_seed(3)) - 0.5  # no ties
    # Quantus deletes entries; the four of a base have one relevance, so that four entries a step are one base.
    metric = quantus.PixelFlipping(features_in_step=step, perturb_baseline=0.0, normalise=False, **QUIET)
    theirs = metric(
        model, x.numpy(), target.numpy(), a_batch=relevance[:, None].numpy(), softmax=False, channel_first=True
    )
    positions = relevance[0].numel()
    ours = deletion_curve(model, x, relevance, target=target, fill="zero", shares=np.arange(positions + 1) / positions)
    # Theirs start behind the first deletion, and are scores rather than relative to the first one.
    np.testing.assert_allclose(ours.scores[:, 1:], theirs, rtol=1e-5)
    whole = np.hstack([ours.scores[:, :1], np.array(theirs)])
    area = (whole[:, 1:] + whole[:, :-1]).sum(1) / 2 / positions
    np.testing.assert_allclose(ours.auc, area / whole[:, 0], rtol=1e-5)


def test_lipschitz_is_theirs_on_the_same_neighbours(quantus: Any) -> None:
    model, x, target = image_network(), images(3), torch.tensor([0, 1, 2])
    perturbed = list(noisy(x, samples=6, scale=0.1, seed=2))
    queue = iter(perturbed)
    metric = quantus.LocalLipschitzEstimate(
        nr_samples=6, normalise=False, perturb_func=lambda arr, **_: next(queue).reshape(arr.shape).numpy(), **QUIET
    )
    theirs = metric(model, x.numpy(), target.numpy(), explain_func=for_quantus, channel_first=True)
    ours = local_lipschitz(lambda y: explained(model, y, target), x, perturbed, norm="none")
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_lipschitz_with_max_norm_is_theirs_one_input_at_a_time(quantus: Any) -> None:
    # Their normalisation divides by the largest value of the whole batch: alike for a batch of one only.
    model, x, target = image_network(), images(3), torch.tensor([0, 1, 2])
    for row in range(3):
        perturbed = list(noisy(x[[row]], samples=6, scale=0.1, seed=row))
        queue = iter(perturbed)
        metric = quantus.LocalLipschitzEstimate(
            nr_samples=6, normalise=True, perturb_func=lambda arr, q=queue, **_: next(q).reshape(arr.shape).numpy(),
            **QUIET,
        )  # fmt: skip
        theirs = metric(model, x[[row]].numpy(), target[[row]].numpy(), explain_func=for_quantus, channel_first=True)
        ours = local_lipschitz(lambda y, k=row: explained(model, y, target[[k]]), x[[row]], perturbed, norm="max")
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize(("theirs_order", "order"), [("top_down", "cascading"), ("independent", "independent")])
def test_randomisation_is_mprt(quantus: Any, theirs_order: str, order: str) -> None:
    model, x, target = dna_network(), dna(4, 40), torch.tensor([0, 1, 2, 1])

    def reset(module: nn.Module) -> None:
        torch.manual_seed(43)  # theirs: the seed plus one, for every layer alike
        module.reset_parameters()

    metric = quantus.MPRT(layer_order=theirs_order, seed=42, normalise=False, abs=True, **QUIET)
    with torch.random.fork_rng():
        theirs = metric(model, x.numpy(), target.numpy(), explain_func=for_quantus, channel_first=True)
    ours = parameter_randomisation(
        model, lambda net, y: explained(net, y, target), x, order=order, randomise=reset
    ).set_index("layer")["spearman"]
    # Independent layers go from the bottom in theirs.
    assert set(theirs) == {"original", "0", "4"}
    for layer in ("0", "4"):
        np.testing.assert_allclose(ours[layer], theirs[layer], rtol=1e-6)


def test_rma_is_relevance_mass_accuracy(quantus: Any) -> None:
    rng = np.random.default_rng(0)
    relevance, mask = rng.normal(size=(5, 40)), rng.random((5, 40)) < 0.3
    image, boxes = relevance[:, None], mask[:, None]
    for sign, absolute in (("signed", False), ("absolute", True)):
        metric = quantus.RelevanceMassAccuracy(abs=absolute, normalise=False, **QUIET)
        theirs = metric(None, image, np.zeros(5, int), a_batch=image.copy(), s_batch=boxes, channel_first=True)
        np.testing.assert_allclose(rma(relevance, mask, sign=sign), theirs, rtol=1e-10)


def test_gini_is_sparseness(quantus: Any) -> None:
    relevance = np.random.default_rng(0).normal(size=(5, 40))
    metric = quantus.Sparseness(normalise=False, abs=True, **QUIET)
    theirs = metric(None, relevance[:, None], np.zeros(5, int), a_batch=relevance[:, None].copy(), channel_first=True)
    np.testing.assert_allclose(gini(relevance), theirs, rtol=1e-6)  # theirs adds 1e-7 to every value
