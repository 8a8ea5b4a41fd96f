"""The study from start to end: networks, scores, tables, figure."""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import pandas as pd

from genoplrp.errors import OptionError
from genoplrp.studies.defaults import figures, tables
from genoplrp.studies.defaults.measure import amounts_found, measured
from genoplrp.studies.defaults.subjects import FULL_SIZE, SMALL_SIZE, Folders, subjects
from genoplrp.studies.files import write_figures, write_tables, written
from genoplrp.studies.progress import bar

COMPARED = [
    ("genomic", 0, "both", 0.0), ("genomic", 0, "both", 0.1), ("genomic", 0, "positive", 0.1),
    ("genomic", 5, "both", 0.0), ("genomic", 5, "both", 0.1), ("genomic", 5, "positive", 0.1),
    ("epsilon-gamma-box", 0, "both", 0.1), ("epsilon-gamma-box", 5, "both", 0.1), ("box-gamma.1", 5, "both", 0.1),
    ("box-zplus", 5, "both", 0.1), ("epsilon", 5, "both", 0.0), ("epsilon", 5, "both", 0.1),
]  # fmt: skip
"""The choices that are reported with intervals: the default, its neighbours, and DeepLIFT's Rescale."""


def run(
    out: Path,
    *,
    small: bool = False,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    progress: bool = True,
    motifs: Path | None = None,
    koo: Path | None = None,
) -> list[Path]:
    """Paths of the tables (CSV) and the figure (PNG) written to `out`.

    ``defaults.csv``: every choice of rules, references and p, means over networks, on the sequences to choose by and
    on those reported. ``defaults_networks.csv``: the same network by network. ``defaults_chosen.csv``: the default and
    its neighbours with 95 % intervals. ``defaults_auto.csv``: the amounts that ``"auto"`` finds beside the best fixed
    ones. Trained networks lie in ``out/networks``, scores in ``out/scores``; both are found again.

    Parameters
    ----------
    out
        Folder, made where it is not there. Each file appears whole.
    small
        The same at a size for tests.
    seeds
        A network of each kind is trained from each; of Koo's kinds from the first two.
    progress
        Whether to show a bar on stderr, where that is a terminal.
    motifs, koo
        Folders of the motif and the Koo study, whose networks are taken from there; by default beside the own ones.

    Raises
    ------
    ModelError
        A folder of networks holds one that was made otherwise.
    OptionError
        No seeds.
    """
    if not seeds:
        raise OptionError("the study needs at least one seed")
    out, size = Path(out), SMALL_SIZE if small else FULL_SIZE
    folders = Folders(*(Path(folder or out) / "networks" for folder in (out, motifs, koo)))
    made = subjects(folders, size, seeds)
    scores, found = [], []
    with bar(len(made), "networks measured", progress) as advance:
        for network, seed, make in made:
            subject = cache(make)
            path = out / "scores" / f"{network.replace(' ', '-')}_{seed}.csv"
            auto = path.with_name(f"auto_{path.name}")
            if not path.exists():
                written(path, partial(measured(subject()).to_csv, index=False, float_format="%.5g"))
            if not auto.exists():
                written(auto, partial(amounts_found(subject()).to_csv, index=False))
            scores.append(pd.read_csv(path).assign(network=network, seed=seed))
            amounts = pd.read_csv(auto)[["composite", "auto"]].drop_duplicates()
            found.append(amounts.assign(network=network, seed=seed))
            advance()
    every = pd.concat(scores, ignore_index=True)
    by_network = tables.by_network(every)
    results = {
        "defaults": tables.over_networks(by_network),
        "defaults_networks": by_network,
        "defaults_chosen": tables.chosen(every, COMPARED),
        "defaults_auto": tables.amounts(every, pd.concat(found, ignore_index=True)),
    }
    figure = figures.amounts_figure(by_network, results["defaults_auto"])
    return [*write_tables(out, results), *write_figures(out, {"defaults": figure}, dpi=110)]
