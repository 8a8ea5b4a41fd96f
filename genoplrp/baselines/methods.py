"""All methods by name, LRP and PLRP among them, so that a study can loop over them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from genoplrp.attribution import attribute
from genoplrp.baselines.deeplift import deep_lift_shap
from genoplrp.baselines.gradient import corrected_gradient, gradient_times_input
from genoplrp.baselines.mutagenesis import in_silico_mutagenesis
from genoplrp.baselines.path import integrated_gradients
from genoplrp.baselines.peers import installed
from genoplrp.errors import OptionError
from genoplrp.lrp import NoPrune, PruneLambda, PruneM
from genoplrp.lrp.target import Target
from genoplrp.result import Attribution


@dataclass(frozen=True)
class Method:
    """A way to explain a model.

    Attributes
    ----------
    title
        What tables and figures call it; short enough to stand beside a logo.
    function
        ``function(model, x, *, target, batch_size, device, ...) -> Attribution``.
    package
        What has to be installed for it beside genoplrp; empty where nothing has to be.
    """

    title: str
    function: Callable[..., Attribution]
    package: str = ""

    @property
    def available(self) -> bool:
        """Whether it can run here."""
        return not self.package or installed(self.package)


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "gradient": Method("gradient", gradient_times_input),
        "corrected-gradient": Method("corr. gradient", corrected_gradient),
        "integrated-gradients": Method("int. gradients", integrated_gradients, "captum"),
        "deep-lift-shap": Method("DeepLIFT/SHAP", deep_lift_shap, "tangermeme"),
        "ism": Method("ISM", in_silico_mutagenesis, "tangermeme"),
        "lrp": Method("LRP", partial(attribute, pruner=NoPrune(), hypothetical=True)),
        "plrp": Method("PLRP", partial(attribute, pruner=PruneLambda(0.1), hypothetical=True)),
        "plrp-m": Method("PLRP-M", partial(attribute, pruner=PruneM(0.1), hypothetical=True)),
        "plrp-references": Method(
            "PLRP, refs", partial(attribute, pruner=PruneLambda(0.1), hypothetical=True, references=5)
        ),
    }
)
"""Name -> method, in the order in which tables show them."""


def explain(name: str, model: nn.Module, x: Tensor, *, target: Target = "predicted", **options: Any) -> Attribution:
    """Attribution of a model by the method of that name.

    Parameters
    ----------
    name
        A key of `METHODS`.
    model, x, target
        As in `genoplrp.attribute`.
    options
        Passed on to the method: ``batch_size`` and ``device`` to all, ``references=20`` to ``deep-lift-shap``,
        ``steps=50`` to ``integrated-gradients``, ``pruner=PruneLambda(0.2)`` to ``plrp``.

    Raises
    ------
    OptionError
        There is no such method, or its package is not installed.

    Examples
    --------
    >>> from genoplrp import one_hot
    >>> net = nn.Sequential(nn.Conv1d(4, 3, 5), nn.ReLU(), nn.Flatten(), nn.Linear(12, 1))
    >>> x = one_hot("ACGTTGCA")
    >>> {name: tuple(explain(name, net, x).per_base.shape) for name in ("gradient", "plrp")}
    {'gradient': (1, 8), 'plrp': (1, 8)}
    """
    return method_of(name).function(model, x, target=target, **options)


def method_of(name: str) -> Method:
    """The method of that name.

    Raises
    ------
    OptionError
        There is none; the names are listed.
    """
    if name not in METHODS:
        raise OptionError(f"there is no method {name!r}; the methods are {', '.join(METHODS)}")
    return METHODS[name]
