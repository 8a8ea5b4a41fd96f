"""Dinucleotide shuffles: sequences with the same composition and no motifs, the usual control for real DNA.

Altschul and Erickson (Mol. Biol. Evol. 2:526-538, 1985): the letters are the nodes of a graph and each step from a
letter to the next is an edge; another order of the same steps is another Euler path. Such a path is drawn by choosing
for every letter the edge by which it is left for the last time, so that these edges lead to the last letter from
everywhere, and the order of its other edges at random. Every distinct shuffle is equally likely.
"""

import re
from collections.abc import Mapping
from itertools import pairwise, product
from math import prod

import numpy as np

from genoplrp.sequence.alphabet import check_dna

_RUN = re.compile("[ACGT]+")


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
    followers: dict[str, list[str]] = {}
    for letter, follower in pairwise(run):
        followers.setdefault(letter, []).append(follower)
    last_steps = _draw_last_steps(followers, run[-1], rng)
    for letter, choices in followers.items():
        if letter in last_steps:
            choices.remove(last_steps[letter])
        followers[letter] = [choices[index] for index in rng.permutation(len(choices))]
        followers[letter] += last_steps.get(letter, "")
    steps = {letter: iter(choices) for letter, choices in followers.items()}
    path = [run[0]]
    for _ in range(len(run) - 1):
        path.append(next(steps[path[-1]]))
    return "".join(path)


def _draw_last_steps(followers: Mapping[str, list[str]], end: str, rng: np.random.Generator) -> dict[str, str]:
    """For every letter but the end the letter to which it is left for the last time, so that all ways lead to the end.

    There are at most 4 ** 3 choices, so all are listed and one is drawn by the number of edges that stand for it;
    drawing blindly until all ways lead to the end, as the paper does, may take as many trials as there are letters.
    """
    letters = [letter for letter in followers if letter != end]
    trees = [
        dict(zip(letters, choice, strict=True))
        for choice in product(*(sorted(set(followers[letter])) for letter in letters))
    ]
    trees = [tree for tree in trees if all(_leads_to(end, letter, tree) for letter in letters)]
    weights = np.array([float(prod(followers[a].count(b) for a, b in tree.items())) for tree in trees])
    return trees[rng.choice(len(trees), p=weights / weights.sum())]


def _leads_to(end: str, letter: str, tree: Mapping[str, str]) -> bool:
    for _ in tree:
        if letter == end:
            break
        letter = tree[letter]
    return letter == end
