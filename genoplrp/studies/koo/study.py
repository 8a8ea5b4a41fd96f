"""The study from start to end: data, networks, maps, tables, figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from genoplrp.models import auroc, predict
from genoplrp.studies.files import write_figures, write_tables, written
from genoplrp.studies.koo import figures, tables
from genoplrp.studies.koo.data import Part, data_facts, koo_data
from genoplrp.studies.koo.fitting import trained_koo
from genoplrp.studies.koo.measure import measured
from genoplrp.studies.koo.methods import Explainer, explainers
from genoplrp.studies.koo.networks import NETWORKS
from genoplrp.studies.koo.rules import rule_explainers
from genoplrp.studies.progress import bar


@dataclass(frozen=True)
class Size:
    """How much is simulated, trained and explained; the defaults are the paper's."""

    sequences: int = 20_000
    epochs: int = 100
    explained: int = 500
    for_rules: int = 50
    rules: int | None = None


SMALL = Size(sequences=200, epochs=1, explained=2, for_rules=2, rules=4)


def run(
    out: Path,
    *,
    small: bool = False,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    progress: bool = True,
    explained: int = 500,
) -> list[Path]:
    """Paths of the tables (CSV) and the figure (PNG) written to `out`.

    ``koo_networks.csv``: how good each trained network is. ``koo.csv``: mean metrics over the first test positives,
    a row a network, seed and method. ``koo_summary.csv``: the same over the seeds, with intervals.
    ``koo_published.csv``: AUROC beside the published. ``koo_rules.csv``: rules of LRP compared on validation positives,
    none of which is reported elsewhere. Trained networks lie in ``out/networks`` and scores by sequence in
    ``out/scores``; both are found again, so that a study that was stopped goes on.

    Parameters
    ----------
    out
        Folder, made where it is not there. Each file appears whole.
    small
        The same at a size for tests.
    seeds
        A network of each kind is trained from each.
    progress
        Whether to show a bar on stderr, where that is a terminal.
    explained
        How many test positives are explained: the paper's 500, or fewer where time is short; ``small`` takes 2.

    Raises
    ------
    ModelError
        ``out/networks`` holds a network that was made otherwise.
    OptionError
        captum or tangermeme is not installed: ``pip install "genoplrp[peers]"``.
    """
    out, size = Path(out), SMALL if small else Size(explained=explained)
    parts, rules_compared = koo_data(size.sequences), dict(islice(rule_explainers().items(), size.rules))
    facts: list[dict[str, Any]] = []
    scores: list[pd.DataFrame] = []
    rules: list[pd.DataFrame] = []
    with bar(len(NETWORKS) * len(seeds), "networks trained and explained", progress) as advance:
        for seed, name in product(seeds, NETWORKS):
            label = f"{name}_{seed}"
            path = out / "networks" / f"{label}.safetensors"
            model = trained_koo(path, name, parts, seed=seed, epochs=size.epochs, facts=data_facts(size.sequences))
            facts.append({"network": name, "seed": seed, **_quality(model, parts)})
            test, valid = parts["test"].positives(size.explained), parts["valid"].positives(size.for_rules)
            keys: dict[str, Any] = {"network": name, "seed": seed}
            of_test = out / "scores" / f"{label}_{size.explained}.csv"
            of_valid = out / "scores" / f"rules_{label}_{size.for_rules}.csv"
            scores.append(_scored(of_test, model, test, explainers()).assign(**keys))
            rules.append(_scored(of_valid, model, valid, rules_compared).assign(**keys))
            advance()
    every = pd.concat(scores, ignore_index=True)
    summarised = tables.summary(every)
    made = {
        "koo_networks": pd.DataFrame(facts),
        "koo": tables.by_network(every),
        "koo_summary": summarised,
        "koo_published": tables.beside_published(summarised),
        "koo_rules": tables.summary(pd.concat(rules, ignore_index=True)),
    }
    return [*write_tables(out, made, digits=5), *write_figures(out, {"koo": figures.koo_figure(summarised)}, dpi=110)]


def _quality(model: nn.Module, parts: dict[str, Part]) -> dict[str, float]:
    """AUROC of the predictions on the held-out parts."""
    found = {name: auroc(predict(model, parts[name].x.float()), parts[name].y) for name in ("valid", "test")}
    return {f"{name}_auroc": float(value) for name, value in found.items()}


def _scored(path: Path, model: nn.Module, part: Part, methods: dict[str, Explainer]) -> pd.DataFrame:
    """Scores by sequence, measured unless the file holds them; methods that it lacks are added."""
    found = pd.read_csv(path) if path.exists() else pd.DataFrame({"method": []})
    missing = {name: method for name, method in methods.items() if name not in set(found["method"])}
    if missing:
        new = measured(model, part, missing)
        every = pd.concat([found, new], ignore_index=True) if len(found) else new
        written(path, partial(every.to_csv, index=False, float_format="%.5g"))
        found = pd.read_csv(path)  # as a study that goes on reads it
    return pd.concat([found[found["method"] == name] for name in methods], ignore_index=True)
