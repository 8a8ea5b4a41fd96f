"""How much to prune, found without ground truth: the p whose most relevant bases best carry the prediction alone.

Pruning that goes too far loses a motif, and a network that needs it then no longer recognises what is left: the bases
that the map ranks first, put into shuffled surroundings, lose their score. Pruning that removes noise raises it. The
choice is made once for all sequences: for a single one the surroundings decide more than the pruning does. To allow for
the standard error and take a larger p was tried, and lost motifs (docs/defaults.md).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from genoplrp.errors import OptionError
from genoplrp.inputs import is_dna
from genoplrp.sequence.references import shuffled_references

GRID = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""The amounts that are tried."""
KEPT = (0.2, 0.3, 0.4, 0.5, 0.6)
"""Shares of a sequence's bases that are kept; fewer bases hide the loss of one motif of several."""
DRAWS = 4
"""Shuffled surroundings a sequence."""
SURROUNDINGS = 1_000_003
"""Added to the seed of the surroundings, so that they are not the references that maps were measured from."""
SEQUENCES = 100
"""So many of the sequences are tried, evenly spaced in their order."""


@dataclass(frozen=True, eq=False)
class Amount:
    """The amount found.

    Attributes
    ----------
    p
        Share of the relevance mass dropped at each boundary.
    left_out
        How many of the sequences tried have no positive relevance, so that nothing of them could be kept; they are not
        in the means.
    table
        A row for every amount tried: ``p``; ``carried``, the mean score of the kept bases in shuffled surroundings;
        ``behind``, how far that is behind the best amount's; ``error``, the standard error of ``behind``, from paired
        differences. The p with the highest ``carried`` is chosen, of equals the largest.
    """

    p: float
    left_out: int
    table: pd.DataFrame


def rows_tried(n: int) -> Tensor:
    """Which of n sequences the amounts are tried on, int64 in rising order.

    Examples
    --------
    >>> rows_tried(3).tolist(), len(rows_tried(5000))
    ([0, 1, 2], 100)
    """
    return torch.linspace(0, n - 1, min(n, SEQUENCES), dtype=torch.float64).round().long()


def choose_amount(
    explain: Callable[[float], Tensor], score: Callable[[Tensor], Tensor], x: Tensor, *, seed: int = 0
) -> Amount:
    """The amount of pruning for these sequences.

    Parameters
    ----------
    explain
        ``explain(p) -> (n, l)``: per-base relevance of the sequences, pruned by p.
    score
        ``score(changed) -> (n,)``: explained scores of sequences that stand in for these.
    x
        One-hot DNA (n, 4, l); `rows_tried` says how many suffice.
    seed
        Of the shuffled surroundings.

    Warns
    -----
    UserWarning
        No sequence has positive relevance: nothing can be found out, and p is 0.

    Raises
    ------
    OptionError
        Input that is not DNA.

    Examples
    --------
    >>> from genoplrp import one_hot
    >>> x = one_hot(["AGTTCAAGCTGAATCCGTCA"])
    >>> found = lambda p: torch.eye(20)[[3 if p <= 0.2 else 5]]  # to prune by more than .2 loses the base that matters
    >>> choose_amount(found, lambda changed: changed[:, 3, 3], x).p
    0.2
    """
    if not is_dna(x):
        raise OptionError(f'p="auto" needs DNA, (n, 4, l); got shape {tuple(x.shape)}. Choose p yourself.')
    surroundings = shuffled_references(x, DRAWS, seed=seed + SURROUNDINGS)
    maps = [explain(p) for p in GRID]
    useful = torch.stack([(per_base > 0).any(1) for per_base in maps]).any(0).cpu()
    if not useful.any():
        warnings.warn(
            'p = "auto" found nothing out: no sequence has positive relevance for the explained output, so that no '
            "base can be kept. p is 0; choose another target, or p yourself.",
            stacklevel=4,
        )
        return Amount(0.0, len(x), pd.DataFrame({"p": GRID, "carried": np.nan, "behind": np.nan, "error": np.nan}))
    # (amounts, useful sequences * draws)
    carried = torch.stack([_carried(per_base, score, x, surroundings)[useful].flatten() for per_base in maps])
    best = carried[carried.mean(1).argmax()]
    behind = best - carried
    error = behind.std(1) / sqrt(behind.shape[1])
    table = pd.DataFrame(
        {"p": GRID, "carried": carried.mean(1), "behind": behind.mean(1), "error": error}, dtype="float64"
    )
    # Scores of the same bases may differ in the last digits of float32.
    equal = np.isclose(table["carried"], table["carried"].max(), rtol=1e-6, atol=0)
    return Amount(float(table.loc[equal, "p"].max()), int((~useful).sum()), table)


def _carried(per_base: Tensor, score: Callable[[Tensor], Tensor], x: Tensor, surroundings: Tensor) -> Tensor:
    """Score of the most relevant bases in shuffled surroundings, mean over the shares kept, (n, draws)."""
    place = per_base.argsort(dim=1, descending=True, stable=True).argsort(dim=1)  # (n, l), 0 for the most relevant base
    bases = (x != 0).any(1).sum(1, keepdim=True)
    total = torch.zeros(len(x), surroundings.shape[1], dtype=torch.float64)
    for share in KEPT:
        kept = (place < (share * bases).round()) & (per_base > 0)
        for draw in range(surroundings.shape[1]):
            changed = torch.where(kept[:, None], x, surroundings[:, draw])
            total[:, draw] += score(changed).double().cpu() / len(KEPT)
    return total
