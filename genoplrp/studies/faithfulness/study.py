"""The study from start to end: networks, measures, tables, figures."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from genoplrp.errors import OutputError
from genoplrp.studies.faithfulness import figures
from genoplrp.studies.faithfulness.measure import UNTIL, deletions, robustness, sanity
from genoplrp.studies.faithfulness.subjects import SMALL, Size, Subject, subjects
from genoplrp.studies.faithfulness.tables import summary

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
    with _bar(len(seeds) + 1, progress) as advance:
        for subject in subjects(out / "networks", size, seeds):
            facts.append({"network": subject.network, "seed": subject.seed, **subject.facts})
            deleted += deletions(subject, size)
            moved += robustness(subject, size)
            checked += sanity(subject, size)
            advance(_name(subject))
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
    return [*_write_tables(out, tables), *_write_figures(out, tables)]


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


def _write_tables(out: Path, tables: dict[str, pd.DataFrame]) -> list[Path]:
    return [
        _write(out / f"{name}.csv", partial(table.to_csv, index=False, float_format="%.6g"))
        for name, table in tables.items()
    ]


def _write_figures(out: Path, tables: dict[str, pd.DataFrame]) -> list[Path]:
    drawn = {
        "deletion_curves": figures.curves_figure(tables["deletion_curves"]),
        "deletion_auc": figures.auc_figure(tables["deletion"]),
        "lipschitz": figures.lipschitz_figure(tables["lipschitz"]),
        "randomisation": figures.sanity_figure(tables["randomisation"]),
    }
    return [
        _write(out / f"{name}.png", partial(figure.savefig, dpi=160, facecolor="white"))
        for name, figure in drawn.items()
    ]


def _write(path: Path, save: Callable[[Path], object]) -> Path:
    """Write aside in the same folder, then rename: a reader sees the old file or the whole new one."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
        os.close(handle)
        aside = Path(name)
        try:
            save(aside)
            aside.chmod(0o644)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    return path


def _name(subject: Subject) -> str:
    return f"{subject.network}, seed {subject.seed}"


@contextmanager
def _bar(total: int, wanted: bool) -> Iterator[Callable[[str], None]]:
    """A function that advances the bar by a network; it shows nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("faithfulness"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, disable=not (wanted and console.is_terminal)) as bar:
        task = bar.add_task("", total=total)
        yield lambda name: bar.update(task, advance=1, description=f"measured {name}")
