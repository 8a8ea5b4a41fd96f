"""The paper's image study for those who have its data: photographs with masks, and torchvision's pretrained weights.

    python -m genoplrp.studies.images.pretrained OUT --images DIR [--masks DIR] [--network resnet50] [--weights FILE]

``--images`` holds photographs (ECSSD's ``images``, or ImageNet validation images), ``--masks`` one mask for each with
the same stem (ECSSD's ``ground_truth_mask``), not black where the object is. ``--weights`` is a state dict that
torchvision published or you saved; without it torchvision is imported and fetches its default weights. The class that
the network predicts is explained.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from genoplrp.errors import ModelError, OptionError
from genoplrp.lrp import Composite, ZBox
from genoplrp.models import predict
from genoplrp.models.weights import read_torch
from genoplrp.studies.images import figures
from genoplrp.studies.images.measure import COMPOSITE, SHARES, Effort, Setting, sweep
from genoplrp.studies.images.networks import resnet50, vgg16
from genoplrp.studies.images.tables import Result, curves, each_image, summary, write_all
from genoplrp.studies.images.task import Images

if TYPE_CHECKING:
    from PIL import Image

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""By which torchvision's networks want images in [0, 1] normalised, a number a colour."""
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
NETWORKS: dict[str, Callable[[], nn.Module]] = {"vgg16": vgg16, "resnet50": resnet50}
_SIZE = 224
_RESIZED = 256
_BATCH = 8
_SHOWN = 6


def run(
    out: Path,
    images: Path,
    masks: Path | None = None,
    *,
    network: str = "vgg16",
    build: Callable[[], nn.Module] | None = None,
    composite: str = COMPOSITE,
    limit: int | None = None,
    faithfulness: bool = False,
    shares: Sequence[float] = SHARES,
    device: str = "cpu",
) -> list[Path]:
    """Paths of the tables and figures written to `out`: as `genoplrp.studies.images.run`, for one network.

    Parameters
    ----------
    out
        Folder, made where it is not there.
    images, masks
        Folders of photographs, and of masks with the same stems; without masks RMA, AUPRC and rank accuracy are
        undefined.
    network
        What tables and figures call it.
    build
        Makes the network; None: torchvision's of this name with its default weights.
    composite
        Name of the rules; a zbox gets the bounds that normalisation makes, a pair a colour.
    limit
        The first so many photographs, by name; None: all.
    faithfulness
        Whether to measure deletion and the local Lipschitz estimate too: some ten times the time.
    shares
        Values of p; 0, which is LRP, is always among them.
    device
        Where to compute.

    Raises
    ------
    OptionError
        No photographs, a photograph without a mask, or torchvision is wanted and not installed.
    """
    paths = _photographs(Path(images))[:limit]
    model = (build or (lambda: from_torchvision(network)))().eval().to(device)
    shares = (0.0, *sorted(set(shares) - {0.0}))
    effort = Effort(neighbours=4 * faithfulness, noise=0.1, draws=int(faithfulness), shares=shares)
    rules = image_composite(composite)
    parts = [
        list(sweep(model, _explained(model, batch, masks, device), effort, composite=rules))
        for batch in _batches(paths)
    ]
    result = Result(network, 0, np.arange(len(paths)), tuple(_joined(parts)), len(paths))
    tables = {"images": each_image([result]), "summary": summary([result])}
    tables["images"].insert(3, "file", [paths[i].name for i in tables["images"]["image"]])
    shown = _explained(model, paths[:_SHOWN], masks, device)
    drawn = {
        "metrics": figures.metrics_figure(tables["summary"]),
        "heatmaps": figures.heatmaps_figure(
            {network: model}, shown, count=_SHOWN, composite=rules, shown=lambda x: denormalised(x.cpu())
        ),
    }
    if faithfulness:
        tables["curves"] = curves([result])
        drawn["curves"] = figures.curves_figure(tables["curves"])
    return write_all(Path(out), tables, drawn)


def image_composite(name: str) -> Composite:
    """The named composite; a zbox on the first layer gets the bounds of normalised images, a pair a colour.

    Examples
    --------
    >>> image_composite("epsilon-gamma-box").first.low[0]  # (0 - 0.485) / 0.229
    -2.1179039301310043
    """
    composite = Composite.named(name)
    if not isinstance(composite.first, ZBox):
        return composite
    low = tuple(-mean / std for mean, std in zip(MEAN, STD, strict=True))
    high = tuple((1 - mean) / std for mean, std in zip(MEAN, STD, strict=True))
    return replace(composite, first=ZBox(low, high))


def denormalised(x: Tensor) -> Tensor:
    """Images in [0, 1] from normalised ones, (n, 3, h, w)."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (x * std + mean).clamp(0, 1)


def from_torchvision(name: str) -> nn.Module:
    """torchvision's network with its default weights, which it fetches."""
    try:
        from torchvision.models import get_model
    except ImportError as error:
        raise OptionError(
            f"torchvision's weights of {name} are wanted and torchvision is not installed: pip install torchvision, or "
            "give a state dict with --weights"
        ) from error
    return get_model(name, weights="DEFAULT")  # type: ignore[no-any-return]


def from_state_dict(name: str, path: Path) -> nn.Module:
    """Our network of torchvision's structure with the weights of a state dict (``.pth``); torchvision is not needed."""
    if name not in NETWORKS:
        raise OptionError(f"--weights needs --network {' or '.join(NETWORKS)}; got {name!r}")
    model = NETWORKS[name]()
    try:
        model.load_state_dict(read_torch(path, trust=False))
    except RuntimeError as error:
        raise ModelError(f"{path} does not hold the weights of torchvision's {name}: {error}") from error
    return model


def read_photograph(path: Path) -> Tensor:
    """A photograph as torchvision's networks want it, (3, 224, 224): shorter side 256, centre, normalised."""
    from PIL import Image

    with Image.open(path) as file:
        pixels = np.asarray(_cropped(file.convert("RGB"), Image.Resampling.BILINEAR), dtype=np.float32) / 255
    mean, std = (np.array(values, dtype=np.float32) for values in (MEAN, STD))
    return torch.from_numpy((pixels - mean) / std).permute(2, 0, 1).contiguous()


def read_mask(path: Path) -> Tensor:
    """A mask, cropped as its photograph, (224, 224) bool: True where it is lighter than half."""
    from PIL import Image

    with Image.open(path) as file:
        pixels = np.asarray(_cropped(file.convert("L"), Image.Resampling.NEAREST))
    return torch.from_numpy(pixels > 127)


def _cropped(image: "Image.Image", resampling: "Image.Resampling") -> "Image.Image":
    scale = _RESIZED / min(image.size)
    width, height = (max(_RESIZED, round(side * scale)) for side in image.size)
    left, top = (width - _SIZE) // 2, (height - _SIZE) // 2
    return image.resize((width, height), resampling).crop((left, top, left + _SIZE, top + _SIZE))


def _photographs(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise OptionError(f"{folder} holds no photographs ({', '.join(sorted(SUFFIXES))})")
    return found


def _batches(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for first in range(0, len(paths), _BATCH):
        yield paths[first : first + _BATCH]


def _explained(model: nn.Module, paths: Sequence[Path], masks: Path | None, device: str) -> Images:
    """Photographs with the class that the network predicts; deleted pixels get the photograph's mean colour."""
    x = torch.stack([read_photograph(path) for path in paths]).to(device)
    mask = torch.stack([_mask_of(path, masks) for path in paths])
    mean = x.mean((2, 3), keepdim=True).expand_as(x)
    return Images(x, predict(model, x).argmax(1), mask, mean)


def _mask_of(photograph: Path, masks: Path | None) -> Tensor:
    if masks is None:
        return torch.zeros(_SIZE, _SIZE, dtype=torch.bool)
    found = [path for path in Path(masks).iterdir() if path.stem == photograph.stem and path.suffix.lower() in SUFFIXES]
    if not found:
        raise OptionError(f"{photograph.name} has no mask of the same stem in {masks}")
    return read_mask(found[0])


def _joined(parts: Sequence[Sequence[Setting]]) -> Iterator[Setting]:
    """The settings of all batches, each over all images."""
    for same in zip(*parts, strict=True):
        metrics = {name: np.concatenate([part.metrics[name] for part in same]) for name in same[0].metrics}
        yield Setting(same[0].pruner, same[0].p, metrics, np.concatenate([part.curves for part in same]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study and print what was written."""
    parser = argparse.ArgumentParser(prog="python -m genoplrp.studies.images.pretrained", description=run.__doc__)
    parser.add_argument("out", type=Path, help="folder of tables and figures")
    parser.add_argument("--images", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--masks", type=Path, help="folder of masks with the same stems")
    parser.add_argument("--network", default="vgg16", help="vgg16, resnet50, or another of torchvision's")
    parser.add_argument("--weights", type=Path, help="state dict (.pth) of vgg16 or resnet50; else torchvision fetches")
    parser.add_argument("--composite", default=COMPOSITE, help="the rules")
    parser.add_argument("--limit", type=int, help="the first so many photographs")
    parser.add_argument("--faithfulness", action="store_true", help="deletion and Lipschitz too")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="values of p")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    options = vars(parser.parse_args(arguments))
    out, weights = options.pop("out"), options.pop("weights")
    build = None if weights is None else lambda: from_state_dict(options["network"], weights)
    for path in run(out, build=build, **options):
        print(path)


if __name__ == "__main__":
    main()
