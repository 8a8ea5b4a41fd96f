"""What a discovery was asked for, checked before anything is read."""

from dataclasses import dataclass
from typing import Literal, get_args

from genoplrp.baselines.peers import needed
from genoplrp.errors import OptionError

Method = Literal["quick", "modisco"]


@dataclass(frozen=True)
class Choices:
    """Choices of one discovery; see :func:`genoplrp.discover.discover` for what each means.

    Raises
    ------
    OptionError
        A value out of range, or a method whose package is not installed.

    Examples
    --------
    >>> Choices(fdr=0)
    Traceback (most recent call last):
        ...
    genoplrp.errors.OptionError: fdr must be above 0 and at most 1; got 0
    """

    method: Method = "quick"
    fdr: float = 0.2
    hit_fdr: float = 0.1
    least: int = 20
    windows: int = 2000
    logos: int = 40

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise OptionError(f"method must be one of {', '.join(get_args(Method))}; got {self.method!r}")
        if self.method == "modisco":
            needed("modiscolite.core", "method='modisco'", extra="modisco")
        for name in ("fdr", "hit_fdr"):
            if not 0 < getattr(self, name) <= 1:
                raise OptionError(f"{name} must be above 0 and at most 1; got {getattr(self, name)}")
        for name, least in (("least", 2), ("windows", 1), ("logos", 0)):
            if getattr(self, name) < least:
                raise OptionError(f"{name} must be {least} or more; got {getattr(self, name)}")
