"""References as a user gives them: none, a number of dinucleotide shuffles, or a tensor."""

import torch
from torch import Tensor

from genoplrp.errors import OptionError
from genoplrp.inputs import is_dna, present_columns
from genoplrp.sequence.references import shuffled_references

References = int | Tensor | None
"""None, a number of dinucleotide shuffles, or a tensor (n, r, 4, l)."""


def check_references(references: References, x: Tensor) -> None:
    """Refuse references that do not fit x.

    Raises
    ------
    OptionError
        A number below 1, a number for inputs that are not DNA, or a tensor of another shape, empty or not finite.
    """
    if references is None:
        return
    if isinstance(references, Tensor):
        n, *rest = x.shape
        if references.ndim != x.ndim + 1 or (len(references), *references.shape[2:]) != (n, *rest):
            raise OptionError(
                f"references must have shape {(n, 'r', *rest)}, r for each sequence; got {tuple(references.shape)}"
            )
        if references.shape[1] == 0 or not torch.isfinite(references).all():
            raise OptionError("references must hold at least one reference a sequence, and finite values only")
    elif isinstance(references, bool) or not isinstance(references, int) or references < 1:
        raise OptionError(f"references must be a whole number from 1 on, or a tensor; got {references!r}")
    elif not is_dna(x):
        raise OptionError(
            f"shuffled references need DNA, (n, 4, l); got shape {tuple(x.shape)}. Give references as a tensor"
        )


def references_of(x: Tensor, references: int | Tensor, rows: slice, seed: int) -> Tensor:
    """The references of a batch x, the given rows of all, (k, r, ...); where x has no base they have none."""
    if not isinstance(references, Tensor):
        return shuffled_references(x, references, seed=seed)
    found = references[rows].to(x)
    present = present_columns(x)
    return found if present is None else found * present[:, None]
