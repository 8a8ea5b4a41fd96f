"""Composites: which rule each call gets. A frozen choice, named, overridable by layer name and extensible by op."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from genoplrp.errors import OptionError
from genoplrp.lrp.ops import Kind
from genoplrp.lrp.rules import STABILISER, AlphaBeta, Epsilon, Flat, Gamma, Rule, ZBox, ZPlus

OpRule = Callable[[tuple[Tensor, ...], Tensor, Tensor], tuple[Tensor, ...]]
"""A user's rule for an op: (inputs, output, relevance of the output) -> relevance of each input."""


@dataclass(frozen=True)
class Composite:
    """A rule for every kind of call.

    Parameters
    ----------
    name
        What reports call it.
    conv, dense
        Rules of convolutions and of dense layers (linear, matrix products by a parameter).
    first
        Rule of every linear call that reads the network's input itself; None: its ordinary rule.
    conv_from_references
        Rule of convolutions where activations are measured from references; None: ``conv``.
    epsilon
        Stabiliser of additions, averages and batch norms that do not follow a linear call.
    layers
        Rules by layer name, stronger than all above. A layer's name is its path in the model (``"blocks.0.conv"``);
        its second call, if it has one, is ``"blocks.0.conv#2"``.
    ops
        Rules for ops that the engine does not know: a kind ("activation", "view", "max", "sum") or a function
        ``(inputs, output, relevance) -> relevance of each input``.

    Examples
    --------
    >>> Composite.named("genomic").first
    ZBox(low=0.0, high=1.0)
    >>> Composite.named("genomic").with_layers({"conv2": Gamma(0.1)}).layers["conv2"]
    Gamma(gamma=0.1)
    """

    name: str = "custom"
    conv: Rule = field(default_factory=Epsilon)
    dense: Rule = field(default_factory=Epsilon)
    first: Rule | None = None
    conv_from_references: Rule | None = None
    epsilon: float = STABILISER
    layers: Mapping[str, Rule] = field(default_factory=dict)
    ops: Mapping[str, str | OpRule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.epsilon >= 0:
            raise OptionError(f"Composite: epsilon must be at least 0; got {self.epsilon}")
        kinds = {str(kind.name).lower() for kind in _REGISTRABLE}
        for op, rule in self.ops.items():
            if not callable(rule) and rule not in kinds:
                raise OptionError(f"Composite: the rule of op {op!r} must be one of {sorted(kinds)} or a function")

    @classmethod
    def named(cls, name: str, *, epsilon: float = STABILISER) -> "Composite":
        """One of the named composites; ``epsilon`` is that of dense layers, additions and averages.

        ``epsilon``: epsilon everywhere. ``epsilon-plus``: zplus on convolutions. ``epsilon-plus-flat``: also flat on
        the layer that reads the input. ``epsilon-alpha2-beta1``: alpha-beta on convolutions. ``epsilon-gamma-box``:
        gamma 0.25 on convolutions, zbox(0, 1) on the layer that reads the input. ``genomic``: zbox(0, 1) on the layer
        that reads the sequence, on other convolutions zplus, or epsilon where measured from references.
        """
        dense = Epsilon(epsilon)
        choices: dict[str, tuple[Rule, Rule | None]] = {
            "epsilon": (dense, None),
            "epsilon-plus": (ZPlus(), None),
            "epsilon-plus-flat": (ZPlus(), Flat()),
            "epsilon-alpha2-beta1": (AlphaBeta(2.0, 1.0), None),
            "epsilon-gamma-box": (Gamma(0.25), ZBox(0.0, 1.0)),
            "genomic": (ZPlus(), ZBox(0.0, 1.0)),
        }
        if name not in choices:
            raise OptionError(f"there is no composite {name!r}; choose one of {', '.join(choices)}")
        conv, first = choices[name]
        from_references = dense if name == "genomic" else None
        return cls(
            name=name, conv=conv, dense=dense, first=first, conv_from_references=from_references, epsilon=epsilon
        )

    def from_references(self) -> "Composite":
        """The same composite where activations are measured from references."""
        return self if self.conv_from_references is None else replace(self, conv=self.conv_from_references)

    def with_layers(self, layers: Mapping[str, Rule]) -> "Composite":
        """The same composite with these rules for these layers."""
        return replace(self, layers={**self.layers, **layers})

    def with_op(self, op: str, rule: str | OpRule) -> "Composite":
        """The same composite with a rule for an op that the engine does not know."""
        return replace(self, ops={**self.ops, op: rule})

    def rule(self, kind: Kind, *, layer: str, label: str, reads_input: bool) -> Rule:
        """The rule of a linear call."""
        for name in (label, layer):
            if name in self.layers:
                return self.layers[name]
        if reads_input and self.first is not None:
            return self.first
        return self.conv if kind is Kind.CONV else self.dense


def apply_op_rule(
    rule: OpRule, op: str, inputs: tuple[Tensor, ...], output: Tensor, relevance: Tensor
) -> tuple[Tensor, ...]:
    """What a user's rule hands each input.

    Raises
    ------
    OptionError
        The rule does not return one tensor for each input, in its shape.
    """
    given = rule(inputs, output, relevance)
    shapes = [tuple(part.shape) for part in given]
    if shapes != [tuple(x.shape) for x in inputs]:
        raise OptionError(
            f"the rule registered for {op!r} must return one tensor for each input, in its shape "
            f"{[tuple(x.shape) for x in inputs]}; it returned {shapes}"
        )
    return given


_REGISTRABLE = (Kind.ACTIVATION, Kind.VIEW, Kind.MAX, Kind.SUM)


def as_composite(composite: str | Composite) -> Composite:
    """A composite from its name, or itself."""
    if isinstance(composite, Composite):
        return composite
    return Composite.named(composite)
