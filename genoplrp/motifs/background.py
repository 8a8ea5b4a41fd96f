"""Background DNA: Markov chains of any order, one for all sequences or another one for each.

A `Background` is a pool of chains. Each simulated sequence is drawn from one chain of the pool, picked at random, so a
pool with chains of many compositions gives sequences that differ as real loci do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genoplrp.errors import OptionError
from genoplrp.motifs.codes import UNKNOWN, encode

_GRID = 64


@dataclass(frozen=True, eq=False)
class Background:
    """A pool of t Markov chains of order k over A, C, G, T.

    Usually made by `uniform`, `from_gc`, `varied` or `fit`.

    Parameters
    ----------
    order : int
        k, the number of earlier bases that a base depends on; 0 for independent bases.
    chains : array of shape (t, 4**k, 4)
        Probability of each next base (last axis) after each k-mer; k-mers count in base four, the earliest base first
        (order 2: AA, AC, AG, AT, CA, ...). Rows sum to 1.

    Raises
    ------
    OptionError
        If shape or rows are not as above.

    Examples
    --------
    >>> Background.from_gc(0.6).frequencies.round(3).tolist()
    [0.2, 0.3, 0.3, 0.2]
    >>> Background.uniform().sample(2, 5, np.random.default_rng(0)).shape
    (2, 5)
    """

    order: int
    chains: NDArray[np.float64]

    def __post_init__(self) -> None:
        chains = np.array(self.chains, dtype=np.float64)
        if self.order < 0 or chains.ndim != 3 or chains.shape[1:] != (4**self.order, 4) or len(chains) == 0:
            raise OptionError(f"chains of order {self.order} must have shape (t, 4**order, 4); got {chains.shape}")
        if not (chains >= 0).all() or not np.allclose(chains.sum(axis=2), 1.0, atol=1e-6):
            raise OptionError("chains must hold probabilities: none negative, the last axis summing to 1")
        chains.setflags(write=False)
        object.__setattr__(self, "chains", chains)

    @classmethod
    def uniform(cls) -> "Background":
        """Independent bases, a quarter each."""
        return cls.from_gc(0.5)

    @classmethod
    def from_gc(cls, gc: float) -> "Background":
        """Independent bases with the share `gc` of G and C together, 0 to 1."""
        _check_share("gc", gc)
        return cls(0, np.array([[[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]]]))

    @classmethod
    def varied(cls, gc: tuple[float, float] = (0.3, 0.7), cpg: tuple[float, float] = (1.0, 1.0)) -> "Background":
        """Chains of order 1 whose composition differs from sequence to sequence.

        Each sequence has its own GC content and its own CpG ratio, uniform over the ranges and independent of each
        other (from a grid of 64 x 64 chains). The chain of a pair (gc, cpg) is strand-symmetric; of all with that base
        composition and that share of CG dinucleotides, it is the one of largest entropy.

        Parameters
        ----------
        gc : (low, high)
            Expected GC content, within 0 < low <= high < 1. ``(0.5, 0.5)`` holds it fixed.
        cpg : (low, high)
            Observed over expected CpG, ``P(CG) / (P(C) P(G))``: 1 none depleted, 0.2 the bulk of the human genome;
            0 < low <= high, and ``high * gc / 2 < 1``.

        Examples
        --------
        >>> human = Background.varied(gc=(0.3, 0.7), cpg=(0.1, 1.0))
        >>> human.order, human.chains.shape
        (1, (4096, 4, 4))
        """
        _check_range("gc", gc)
        _check_range("cpg", cpg)
        if not 0 < gc[0] <= gc[1] < 1 or not cpg[0] > 0 or not cpg[1] * gc[1] / 2 < 1:
            raise OptionError(f"gc must lie inside (0, 1), cpg in (0, 2 / gc); got gc={gc}, cpg={cpg}")
        content, ratio = np.meshgrid(_midpoints(*gc), _midpoints(*cpg), indexing="ij")
        return cls(1, _depleted_chains(content.ravel(), ratio.ravel()))

    @classmethod
    def fit(cls, sequences: Iterable[str], order: int = 1, pseudocount: float = 1.0) -> "Background":
        """The chain of order `order` that fits `sequences` best.

        ``P(base | k-mer) = (count(k-mer, base) + pseudocount) / (count(k-mer) + 4 pseudocount)``, over the strand
        given; stretches with N or another ambiguous letter are not counted.

        Raises
        ------
        OptionError
            If `order` is not 0 to 8, or `pseudocount` not positive.
        SequenceError
            If a sequence is not DNA.

        Examples
        --------
        >>> Background.fit(["ACACACAC"], order=1, pseudocount=1e-9).chains[0, 0].round(3).tolist()
        [0.0, 1.0, 0.0, 0.0]
        """
        if not 0 <= order <= 8 or not pseudocount > 0:
            raise OptionError(f"order must be 0 to 8 and pseudocount positive; got {order}, {pseudocount}")
        counts = np.full(4 ** (order + 1), float(pseudocount))
        for record, sequence in enumerate(sequences):
            counts += np.bincount(_words(encode(sequence, record), order + 1), minlength=counts.size)
        chain = counts.reshape(1, 4**order, 4)
        return cls(order, chain / chain.sum(axis=2, keepdims=True))

    @cached_property
    def frequencies(self) -> NDArray[np.float64]:
        """Expected share of A, C, G, T over the whole pool, shape (4,)."""
        start = self._stationary  # (t, 4**k)
        return np.asarray(np.einsum("tk,tkb->b", start, self.chains) / len(self.chains))

    def sample(self, n: int, length: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """`n` sequences as codes 0 to 3 for A, C, G, T, shape (n, length).

        The first bases come from the chain's stationary distribution, so no position is special.
        """
        chain = rng.integers(len(self.chains), size=n)
        codes = np.empty((max(length, self.order), n), dtype=np.uint8)  # position first: each step writes one row
        state = _draw(self._stationary, chain, rng)
        for i in range(self.order):
            codes[i] = state // 4 ** (self.order - 1 - i) % 4
        cumulative = np.cumsum(self.chains, axis=2)[:, :, :3]  # (t, 4**k, 3)
        for i in range(self.order, length):
            u = rng.random(n)
            steps = cumulative[chain, state]  # (n, 3)
            codes[i] = (u >= steps[:, 0]).view(np.uint8) + (u >= steps[:, 1]) + (u >= steps[:, 2])
            if self.order:
                state = (state * 4 + codes[i]) % 4**self.order
        return np.ascontiguousarray(codes[:length].T)

    @cached_property
    def _stationary(self) -> NDArray[np.float64]:
        """How often each chain is at each k-mer, (t, 4**k), by power iteration."""
        t, k = len(self.chains), self.order
        share = np.full((t, 4**k), 4.0**-k)
        if k == 0:
            return share
        for _ in range(10_000):
            flow = (share[:, :, None] * self.chains).reshape(t, 4, 4 ** (k - 1), 4)  # (oldest base, rest, next base)
            # Half a step only: a chain with a fixed cycle would otherwise swing for ever.
            step = (share + flow.sum(axis=1).reshape(t, 4**k)) / 2
            if np.abs(step - share).max() < 1e-12:
                break
            share = step
        return np.asarray(share / share.sum(axis=1, keepdims=True))


def _check_share(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise OptionError(f"{name} must be between 0 and 1; got {value}")


def _check_range(name: str, bounds: tuple[float, float]) -> None:
    if len(bounds) != 2 or not bounds[0] <= bounds[1]:
        raise OptionError(f"{name} must be (low, high) with low <= high; got {bounds}")


def _midpoints(low: float, high: float) -> NDArray[np.float64]:
    return low + (high - low) * (np.arange(_GRID) + 0.5) / _GRID


def _depleted_chains(gc: NDArray[np.float64], ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chains of order 1, (t, 4, 4), from GC contents and CpG ratios (t,), by iterative proportional fitting."""
    share = np.stack([(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2], axis=1)  # (t, 4)
    joint = share[:, :, None] * share[:, None, :]  # P(first, second)
    fixed = ratio * joint[:, 1, 2]
    joint[:, 1, 2] = 0.0
    rows, columns = share.copy(), share.copy()
    rows[:, 1] -= fixed
    columns[:, 2] -= fixed
    for _ in range(200):
        joint *= (rows / joint.sum(axis=2))[:, :, None]
        joint *= (columns / joint.sum(axis=1))[:, None, :]
    joint[:, 1, 2] = fixed
    return np.asarray(joint / joint.sum(axis=2, keepdims=True))


def _words(codes: NDArray[np.uint8], width: int) -> NDArray[np.int64]:
    """Index of every word of `width` known bases, read in base four."""
    if codes.size < width:
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(codes, width)
    known = windows[(windows != UNKNOWN).all(axis=1)].astype(np.int64)
    return np.asarray(known @ 4 ** np.arange(width - 1, -1, -1))


def _draw(shares: NDArray[np.float64], rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """One column index for each of `rows`, with the probabilities of that row of `shares` (t, s)."""
    t, s = shares.shape
    # Row i's cumulative shares are moved to (i, i + 1], so that one sorted search serves all rows.
    ladder = (np.cumsum(shares, axis=1) + np.arange(t)[:, None]).ravel()
    found = np.searchsorted(ladder, rows + rng.random(len(rows)), side="right") - rows * s
    return np.asarray(np.clip(found, 0, s - 1))
