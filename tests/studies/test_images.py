"""The image study: its images, its networks' files, its tables, and the whole of it at a size for tests."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from genoplrp.errors import ModelError, OptionError
from genoplrp.studies import images as study
from genoplrp.studies.images.measure import METRIC_NAMES, Setting, rank_accuracy
from genoplrp.studies.images.tables import Result, summary
from genoplrp.studies.images.task import make_images
from genoplrp.studies.images.training import accuracy, trained


def test_mask_is_exactly_the_digits_ink() -> None:
    images = make_images(30, part="report", seed=3)
    assert images.x.min() >= 0 and images.x.max() <= 1
    for x, mask, background in zip(images.x, images.mask, images.background, strict=True):
        ink = x[:, mask]  # (3, pixels)
        assert mask.any() and torch.equal(ink, ink[:, :1].expand_as(ink))
        painted = (background == ink[:, :1, None]).all(0)  # fragments in the same ink lie on the other background
        assert painted.any() and not (painted & mask).all()


def test_the_same_seed_gives_the_same_images_and_another_others() -> None:
    one, same, other = (make_images(4, part="train", seed=seed).x for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_digits_of_the_parts_are_different_scans() -> None:
    def shapes(part: str) -> set[bytes]:
        masks = make_images(300, part=part, seed=0).mask
        return {mask[mask.any(1)][:, mask.any(0)].numpy().tobytes() for mask in masks}

    # Two scans may look alike once they are strokes: a few, not most.
    assert len(shapes("train") & shapes("report")) < 10


def test_without_scikit_learn_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(OptionError, match=r"scikit-learn is not installed: pip install 'genoplrp\[images\]'"):
        make_images(1, part="train", seed=0)


def test_another_part_is_refused() -> None:
    with pytest.raises(OptionError, match="part must be one of train, choice, report"):
        make_images(1, part="validation", seed=0)


def test_rank_accuracy_is_the_mean_over_draws_among_ties() -> None:
    rng = np.random.default_rng(0)
    relevance = torch.from_numpy(rng.integers(0, 3, (6, 12)).astype(float))
    mask = torch.from_numpy(rng.random((6, 12)) < 0.4)
    mask[:, 0] = True
    draws = []
    for _ in range(4000):
        order = np.lexsort((rng.random((6, 12)), -relevance.numpy()), axis=1)
        hits = np.take_along_axis(mask.numpy(), order, 1)
        draws.append([row[: row.sum()].mean() for row in hits])
    # The standard deviation of one draw is below 0.5.
    np.testing.assert_allclose(rank_accuracy(relevance, mask), np.mean(draws, 0), atol=5 * 0.5 / 4000**0.5)


def test_rank_accuracy_of_an_empty_mask_is_undefined() -> None:
    assert np.isnan(rank_accuracy(torch.ones(1, 4), torch.zeros(1, 4, dtype=torch.bool))).all()


def test_a_network_is_found_again_and_one_made_otherwise_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "networks" / "VGG_0.safetensors"
    images = make_images(40, part="train", seed=0)
    one = trained(path, "VGG", lambda: images, seed=0, epochs=1, size=40)

    def never() -> None:
        raise AssertionError("the network was there already")

    two = trained(path, "VGG", never, seed=0, epochs=1, size=40)
    assert torch.equal(one(images.x), two(images.x)) and not two.training
    with pytest.raises(ModelError, match="made with epochs = '1', this study wants '2': delete the file"):
        trained(path, "VGG", never, seed=0, epochs=2, size=40)
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="damaged or not a safetensors file"):
        trained(path, "VGG", never, seed=0, epochs=1, size=40)


def test_summary_leaves_out_what_is_undefined_and_counts_it() -> None:
    metrics = ({"rma": np.array([0.5, np.nan, 0.7])}, {"rma": np.array([0.1, 0.3])})
    results = [
        Result("net", seed, np.arange(len(found["rma"])), (Setting("PLRP-M", 0.1, found, np.zeros((0, 0))),), 3)
        for seed, found in enumerate(metrics)
    ]
    (row,) = summary(results).to_dict("records")
    assert row["mean"] == pytest.approx((0.6 + 0.2) / 2)  # each network alike
    assert row["low"] <= row["mean"] <= row["high"]
    assert (row["explained"], row["undefined"]) == (5, 1)


def test_the_study_writes_every_setting_and_p_zero_is_one_method(tmp_path: Path) -> None:
    paths = study.run(tmp_path, small=True, seeds=(0,), progress=False)
    assert all(path.stat().st_size > 0 for path in paths) and not list(tmp_path.glob(".*"))
    tables = {path.stem: pd.read_csv(path) for path in paths if path.suffix == ".csv"}
    means = tables["summary"]
    assert len(means) == 2 * 2 * 3 * len(METRIC_NAMES) == len(means.drop_duplicates(list(means)[:4]))
    plain = means[means["p"] == 0].set_index(["network", "metric"])
    by_pruner = [plain[plain["pruner"] == name]["mean"] for name in ("PLRP-lambda", "PLRP-M")]
    pd.testing.assert_series_equal(*by_pruner)
    share = means[means["metric"].isin(["rma", "auprc", "rank_accuracy", "gini"])]["mean"]
    assert share.dropna().between(0, 1).all()
    gini = means[(means["metric"] == "gini") & (means["pruner"] == "PLRP-lambda")].pivot_table(
        values="mean", index="network", columns="p"
    )
    assert (gini[0.5] > gini[0.0]).all()  # pruning makes maps sparse
    assert {path.name for path in paths if path.suffix == ".png"} == {"metrics.png", "curves.png", "heatmaps.png"}


def test_accuracy_is_the_share_of_right_images() -> None:
    images = make_images(20, part="report", seed=0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 24 * 24, 10))
    with torch.no_grad():
        model[1].weight.zero_()
        model[1].bias.copy_(torch.eye(10)[4])
    assert accuracy(model, images) == (images.label == 4).double().mean()
