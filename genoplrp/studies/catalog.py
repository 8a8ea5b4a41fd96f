"""The studies by name, and groups of them."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from genoplrp.errors import OptionError

STUDIES: Mapping[str, str] = MappingProxyType(
    {
        "motifs": "simulated motif interactions, 4 and 32 filters: metrics over p (paper, figures 5 and 8)",
        "koo": "a published task with exact truth, beside the published figures and the methods people know",
        "faithfulness": "deletion curves, robustness, parameter randomisation over p (paper, figures 3 and 7)",
        "defaults": "which rules, how much pruning, how many references: nine kinds of network",
        "images": "small image networks with exact masks (paper, figures 2 to 4, 6 and 7)",
    }
)
"""Name -> what it is; each is `genoplrp.studies.NAME` with a function ``run``."""

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"dna": ("motifs", "koo", "faithfulness", "defaults"), **{name: (name,) for name in STUDIES}}
)
"""What can be asked for: a study, or ``"dna"``, all of those on DNA."""


def run_studies(
    group: str, out: Path, *, small: bool = False, seeds: Sequence[int] = (0, 1, 2, 3, 4), progress: bool = True
) -> list[Path]:
    """Paths of the tables and figures of a study or a group, each study in a folder of its own in ``out``.

    A stopped run goes on: networks and scores that are there are found again. Networks that two studies have in common
    are trained once.

    Parameters
    ----------
    group
        A key of `GROUPS`.
    out
        Folder, made where it is not there.
    small
        The same at a size that shows that it runs, and nothing else.
    seeds
        A network of each kind is trained from each.
    progress
        Whether to show bars on stderr, where that is a terminal.

    Raises
    ------
    OptionError
        No study of that name, no seeds, or a package that a study needs is not installed.
    ModelError, OutputError
        ``out`` holds a network that was made otherwise, or cannot be written.
    """
    if group not in GROUPS:
        raise OptionError(f"there is no study {group!r}; choose one of {', '.join(GROUPS)}")
    if not seeds or min(seeds) < 0:
        raise OptionError(f"seeds must be whole numbers from 0 on, at least one; got {tuple(seeds)}")
    paths: list[Path] = []
    for name in GROUPS[group]:
        run = import_module(f"genoplrp.studies.{name}").run
        shared = {"motifs": out / "motifs", "koo": out / "koo"} if name == "defaults" else {}
        paths += run(out / name, small=small, seeds=tuple(seeds), progress=progress, **shared)
    return paths
