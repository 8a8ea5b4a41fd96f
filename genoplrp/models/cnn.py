"""MotifCNN: the small convolutional network of the motif tasks, built from one checked configuration.

Convolution blocks (convolution, batch norm, activation, max-pool, dropout), a head that brings the positions
together, dense layers, logits. Every step is a plain torch call with a relevance rule of its own. Training and
files live next door.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from genoplrp.errors import ModelError
from genoplrp.models.spec import ModelSpec

ACTIVATIONS = ("relu", "exp")
HEADS = ("max", "mean", "flatten")


@dataclass(frozen=True)
class CNNConfig:
    """Shape of a `MotifCNN`, checked when made.

    Parameters
    ----------
    length
        Input length in base pairs.
    outputs
        Number of logits.
    filters, widths, pools
        One entry a convolution: filters, width of a filter, and width of the max-pool after it (1: none).
        Convolutions are padded by ``width // 2`` on both sides, so that a motif at the end of the input is seen.
    dense
        Widths of the hidden dense layers between the head and the logits.
    batch_norm
        Batch norm between each convolution and its activation.
    dropout
        Share of values dropped in training, after each convolution block (a tenth is plenty) and hidden layer.
    activation
        Of the first convolution: ``"relu"``, or ``"exp"``, whose first filters become more readable motifs
        (Koo and Ploenzke, Nature Machine Intelligence 2021). Everything behind it uses ReLU.
    residual
        Whether a convolution block that keeps the shape (as many filters as before, an odd width, no pool) adds its
        input to its output.
    head
        ``"max"`` or ``"mean"`` over all positions, or ``"flatten"``, which keeps where things were.

    Raises
    ------
    ModelError
        If a value is out of range, the tuples differ in length, or pooling leaves no position.

    Examples
    --------
    >>> CNNConfig(filters=(4,)).positions
    (62,)
    >>> CNNConfig(filters=(4, 8), widths=(11,))
    Traceback (most recent call last):
        ...
    genoplrp.errors.ModelError: filters, widths and pools need one entry a convolution, got 2, 1 and 1
    """

    length: int = 250
    outputs: int = 1
    filters: tuple[int, ...] = (32,)
    widths: tuple[int, ...] = (19,)
    pools: tuple[int, ...] = (4,)
    dense: tuple[int, ...] = (32,)
    batch_norm: bool = False
    dropout: float = 0.0
    activation: Literal["relu", "exp"] = "relu"
    head: Literal["max", "mean", "flatten"] = "flatten"
    residual: bool = False

    def __post_init__(self) -> None:
        for name in ("filters", "widths", "pools", "dense"):
            object.__setattr__(self, name, _sizes(name, getattr(self, name)))
        for name in ("length", "outputs"):
            _sizes(name, (getattr(self, name),))
        counts = [len(self.filters), len(self.widths), len(self.pools)]
        if len(set(counts)) > 1 or not self.filters:
            raise ModelError(
                "filters, widths and pools need one entry a convolution, got {}, {} and {}".format(*counts)
            )
        for name in ("batch_norm", "residual"):
            if not isinstance(getattr(self, name), bool):
                raise ModelError(f"{name} must be true or false, got {getattr(self, name)!r}")
        if not isinstance(self.dropout, float | int) or not 0 <= self.dropout < 1:
            raise ModelError(f"dropout must be at least 0 and less than 1, got {self.dropout!r}")
        for name, choices in (("activation", ACTIVATIONS), ("head", HEADS)):
            if getattr(self, name) not in choices:
                raise ModelError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        if min(self.positions) < 1:
            raise ModelError(f"pools {self.pools} leave no position of {self.length} bp: use smaller pools")

    @property
    def positions(self) -> tuple[int, ...]:
        """Positions left after each convolution block."""
        left, out = self.length, []
        for width, pool in zip(self.widths, self.pools, strict=True):
            left = (left + 2 * (width // 2) - width + 1) // pool
            out.append(left)
        return tuple(out)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary of JSON types."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CNNConfig":
        """Configuration from what `to_dict` gave; an unknown key is a `ModelError`."""
        known = [item.name for item in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise ModelError(f"a MotifCNN has no option {unknown[0]!r}; its options are {', '.join(known)}")
        return cls(**values)


class MotifCNN(nn.Module):
    """Convolutional network from DNA to logits.

    Parameters
    ----------
    config
        Its shape.
    seed
        Seed of the initial weights. The global random state is left as it was.

    Notes
    -----
    Reads ``(n, 4, length)``, channels A, C, G, T, and gives logits ``(n, outputs)``. ``spec`` is what
    `genoplrp.models.load_model` read beside the weights, None for a network that comes from no file.

    Examples
    --------
    >>> network = MotifCNN(CNNConfig(length=50, outputs=3, filters=(4,), widths=(7,)))
    >>> network(torch.zeros(2, 4, 50)).shape
    torch.Size([2, 3])
    >>> network(torch.zeros(2, 4, 60))
    Traceback (most recent call last):
        ...
    genoplrp.errors.ModelError: this network reads (n, 4, 50), got (2, 4, 60)
    """

    spec: ModelSpec | None

    def __init__(self, config: CNNConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.spec = None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.convolutions = _convolutions(config)
            self.dense = _dense(config)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(n, outputs)`` of one-hot sequences ``(n, 4, length)``; another shape is a ModelError."""
        if x.dim() != 3 or x.shape[1] != 4 or x.shape[2] != self.config.length:
            raise ModelError(f"this network reads (n, 4, {self.config.length}), got {tuple(x.shape)}")
        x = self.convolutions(x)  # (n, filters, positions)
        if self.config.head == "max":
            x = x.amax(dim=2)
        elif self.config.head == "mean":
            x = x.mean(dim=2)
        else:
            x = x.flatten(1)
        return cast(Tensor, self.dense(x))

    def describe(
        self,
        labels: tuple[str, ...],
        *,
        motifs: dict[str, str] | None = None,
        training: dict[str, Any] | None = None,
    ) -> ModelSpec:
        """Spec of this network, ready for `genoplrp.models.save_model`."""
        return ModelSpec(
            architecture=type(self).__name__,
            config=self.config.to_dict(),
            length=self.config.length,
            labels=labels,
            motifs=motifs or {},
            training=training or {},
        )


class Exp(nn.Module):
    """Exponential activation of the first convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return x.exp()


class Residual(nn.Sequential):
    """Layers that keep the shape, whose input is added to their output."""

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self:
            y = layer(y)
        return x + y


def _convolutions(config: CNNConfig) -> nn.Sequential:
    """Convolution blocks: (n, 4, length) -> (n, filters, positions)."""
    layers: list[nn.Module] = []
    channels = 4
    for filters, width, pool in zip(config.filters, config.widths, config.pools, strict=True):
        first = not layers
        # A bias before a batch norm would be subtracted again.
        convolution = nn.Conv1d(channels, filters, width, padding=width // 2, bias=not config.batch_norm)
        activation = Exp() if first and config.activation == "exp" else nn.ReLU()
        block = _block(config, convolution, activation, pool)
        keeps_shape = channels == filters and width % 2 == 1 and pool == 1
        layers += [Residual(*block)] if config.residual and keeps_shape and not first else block
        channels = filters
    return nn.Sequential(*layers)


def _block(config: CNNConfig, convolution: nn.Conv1d, activation: nn.Module, pool: int) -> list[nn.Module]:
    """A convolution with what follows it."""
    layers: list[nn.Module] = [convolution]
    if config.batch_norm:
        layers.append(nn.BatchNorm1d(convolution.out_channels))
    layers.append(activation)
    if pool > 1:
        layers.append(nn.MaxPool1d(pool))
    if config.dropout:
        layers.append(nn.Dropout(config.dropout))
    return layers


def _dense(config: CNNConfig) -> nn.Sequential:
    """Dense layers: (n, features) -> (n, outputs)."""
    features = config.filters[-1] * (config.positions[-1] if config.head == "flatten" else 1)
    layers: list[nn.Module] = []
    for width in config.dense:
        layers += [nn.Linear(features, width), nn.ReLU()]
        if config.dropout:
            layers.append(nn.Dropout(config.dropout))
        features = width
    return nn.Sequential(*layers, nn.Linear(features, config.outputs))


def _sizes(name: str, values: Any) -> tuple[int, ...]:
    """The values as a tuple, if all are positive whole numbers."""
    if not isinstance(values, list | tuple):
        raise ModelError(f"{name} must be a list of whole numbers, got {values!r}")
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ModelError(f"{name} must be positive whole numbers, got {value!r}")
    return tuple(values)
