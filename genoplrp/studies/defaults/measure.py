"""What one network gives under every choice: rules, amount of pruning, references."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from genoplrp.amount import GRID
from genoplrp.attribution import attribute, find_amount
from genoplrp.evaluate import auprc, gini, motif_recall, rma
from genoplrp.lrp.composite import Composite
from genoplrp.lrp.prune import NoPrune, PruneLambda, Pruner
from genoplrp.lrp.rules import Epsilon, Gamma, Rule, ZBox, ZPlus
from genoplrp.studies.defaults.subjects import Sequences, Subject

SWEPT = ("genomic", "epsilon-gamma-box")
"""Rules for which every amount is measured."""
OTHERS = ("box-gamma.1", "epsilon-box", "epsilon-plus", "epsilon-alpha2-beta1", "epsilon")
FEW = (0.0, 0.1, 0.2)
POSITIVE = (0.05, 0.1, 0.2, 0.3)
"""Amounts for which positive relevance alone is pruned, too."""
REFERENCES = 5
METRICS = ("auprc", "rma", "recall", "gini")


class Choice(NamedTuple):
    """What is chosen: rules, references (0: from zero), which signs PLRP-lambda prunes, and the share."""

    composite: str
    references: int
    signs: str
    p: float

    @property
    def pruner(self) -> Pruner:
        """Its pruner."""
        if not self.p:
            return NoPrune()
        return PruneLambda(self.p if self.signs == "both" else (self.p, 0.0))


def choices() -> Iterator[Choice]:
    """Every choice that is measured.

    >>> len(set(choices()))
    52
    """
    for composite in SWEPT:
        yield from (Choice(composite, 0, "both", p) for p in GRID)
        yield from (Choice(composite, 0, "positive", p) for p in POSITIVE)
    for composite in OTHERS:
        yield from (Choice(composite, 0, "both", p) for p in FEW)
    for composite in (*SWEPT, "box-gamma.1"):
        yield from (Choice(composite, REFERENCES, *part) for part in (("both", 0.0), ("both", 0.1), ("positive", 0.1)))
    for composite in ("box-zplus", "epsilon"):
        yield from (Choice(composite, REFERENCES, "both", p) for p in (0.0, 0.1))


def rules(name: str) -> Composite:
    """A composite by its name here: "box" stands for zbox(0, 1) on the layer that reads the sequence.

    ``genomic`` is "box-zplus" from zero and "epsilon-box" from references.
    """
    conv: dict[str, Rule] = {"box-gamma.1": Gamma(0.1), "box-zplus": ZPlus(), "epsilon-box": Epsilon()}
    return Composite(name=name, conv=conv[name], first=ZBox(0.0, 1.0)) if name in conv else Composite.named(name)


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
        pruner=choice.pruner,
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
    """What ``"auto"`` chooses for the reported sequences, and what it tried; truth plays no part in it.

    A row a composite and amount tried: ``composite``, ``auto`` (the amount found) and the columns of `find_amount`'s
    table.
    """
    tables = []
    for name in composites:
        found = find_amount(subject.model, subject.report.x, target=subject.report.target, composite=rules(name))
        tables.append(found.table.assign(composite=name, auto=found.p))
    return pd.concat(tables, ignore_index=True)
