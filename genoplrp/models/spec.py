"""What a network's file says about it besides the weights: architecture, input, outputs, training facts.

A spec is plain data and goes to JSON as it is. Building the network from it is the business of
`genoplrp.models.files`; this module imports no torch.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from genoplrp.errors import ModelError

FORMAT = 1
"""Version of the JSON layout; a file of another version is refused rather than guessed at."""


@dataclass(frozen=True)
class ModelSpec:
    """Description of a network, checked when made.

    Parameters
    ----------
    architecture
        Name of the class that holds the weights, ``"MotifCNN"`` for the networks of this package.
    config
        Keyword arguments from which the architecture is built (JSON types only).
    length
        Input length in base pairs: the network reads ``(n, channels, length)``.
    labels
        One unique name an output, in the order of the outputs.
    motifs
        For labels that stand for a motif: label -> matrix id, such as ``{"CTCF": "MA0139.1"}``.
    channels
        Input channels; 4 for DNA in the order A, C, G, T.
    training
        Facts about how the weights came to be (command, seed, sizes, versions, held-out scores).

    Raises
    ------
    ModelError
        If a field has the wrong type, a label occurs twice, or ``motifs`` names a label that does not exist.

    Examples
    --------
    >>> spec = ModelSpec("MotifCNN", {"length": 200}, length=200, labels=("CTCF", "SP1"), motifs={"CTCF": "MA0139.1"})
    >>> ModelSpec.from_dict(spec.to_dict()) == spec
    True
    >>> ModelSpec("MotifCNN", {}, length=200, labels=("CTCF", "CTCF"))
    Traceback (most recent call last):
        ...
    genoplrp.errors.ModelError: labels must be unique, but 'CTCF' occurs 2 times
    """

    architecture: str
    config: dict[str, Any]
    length: int
    labels: tuple[str, ...]
    motifs: dict[str, str] = field(default_factory=dict)
    channels: int = 4
    training: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", _labels(self.labels))
        if not isinstance(self.architecture, str) or not self.architecture:
            raise ModelError(f"architecture must be the name of a class, got {self.architecture!r}")
        for name in ("length", "channels"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ModelError(f"{name} must be a positive whole number, got {value!r}")
        for name in ("config", "motifs", "training"):
            if not isinstance(getattr(self, name), dict):
                raise ModelError(f"{name} must be a mapping, got {type(getattr(self, name)).__name__}")
        if unknown := sorted(set(self.motifs) - set(self.labels)):
            raise ModelError(f"motifs names {', '.join(unknown)}, but the labels are {', '.join(self.labels)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary of JSON types, with the version of the layout."""
        return {"format": FORMAT, **asdict(self), "labels": list(self.labels)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ModelSpec":
        """Spec from what `to_dict` gave; keys it does not know are left aside.

        Raises
        ------
        ModelError
            If a needed key is missing, the layout has another version, or a value is not valid.
        """
        if values.get("format", FORMAT) != FORMAT:
            raise ModelError(f"the layout has format {values['format']!r}, this version reads format {FORMAT}")
        needed = ("architecture", "config", "length", "labels")
        if missing := [name for name in needed if name not in values]:
            raise ModelError(f"the key {missing[0]!r} is missing; a model's description needs {', '.join(needed)}")
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


def _labels(labels: Any) -> tuple[str, ...]:
    """The labels as a tuple of unique, non-empty strings."""
    if isinstance(labels, str) or not isinstance(labels, list | tuple) or not labels:
        raise ModelError(f"labels must be a list of names, one an output, got {labels!r}")
    for label in labels:
        if not isinstance(label, str) or not label:
            raise ModelError(f"labels must be non-empty names, got {label!r}")
        if labels.count(label) > 1:
            raise ModelError(f"labels must be unique, but {label!r} occurs {labels.count(label)} times")
    return tuple(labels)
