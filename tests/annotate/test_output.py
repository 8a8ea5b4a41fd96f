"""The output folder: whole or absent, and never at the cost of somebody's files."""

import os
from pathlib import Path

import pytest

from genoplrp.annotate.output import leftovers, output_folder, set_aside, write_params
from genoplrp.errors import OutputError


def run_once(out: Path, text: str = "one", *, overwrite: bool = False) -> None:
    with output_folder(out, overwrite=overwrite) as folder:
        (folder / "hits.bed").write_text(text)
        (folder / "logos").mkdir()
        (folder / "logos" / "a.png").write_text("png")
        write_params(folder, {"version": "0"})


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folder_appears_when_the_body_is_done_and_not_before(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with output_folder(out) as folder:
        (folder / "hits.bed").write_text("x")
        assert not out.exists()
    assert (out / "hits.bed").read_text() == "x"
    assert entries(tmp_path / "deep") == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_exception_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), output_folder(tmp_path / "out") as folder:
        (folder / "hits.bed").write_text("x")
        raise error
    assert entries(tmp_path) == []


def test_exception_while_overwriting_keeps_the_earlier_results(tmp_path: Path) -> None:
    run_once(tmp_path / "out")
    with pytest.raises(ValueError, match="stop"), output_folder(tmp_path / "out", overwrite=True):
        raise ValueError("stop")
    assert (tmp_path / "out" / "hits.bed").read_text() == "one"
    assert entries(tmp_path) == ["out"]


def test_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    run_once(tmp_path / "out")
    assert (tmp_path / "out" / "hits.bed").exists()


def test_results_of_another_run_are_kept_unless_told(tmp_path: Path) -> None:
    run_once(tmp_path / "out")
    with pytest.raises(OutputError, match=r"holds the results of another run; .*--overwrite"):
        run_once(tmp_path / "out", "two")
    run_once(tmp_path / "out", "two", overwrite=True)
    assert (tmp_path / "out" / "hits.bed").read_text() == "two"
    assert entries(tmp_path) == ["out"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_of_somebody_else_is_always_refused(tmp_path: Path, overwrite: bool) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.tex").write_text("years of work")
    (out / "params.json").write_text('{"program": "another"}')
    with pytest.raises(OutputError, match="holds files that are not from genoplrp"):
        run_once(out, overwrite=overwrite)
    assert (out / "chapter1.tex").read_text() == "years of work"


@pytest.mark.parametrize("name", ["notes.txt", "logos/mine.png"])
def test_file_added_to_earlier_results_stops_overwriting(tmp_path: Path, name: str) -> None:
    run_once(tmp_path / "out")
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(OutputError, match=f"did not write: {name}. Move them away"):
        run_once(tmp_path / "out", "two", overwrite=True)
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_file_put_there_during_the_run_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(OutputError, match="not from genoplrp"), output_folder(out):
        out.mkdir()
        (out / "mine.txt").write_text("mine")
    assert entries(out) == ["mine.txt"]


def test_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="is there and is no folder"):
        run_once(tmp_path / "out", overwrite=True)


def test_parent_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        run_once(tmp_path / "file" / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_parent_without_permission_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OutputError, match=r"cannot be written \(Permission denied"):
        run_once(tmp_path / "locked" / "out")


def test_folder_has_the_rights_of_any_new_folder(tmp_path: Path) -> None:
    run_once(tmp_path / "out")
    (tmp_path / "other").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_leftovers_of_killed_runs_are_found(tmp_path: Path) -> None:
    (tmp_path / ".out.part-0123").mkdir()
    (tmp_path / ".outer.part-0123").mkdir()
    assert [path.name for path in leftovers(tmp_path / "out")] == [".out.part-0123"]


def test_earlier_results_set_aside_by_a_killed_run_are_told_from_rubbish(tmp_path: Path) -> None:
    (tmp_path / ".out.old-0123").mkdir()
    assert leftovers(tmp_path / "out") == []
    assert [path.name for path in set_aside(tmp_path / "out")] == [".out.old-0123"]


def test_earlier_results_come_back_when_the_new_ones_cannot_be_put_there(tmp_path: Path, monkeypatch) -> None:
    """The second of the two renames fails: OUT must be as it was, not hidden beside itself."""
    out = tmp_path / "out"
    run_once(out)
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if Path(target) == out and ".part-" in self.name:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OutputError, match="cannot be put there"):
        run_once(out, "two", overwrite=True)
    assert (out / "hits.bed").read_text() == "one"
    assert entries(tmp_path) == ["out"]


def test_mount_points_are_refused_before_any_work(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    with pytest.raises(OutputError, match="is a mount point"), output_folder(tmp_path / "out"):
        pytest.fail("the body must not run")


@pytest.mark.parametrize("files", ["null", '[["a"]]', '"hits.bed"'])
def test_damaged_list_of_files_refuses_rather_than_fails(tmp_path: Path, files: str) -> None:
    out = tmp_path / "out"
    run_once(out)
    (out / "params.json").write_text(f'{{"program": "genoplrp", "files": {files}}}')
    with pytest.raises(OutputError, match="did not write"), output_folder(out, overwrite=True):
        pytest.fail("the body must not run")
