"""What is compared on Koo's task: their methods as they defined them, the same as usually defined, LRP, PLRP."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from genoplrp import NoPrune, PruneLambda, PruneM, attribute
from genoplrp.baselines import (
    corrected_gradient,
    deep_lift_shap,
    gradient_times_input,
    in_silico_mutagenesis,
    integrated_gradients,
)
from genoplrp.lrp.composite import Composite
from genoplrp.lrp.prune import Pruner
from genoplrp.lrp.rules import Gamma, ZBox
from genoplrp.studies.koo.published import DEFINITIONS

BEST = "epsilon-gamma-box"
"""The named composite that `genoplrp.studies.koo.rules` finds best from zero, on validation sequences."""
PS = (0.05, 0.1, 0.2, 0.25, 0.5)
COMPOSITES = ("genomic", "epsilon", BEST)
BOX_GAMMA = Composite(name="box-gamma .1", conv=Gamma(0.1), first=ZBox(0.0, 1.0))
"""genomic with the gamma rule, the next best from references."""
FROM_REFERENCES = (
    ("epsilon", Composite.named("epsilon")),
    ("genomic", Composite.named("genomic")),
    (BOX_GAMMA.name, BOX_GAMMA),
)
"""From references the epsilon rule is DeepLIFT's Rescale, and genomic is Rescale with zbox first."""
REFERENCE_NUMBERS = (5, 20)
AT_TENTH: Mapping[str, Pruner] = MappingProxyType({"LRP": NoPrune(), "PLRP-lambda .1": PruneLambda(0.1)})
Explainer = Callable[[nn.Module, Tensor], Tensor]
"""(model, one-hot (n, 4, l)) -> signed relevance per base (n, l)."""


def explainers() -> dict[str, Explainer]:
    """Name -> explainer, in the order of the tables; all but those "as published" explain the logit.

    >>> len(explainers()), "PLRP-lambda .1, genomic" in explainers()
    (44, True)
    """
    peers: dict[str, Callable[..., Any]] = {
        "gradient x input": gradient_times_input,
        "corrected gradient": corrected_gradient,
        "integrated gradients": integrated_gradients,
        "DeepSHAP": partial(deep_lift_shap, references=20),
        "in-silico mutagenesis": in_silico_mutagenesis,
    }
    ours: dict[str, Callable[..., Any]] = {
        f"{name}, {composite}": partial(attribute, pruner=pruner, composite=composite)
        for composite in COMPOSITES
        for name, pruner in _pruners().items()
    }
    from_references: dict[str, Callable[..., Any]] = {
        f"{name}, {label}, {number} references": partial(
            attribute, pruner=pruner, composite=composite, references=number
        )
        for label, composite in FROM_REFERENCES
        for number in REFERENCE_NUMBERS
        for name, pruner in AT_TENTH.items()
    }
    all_ours = {**ours, **from_references}
    doubled = {
        f"{name}, both strands": on_both_strands(per_base({**peers, **all_ours}[name]))
        for name in ("DeepSHAP", f"LRP, {BEST}", "LRP, genomic, 5 references")
    }
    return {
        **{f"{name}, as published": explainer for name, explainer in DEFINITIONS.items()},
        **{name: per_base(method) for name, method in {**peers, **all_ours}.items()},
        **doubled,
    }


def on_both_strands(explain: Explainer) -> Explainer:
    """The mean of an explainer's maps of the sequence and of its reverse complement."""

    def explain_both(model: nn.Module, x: Tensor) -> Tensor:
        return (explain(model, x) + explain(model, x.flip(1, 2)).flip(1)) / 2

    return explain_both


def _pruners() -> dict[str, Pruner]:
    pruned: dict[str, Pruner] = {f"PLRP-lambda {_short(p)}": PruneLambda(p) for p in PS}
    return {"LRP": NoPrune(), **pruned, "PLRP-M .1": PruneM(0.1)}


def _short(p: float) -> str:
    return f"{p:g}".removeprefix("0")


def per_base(method: Callable[..., Any]) -> Explainer:
    """An explainer from a function that returns an `Attribution`."""

    def explain(model: nn.Module, x: Tensor) -> Tensor:
        relevance: Tensor = method(model, x).per_base
        return relevance

    return explain
