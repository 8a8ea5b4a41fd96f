"""The data set of Koo and Ploenzke (2021), task 3, drawn again: sequences, labels and the bases that count as true.

Random numbers come from NumPy's legacy generator in the order in which the authors drew them, so that seed 22 (theirs)
and the matrices of their JASPAR release give their sequences, not merely sequences of the same kind.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.motifs import Motif, Site, read_motifs
from genoplrp.resources import motif_file

LENGTH = 200
CORE = 5
"""The first matrices of the shipped file are those of the positives: SP1, GABPA, CEBPB, MAX, YY1."""
COUNTS = (3, 4, 5, 6, 7)
WEIGHTS = (0.5, 0.25, 0.17, 0.05, 0.03)
"""How many motifs a sequence gets, and how often."""
INFORMATION = 0.01
"""Bits of information from which on a planted position counts as true."""
SHARES = {"train": 0.7, "valid": 0.1, "test": 0.2}
AUTHORS_SEED = 22


@dataclass(frozen=True, eq=False)
class Part:
    """Some sequences with their ground truth.

    Attributes
    ----------
    x
        One-hot, bool, (n, 4, 200), channels A, C, G, T.
    y
        1 for positives, 0 for negatives, float32 (n, 1).
    mask
        True at planted positions of more than 0.01 bit, (n, 200).
    sites
        Every planted motif, by sequence and start; 0-based, half-open; `Site.motif` counts in `koo_motifs`.
    """

    x: Tensor
    y: Tensor
    mask: NDArray[np.bool_]
    sites: list[Site]

    def positives(self, n: int | None = None) -> "Part":
        """The first n positives, in order; all for None."""
        rows = np.flatnonzero(self.y[:, 0].numpy() == 1)[:n]
        return self.take(rows)

    def take(self, rows: NDArray[np.int64]) -> "Part":
        """The given sequences, in the given order, sites renumbered."""
        return Part(self.x[rows], self.y[rows], self.mask[rows], _renumbered(self.sites, rows))


def koo_motifs() -> tuple[Motif, ...]:
    """The 55 matrices: the five core ones, then the 50 that only negatives draw from.

    >>> [motif.name for motif in koo_motifs()][:6]
    ['SP1', 'Gabpa', 'CEBPB', 'MAX', 'YY1', 'HOXD13']
    """
    return read_motifs(motif_file("koo2021_jaspar.jaspar"))


def koo_data(n: int = 20_000, *, seed: int = AUTHORS_SEED) -> dict[str, Part]:
    """Parts "train", "valid" and "test" of n sequences: 70, 10 and 20 %.

    Half of them are positive. Every sequence gets 3 to 7 motifs, drawn with replacement: positives from the core
    matrices on both strands, negatives from all 55 on both strands. Gaps between motifs are shares of what is left of
    200 bp, by uniform numbers; other bases are uniform. A planted base is drawn from its column's counts.

    Examples
    --------
    >>> parts = koo_data(40)
    >>> {name: len(part.x) for name, part in parts.items()}
    {'train': 28, 'valid': 4, 'test': 8}
    >>> int(sum(part.y.sum() for part in parts.values()))
    20
    """
    random = np.random.RandomState(seed)
    motifs = koo_motifs()
    random.permutation(519)  # by which the authors chose the 50 others
    stranded = [(motif, index, strand) for index, motif in enumerate(motifs) for strand in "+-"]
    tables = [_table(motif, strand) for motif, _, strand in stranded]
    codes, mask, sites = np.empty((n, LENGTH), np.int64), np.zeros((n, LENGTH), bool), []
    for row in range(n):
        pool = 2 * CORE if row < n // 2 else len(tables)
        places = _plan(random, [table[0].shape[1] for table in tables[:pool]])
        edges = np.tile(np.array([[0.25], [0.5], [0.75], [1.0]]), LENGTH)  # cumulative probabilities
        for choice, start in places:
            cumulative, informative = tables[choice]
            end = start + cumulative.shape[1]
            edges[:, start:end], mask[row, start:end] = cumulative, informative
            sites.append(Site(row, start, end, stranded[choice][1], stranded[choice][2]))
        codes[row] = (random.uniform(0, 1, LENGTH) < edges).argmax(axis=0)
    whole = Part(
        torch.from_numpy(codes[:, None, :] == np.arange(4)[None, :, None]),
        torch.tensor([[1.0]] * (n // 2) + [[0.0]] * (n - n // 2)),
        mask,
        sites,
    )
    order, ends = random.permutation(n), np.cumsum([share * n for share in SHARES.values()]).astype(int)
    return {name: whole.take(rows) for name, rows in zip(SHARES, np.split(order, ends[:-1]), strict=True)}


def data_facts(n: int) -> dict[str, int]:
    """What decides ``koo_data(n)``, as the files of networks trained on it keep it."""
    return {"n": n, "data_seed": AUTHORS_SEED}


def _table(motif: Motif, strand: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Cumulative base probabilities (4, w) and which positions count as true (w,)."""
    turned = motif if strand == "+" else motif.reverse_complement()
    return turned.probabilities(0.0).cumsum(axis=0), turned.information > INFORMATION


def _plan(random: np.random.RandomState, widths: list[int]) -> list[tuple[int, int]]:
    """Choices of motifs and their starts for one sequence, drawn again until the motifs fit and the gaps add up."""
    edges = np.cumsum(WEIGHTS)[:-1]
    while True:
        count = COUNTS[int((random.rand() > edges).sum())]
        chosen = random.randint(len(widths), size=count)
        taken = np.array([widths[choice] for choice in chosen])
        if taken.sum() < LENGTH:
            break
    free = LENGTH - taken.sum()
    while True:
        gaps = random.uniform(0, 2, size=count + 1)
        gaps = np.round(gaps / sum(gaps) * free).astype(int)
        if gaps.sum() == free:
            break
    starts = np.cumsum(gaps[:-1]) + np.cumsum(taken) - taken
    return list(zip(chosen.tolist(), starts.tolist(), strict=True))


def _renumbered(sites: list[Site], rows: NDArray[np.int64]) -> list[Site]:
    """Sites of the given sequences, numbered by their place among them."""
    new = {int(row): place for place, row in enumerate(rows)}
    kept = [site._replace(sequence=new[site.sequence]) for site in sites if site.sequence in new]
    return sorted(kept)
