"""The four networks of Koo and Ploenzke (2021), task 3, with Keras' initial weights and batch norm settings.

`MotifCNN` is not used: these networks pad only their first layers, drop out a share of their own after each layer
(before the pool), and normalise the dense layer too. Training is in `fitting`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from genoplrp.errors import OptionError
from genoplrp.models.cnn import Exp
from genoplrp.studies.koo.data import LENGTH


class Layer(NamedTuple):
    """A convolution: filters, their width, whether padded to keep the length, share dropped, pool (1: none)."""

    filters: int
    width: int
    padded: bool
    dropped: float
    pool: int


SHAPES = {
    "local": (Layer(24, 19, True, 0.1, 50), Layer(48, 3, True, 0.2, 2)),
    "dist": (
        Layer(24, 19, True, 0.1, 1),
        Layer(32, 7, True, 0.2, 4),
        Layer(48, 7, False, 0.3, 4),
        Layer(64, 3, False, 0.4, 3),
    ),
}
ACTIVATIONS = ("relu", "exp")
HE, GLOROT = "he_normal", "glorot_uniform"
"""Initial weights of hidden layers, by Keras' names. The authors' layer code had the first; a later version of it names
none, which Keras takes for the second; their figures speak for it (docs/koo.md)."""
NETWORKS = tuple(f"{shape}-{activation}" for shape in SHAPES for activation in ACTIVATIONS)
DENSE, DENSE_DROPPED = 96, 0.5


def koo_network(name: str, *, seed: int = 0, initial: str = GLOROT) -> nn.Sequential:
    """A network before training: one-hot (n, 4, 200) -> logit (n, 1).

    Parameters
    ----------
    name
        ``local-relu``, ``local-exp``, ``dist-relu`` or ``dist-exp``: the last word is the first layer's activation.
    seed
        Of the initial weights. The global random state is left as it was.
    initial
        ``"he_normal"`` or ``"glorot_uniform"``: initial weights of the hidden layers; the logit's are Glorot's.

    Raises
    ------
    OptionError
        If there is no such network, or there are no such weights.

    Examples
    --------
    >>> koo_network("dist-exp")(torch.zeros(2, 4, 200)).shape
    torch.Size([2, 1])
    """
    if name not in NETWORKS:
        raise OptionError(f"there is no network {name!r}; choose one of {', '.join(NETWORKS)}")
    if initial not in (HE, GLOROT):
        raise OptionError(f"there are no initial weights {initial!r}; choose {HE} or {GLOROT}")
    shape, activation = name.split("-")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential()
        for label, layer in _layers(SHAPES[shape], activation):
            network.add_module(label, layer)
        for layer in network:
            _initialise(layer, initial)
    return network


def _layers(shape: tuple[Layer, ...], activation: str) -> Iterator[tuple[str, nn.Module]]:
    channels, positions = 4, LENGTH
    for number, layer in enumerate(shape, start=1):
        padding = layer.width // 2 if layer.padded else 0
        yield f"conv{number}", nn.Conv1d(channels, layer.filters, layer.width, padding=padding, bias=False)
        yield f"norm{number}", _norm(layer.filters)
        yield f"act{number}", Exp() if number == 1 and activation == "exp" else nn.ReLU()
        yield f"drop{number}", nn.Dropout(layer.dropped)
        if layer.pool > 1:
            yield f"pool{number}", nn.MaxPool1d(layer.pool)
        channels, positions = layer.filters, (positions + 2 * padding - layer.width + 1) // layer.pool
    yield "flatten", nn.Flatten()
    yield "dense", nn.Linear(channels * positions, DENSE, bias=False)
    yield "norm_dense", _norm(DENSE)
    yield "act_dense", nn.ReLU()
    yield "drop_dense", nn.Dropout(DENSE_DROPPED)
    yield "logit", nn.Linear(DENSE, 1)


def _norm(channels: int) -> nn.BatchNorm1d:
    """Batch norm with Keras' defaults: epsilon 1e-3, momentum .99."""
    return nn.BatchNorm1d(channels, eps=1e-3, momentum=0.01)


def _initialise(layer: nn.Module, initial: str) -> None:
    """Keras' initial weights. he_normal: normal, cut at two standard deviations, variance 2 / inputs."""
    if not isinstance(layer, nn.Conv1d | nn.Linear):
        return
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    if initial == GLOROT or layer.bias is not None:  # only the logit has a bias
        nn.init.xavier_uniform_(layer.weight)
    else:
        spread = (2 / layer.weight[0].numel()) ** 0.5 / 0.87962566103423978
        nn.init.trunc_normal_(layer.weight, std=spread, a=-2 * spread, b=2 * spread)
