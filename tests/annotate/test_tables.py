"""Lines of the tables against literal ones."""

from math import isnan, nan
from pathlib import Path

import numpy as np

from genoplrp.annotate.explain import Explanation, Request, Scored
from genoplrp.annotate.hits import Hit
from genoplrp.annotate.quality import Quality
from genoplrp.annotate.tables import Tables
from genoplrp.sequence import Record, Window

LABELS = ("CTCF", "nan\tis a name")
NAMES = ("nan", "chr2:100-112(-)", "a\tb")


def written(folder: Path) -> dict[str, list[list[str]]]:
    """Fields of each table's lines but that of the columns' names."""
    return {
        path.name: [line.split("\t") for line in path.read_text().split("\n")[path.suffix == ".tsv" : -1]]
        for path in folder.iterdir()
    }


def explanation(index: int, label: int, called: bool) -> Explanation:
    scores = np.array([[1.5, -1e-9], [1234567.0, 0.1]], np.float32)
    scored = Scored(index, Record(NAMES[index], "ACGT" * 3), scores)
    return Explanation(scored, label, called, (Window(0, 12),), np.zeros((2, 12), np.float32), np.ones(12, dtype=bool))


def test_lines_of_a_group_are_those_of_each(tmp_path: Path) -> None:
    tables = Tables(tmp_path, LABELS, {"CTCF": "MA0139.1"})
    group = [explanation(0, 1, True), explanation(1, 0, True), explanation(1, 1, True), explanation(2, 0, False)]
    metrics = np.where(np.arange(40) % 7 == 0, nan, np.arange(40) / 3).reshape(4, 2, 5)
    bases = np.array([12, 11, 10, 9])
    hits = [[], [Hit(6, 9, "+", 0.25, 1.0, 2.0, 3.5), Hit(0, 4, ".", 0.5, nan, -1e7, nan)], []]
    requests: list[list[Request]] = [[group[0]], [group[1], group[2]], [group[3]]]
    tables.add_records(requests)
    tables.add_quality(group, Quality(metrics, bases, bases - 9))
    tables.add_hits(group[:3], hits)
    tables.add_quality([], Quality(metrics[:0], bases[:0], bases[:0]))
    tables.add_hits([], [])
    tables.close()
    found = written(tmp_path)
    facts = ["12", "2"]
    best = ["1.23457e+06", "0.1"]
    assert found["predictions.tsv"] == [
        ["nan", *facts, "nan is a name", "nan is a name", *best],
        ["chr2:100-112(-)", *facts, "CTCF,nan is a name", "CTCF", *best],
        ["a b", *facts, ".", "CTCF", *best],
    ]
    expected = []
    for k, one in enumerate(group):
        name, label = one.scored.record.name.replace("\t", " "), LABELS[one.label].replace("\t", " ")
        for m, method in enumerate(("LRP", "PLRP")):
            digits = ["NaN" if isnan(value) else f"{value:.6g}" for value in metrics[k, m].tolist()]
            called = "yes" if one.called else "no"
            expected.append([name, label, called, method, *digits, str(bases[k]), str(bases[k] - 9)])
    assert found["rma.tsv"] == expected
    place = "chr2:100-112(-)"
    assert found["hits.bed"] == [[place, "0", "4", "CTCF", "500", "."], [place, "6", "9", "CTCF", "250", "+"]]
    assert found["hits.genome.bed"] == [
        ["chr2", "108", "112", "CTCF", "500", "."],
        ["chr2", "103", "106", "CTCF", "250", "-"],
    ]
    assert found["hits.tsv"] == [
        [place, "0", "4", "CTCF", ".", ".", "0.5", "NaN", "-1e+07", "NaN", "1.23457e+06", "1"],
        [place, "6", "9", "CTCF", "MA0139.1", "+", "0.25", "1", "2", "3.5", "1.23457e+06", "1"],
    ]
