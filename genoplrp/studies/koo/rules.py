"""Which LRP rules suit these networks: composites compared, unpruned and pruned at .1."""

from collections.abc import Callable
from functools import partial
from typing import Any

from genoplrp import attribute
from genoplrp.lrp.composite import Composite
from genoplrp.lrp.rules import AlphaBeta, Epsilon, Gamma, WSquare, ZBox, ZPlus
from genoplrp.studies.koo.methods import AT_TENTH, Explainer, on_both_strands, per_base

NAMED = ("genomic", "epsilon", "epsilon-plus", "epsilon-plus-flat", "epsilon-alpha2-beta1", "epsilon-gamma-box")


FROM_REFERENCES = ("epsilon", "epsilon-plus", "gamma .25", "box first, epsilon", "box first, gamma .1")
ON_BOTH = ("genomic", "epsilon", "epsilon-gamma-box", "box first, gamma .1")


def composites() -> dict[str, Composite]:
    """The named composites, and others that vary one choice of ``genomic`` or ``epsilon`` at a time.

    >>> composites()["box first, epsilon"].first
    ZBox(low=0.0, high=1.0)
    """
    box = ZBox(0.0, 1.0)
    return {
        **{name: Composite.named(name) for name in NAMED},
        "box first, epsilon": Composite(first=box),
        "box first, gamma .1": Composite(conv=Gamma(0.1), first=box),
        "box first, gamma .5": Composite(conv=Gamma(0.5), first=box),
        "box first, gamma 1": Composite(conv=Gamma(1.0), first=box),
        "box first, gamma .25 also dense": Composite(conv=Gamma(0.25), dense=Gamma(0.25), first=box),
        "box first, alpha2-beta1": Composite(conv=AlphaBeta(2.0, 1.0), first=box),
        "epsilon first, zplus": Composite(conv=ZPlus(), first=Epsilon()),
        "gamma .25": Composite(conv=Gamma(0.25)),
        "wsquare first, gamma .25": Composite(conv=Gamma(0.25), first=WSquare()),
    }


def rule_explainers() -> dict[str, Explainer]:
    """Name -> explainer for every composite without and with pruning, some from 5 references or on both strands."""
    made: dict[str, Callable[..., Any]] = {
        f"{pruned}, {name}": partial(attribute, composite=composite, pruner=pruner)
        for name, composite in composites().items()
        for pruned, pruner in AT_TENTH.items()
    }
    for name in FROM_REFERENCES:
        for pruned, pruner in AT_TENTH.items():
            options: dict[str, Any] = {"composite": composites()[name], "pruner": pruner, "references": 5}
            made[f"{pruned}, {name}, 5 references"] = partial(attribute, **options)
    doubled = {f"LRP, {name}, both strands": on_both_strands(per_base(made[f"LRP, {name}"])) for name in ON_BOTH}
    return {**{name: per_base(method) for name, method in made.items()}, **doubled}
