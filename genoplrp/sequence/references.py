"""Many dinucleotide shuffles of many sequences at once, as one-hot tensors: the references of reference-based methods.

`genoplrp.sequence.shuffle` draws one shuffle of one string and says how; here the same draw, uniform over all Euler
paths, is made for all walks in step, in numpy. Each sequence has a random stream of its own, seeded by what it holds,
so that its references do not depend on which sequences stand beside it.
"""

import re
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.errors import OptionError
from genoplrp.sequence.alphabet import BYTE_CODES, decode

_BASES_AT_ONCE = 4_000_000
_RUN = re.compile("[ACGT]{4,}")  # up to three letters there is no other order of the steps
_LAST = 2.0  # a key behind those of all other edges, which lie in [0, 1)


def shuffled_references(x: Tensor, r: int, *, seed: int = 0) -> Tensor:
    """References for every sequence: `r` random sequences with the same dinucleotide counts, drawn uniformly.

    Runs of bases are shuffled each for itself, as by `dinucleotide_shuffle`; all-zero columns (N, padding) stay where
    they are. The references of a sequence depend on its bases, on `seed` and on nothing else: not on the rest of `x`,
    nor on `r`, since the first of many references are those that a smaller `r` gives.

    Parameters
    ----------
    x
        (n, 4, l) one-hot, channels A, C, G, T; columns without a base are all zero.
    r
        References a sequence, from 1 on.
    seed
        From 0 on. Other seeds give other references.

    Returns
    -------
    Tensor
        (n, r, 4, l), of the dtype and on the device of `x`.

    Raises
    ------
    SequenceError
        The shape is not (n, 4, l), or a column is neither one-hot nor all zero.
    OptionError
        `r` or `seed` is out of range.

    Examples
    --------
    >>> from genoplrp.sequence import one_hot
    >>> references = shuffled_references(one_hot(["ACGTTGCAACGNNACGTCATG"]), 2)
    >>> tuple(references.shape), [text[11:13] for text in decode(references[0])]
    ((1, 2, 4, 21), ['NN', 'NN'])
    """
    for name, number, least in (("r", r, 1), ("seed", seed, 0)):
        if not isinstance(number, int) or number < least:
            raise OptionError(f"{name} must be a whole number from {least} on; got {number!r}")
    texts = decode(x)
    references = x.new_zeros((len(texts), r, 4, x.shape[2]))
    step = max(1, _BASES_AT_ONCE // max(1, r * x.shape[2]))
    for first in range(0, len(texts), step):
        codes = torch.from_numpy(_shuffled(texts[first : first + step], r, seed)).to(x.device)
        for channel in range(4):
            references[first : first + step, :, channel] = codes == channel
    return references


def _shuffled(texts: list[str], r: int, seed: int) -> NDArray[np.uint8]:
    """Codes of the shuffles, (n, r, l): 0 to 3, or 4 for no base."""
    codes = BYTE_CODES[np.frombuffer("".join(texts).encode(), np.uint8)].reshape(len(texts), -1)  # (n, l)
    shuffled = np.repeat(codes[:, None], r, axis=1)  # (n, r, l)
    draws = np.stack([_stream(row, seed).random(row.size * r).reshape(r, -1) for row in codes])  # (n, r, l)
    for rows, start, end in _runs_alike(texts):
        shuffled[rows, :, start:end] = _walks(codes[rows, start:end], draws[rows, :, start:end])
    return shuffled


def _stream(codes: NDArray[np.uint8], seed: int) -> np.random.Generator:
    """The random numbers of one sequence."""
    digest = blake2b(codes.tobytes(), digest_size=16).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest, np.uint32).tolist()])


def _runs_alike(texts: list[str]) -> Iterator[tuple[list[int], int, int]]:
    """(sequences, start, end): runs of bases, 0-based half-open, with all sequences that have the same run."""
    found: dict[tuple[int, int], list[int]] = {}
    for row, text in enumerate(texts):
        for run in _RUN.finditer(text):
            found.setdefault(run.span(), []).append(row)
    for (start, end), rows in found.items():
        yield rows, start, end


def _walks(runs: NDArray[np.uint8], draws: NDArray[np.float64]) -> NDArray[np.intp]:
    """Uniform Euler paths over the steps of each run (k, w), `r` a run, (k, r, w), from as many uniform draws."""
    k, r, width = draws.shape
    source, follower = runs[:, :-1].astype(np.intp), runs[:, 1:].astype(np.intp)  # (k, w - 1)
    counts = np.zeros((k, 4, 4), np.intp)
    np.add.at(counts, (np.arange(k)[:, None], source, follower), 1)
    last = _last_steps(counts, follower[:, -1], draws[:, :, -1])  # (k, r, 4)
    keys = draws[:, :, :-1].copy()  # (k, r, w - 1), a random order of the edges that leave a letter
    for letter in range(4):
        edges = (source == letter)[:, None] & (follower[:, None] == last[:, :, letter, None])
        # Edges between the same two letters are alike, so any of them may be the last one: the first is.
        row, walk = np.nonzero(edges.any(2))
        keys[row, walk, edges.argmax(2)[row, walk]] = _LAST
    order = np.argsort(keys + (_LAST + 1) * source[:, None], axis=2)
    queues = np.take_along_axis(np.broadcast_to(follower[:, None], order.shape), order, axis=2)
    leaving = counts.sum(2)
    begin = np.repeat(leaving.cumsum(1) - leaving, r, axis=0)  # (k r, 4), where a letter's edges begin in its queue
    return _follow(queues.reshape(k * r, -1), begin, np.repeat(runs[:, 0], r)).reshape(k, r, width)


def _follow(queues: NDArray[np.intp], begin: NDArray[np.intp], first: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Walks from `first`, leaving each letter by its edges in their order; (walks, w)."""
    walks, edges = queues.shape
    path = np.empty((edges + 1, walks), np.intp)
    path[0] = first
    queue, position = queues.ravel(), (begin + edges * np.arange(walks)[:, None]).ravel()
    for step in range(edges):
        here = 4 * np.arange(walks) + path[step]
        path[step + 1] = queue[position[here]]
        position[here] += 1
    return path.T


def _last_steps(counts: NDArray[np.intp], end: NDArray[np.intp], draw: NDArray[np.float64]) -> NDArray[np.intp]:
    """For every letter the one to which it is left for the last time, so that all ways lead to the end; (k, r, 4).

    A choice is drawn by the number of edges that stand for it. The end itself gets no letter, 4.
    """
    k = len(counts)
    edges = np.concatenate([counts, np.ones((k, 4, 1))], axis=2)  # (k, 4, 5); 1 for the end's no letter
    row, absent = np.nonzero(counts.sum(2) == 0)
    edges[row, absent, end[row]] = 1.0  # a letter that is never left has one choice, which nothing uses
    trees: NDArray[np.intp] = _trees()[end]  # (k, 16, 4)
    weights = np.prod(edges[np.arange(k)[:, None, None], np.arange(4), trees], axis=2)  # (k, 16)
    share = weights.cumsum(1)
    chosen = (draw[:, :, None] >= (share / share[:, -1:])[:, None]).sum(2)  # (k, r)
    drawn: NDArray[np.intp] = trees[np.arange(k)[:, None], chosen]
    return drawn


@cache
def _trees() -> NDArray[np.intp]:
    """The 16 ways in which three letters can lead to the fourth, (end, 16, letter); 4 at the end itself."""
    trees = []
    for end in range(4):
        choices = product(*([4] if letter == end else range(4) for letter in range(4)))
        trees.append([tree for tree in choices if all(_leads(letter, tree) for letter in range(4))])
    found = np.array(trees, np.intp)
    found.setflags(write=False)
    return found


def _leads(letter: int, tree: tuple[int, ...]) -> bool:
    for _ in range(4):
        letter = tree[letter] if letter < 4 else letter
    return letter == 4
