"""The study from start to end: networks, measurements, tables, figures."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from genoplrp.errors import ModelError, OptionError
from genoplrp.models import MotifCNN
from genoplrp.motifs import MotifGrammar
from genoplrp.studies.files import written
from genoplrp.studies.motifs import figures
from genoplrp.studies.motifs.design import FULL, LRP, SMALL, Design
from genoplrp.studies.motifs.measure import measured
from genoplrp.studies.motifs.networks import accuracies, held_out, network
from genoplrp.studies.motifs.tables import difference_table, interaction_table, sweep_table, with_settings


def run(out: Path, *, small: bool = False, seeds: Sequence[int] = (0, 1, 2, 3, 4), progress: bool = True) -> list[Path]:
    """Paths of the tables (CSV) and figures (PNG) written to `out`.

    ``networks.csv``: what each network learnt, and how many sequences were measured. ``sweep.csv``: every pruner,
    pooled over the learnt interactions. ``interactions.csv``: each interaction by itself. ``differences.csv``: paired
    on the same sequences, PLRP minus LRP and PLRP-lambda minus PLRP-M. The last three have a row a group and metric
    with ``mean``, ``low``, ``high`` (95 % bootstrap over networks and sequences), ``n``, ``undefined``, ``networks``.

    Parameters
    ----------
    out
        Folder, made where it is not there. Trained networks and measurements lie in ``out/networks`` and ``out/parts``
        and are found again, so that a stopped run goes on. Each file appears whole.
    small
        The same at a size for tests.
    seeds
        A network of each number of filters is trained from each.
    progress
        Whether to show a bar on stderr, where that is a terminal.

    Raises
    ------
    ModelError
        ``out/networks`` holds a network that was made otherwise, or no network learnt anything.
    OptionError
        No seeds.
    OutputError
        A file cannot be written.
    """
    out, design = Path(out), SMALL if small else FULL
    if not seeds:
        raise OptionError("the study needs at least one seed")
    made = held_out(design)
    learnt, parts = [], []
    with _bar(len(seeds) * len(design.filters), progress) as advance:
        for seed in seeds:
            for filters in design.filters:
                model = network(out / "networks", design, filters, seed, progress=False)
                path = out / "parts" / f"filters{filters}_seed{seed}_{design.fingerprint()}.csv.gz"
                part = _measured_once(path, design, model, made)
                learnt.append(_facts(accuracies(model, made, design), part, filters, seed))
                parts.append(part.assign(filters=filters, seed=seed))
                advance()
    tables = _tables(pd.concat(learnt, ignore_index=True), pd.concat(parts, ignore_index=True), design)
    paths = [written(out / f"{name}.csv", partial(table.to_csv, index=False, float_format="%.4g"))
             for name, table in tables.items()]  # fmt: skip
    models = {each: network(out / "networks", design, each, seeds[0], progress=False) for each in design.filters}
    return paths + [written(out / f"{name}.png", partial(figure.savefig, dpi=90, facecolor="white"))
                    for name, figure in _figures(tables, models, made).items()]  # fmt: skip


def _measured_once(path: Path, design: Design, model: MotifCNN, made: MotifGrammar) -> pd.DataFrame:
    """Measurements of one network, from their file where it is there."""
    if not path.exists():
        table = measured(model, made, design)
        written(path, partial(table.to_csv, index=False, float_format="%.6g"))
    return pd.read_csv(path)


def _facts(learnt: pd.DataFrame, part: pd.DataFrame, filters: int, seed: int) -> pd.DataFrame:
    """What a network learnt, with the number of sequences measured."""
    counts = part[part["pruner"] == LRP].groupby("interaction").size()
    facts = learnt.assign(measured=learnt["interaction"].map(counts).fillna(0).astype(int))
    facts.insert(0, "filters", filters)
    facts.insert(1, "seed", seed)
    return facts


def _tables(learnt: pd.DataFrame, parts: pd.DataFrame, design: Design) -> dict[str, pd.DataFrame]:
    marks = learnt[["filters", "seed", "interaction", "learnt"]]
    table = with_settings(parts, design).merge(marks, on=["filters", "seed", "interaction"])
    if not table["learnt"].any():
        raise ModelError("no network learnt any interaction, so there is nothing to say: train on more sequences")
    return {
        "networks": learnt,
        "sweep": sweep_table(table),
        "interactions": interaction_table(table),
        "differences": difference_table(table),
    }


def _figures(tables: dict[str, pd.DataFrame], models: dict[int, MotifCNN], made: MotifGrammar) -> dict[str, Figure]:
    drawn: dict[str, Figure] = {
        "shares": figures.share_figure(tables["sweep"]),
        "signs": figures.sign_figure(tables["sweep"]),
        "gains": figures.gain_figure(tables["sweep"]),
        "interactions": figures.interaction_figure(tables["interactions"]),
    }
    for filters, model in models.items():
        for interaction in ("single", "and"):
            logos = figures.triptych(model, made, interaction)
            if logos is not None:
                drawn[f"logos_{interaction}_{filters}"] = logos
    return drawn


@contextmanager
def _bar(total: int, wanted: bool) -> Iterator[Callable[[], None]]:
    """A function that advances the bar by a network; it shows nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("networks trained and measured"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not (wanted and console.is_terminal)) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.update(task, advance=1)
