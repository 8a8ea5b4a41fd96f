"""The script for photographs and pretrained weights, on three made-up photographs and a stand-in for the network."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from genoplrp.errors import ModelError, OptionError
from genoplrp.lrp import ZBox
from genoplrp.studies.images import figures, pretrained
from genoplrp.studies.images.networks import vgg16

SIZES = {"a": (300, 260), "b": (240, 400), "c[1]": (256, 256)}  # width, height


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few maps in the figure: photographs of 224 x 224 take their time."""
    monkeypatch.setattr(figures, "SHOWN", (0.0, 0.1))


def stub() -> nn.Module:
    torch.manual_seed(0)
    return vgg16(classes=5, width=1 / 32)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Photographs of a light ellipse on noise, as JPEG, and their masks, as PNG; and a file that is no photograph."""
    rng = np.random.default_rng(0)
    photographs, masks = tmp_path / "images", tmp_path / "masks"
    photographs.mkdir()
    masks.mkdir()
    (photographs / "readme.txt").write_text("not a photograph")
    for name, (width, height) in SIZES.items():
        rows, columns = np.mgrid[:height, :width]
        inside = ((rows / height - 0.5) / 0.3) ** 2 + ((columns / width - 0.5) / 0.25) ** 2 < 1
        pixels = rng.integers(0, 80, (height, width, 3)) + 170 * inside[..., None]
        Image.fromarray(pixels.astype(np.uint8)).save(photographs / f"{name}.jpg")
        Image.fromarray((255 * inside).astype(np.uint8)).save(masks / f"{name}.png")
    return photographs, masks


def test_mask_is_cropped_as_its_photograph(folders: tuple[Path, Path]) -> None:
    for name in SIZES:
        x = pretrained.read_photograph(folders[0] / f"{name}.jpg")
        mask = pretrained.read_mask(folders[1] / f"{name}.png")
        assert x.shape == (3, 224, 224) and mask.shape == (224, 224)
        light = pretrained.denormalised(x[None])[0].mean(0) > 0.5
        assert (light == mask).float().mean() > 0.98  # but for the edge, which resizing and JPEG blur


def test_photographs_are_normalised_within_the_bounds_of_the_box() -> None:
    box = pretrained.image_composite("epsilon-gamma-box").first
    assert isinstance(box, ZBox)
    black, white = (pretrained.denormalised(torch.tensor(bound).view(1, 3, 1, 1)) for bound in (box.low, box.high))
    torch.testing.assert_close(black, torch.zeros(1, 3, 1, 1))
    torch.testing.assert_close(white, torch.ones(1, 3, 1, 1))
    assert pretrained.image_composite("epsilon-plus").first is None


def test_tables_name_every_photograph_and_figures_are_drawn(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    paths = pretrained.run(out, *folders, build=stub, limit=2, shares=(0.1,))
    assert {path.name for path in paths} == {"images.csv", "summary.csv", "metrics.png", "heatmaps.png"}
    table = pd.read_csv(out / "images.csv")
    assert table["file"].unique().tolist() == ["a.jpg", "b.jpg"]
    assert table[["rma", "auprc", "rank_accuracy", "gini", "entropy"]].notna().all(axis=None)


def test_faithfulness_adds_deletion_and_lipschitz(folders: tuple[Path, Path], tmp_path: Path) -> None:
    paths = pretrained.run(tmp_path / "out", *folders, build=stub, limit=1, shares=(0.1,), faithfulness=True)
    assert {"curves.csv", "curves.png"} <= {path.name for path in paths}
    assert {"deletion_auc", "lipschitz"} <= set(pd.read_csv(tmp_path / "out" / "summary.csv")["metric"])


def test_without_masks_what_needs_them_is_undefined_and_counted(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pretrained.run(tmp_path / "out", folders[0], build=stub, limit=1, shares=(0.1,))
    means = pd.read_csv(tmp_path / "out" / "summary.csv").set_index("metric")
    assert means.loc["rma", "mean"].isna().all() and (means.loc["rma", "undefined"] == 1).all()
    assert means.loc["gini", "mean"].notna().all()


def test_a_photograph_without_a_mask_is_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[1] / "b.png").unlink()
    with pytest.raises(OptionError, match=r"b\.jpg has no mask of the same stem in"):
        pretrained.run(tmp_path / "out", *folders, build=stub)


def test_a_folder_without_photographs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"holds no photographs \(\.bmp, \.jpeg"):
        pretrained.run(tmp_path / "out", tmp_path, build=stub)


def test_without_torchvision_the_ways_out_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(OptionError, match=r"pip install torchvision, or give a state dict with --weights"):
        pretrained.from_torchvision("resnet50")


def test_a_state_dict_is_loaded_and_a_foreign_one_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pretrained.NETWORKS, "vgg16", lambda: vgg16(classes=5, width=1 / 32))
    model = stub()
    torch.save(model.state_dict(), tmp_path / "vgg16.pth")
    loaded = pretrained.from_state_dict("vgg16", tmp_path / "vgg16.pth")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters(), strict=True))
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match="does not hold the weights of torchvision's vgg16"):
        pretrained.from_state_dict("vgg16", tmp_path / "other.pth")
    with pytest.raises(OptionError, match="--weights needs --network vgg16 or resnet50; got 'alexnet'"):
        pretrained.from_state_dict("alexnet", tmp_path / "vgg16.pth")
