"""Motif interactions: simulated sequences whose labels depend on which motifs are there together, and where.

Two core motifs, A and B, and decoys that no label depends on are planted; every label is computed from the same
placements. A *rule* names the sites that make a label positive; a label without such sites is negative, so that labels
and masks cannot disagree. Placing and drawing the instances is in `genoplrp.motifs.simulate`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from genoplrp.errors import OptionError
from genoplrp.motifs.background import Background
from genoplrp.motifs.masks import site_masks
from genoplrp.motifs.matrices import Motif, shipped_motifs
from genoplrp.motifs.simulate import STRANDS, Placements, Simulation, Site, place, plant

A, B = 0, 1
"""Where the core motifs stand in `MotifGrammar.motifs`; decoys follow."""
CORE = ("TAL1::TCF3", "YY1")
DECOYS = ("CEBPB", "GABPA", "HNF4A", "FOS::JUN")

Sites = list[Site]
Rule = Callable[[Sites, Sites, tuple[int, int]], Sites]
"""(sites of A, sites of B, the spacing's range) of one sequence -> the sites that make the label positive."""


def _single(a: Sites, b: Sites, spacing: tuple[int, int]) -> Sites:
    return a


def _additive(a: Sites, b: Sites, spacing: tuple[int, int]) -> Sites:
    return a + b if len(a) + len(b) >= 2 else []


def _and(a: Sites, b: Sites, spacing: tuple[int, int]) -> Sites:
    return a + b if a and b else []


def _or(a: Sites, b: Sites, spacing: tuple[int, int]) -> Sites:
    return a + b


def _xor(a: Sites, b: Sites, spacing: tuple[int, int]) -> Sites:
    return a + b if bool(a) != bool(b) else []


def _spacing(a: Sites, b: Sites, spacing: tuple[int, int]) -> Sites:
    low, high = spacing
    return _in_pairs(a, b, lambda one, other: low <= max(one.start, other.start) - min(one.end, other.end) <= high)


def _order(a: Sites, b: Sites, spacing: tuple[int, int]) -> Sites:
    return _in_pairs(a, b, lambda one, other: one.start < other.start)


def _in_pairs(a: Sites, b: Sites, holds: Callable[[Site, Site], bool]) -> Sites:
    """The sites that belong to at least one pair (one of A, one of B) for which it holds."""
    pairs = [(one, other) for one in a for other in b if holds(one, other)]
    return list({site for pair in pairs for site in pair})


INTERACTIONS: Mapping[str, Rule] = MappingProxyType(
    {
        "single": _single,
        "additive": _additive,
        "and": _and,
        "or": _or,
        "xor": _xor,
        "spacing": _spacing,
        "order": _order,
    }
)
"""The labels, in the order of `MotifGrammar.labels`, and the rule of each."""


@dataclass(frozen=True, eq=False)
class MotifGrammar:
    """Simulated sequences, and for every interaction the label and the bases that it depends on.

    With a and b the numbers of sites of A and B in a sequence:

    | interaction | positive where | sites that matter |
    |---|---|---|
    | single | a >= 1 | all of A |
    | additive | a + b >= 2 (`count` is a + b) | all of A and B |
    | and | a >= 1 and b >= 1 | all of A and B |
    | or | a >= 1 or b >= 1 | all of A and B |
    | xor | either a >= 1 or b >= 1, not both | all of the one that is there |
    | spacing | some A and some B have a number of bases within `spacing` between them | those of all such pairs |
    | order | some A starts before some B, on the forward strand | those of all such pairs |

    Attributes
    ----------
    simulation : Simulation
        Sequences (n, all of length l), all sites, and the motifs: A, B, then the decoys.
    spacing : (low, high)
        Bases between A's and B's nearer ends, both included, that count as spaced.
    interactions : tuple of k str
        The keys of `INTERACTIONS`.
    labels : array of shape (n, k), uint8
        1 where the interaction is positive.
    count : array of shape (n,), int64
        Number of sites of A and B together: what ``additive`` sums.
    """

    simulation: Simulation
    spacing: tuple[int, int]
    interactions: tuple[str, ...]
    labels: NDArray[np.uint8]
    count: NDArray[np.int64]
    _relevant: tuple[tuple[Site, ...], ...]

    @property
    def sequences(self) -> list[str]:
        """The n sequences."""
        return self.simulation.sequences

    @property
    def motifs(self) -> tuple[Motif, ...]:
        """A, B, then the decoys; `Site.motif` counts in here."""
        return self.simulation.motifs

    def label(self, interaction: str) -> NDArray[np.uint8]:
        """Label of one interaction, shape (n,)."""
        return np.asarray(self.labels[:, self._index(interaction)])

    def sites(self, interaction: str) -> tuple[Site, ...]:
        """The sites that make this interaction positive, by sequence and start; 0-based, half-open."""
        return self._relevant[self._index(interaction)]

    def mask(self, interaction: str) -> NDArray[np.bool_]:
        """True at each base of `sites`, shape (n, l); all False where the label is 0."""
        return site_masks(self.sites(interaction), len(self.sequences), self.simulation.length)

    @cached_property
    def masks(self) -> NDArray[np.bool_]:
        """`mask` of every interaction, shape (n, k, l); made when first asked for."""
        return np.stack([self.mask(interaction) for interaction in self.interactions], axis=1)

    @cached_property
    def decoy_mask(self) -> NDArray[np.bool_]:
        """True at each base of each decoy, shape (n, l): no label depends on these."""
        decoys = [site for site in self.simulation.sites if site.motif not in (A, B)]
        return site_masks(decoys, len(self.sequences), self.simulation.length)

    def _index(self, interaction: str) -> int:
        if interaction not in self.interactions:
            raise OptionError(f"interaction must be one of {', '.join(self.interactions)}; got {interaction!r}")
        return self.interactions.index(interaction)


def simulate_grammar(
    n: int,
    *,
    length: int = 250,
    core: tuple[Motif, Motif] | None = None,
    decoys: Sequence[Motif] | None = None,
    decoy_counts: tuple[int, int] = (0, 6),
    spacing: tuple[int, int] = (2, 20),
    strands: str = "forward",
    background: Background | None = None,
    seed: int = 0,
) -> MotifGrammar:
    """Random sequences with two core motifs, decoys, and a label for each way in which the motifs can interact.

    A sequence holds neither A nor B (27 %), one of them (13.5 % each) or both (46 %); each that is there is there twice
    with chance .4. In 40 % of the sequences with both, one A and one B are placed as a pair, in either order, with a
    number of bases from `spacing` between them; everything else is placed as in `simulate`, all places equally likely.
    Decoys are added independent of all this, so that no label can be told from them. Every label is positive in 25 to
    75 % of the sequences, and as background and core motifs hold about as much GC as AT, none shows in the GC content.

    Having more motifs makes most labels likelier, which no design avoids without giving the decoys a meaning, and where
    a label needs both motifs, having both says much: ``and`` ranks ``order`` with an AUROC near .9. Judge a network on
    ``spacing`` and ``order`` among the sequences that hold both.

    Parameters
    ----------
    n, length : int
        Number and length of the sequences.
    core : (A, B), optional
        By default TAL1::TCF3 and YY1 of the shipped motifs: 12 bases each, half of them G or C, hardly ever met by
        chance, and unlike each other and the decoys.
    decoys : sequence of Motif, optional
        Each decoy is any of these, equally likely; by default CEBPB, GABPA, HNF4A and FOS::JUN.
    decoy_counts : (low, high)
        Number of decoys in a sequence, uniform from low to high, both included; (0, 0) for none.
    spacing : (low, high)
        Bases between A and B, both included, that make ``spacing`` positive.
    strands : {"forward", "both", "reverse"}
        Strand of the instances. ``order`` is that of the places, whatever the strands.
    background : Background, optional
        Where the other bases come from; uniform by default. Its chance matches are not labelled.
    seed : int
        Same arguments and seed, same result.

    Raises
    ------
    OptionError
        If an argument is out of range, or two of each core motif and the most decoys may not fit into `length`.

    Examples
    --------
    >>> made = simulate_grammar(200, seed=1)
    >>> made.labels.shape, made.masks.shape
    ((200, 7), (200, 7, 250))
    >>> bool((made.mask("and").any(axis=1) == made.label("and")).all())
    True
    >>> {made.motifs[site.motif].name for site in made.sites("single")}
    {'TAL1::TCF3'}
    """
    shipped = {motif.name: motif for motif in shipped_motifs()}
    core = core or (shipped[CORE[0]], shipped[CORE[1]])
    motifs = (*core, *([shipped[name] for name in DECOYS] if decoys is None else decoys))
    _check(n, strands, motifs, decoy_counts)
    _check_room(length, motifs, decoy_counts[1], spacing)
    rng = np.random.default_rng(seed)
    codes = (background or Background.uniform()).sample(n, length, rng)
    units = _draw_units(n, len(motifs) - len(core), decoy_counts, rng)
    placements = _placements(units, motifs, length, spacing, rng)
    return labelled(plant(codes, placements, motifs, strands, rng), spacing)


def labelled(simulation: Simulation, spacing: tuple[int, int]) -> MotifGrammar:
    """Labels and relevant sites of every interaction, from the sites alone; motif 0 is A, motif 1 is B.

    Examples
    --------
    >>> from genoplrp.motifs import shipped_motifs, simulate
    >>> labelled(simulate(shipped_motifs()[:2], 5, 100, counts=(0, 0)), (2, 20)).labels.any()
    np.False_
    """
    n = len(simulation.sequences)
    core: tuple[list[Sites], list[Sites]] = ([[] for _ in range(n)], [[] for _ in range(n)])
    for site in simulation.sites:
        if site.motif in (A, B):
            core[site.motif][site.sequence].append(site)
    found = [[sorted(rule(a, b, spacing)) for a, b in zip(*core, strict=True)] for rule in INTERACTIONS.values()]
    labels = np.array([[len(sites) > 0 for sites in rows] for rows in found], dtype=np.uint8).T.reshape(n, len(found))
    count = np.array([len(a) + len(b) for a, b in zip(*core, strict=True)], dtype=np.int64)
    relevant = tuple(tuple(site for sites in rows for site in sites) for rows in found)
    return MotifGrammar(simulation, spacing, tuple(INTERACTIONS), labels, count, relevant)


# What one sequence holds of the core motifs: (A there, B there) and how often. The shares keep every label within
# 25 to 75 %: xor is twice the second, or all but the first, and the last; spacing and order are parts of the last.
_PRESENCE = np.array([[False, False], [True, False], [False, True], [True, True]])
_PRESENCE_SHARES = (0.27, 0.135, 0.135, 0.46)
_TWICE = 0.4
_PAIRED = 0.4


def _draw_units(n: int, decoys: int, counts: tuple[int, int], rng: np.random.Generator) -> NDArray[np.int64]:
    """What is placed, (units, 3): sequence, motif, and the motif that follows it at a drawn distance, or -1."""
    present = _PRESENCE[rng.choice(4, size=n, p=_PRESENCE_SHARES)]  # (n, 2)
    number = present * (1 + (rng.random((n, 2)) < _TWICE))
    paired = present.all(axis=1) & (rng.random(n) < _PAIRED)
    first = rng.integers(2, size=n)
    rows = np.arange(n)
    parts = [np.stack([rows, first, 1 - first], axis=1)[paired]]
    for motif in (A, B):
        parts.append(_alone(np.repeat(rows, number[:, motif] - paired), motif))
    sequence = np.repeat(rows, rng.integers(counts[0], counts[1] + 1, size=n))
    parts.append(_alone(sequence, 2 + rng.integers(max(decoys, 1), size=sequence.size)))
    units = np.concatenate(parts)
    # Within a sequence the units come in any order, all equally likely.
    return units[np.lexsort((rng.random(len(units)), units[:, 0]))]


def _alone(sequence: NDArray[np.int64], motif: int | NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack(np.broadcast_arrays(sequence, motif, -1), axis=1)


def _placements(
    units: NDArray[np.int64],
    motifs: tuple[Motif, ...],
    length: int,
    spacing: tuple[int, int],
    rng: np.random.Generator,
) -> Placements:
    """Places of all instances, those of pairs at their distance."""
    sequence, motif, partner = units.T
    widths = np.array([motif.width for motif in motifs], dtype=np.int64)
    paired = partner >= 0
    step = widths[motif] + rng.integers(spacing[0], spacing[1] + 1, size=len(units))  # from the first's start
    width = np.where(paired, step + widths[partner], widths[motif])
    start = place(np.bincount(sequence), width, length, 0, rng)
    every = np.concatenate(
        [
            np.stack([sequence, start, motif], axis=1),
            np.stack([sequence, start + step, partner], axis=1)[paired],
        ]
    )
    return Placements(*every[np.lexsort((every[:, 1], every[:, 0]))].T)


def _check(n: int, strands: str, motifs: tuple[Motif, ...], decoy_counts: tuple[int, int]) -> None:
    if n < 0 or strands not in STRANDS:
        raise OptionError(f"n must be at least 0 and strands one of {', '.join(STRANDS)}; got {n}, {strands!r}")
    low, high = decoy_counts
    if not 0 <= low <= high:
        raise OptionError(f"decoy_counts must be (low, high) with 0 <= low <= high; got {decoy_counts}")
    if high and not motifs[2:]:
        raise OptionError("decoy_counts asks for decoys, but decoys is empty; pass motifs or decoy_counts=(0, 0)")


def _check_room(length: int, motifs: tuple[Motif, ...], decoys: int, spacing: tuple[int, int]) -> None:
    low, high = spacing
    if not 0 <= low <= high:
        raise OptionError(f"spacing must be (low, high) with 0 <= low <= high; got {spacing}")
    widest = max((motif.width for motif in motifs[2:]), default=0)
    need = 2 * (motifs[A].width + motifs[B].width) + high + decoys * widest
    if need > length:
        raise OptionError(
            f"two of each core motif, a spacing of {high} and {decoys} decoys need {need} bases, but length is "
            f"{length}; raise length, or lower spacing or decoy_counts"
        )
