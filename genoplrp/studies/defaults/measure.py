"""What one network gives under every choice: rules, amount of pruning, references."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from genoplrp.amount import GRID
from genoplrp.attribution import attribute, find_amount
from genoplrp.evaluate import auprc, gini, motif_recall, rma
from genoplrp.lrp.composite import Composite
from genoplrp.lrp.prune import NoPrune, PruneLambda
from genoplrp.lrp.rules import Gamma, ZBox
from genoplrp.studies.defaults.subjects import Sequences, Subject

COMPOSITES = ("genomic", "epsilon-gamma-box", "box-gamma.1", "epsilon-plus", "epsilon-alpha2-beta1", "epsilon")
FROM_REFERENCES = ("genomic", "epsilon-gamma-box", "box-gamma.1", "epsilon")
REFERENCES = 5
FEW = (0.0, 0.1, 0.2)
"""Amounts tried from references, where each costs as much as all of them from zero."""
METRICS = ("auprc", "rma", "recall", "gini")


class Choice(NamedTuple):
    """What is chosen: rules, number of references (0: from zero), share pruned by PLRP-lambda."""

    composite: str
    references: int
    p: float


def choices() -> Iterator[Choice]:
    """Every choice that is measured.

    >>> len(list(choices()))
    60
    """
    for composite in COMPOSITES:
        yield from (Choice(composite, 0, p) for p in GRID)
    for composite in FROM_REFERENCES:
        yield from (Choice(composite, REFERENCES, p) for p in FEW)


def rules(name: str) -> Composite:
    """A composite by its name here."""
    if name == "box-gamma.1":
        return Composite(name=name, conv=Gamma(0.1), first=ZBox(0.0, 1.0))
    return Composite.named(name)


def measured(subject: Subject) -> pd.DataFrame:
    """A row a choice, part ("choose" or "report") and sequence, with the metrics; NaN where undefined."""
    parts = {"choose": subject.choose, "report": subject.report}
    frames = [_measured(subject, part, sequences, choice) for part, sequences in parts.items() for choice in choices()]
    return pd.concat(frames, ignore_index=True)


def _measured(subject: Subject, part: str, sequences: Sequences, choice: Choice) -> pd.DataFrame:
    per_base = attribute(
        subject.model,
        sequences.x,
        target=sequences.target,
        composite=rules(choice.composite),
        pruner=PruneLambda(choice.p) if choice.p else NoPrune(),
        references=choice.references or None,
    ).per_base
    scores = {
        "auprc": auprc(per_base, sequences.mask),
        "rma": rma(per_base, sequences.mask),
        "recall": motif_recall(per_base, sequences.sites),
        "gini": gini(per_base),
    }
    return pd.DataFrame({**choice._asdict(), "part": part, "sequence": np.arange(len(per_base)), **scores})


def amounts_found(subject: Subject, composites: tuple[str, ...] = ("genomic",)) -> pd.DataFrame:
    """What ``"auto"`` chooses for the reported sequences, a row a composite; truth plays no part in it."""
    found = [
        find_amount(subject.model, subject.report.x, target=subject.report.target, composite=rules(name)).p
        for name in composites
    ]
    return pd.DataFrame({"composite": composites, "auto": found})
