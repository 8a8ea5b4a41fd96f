"""``genoplrp evaluate``: which studies there are, and what it says when it cannot run one."""

from importlib import import_module
from inspect import signature

import pytest
from typer.testing import CliRunner

from genoplrp.cli.app import app
from genoplrp.errors import OptionError
from genoplrp.studies.catalog import GROUPS, STUDIES, run_studies


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_the_one_signature(name):
    parameters = signature(import_module(f"genoplrp.studies.{name}").run).parameters
    assert list(parameters)[:4] == ["out", "small", "seeds", "progress"]
    assert parameters["seeds"].default == (0, 1, 2, 3, 4)


def test_a_study_is_run_with_what_was_asked_for(tmp_path, monkeypatch):
    asked = []

    def fake(out, **options):
        asked.append((out, options))
        return [out / "table.csv"]

    for name in STUDIES:
        monkeypatch.setattr(import_module(f"genoplrp.studies.{name}"), "run", fake)
    result = run("dna", "-o", tmp_path, "--small", "--seed", 3, "--seed", 5)
    assert result.exit_code == 0
    assert result.stdout.split() == [str(tmp_path / name / "table.csv") for name in GROUPS["dna"]]
    assert [out.name for out, _ in asked] == ["motifs", "koo", "faithfulness", "defaults"]
    assert all((options["small"], options["seeds"]) == (True, (3, 5)) for _, options in asked)
    assert (asked[-1][1]["motifs"], asked[-1][1]["koo"]) == (tmp_path / "motifs", tmp_path / "koo")


def test_a_study_that_is_not_there_is_refused_with_the_names_of_those_that_are(tmp_path):
    result = run("genes", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "there is no study 'genes'; choose one of dna, motifs, koo" in result.stderr
    assert not (tmp_path / "out").exists()
    with pytest.raises(OptionError):
        run_studies("genes", tmp_path)


def test_the_help_names_every_study():
    text = run("--help").stdout
    assert all(name in text for name in GROUPS)
