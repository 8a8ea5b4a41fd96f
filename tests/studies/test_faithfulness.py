"""The faithfulness study at its small size: files, counts, and laws that tie the tables together."""

import numpy as np
import pandas as pd
import pytest

from genoplrp.errors import ModelError, OutputError
from genoplrp.studies.faithfulness import run
from genoplrp.studies.faithfulness.subjects import SMALL
from genoplrp.studies.faithfulness.tables import summary

TABLES = {"networks", "deletion", "deletion_curves", "lipschitz", "randomisation"}
FIGURES = {"deletion_curves", "deletion_auc", "lipschitz", "randomisation"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("faithfulness")
    written = run(out, small=True, seeds=(0, 1), progress=False)
    assert {path.name for path in written} == {f"{name}.csv" for name in TABLES} | {f"{name}.png" for name in FIGURES}
    return out


def table(folder, name):
    return pd.read_csv(folder / f"{name}.csv")


def test_files_are_whole_and_nothing_is_left_beside_them(folder):
    files = [path for path in folder.iterdir() if path.is_file()]
    assert len(files) == len(TABLES) + len(FIGURES)
    assert all(path.stat().st_size > 100 for path in files)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["deletion", "deletion_curves", "lipschitz", "randomisation"])
def test_every_mean_has_its_interval_and_its_counts(folder, name):
    rows = table(folder, name)
    assert ((rows["low"] <= rows["mean"] + 1e-6) & (rows["mean"] <= rows["high"] + 1e-6)).all()
    explained = table(folder, "networks").groupby("network")["explained"].sum()
    most = rows["network"].map(explained) if name == "deletion_curves" else SMALL.explained * rows["networks"]
    assert (rows["n"] + rows["undefined"] <= most).all()
    assert set(rows["networks"]) == {1, 2}
    lrp = rows[rows["method"] == "LRP"]
    assert (lrp[["difference_mean", "difference_low", "difference_high"]] == 0).all(axis=None)


def test_auc_is_the_area_under_the_mean_curve(folder):
    auc, curves = table(folder, "deletion"), table(folder, "deletion_curves")
    auc = auc[(auc["fill"] == "shuffle") & (auc["first"] == "most") & (auc["until"] == 1)].fillna({"p": -1})
    curves = curves.fillna({"p": -1})
    for _, row in auc.iterrows():
        alike = (curves[["network", "method", "p", "floor"]] == row[["network", "method", "p", "floor"]]).all(axis=1)
        curve = curves[alike]
        assert curve["share"].tolist()[:: len(curve) - 1] == [0, 1]
        assert curve["mean"].iloc[0] == 1
        # Six digits are written.
        assert np.trapezoid(curve["mean"], curve["share"]) == pytest.approx(row["mean"], abs=1e-5)


def test_relevant_bases_carry_the_score_of_the_shipped_network(folder):
    auc = table(folder, "deletion")
    auc = auc[(auc["network"] == "vertebrate20") & (auc["fill"] == "shuffle") & (auc["floor"] == "deleted")]
    auc = auc[auc["until"] == 0.2]
    own = auc.set_index(["method", "first"])
    assert own.loc[("random order", "most"), "difference_low"].item() > 0
    assert own.loc[("LRP", "most"), "high"].item() < own.loc[("LRP", "least"), "low"].item()


def test_unchanged_parameters_give_the_same_map(folder):
    rows = table(folder, "randomisation")
    start = rows[(rows["step"] == 0) & (rows["layer"] == "(none)")]
    np.testing.assert_allclose(start["mean"], 1, atol=1e-6)
    assert set(rows["order"]) == {"cascading", "independent", "chance"}


def test_a_folder_of_another_size_is_refused_before_anything_is_computed(folder):
    with pytest.raises(ModelError, match=r"simulated_seed0.safetensors holds a network made with .*choose another"):
        run(folder, small=False, seeds=(0,), progress=False)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot make the folder"):
        run(tmp_path / "file", small=True, seeds=(0,), progress=False)


def test_summary_pairs_with_lrp_and_counts_what_is_undefined():
    rows = [("LRP", 0.0, [[1, 2], [3, np.nan]]), ("PLRP-M", 0.1, [[2, 4], [np.nan, 8]])]
    frame = pd.DataFrame(
        {"method": name, "p": p, "seed": seed, "sequence": sequence, "value": value, "fill": "zero"}
        for name, p, values in rows
        for seed, row in enumerate(values)
        for sequence, value in enumerate(row)
    )
    found = summary(frame, "value", ("method", "p", "fill")).set_index("method")
    # Networks count alike: (1.5 + 3) / 2 and (3 + 8) / 2; pairs exist in the first network alone: (1 + 2) / 2.
    assert found["mean"].to_dict() == {"LRP": 2.25, "PLRP-M": 5.5}
    assert found["difference_mean"].to_dict() == {"LRP": 0, "PLRP-M": 1.5}
    assert found["n"].tolist() == [3, 3]
    assert found["undefined"].tolist() == [1, 1]
    assert found["networks"].tolist() == [2, 2]
