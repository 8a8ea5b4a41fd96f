"""What patterns are called: the best match of each in a database of motifs, or none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, count

import numpy as np
from numpy.typing import NDArray

from genoplrp.discover.tomtom import tomtom
from genoplrp.motifs import Motif

KNOWN = 0.05
"""A match counts as known up to this q-value."""

NO_MATCH = "no_known_match"

_TELLING = 5.0  # bits: a motif that says less in all is like any other's uninformative columns, which is no likeness
_TRIMMED = 0.3  # bits: columns at a motif's ends that say less say nothing of what it is


@dataclass(frozen=True)
class Name:
    """The best match of a pattern.

    Attributes
    ----------
    match, matrix
        Name and accession of the database's motif; ``no_known_match`` and empty where q exceeds `KNOWN`.
    q
        Of the best match, known or not: over all motifs of the database.
    others
        Further motifs with q up to `KNOWN`, best first.
    """

    match: str
    matrix: str
    q: float
    others: tuple[str, ...]


def name_motifs(motifs: Sequence[Motif], database: Sequence[Motif]) -> list[Name]:
    """Names of motifs by Tomtom.

    Parameters
    ----------
    motifs
        To be named; columns of little information at their ends are left out of the comparison.
    database
        At least one motif with a name. Of a few motifs only, q-values are rough: they are the null as well.

    Examples
    --------
    >>> from genoplrp.motifs import shipped_motifs
    >>> shipped = shipped_motifs()
    >>> nothing = Motif("n", "n", np.ones((4, 8)))
    >>> [name.match for name in name_motifs([shipped[7], nothing], shipped)]
    ['REST', 'no_known_match']
    """
    found = tomtom([_trimmed(motif) for motif in motifs], database)
    rows = zip(motifs, found.p_value, found.q_value, strict=True)
    return [
        _name(p, q, database) if motif.information.sum() >= _TELLING else Name(NO_MATCH, "", 1.0, ())
        for motif, p, q in rows
    ]


def _name(p: NDArray[np.float64], q: NDArray[np.float64], database: Sequence[Motif]) -> Name:
    order = np.argsort(p, kind="stable").tolist()
    known = [database[i] for i in order if q[i] <= KNOWN]
    best = float(q[order[0]])
    if not known:
        return Name(NO_MATCH, "", best, ())
    return Name(known[0].name, known[0].matrix_id, best, tuple(motif.name for motif in known[1:]))


def _trimmed(motif: Motif) -> Motif:
    """Without uninformative ends; as it is, if nothing would be left."""
    telling = np.flatnonzero(motif.information >= _TRIMMED)
    if not telling.size:
        return motif
    return Motif(motif.name, motif.matrix_id, motif.counts[:, telling[0] : telling[-1] + 1])


def one_word_each(texts: Sequence[str]) -> list[str]:
    """Each text as one word, as motif files want names; where two would be the same, the later one with a number.

    Examples
    --------
    >>> one_word_each(["SP1", "NF Y", "NF_Y"])
    ['SP1', 'NF_Y', 'NF_Y_2']
    """
    return told_apart(["_".join(text.split()) or "output" for text in texts])


def told_apart(words: Sequence[str], *, same: Callable[[str], str] = str) -> list[str]:
    """The words, a later one that would be the same as another with a number; `same` gives what words are compared by.

    Examples
    --------
    >>> told_apart(["SP1", "Sp1"], same=str.casefold)
    ['SP1', 'Sp1_2']
    """
    found: dict[str, str] = {}
    for word in words:
        choices = chain([word], (f"{word}_{n}" for n in count(2)))
        free = next(one for one in choices if same(one) not in found)
        found[same(free)] = free
    return list(found.values())
