"""Simulated sequences with planted motifs: sequences, labels and exact masks, the ground truth for explanations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genoplrp.errors import OptionError
from genoplrp.motifs.background import Background
from genoplrp.motifs.codes import to_text
from genoplrp.motifs.matrices import Motif

STRANDS = ("both", "forward", "reverse")


class Site(NamedTuple):
    """One planted motif instance; `start` and `end` are 0-based, half-open, on the forward strand."""

    sequence: int
    start: int
    end: int
    motif: int
    strand: str


@dataclass(frozen=True, eq=False)
class Simulation:
    """Simulated sequences and what was planted in them.

    Attributes
    ----------
    sequences : list of n str
        Upper case A, C, G, T, all of the same length l.
    labels : array of shape (n, m), uint8
        1 where at least one instance of the motif was planted.
    sites : list of Site
        Every planted instance, by sequence and start. `Site.motif` counts in `motifs`.
    motifs : tuple of m Motif
        What was planted.
    length : int
        l.
    """

    sequences: list[str]
    labels: NDArray[np.uint8]
    sites: list[Site]
    motifs: tuple[Motif, ...]
    length: int

    @cached_property
    def masks(self) -> NDArray[np.bool_]:
        """True at each base of each planted instance, shape (n, m, l); made when first asked for.

        ``masks.any(axis=1)`` is the mask (n, l) over all motifs.
        """
        masks = np.zeros((*self.labels.shape, self.length), dtype=bool)
        for site in self.sites:
            masks[site.sequence, site.motif, site.start : site.end] = True
        return masks


def simulate(
    motifs: Sequence[Motif],
    n: int,
    length: int,
    *,
    counts: tuple[int, int] | Mapping[int, float] = (0, 2),
    weights: Sequence[float] | None = None,
    spacing: int = 0,
    background: Background | None = None,
    strands: str = "both",
    seed: int = 0,
) -> Simulation:
    """Random sequences with motif instances planted at known places.

    For each sequence a number of instances is drawn, then a motif for each, its bases from the motif's probabilities
    (no pseudocount), its strand, and places such that no two overlap: all ways to place them are equally likely. The
    background's own chance matches are not labelled.

    Parameters
    ----------
    motifs : sequence of m Motif
    n, length : int
        Number and length of the sequences.
    counts : (low, high) or {count: weight}
        Instances in a sequence, over all motifs: uniform from low to high, both included, or with the given weights.
    weights : sequence of m numbers, optional
        How often each motif is chosen, relative to the others; equally by default.
    spacing : int
        Least number of background bases between two instances.
    background : Background, optional
        Where the other bases come from; uniform by default.
    strands : {"both", "forward", "reverse"}
        Strand of the instances; with "both" each is drawn by a fair coin.
    seed : int
        Same arguments and seed, same result.

    Returns
    -------
    Simulation

    Raises
    ------
    OptionError
        If an argument is out of range, or the largest count of the widest motifs does not fit into `length`.

    Examples
    --------
    >>> from genoplrp.motifs import shipped_motifs
    >>> simulation = simulate(shipped_motifs()[:2], 3, 60, counts=(1, 1), seed=1)
    >>> simulation.labels.shape, len(simulation.sites)
    ((3, 2), 3)
    >>> site = simulation.sites[0]
    >>> bool(simulation.masks[site.sequence, site.motif, site.start : site.end].all())
    True
    """
    motifs = tuple(motifs)
    sizes, shares = _checked_counts(counts)
    chances = _checked_weights(weights, len(motifs))
    _check_room(motifs, length, int(sizes.max()), spacing)
    if n < 0 or strands not in STRANDS:
        raise OptionError(f"n must be at least 0 and strands one of {', '.join(STRANDS)}; got {n}, {strands!r}")
    rng = np.random.default_rng(seed)

    codes = (background or Background.uniform()).sample(n, length, rng)
    number = rng.choice(sizes, size=n, p=shares)
    sequence = np.repeat(np.arange(n), number)  # (instances,)
    motif = rng.choice(max(len(motifs), 1), size=sequence.size, p=chances)
    width = np.array([motif.width for motif in motifs], dtype=np.int64)[motif]
    start = place(number, width, length, spacing, rng)
    return plant(codes, Placements(sequence, start, motif), motifs, strands, rng)


class Placements(NamedTuple):
    """Where which motif goes, one entry an instance, by sequence and start: three arrays of shape (instances,)."""

    sequence: NDArray[np.int64]
    start: NDArray[np.int64]
    motif: NDArray[np.int64]


def plant(
    codes: NDArray[np.uint8], at: Placements, motifs: tuple[Motif, ...], strands: str, rng: np.random.Generator
) -> Simulation:
    """The background `codes` (n, l), changed in place, with an instance drawn and written at each of the placements."""
    reverse = rng.random(at.sequence.size) < {"forward": 0.0, "both": 0.5, "reverse": 1.0}[strands]
    for index, matrix in enumerate(motifs):
        chosen = at.motif == index
        bases = _instances(matrix, reverse[chosen], rng)
        codes[at.sequence[chosen, None], at.start[chosen, None] + np.arange(matrix.width)] = bases

    n, length = codes.shape
    labels = np.zeros((n, len(motifs)), dtype=np.uint8)
    labels[at.sequence, at.motif] = 1
    width = np.array([motif.width for motif in motifs], dtype=np.int64)[at.motif]
    columns = (at.sequence, at.start, at.start + width, at.motif, np.where(reverse, "-", "+"))
    sites = [Site(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    return Simulation(to_text(codes), labels, sites, motifs, length)


def _checked_counts(counts: tuple[int, int] | Mapping[int, float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The possible numbers of instances and the probability of each."""
    if isinstance(counts, Mapping):
        sizes = np.array(list(counts), dtype=np.int64)
        shares = np.array(list(counts.values()), dtype=np.float64)
    else:
        low, high = counts
        sizes = np.arange(low, high + 1, dtype=np.int64)
        shares = np.ones(sizes.size)
    if sizes.size == 0 or sizes.min() < 0 or not (shares >= 0).all() or not 0 < shares.sum() < np.inf:
        raise OptionError(
            f"counts must be (low, high) with 0 <= low <= high, or {{count: weight}} with weights that are not "
            f"negative and not all zero; got {counts}"
        )
    return sizes, shares / shares.sum()


def _checked_weights(weights: Sequence[float] | None, m: int) -> NDArray[np.float64]:
    chances = np.ones(max(m, 1)) if weights is None else np.asarray(weights, dtype=np.float64)
    if chances.shape != (max(m, 1),) or not (chances >= 0).all() or not 0 < chances.sum() < np.inf:
        raise OptionError(f"weights must be {m} numbers, one a motif, none negative, not all zero; got {weights}")
    return np.asarray(chances / chances.sum())


def _check_room(motifs: Sequence[Motif], length: int, most: int, spacing: int) -> None:
    if length < 1 or spacing < 0:
        raise OptionError(f"length must be at least 1 and spacing at least 0; got {length}, {spacing}")
    if most and not motifs:
        raise OptionError("counts asks for instances, but motifs is empty; pass motifs or counts=(0, 0)")
    need = most * max((motif.width for motif in motifs), default=0) + max(most - 1, 0) * spacing
    if need > length:
        raise OptionError(
            f"{most} instances of the widest motif with spacing {spacing} need {need} bases, but length is {length}; "
            "lower counts or spacing, or raise length"
        )


def place(
    number: NDArray[np.int64], width: NDArray[np.int64], length: int, spacing: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Starts of all instances, (instances,), ordered within each sequence; `number` of them in each.

    With f free bases, placing k instances is choosing k of f + k ordered slots: a uniform choice without repetition.
    """
    first = np.cumsum(number) - number  # index of each sequence's first instance
    start = np.zeros(width.size, dtype=np.int64)
    for k in np.unique(number[number > 0]).tolist():
        rows = first[number == k][:, None] + np.arange(k)  # (sequences with k, k)
        widths = width[rows]
        free = length - widths.sum(axis=1) - (k - 1) * spacing
        slots = _distinct(free + k, k, rng)
        taken = np.cumsum(widths, axis=1) - widths + spacing * np.arange(k)
        start[rows] = slots - np.arange(k) + taken
    return start


def _distinct(bounds: NDArray[np.int64], k: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """For each bound b, `k` different integers of 0 to b - 1 in rising order, all choices equally likely: (n, k)."""
    # Floyd's sampling: k draws, each of which falls back to its own upper end when its value is taken.
    chosen = np.full((len(bounds), k), -1, dtype=np.int64)
    for j in range(k):
        top = bounds - k + j
        draw = rng.integers(0, top + 1)
        taken = (chosen[:, :j] == draw[:, None]).any(axis=1)
        chosen[:, j] = np.where(taken, top, draw)
    return np.sort(chosen, axis=1)


def _instances(motif: Motif, reverse: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Codes of one drawn instance each, (instances, w), those with `reverse` as they lie on the forward strand."""
    cumulative = np.cumsum(motif.probabilities(0.0), axis=0)[:3]  # (3, w)
    u = rng.random((reverse.size, motif.width))
    bases: NDArray[np.uint8] = (u[:, None, :] >= cumulative).sum(axis=1).astype(np.uint8)
    bases[reverse] = 3 - bases[reverse, ::-1]
    return bases
