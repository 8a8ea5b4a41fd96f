"""The study's networks: trained once, a file each, found again, and never mistaken for one made otherwise."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genoplrp.errors import ModelError
from genoplrp.models import predict, train
from genoplrp.studies.files import written
from genoplrp.studies.images.networks import small_resnet, small_vgg
from genoplrp.studies.images.task import Images
from genoplrp.studies.networks import check_made_with

NETWORKS: Mapping[str, Callable[[], nn.Module]] = {"VGG": small_vgg, "ResNet": small_resnet}


def trained(path: Path, network: str, images: Callable[[], Images], *, seed: int, epochs: int, size: int) -> nn.Module:
    """The network of this file in eval mode, trained and saved first where the file is not there.

    Parameters
    ----------
    path
        ``NAME.safetensors``; how it was made stands in the file's own header.
    network
        A name of `NETWORKS`.
    images
        Called only if the network has to be trained.
    seed
        Of the initial weights and of the training.
    epochs, size
        Passes over the images, and how many images there are.

    Raises
    ------
    ModelError
        The file holds a network made otherwise; the message says which fact differs.
    """
    facts = {"network": network, "seed": str(seed), "epochs": str(epochs), "images": str(size)}
    if not path.exists():
        made = _train(NETWORKS[network], images(), seed, epochs)
        written(path, lambda aside: save_file(made.state_dict(), aside, metadata=facts))
    _check_same(path, facts)
    model = NETWORKS[network]()
    model.load_state_dict(load_file(path))
    return model.eval()


def accuracy(model: nn.Module, images: Images) -> float:
    """Share of the images that the network calls right."""
    return float((predict(model, images.x).argmax(1) == images.label).double().mean())


def _train(build: Callable[[], nn.Module], images: Images, seed: int, epochs: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
    truth = nn.functional.one_hot(images.label, 10).float()
    train(
        model, images.x, truth, epochs=epochs, batch_size=32, lr=3e-3, weight_decay=1e-3, patience=epochs, seed=seed,
        reverse_complement=False, loss=_cross_entropy, progress=False,
    )  # fmt: skip
    return model


def _cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, truth)


def _check_same(path: Path, facts: Mapping[str, str]) -> None:
    try:
        with safe_open(path, framework="pt") as file:
            found = file.metadata() or {}
    except SafetensorError as error:
        raise ModelError(f"{path} is damaged or not a safetensors file: {error}") from error
    check_made_with(path, found, facts)
