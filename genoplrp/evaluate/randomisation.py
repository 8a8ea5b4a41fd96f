"""Sanity check: an explanation of what a network learnt must change when what it learnt is destroyed.

Model parameter randomisation after Adebayo et al. (NeurIPS 2018). A map that stays the same while the layers' weights
are replaced by random ones shows the input or the architecture, not the network: it has failed.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genoplrp.errors import ModelError, OptionError
from genoplrp.evaluate.agreement import pearson, spearman

ORIGINAL = "(none)"
"""In the column `layer`: the network as it is."""

Randomise = Literal["reset", "permute"] | Callable[[nn.Module], Any]


def parameter_randomisation(
    model: nn.Module,
    explain: Callable[[nn.Module, Tensor], Any],
    x: Tensor,
    *,
    order: Literal["cascading", "independent"] = "cascading",
    layers: Sequence[str] | None = None,
    randomise: Randomise = "reset",
    seed: int = 0,
) -> pd.DataFrame:
    """Similarity of the maps of a randomised network to the network's own, a row a step and input.

    Parameters
    ----------
    model
        Not changed: a copy is randomised.
    explain : callable
        ``explain(model, x) -> relevance``, (n, ...) for n inputs, one number a position (``per_base``). Fix the target:
        ``"predicted"`` is another output once the weights are random.
    x : (n, ...)
        Inputs.
    order : {"cascading", "independent"}
        From the top down, each step keeping what was randomised before; or one layer at a time.
    layers : sequence of str, optional
        Names of the modules, from the top (the output's side) down. By default all modules with parameters of their
        own, in reverse order of registration: name them where the network calls its layers in another order.
    randomise : {"reset", "permute"} or callable
        ``"reset"``: the module's own ``reset_parameters``, a fresh initialisation. ``"permute"``: the entries of each
        parameter in random order, which keeps their size; also taken for modules that cannot reset themselves. Or
        ``randomise(module)``, which changes it in place.
    seed
        Of the random weights; torch's global random state is as before.

    Returns
    -------
    DataFrame
        ``step`` (0: the network itself), ``layer`` (the one randomised in this step), ``sequence`` (row of x),
        ``spearman`` (rank correlation of the absolute relevance, ties with mean ranks) and ``pearson`` (of the signed
        relevance), -1 to 1. NaN where one of the two maps is constant, for instance all zero.

    Raises
    ------
    OptionError
        Another word, a layer that the network does not have or that has no parameters.
    ModelError
        The network has no parameters.

    Examples
    --------
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(8, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> def gradient(net, x):
    ...     x = x.clone().requires_grad_()
    ...     return torch.autograd.grad(net(x).sum(), x)[0].sum(1)
    >>> table = parameter_randomisation(net, gradient, torch.rand(2, 4, 2))
    >>> table.groupby("step")["layer"].first().tolist()
    ['(none)', '3', '1']
    """
    if order not in ("cascading", "independent"):
        raise OptionError(f'order must be "cascading" or "independent"; got {order!r}')
    if not callable(randomise) and randomise not in ("reset", "permute"):
        raise OptionError(f'randomise must be "reset", "permute" or a callable; got {randomise!r}')
    names = _layers(model, layers)
    own = _map(explain(model, x), len(x))
    parts = [_compared(0, ORIGINAL, own, own)]
    for step, changed in enumerate(_randomised(model, names, order, randomise, seed), start=1):
        parts.append(_compared(step, names[step - 1], own, _map(explain(changed, x), len(x))))
    return pd.concat(parts, ignore_index=True)


def _layers(model: nn.Module, layers: Sequence[str] | None) -> list[str]:
    """Names from the top down, checked."""
    having = [name for name, module in model.named_modules() if any(True for _ in module.parameters(recurse=False))]
    if not having:
        raise ModelError("the model has no parameters, so there is nothing to randomise")
    names = having[::-1] if layers is None else list(layers)
    if unknown := [name for name in names if name not in having]:
        raise OptionError(
            f"layers names {unknown[0]!r}; the modules with parameters are, from the top, {', '.join(having[::-1])}"
        )
    return names


def _randomised(
    model: nn.Module, names: Sequence[str], order: str, randomise: Randomise, seed: int
) -> Iterator[nn.Module]:
    """The copy after each step; it is one object, changed further from step to step."""
    changed = copy.deepcopy(model)
    trained = copy.deepcopy(model.state_dict())
    for position, name in enumerate(names):
        if order == "independent":
            changed.load_state_dict(trained)
        # A layer's random weights depend on the seed and its place, not on what was randomised before.
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(int(np.random.SeedSequence([seed, position]).generate_state(1)[0]))
            _randomise(changed.get_submodule(name), randomise)
        yield changed


def _randomise(module: nn.Module, how: Randomise) -> None:
    if callable(how):
        how(module)
    elif how == "reset" and callable(getattr(module, "reset_parameters", None)):
        module.reset_parameters()  # type: ignore[operator]
    else:
        for parameter in module.parameters(recurse=False):
            order = torch.randperm(parameter.numel(), device=parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))


def _compared(step: int, layer: str, one: NDArray[np.float64], other: NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "step": step,
            "layer": layer,
            "sequence": np.arange(len(one)),
            "spearman": spearman(np.abs(one), np.abs(other)),
            "pearson": pearson(one, other),
        }
    )


def _map(given: Any, n: int) -> NDArray[np.float64]:
    """The map as (n, positions)."""
    array = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    if array.ndim < 2 or len(array) != n:
        raise OptionError(f"explain must return relevance (n, ...) for n = {n} inputs; got shape {array.shape}")
    return array.reshape(n, -1).astype(np.float64)
