"""Sequences with motifs at known places, written without the package's own simulator."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

CTCF = "TGGCCACCAGGGGGCGCTA"
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


class Planted(NamedTuple):
    """A record and the one site in it, 0-based half-open."""

    name: str
    sequence: str
    start: int
    end: int
    strand: str


def planted(n: int, length: int, seed: int = 0) -> list[Planted]:
    """Records of random bases, each with the CTCF consensus once, on either strand."""
    rng = np.random.default_rng(seed)
    records = []
    for i in range(n):
        background = "".join(rng.choice(list("ACGT"), length))
        start = int(rng.integers(0, length - len(CTCF) + 1))
        strand = "+-"[int(rng.integers(2))]
        site = CTCF if strand == "+" else CTCF.translate(_COMPLEMENT)[::-1]
        sequence = background[:start] + site + background[start + len(site) :]
        records.append(Planted(f"peak_{i}", sequence, start, start + len(site), strand))
    return records


def write_fasta(path: Path, records: list[tuple[str, str]]) -> Path:
    """Write (name, sequence) pairs, lines wrapped."""
    lines = [f">{name}\n" + "\n".join(text[i : i + 50] for i in range(0, len(text), 50)) for name, text in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def planted_fasta(folder: Path, n: int = 40, length: int = 60) -> Path:
    """A FASTA file of `planted` records in a folder."""
    return write_fasta(folder / "in.fa", [(record.name, record.sequence) for record in planted(n, length)])
