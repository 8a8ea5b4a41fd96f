"""Files of a study: whole or not there."""

import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from genoplrp.errors import OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


def write_tables(out: Path, tables: "Mapping[str, DataFrame]", *, digits: int = 4) -> list[Path]:
    """Paths of the tables, ``NAME.csv`` in ``out``, numbers with so many significant digits."""
    return [
        written(out / f"{name}.csv", partial(table.to_csv, index=False, float_format=f"%.{digits}g"))
        for name, table in tables.items()
    ]


def write_figures(out: Path, figures: "Mapping[str, Figure]", *, dpi: int = 100) -> list[Path]:
    """Paths of the figures, ``NAME.png`` in ``out``, on white."""
    return [
        written(out / f"{name}.png", partial(figure.savefig, dpi=dpi, facecolor="white"))
        for name, figure in figures.items()
    ]


def written(path: Path, save: Callable[[Path], object]) -> Path:
    """The path, after `save` wrote it: aside in the same folder first, then renamed.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The whole name comes last, for what savers read from the suffixes, .csv.gz among them.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=f".{path.name}")
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
