"""The study from start to end: networks, measures, tables, figures."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from genoplrp.errors import OutputError
from genoplrp.studies.faithfulness import figures
from genoplrp.studies.faithfulness.measure import UNTIL, deletions, robustness, sanity
from genoplrp.studies.faithfulness.subjects import SMALL, Size, subjects
from genoplrp.studies.faithfulness.tables import summary
from genoplrp.studies.files import write_figures, write_tables
from genoplrp.studies.progress import bar

METHOD = ("network", "method", "p")
_AREAS = {f"auc_{share:g}": f"{share:g}" for share in UNTIL}
_NOT_SHARES = [*_AREAS, "sequence", "network", "seed", "method", "p", "fill", "first", "floor"]


def run(out: Path, *, small: bool = False, seeds: Sequence[int] = (0, 1, 2, 3, 4), progress: bool = True) -> list[Path]:
    """Paths of the tables (CSV) and figures (PNG) written to `out`.

    ``deletion.csv`` (AUC), ``deletion_curves.csv``, ``lipschitz.csv`` and ``randomisation.csv`` have a row a network,
    method and p: ``mean``, ``low``, ``high`` (95 % bootstrap over sequences, and over networks where there are
    several), ``difference_*`` (the same, paired, from LRP), ``n``, ``undefined`` and ``networks``. ``networks.csv``
    says how good the networks are. Trained networks lie in ``out/networks`` and are found again.

    Parameters
    ----------
    out
        Folder, made where it is not there. Each file appears whole.
    small
        The same at a size for tests.
    seeds
        A network is trained from each.
    progress
        Whether to show a bar on stderr, where that is a terminal.

    Raises
    ------
    ModelError
        ``out/networks`` holds a network that was made otherwise.
    OutputError
        The folder cannot be made, or a file cannot be written.
    """
    out, size = Path(out), SMALL if small else Size()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error}") from error
    facts: list[dict[str, Any]] = []
    deleted: list[pd.DataFrame] = []
    moved: list[pd.DataFrame] = []
    checked: list[pd.DataFrame] = []
    with bar(len(seeds) + 1, "networks measured", progress) as advance:
        for subject in subjects(out / "networks", size, seeds):
            facts.append({"network": subject.network, "seed": subject.seed, **subject.facts})
            deleted += deletions(subject, size)
            moved += robustness(subject, size)
            checked += sanity(subject, size)
            advance()
    tables = {
        "networks": pd.DataFrame(facts),
        **_deletion_tables(pd.concat(deleted, ignore_index=True)),
        "lipschitz": _each(pd.concat(moved, ignore_index=True), ("unit", "max"), "norm", METHOD),
        "randomisation": _each(
            pd.concat(checked, ignore_index=True),
            ("spearman", "pearson"),
            "measure",
            (*METHOD, "order", "step", "layer"),
        ),
    }
    return [*write_tables(out, tables, digits=6), *write_figures(out, _figures(tables), dpi=160)]


def _deletion_tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    by = (*METHOD, "fill", "first", "floor")
    kept = frame[(frame["fill"] == "shuffle") & (frame["first"] == "most")]
    parts = []
    for _, own in kept.groupby("network", sort=False):
        # Sequences of different lengths reach different shares.
        reached = own.dropna(axis="columns", how="all").columns.difference(_NOT_SHARES)
        parts.append(_each(own, sorted(reached, key=float), "share", by))
    curves = pd.concat(parts, ignore_index=True)
    areas = _each(frame, _AREAS, "until", by).replace({"until": _AREAS}).astype({"until": float})
    return {"deletion": areas, "deletion_curves": curves.astype({"share": float})}


def _each(frame: pd.DataFrame, values: Iterable[str], name: str, by: Sequence[str]) -> pd.DataFrame:
    """Summaries of several columns under each other, told apart by the column `name`."""
    parts = []
    for value in values:
        part = summary(frame, value, by)
        part.insert(len(by), name, value)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _figures(tables: dict[str, pd.DataFrame]) -> dict[str, Figure]:
    return {
        "deletion_curves": figures.curves_figure(tables["deletion_curves"]),
        "deletion_auc": figures.auc_figure(tables["deletion"]),
        "lipschitz": figures.lipschitz_figure(tables["lipschitz"]),
        "randomisation": figures.sanity_figure(tables["randomisation"]),
    }
