"""What the study does, as one value: sizes of data, networks, pruners; all else follows from it and the seeds."""

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any

from genoplrp.lrp.prune import Choice, NoPrune, PruneLambda, PruneM, Pruner, SparsityGain
from genoplrp.models import CNNConfig
from genoplrp.motifs import INTERACTIONS

LRP = "LRP"
LAMBDA, M = "PLRP-lambda", "PLRP-M"


@dataclass(frozen=True)
class Design:
    """Sizes and settings of the study.

    Parameters
    ----------
    filters
        Filters of the first convolution, a network each.
    train, epochs, options
        Sequences and epochs of training, and the other options of `genoplrp.models.train`.
    block, measured
        Held-out sequences of each interaction (no sequence serves two), and how many of those that a network calls
        positive are measured.
    p, gains
        Shares of mass that are dropped, and the least gains of sparsity for which entries are dropped.
    least_auroc, least_contrast
        From which on an interaction counts as learnt: over all held-out sequences, and among those of its contrast.
    """

    filters: tuple[int, ...] = (4, 32)
    train: int = 20_000
    epochs: int = 10
    options: tuple[tuple[str, Any], ...] = (("batch_size", 32), ("lr", 2e-3))
    block: int = 250
    measured: int = 40
    p: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    gains: tuple[float, ...] = (1.5, 1.0, 0.75, 0.5, 0.25, 0.1)
    least_auroc: float = 0.9
    least_contrast: float = 0.8

    def network(self, filters: int) -> CNNConfig:
        """Shape of the network: two convolutions, the second sees 70 bases, and a dense layer that knows places."""
        return CNNConfig(
            length=250,
            outputs=len(INTERACTIONS),
            filters=(filters, 32),
            widths=(19, 15),
            pools=(4, 4),
            dense=(64,),
        )

    def fingerprint(self) -> str:
        """Eight letters that tell results of another design apart."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:8]


FULL = Design()
SMALL = replace(
    FULL,
    train=600,
    epochs=2,
    block=60,
    measured=4,
    p=(0.1, 0.5),
    gains=(1.0,),
    least_auroc=0.0,
    least_contrast=0.0,
)
"""Too small to learn anything: it shows that the study runs, and counts everything as learnt."""


@dataclass(frozen=True)
class Setting:
    """A pruner of the study and its place in the tables.

    ``rule`` is ``"share"`` (`amount` is p) or ``"gain"`` (`amount` is the least gain); ``signs`` says which relevance
    is pruned: both, positive or negative. LRP is the share 0 of both.
    """

    name: str
    method: str
    rule: str
    signs: str
    amount: float
    pruner: Pruner


def settings(design: Design) -> list[Setting]:
    """LRP, then every method with every share for both signs and for each apart, and with every gain.

    Examples
    --------
    >>> [setting.name for setting in settings(SMALL)][:4]
    ['LRP', 'PLRP-lambda both share 0.1', 'PLRP-lambda positive share 0.1', 'PLRP-lambda negative share 0.1']
    """
    made = [Setting(LRP, LRP, "share", "both", 0.0, NoPrune())]
    for method in (LAMBDA, M):
        for p in design.p:
            for signs, choice in {"both": (p, p), "positive": (p, 0.0), "negative": (0.0, p)}.items():
                made.append(_setting(method, "share", signs, p, choice))
        for gain in design.gains:
            made.append(_setting(method, "gain", "both", gain, SparsityGain(gain)))
    return made


def _setting(method: str, rule: str, signs: str, amount: float, choice: Choice) -> Setting:
    pruner = PruneLambda(choice) if method == LAMBDA else PruneM(choice)
    return Setting(f"{method} {signs} {rule} {amount:g}", method, rule, signs, amount, pruner)
