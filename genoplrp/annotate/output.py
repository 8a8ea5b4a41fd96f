"""The folder that a run writes: it appears whole or not at all, and never at the cost of somebody's files."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genoplrp.errors import OutputError

PARAMS = "params.json"
PROGRAM = "genoplrp"
STORE = "attributions.zarr"

_IGNORED = frozenset({".DS_Store", "Thumbs.db"})  # file browsers leave these wherever somebody looks


def check_output(out: Path, overwrite: bool) -> None:
    """Raise unless a run may write `out`.

    Free are a path that does not exist and an empty folder. The folder of an earlier run is replaced with `overwrite`,
    provided that it holds only what that run wrote. Anything else is refused whatever `overwrite` says.

    Raises
    ------
    OutputError
        Says what is in the way and how to go on.
    """
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir():
        raise OutputError(f"{out} is there and is no folder; choose another output folder.")
    try:
        entries = [entry for entry in out.iterdir() if entry.name not in _IGNORED]
    except OSError as error:
        raise OutputError(f"{out}: the folder cannot be read ({error.strerror}); choose another one.") from error
    if os.path.ismount(out):
        raise OutputError(f"{out} is a mount point and cannot be replaced; name a folder inside it.")
    if not entries:
        return
    listed = _listed_files(out)
    if listed is None:
        raise OutputError(
            f"{out} holds files that are not from genoplrp ({entries[0].name} for one) and is left alone; "
            "choose a new or empty folder."
        )
    if not overwrite:
        raise OutputError(
            f"{out} holds the results of another run; choose another folder, or replace it (--overwrite)."
        )
    if added := sorted(_present_files(out) - listed):
        raise OutputError(
            f"{out} holds files that the earlier run did not write: {', '.join(added[:3])}"
            f"{' and more' if added[3:] else ''}. Move them away before overwriting, or choose another folder."
        )


@contextmanager
def output_folder(out: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Context in which a temporary folder beside `out` is filled; on leaving it takes the place of `out`.

    When the body raises, the temporary folder is removed and `out` is as it was. When the process is killed, `out` is
    as it was too; a hidden ``.NAME.part-*`` folder beside it may stay behind and can be deleted.

    Raises
    ------
    OutputError
        If `out` may not be written (see `check_output`) or its parent cannot be.
    """
    target = Path(out).resolve()
    check_output(target, overwrite)
    token = f"{target.name}.part-{secrets.token_hex(4)}"
    part = target.parent / f".{token}"
    try:
        part.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror}: {error.filename}).") from error
    try:
        yield part
        check_output(target, overwrite)  # somebody may have put files there since
        _take_place(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def leftovers(out: str | Path) -> list[Path]:
    """Temporary folders that killed runs (or runs still going) left beside `out`."""
    return _hidden_beside(Path(out).resolve(), "part")


def set_aside(out: str | Path) -> list[Path]:
    """Earlier results that a run killed between its two renames left beside `out`."""
    return _hidden_beside(Path(out).resolve(), "old")


def _hidden_beside(target: Path, kind: str) -> list[Path]:
    return sorted(target.parent.glob(f".{target.name}.{kind}-*")) if target.parent.is_dir() else []


def write_params(folder: Path, params: dict[str, Any]) -> None:
    """Write ``params.json``: `params`, the program's name, and the files of `folder`; the last file a run writes."""
    files = sorted(_present_files(folder) | {PARAMS})
    body = {"program": PROGRAM, **params, "files": files}
    (folder / PARAMS).write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def _take_place(part: Path, target: Path) -> None:
    """Rename `part` to `target`; a folder that is there steps aside first, so that no mixture is ever visible."""
    try:
        if not target.exists():
            part.rename(target)
            return
        aside = part.with_name(part.name.replace(".part-", ".old-"))
        target.rename(aside)
        try:
            part.rename(target)
        except OSError:
            aside.rename(target)
            raise
    except OSError as error:
        raise OutputError(f"{target}: the finished results cannot be put there ({error.strerror}).") from error
    shutil.rmtree(aside)


def _listed_files(out: Path) -> set[str] | None:
    """What the earlier run wrote according to its params.json; None if no run of ours wrote the folder."""
    try:
        params = json.loads((out / PARAMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(params, dict) or params.get("program") != PROGRAM:
        return None
    files = params.get("files")
    return {name for name in files if isinstance(name, str)} if isinstance(files, list) else set()


def _present_files(folder: Path) -> set[str]:
    """Files of `folder`, relative, with the array store as one entry."""
    found = set()
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if relative.parts[0] == STORE:
            found.add(STORE)
        elif path.is_file() and path.name not in _IGNORED:
            found.add(relative.as_posix())
    return found
