"""Files of a study: whole or not there."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from genoplrp.errors import OutputError


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
