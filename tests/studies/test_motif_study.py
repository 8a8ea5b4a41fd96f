"""The study at its small size: its tables against the measurements they are made of, and what it leaves out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from genoplrp import attribute
from genoplrp.errors import ModelError, OptionError, OutputError
from genoplrp.evaluate import auprc, rma
from genoplrp.models import MotifCNN
from genoplrp.motifs import INTERACTIONS
from genoplrp.studies.files import written
from genoplrp.studies.motifs import run
from genoplrp.studies.motifs.__main__ import main
from genoplrp.studies.motifs.design import FULL, SMALL, settings
from genoplrp.studies.motifs.figures import triptych
from genoplrp.studies.motifs.measure import measured
from genoplrp.studies.motifs.networks import CONTRASTS, accuracies, encoded, held_out, network
from genoplrp.studies.motifs.tables import difference_table, interaction_table, sweep_table, with_settings

SEEDS = (0, 1)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    paths = run(folder, small=True, seeds=SEEDS, progress=False)
    assert {path.name for path in paths} >= {
        "networks.csv", "sweep.csv", "interactions.csv", "differences.csv", "shares.png", "signs.png", "gains.png",
        "interactions.png",
    }  # fmt: skip
    assert all(path.stat().st_size for path in paths)
    return folder


@pytest.fixture(scope="module")
def parts(out):
    """All measurements, as they lie in the study's own files."""
    tables = []
    for filters in SMALL.filters:
        for seed in SEEDS:
            (path,) = (out / "parts").glob(f"filters{filters}_seed{seed}_*.csv.gz")
            tables.append(pd.read_csv(path).assign(filters=filters, seed=seed))
    return pd.concat(tables, ignore_index=True)


def test_a_pooled_mean_is_the_mean_of_the_networks_means(out, parts):
    table = pd.read_csv(out / "sweep.csv")
    assert len(table) == len(SMALL.filters) * len(settings(SMALL)) * 6
    for setting in settings(SMALL):
        own = parts[(parts["pruner"] == setting.name) & (parts["filters"] == 32)]
        wanted = own.groupby("seed")["gini"].mean().mean()
        keys = {"filters": 32, "method": setting.method, "rule": setting.rule, "signs": setting.signs,
                "amount": setting.amount, "metric": "gini"}  # fmt: skip
        row = table[np.logical_and.reduce([table[name] == value for name, value in keys.items()])]
        assert row["mean"].item() == pytest.approx(wanted, rel=1e-3)  # tables hold four digits
        assert row["n"].item() + row["undefined"].item() == len(own)
        assert row["low"].item() <= row["mean"].item() <= row["high"].item()


def test_differences_are_those_of_the_same_sequences(out, parts):
    table = pd.read_csv(out / "differences.csv")
    wide = parts[parts["filters"] == 4].pivot_table(
        index=["seed", "interaction", "sequence"], columns="pruner", values="gini"
    )
    for comparison, one, other in [
        ("PLRP-lambda - LRP", "PLRP-lambda both share 0.5", "LRP"),
        ("PLRP-lambda - PLRP-M", "PLRP-lambda both share 0.5", "PLRP-M both share 0.5"),
        ("PLRP-M - LRP", "PLRP-M both gain 1", "LRP"),
    ]:
        _, signs, rule, amount = one.split(" ")
        row = table[
            (table["comparison"] == comparison) & (table["filters"] == 4) & (table["interaction"] == "all")
            & (table["rule"] == rule) & (table["signs"] == signs) & (table["amount"] == float(amount))
            & (table["metric"] == "gini")
        ]  # fmt: skip
        wanted = (wide[one] - wide[other]).groupby("seed").mean().mean()
        assert row["mean"].item() == pytest.approx(wanted, rel=1e-2, abs=1e-5)


def test_only_true_positives_of_the_own_block_are_measured(out, parts):
    made = held_out(SMALL)
    for (filters, seed, name), part in parts.groupby(["filters", "seed", "interaction"]):
        model = network(out / "networks", SMALL, filters, seed, progress=False)
        index = made.interactions.index(name)
        rows = part["sequence"].unique()
        assert len(rows) <= SMALL.measured
        assert (rows // SMALL.block == index).all()
        assert (made.label(name)[rows] == 1).all()
        with torch.no_grad():
            assert (model(encoded(made)[rows].float())[:, index] > 0).all()


def test_measurements_are_those_of_the_attribution(out, parts):
    made, setting = held_out(SMALL), settings(SMALL)[4]
    model = network(out / "networks", SMALL, 4, 0, progress=False)
    part = parts[(parts["filters"] == 4) & (parts["seed"] == 0) & (parts["pruner"] == setting.name)]
    for row in part.itertuples():
        index = made.interactions.index(row.interaction)
        x = encoded(made)[row.sequence : row.sequence + 1]
        relevance = attribute(model, x, target=index, pruner=setting.pruner).per_base
        mask = made.mask(row.interaction)[row.sequence : row.sequence + 1]
        # Six digits are stored; batches of another size differ in the last of float32.
        assert row.rma == pytest.approx(rma(relevance, mask)[0], abs=1e-3)
        assert row.auprc == pytest.approx(auprc(relevance, mask)[0], abs=2e-2)


def test_the_command_run_again_trains_and_measures_nothing_and_gives_the_same(out, capsys):
    kept = [*(out / "networks").iterdir(), *(out / "parts").iterdir()]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept}
    tables = {path: path.read_bytes() for path in out.glob("*.csv")}
    main([str(out), "--small", "--seeds", *map(str, SEEDS)])
    assert str(out / "sweep.csv") in capsys.readouterr().out.splitlines()
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before} == before
    assert {path: path.read_bytes() for path in out.glob("*.csv")} == tables
    assert not list(out.glob(".*"))


def test_outside_its_contrast_a_label_follows_from_which_motifs_are_there():
    made = held_out(SMALL)
    for name, among in CONTRASTS.items():
        rows = made.label(among) == 1
        known = made.label("and") if name == "additive" else np.zeros(len(rows))
        np.testing.assert_array_equal(made.label(name)[~rows], known[~rows])
        assert 0 < made.label(name)[rows].mean() < 1


def test_accuracies_of_an_oracle_are_one():
    made = held_out(SMALL)

    class Oracle(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return torch.from_numpy(made.labels).float() * 2 - 1

    facts = accuracies(Oracle(), made, FULL)
    assert facts["learnt"].all()
    for column in ("accuracy", "auroc", "contrast_auroc"):
        assert (facts[column] == 1).all()


def test_a_network_that_calls_nothing_positive_is_not_measured_and_it_is_said(caplog):
    model = MotifCNN(SMALL.network(4), seed=0).eval()
    torch.nn.init.constant_(model.dense[-1].bias, -1e4)
    assert measured(model, held_out(SMALL), SMALL).empty
    assert [record.message.split(":")[0] for record in caplog.records] == list(INTERACTIONS)
    assert triptych(model, held_out(SMALL), "and") is None


def _measurements():
    """Two networks, two interactions, LRP and both methods; the second network did not learn ``or``."""
    rows = [
        (4, seed, interaction, sequence, setting.name, 0.1 * seed + 0.01 * sequence + (interaction == "or"))
        for seed in (0, 1)
        for interaction in ("and", "or")
        for sequence in range(3)
        for setting in settings(SMALL)
    ]
    table = pd.DataFrame(rows, columns=["filters", "seed", "interaction", "sequence", "pruner", "rma"])
    for name in ("gini", "entropy", "auprc", "recall", "kept"):
        table[name] = table["rma"]
    table["learnt"] = (table["interaction"] == "and") | (table["seed"] == 0)
    return with_settings(table, SMALL)


def test_what_was_not_learnt_is_left_out_of_the_pool_and_shown_apart():
    table = _measurements()
    pooled = sweep_table(table)
    first = pooled[(pooled["method"] == "LRP") & (pooled["metric"] == "rma")].iloc[0]
    # Network 0: (0.01 + 1.01) / 2; network 1: 0.11, its "and" alone.
    assert first["mean"] == pytest.approx((0.51 + 0.11) / 2)
    assert first["n"] == 9
    alone = interaction_table(table)
    lrp = alone[(alone["method"] == "LRP") & (alone["metric"] == "rma")].set_index(["interaction", "learnt"])["mean"]
    assert lrp.to_dict() == pytest.approx({("and", True): 0.06, ("or", True): 1.01, ("or", False): 1.11})
    assert (difference_table(table)["mean"] == 0).all()


def test_nothing_learnt_is_an_error_and_no_seed_too(tmp_path, monkeypatch):
    strict = replace(SMALL, filters=(4,), train=200, epochs=1, least_auroc=1.1)
    monkeypatch.setattr("genoplrp.studies.motifs.study.SMALL", strict)
    with pytest.raises(ModelError, match="no network learnt any interaction"):
        run(tmp_path, small=True, seeds=(0,), progress=False)
    with pytest.raises(OptionError, match="at least one seed"):
        run(tmp_path, small=True, seeds=())


def test_files_are_whole_or_not_there(tmp_path):
    def fails(path):
        path.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        written(tmp_path / "new" / "table.csv", fails)
    assert not list((tmp_path / "new").iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*table\.csv"):
        written(tmp_path / "file" / "table.csv", fails)
