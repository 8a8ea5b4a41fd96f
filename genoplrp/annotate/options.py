"""What a run was asked for, checked before anything is read."""

from dataclasses import dataclass
from typing import Literal, get_args

from genoplrp.errors import OptionError
from genoplrp.lrp.composite import Composite, as_composite
from genoplrp.lrp.prune import NoPrune, PruneLambda, Pruner

Strands = Literal["forward", "both"]

DEFAULT_PRUNER = PruneLambda(0.1)


@dataclass(frozen=True)
class Options:
    """Choices of one run; see `genoplrp.annotate.annotate` for what each means.

    Raises
    ------
    OptionError
        If a value is out of range.

    Examples
    --------
    >>> Options(fpr=2)
    Traceback (most recent call last):
        ...
    genoplrp.errors.OptionError: fpr must be at least 0 and below 1; got 2
    """

    fpr: float = 0.01
    composite: str | Composite = "genomic"
    pruner: Pruner = DEFAULT_PRUNER
    strands: Strands = "forward"
    references: int = 0
    batch_size: int = 128
    logos: int = 6
    page: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        as_composite(self.composite)  # an unknown name is an error
        if not 0 <= self.fpr < 1:
            raise OptionError(f"fpr must be at least 0 and below 1; got {self.fpr}")
        if self.strands not in get_args(Strands):
            raise OptionError(f"strands must be one of {', '.join(get_args(Strands))}; got {self.strands!r}")
        if not isinstance(self.pruner, NoPrune) and self.pruner.automatic:
            raise OptionError(
                'annotate explains many factors in many batches, for which "auto" has no one amount: find it with '
                "genoplrp.find_amount(model, x), and give the number"
            )
        if self.references < 0:
            raise OptionError(f"references must be 0 (measure from zero) or more; got {self.references}")
        if self.batch_size < 1:
            raise OptionError(f"batch_size must be 1 or more; got {self.batch_size}")
        if self.logos < 0:
            raise OptionError(f"logos must be 0 or more; got {self.logos}")
        if self.page < 0:
            raise OptionError(f"page must be 0 or more sequences; got {self.page}")
        if self.seed < 0:
            raise OptionError(f"seed must be 0 or more; got {self.seed}")
