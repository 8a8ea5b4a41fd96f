"""Dinucleotide shuffles: sequences with the same composition and no motifs, the usual control for real DNA.

Altschul and Erickson (Mol. Biol. Evol. 2:526-538, 1985): the letters are the nodes of a graph and each step from a
letter to the next is an edge; another order of the same steps is another Euler path. Such a path is drawn by choosing
for every letter the edge by which it is left for the last time, so that these edges lead to the last letter from
everywhere, and the order of its other edges at random. Every distinct shuffle is equally likely.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from genoplrp.sequence.alphabet import BASES, BYTE_CODES, check_dna

_RUN = re.compile("[ACGT]+")
_LETTERS = bytes.maketrans(bytes(range(4)), BASES.encode())


def dinucleotide_shuffle(sequence: str, rng: np.random.Generator) -> str:
    """A random sequence with exactly the same dinucleotide counts, drawn uniformly from all there are.

    Letter counts and the first and last letter are kept with them. Runs of N and other IUPAC codes stay where they are;
    the stretches between them are shuffled each for itself.

    Parameters
    ----------
    sequence
        DNA in either case; U reads as T.
    rng
        Source of randomness; the same seed gives the same shuffle.

    Returns
    -------
    str
        Upper case, as long as ``sequence``.

    Raises
    ------
    SequenceError
        A character is no nucleotide code.

    Examples
    --------
    >>> dinucleotide_shuffle("ACGTTGCAACGNNNNACGTCATG", np.random.default_rng(1))[11:15]
    'NNNN'
    """
    check_dna(sequence, "sequence")
    folded = sequence.upper().replace("U", "T")
    return _RUN.sub(lambda run: _shuffle_run(run.group(), rng), folded)


def _shuffle_run(run: str, rng: np.random.Generator) -> str:
    """A uniform Euler path over the steps of a string of A, C, G, T."""
    # Up to three letters there is no other order of the steps.
    if len(run) < 4:
        return run
    codes = BYTE_CODES[np.frombuffer(run.encode(), np.uint8)]
    letters, end = tuple(dict.fromkeys(codes[:-1].tolist())), int(codes[-1])
    counts = np.bincount(4 * codes[:-1] + codes[1:], minlength=16).reshape(4, 4)
    last_steps = _draw_last_steps(counts, letters, end, rng)
    steps: dict[int, Iterator[int]] = {}
    for letter in letters:
        choices = codes[1:][codes[:-1] == letter]
        last = last_steps.get(letter)
        if last is not None:
            choices = np.delete(choices, int((choices == last).argmax()))
        order = choices[rng.permutation(len(choices))].tolist()
        steps[letter] = iter(order if last is None else [*order, last])
    letter = int(codes[0])
    path = [letter]
    for _ in range(len(run) - 1):
        letter = next(steps[letter])
        path.append(letter)
    return bytes(path).translate(_LETTERS).decode()


def _draw_last_steps(
    counts: NDArray[np.int64], letters: tuple[int, ...], end: int, rng: np.random.Generator
) -> dict[int, int]:
    """For every letter but the end the letter to which it is left for the last time, so that all ways lead to the end.

    Of all choices one is drawn by the number of edges that stand for it; drawing blindly until all ways lead to the
    end, as the paper does, may take as many trials as there are letters. counts[a, b]: how often b follows a.
    """
    left = tuple(letter for letter in letters if letter != end)
    trees = _trees(left, end)  # (trees, letters)
    weights = counts.astype(float)[left, trees].prod(axis=1)
    chosen = trees[rng.choice(len(trees), p=weights / weights.sum())]
    return dict(zip(left, chosen.tolist(), strict=True))


@cache
def _trees(letters: tuple[int, ...], end: int) -> NDArray[np.int64]:
    """All choices of a next letter for each of these from which all ways lead to the end, (at most 4 ** 2, letters)."""
    choices = product(range(4), repeat=len(letters))
    leading = [choice for choice in choices if _all_lead_to(end, dict(zip(letters, choice, strict=True)))]
    return np.array(leading, np.int64).reshape(len(leading), len(letters))


def _all_lead_to(end: int, tree: Mapping[int, int]) -> bool:
    """Whether all letters lead to the end, each step being that to the letter's own."""
    ends = set(tree)
    for _ in tree:
        ends = {tree.get(letter, letter) for letter in ends}  # the end and what is never left stay where they are
    return ends <= {end}
