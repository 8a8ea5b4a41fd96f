"""Small files in the form of the genomics_ood release: five tab-separated texts of simulated reads."""

import random
from pathlib import Path
from typing import NamedTuple

FILES = {
    "train": "before_2011_in_tr.txt",
    "validation": "between_2011-2016_in_val.txt",
    "test": "after_2016_in_test.txt",
    "validation_ood": "between_2011-2016_ood_val.txt",
    "test_ood": "after_2016_ood_test.txt",
}
# Some of each group's genera and their place among the 130 of the release's label_dict.json.
GENERA = {
    "in": {"Bacillus": 0, "Escherichia": 3, "Yersinia": 9},
    "validation_ood": {"Actinoplanes": 10, "Dyella": 30, "Terriglobus": 69},
    "test_ood": {"Actinoalloteichus": 70, "Gemmata": 90, "Tumebacillus": 129},
}


class Read(NamedTuple):
    """A row of a file."""

    seq: str
    label: str
    seq_info: str
    domain: str


def reads(split: str, n: int = 4) -> list[Read]:
    """The same rows for the same split, each with a sequence of its own."""
    rng = random.Random(split)
    genera = list(GENERA.get(split, GENERA["in"]))
    domain = "ood" if split in GENERA else "in"
    return [
        Read("".join(rng.choices("ACGT", k=250)), genera[i % 3], f"NC_{i:06}.1_{split}_{250 * i}", domain)
        for i in range(n)
    ]


def write_release(folder: Path, n: int = 4) -> Path:
    """The five files in `folder`, `n` reads each."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, name in FILES.items():
        rows = ["\t".join(row) for row in [Read._fields, *reads(split, n)]]
        (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
