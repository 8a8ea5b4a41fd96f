"""A rule of linear calls as the loops read it: a few terms, each a plain ratio.

Term k of a rule hands input i of output j the relevance ``x_i w_kij f_k R_j / (sum_i x_i w_kij + b_kj)``, stabilised;
the rules are sums of such terms, of which some hold for outputs of one sign only:

- epsilon: w itself; the denominator is the call's output;
- alpha-beta: ``max(w, 0)`` times alpha, and ``min(w, 0)`` times -beta (zplus: the first alone), for inputs from 0 on;
- gamma: ``w + gamma max(w, 0)`` for outputs from 0 on, ``w + gamma min(w, 0)`` for others, for inputs from 0 on;
- zbox: the inputs with their bounds beside them, ``x w`` and ``-1 (low w+ + high w-)``, without a bias.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.lrp.layout import flat, lying
from genoplrp.lrp.linear import LinearMap
from genoplrp.lrp.rules import STABILISER, AlphaBeta, Epsilon, Gamma, Rule, ZBox

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Terms:
    """A rule's terms for one call.

    Attributes
    ----------
    maps
        A term's weights as the call has them, for zbox with the channels of the bounds behind those of the inputs.
    weights
        The same, (terms, outputs, taps * channels), the taps outside.
    biases
        (terms, outputs).
    factors
        (terms,).
    signs
        Of the outputs that a term holds for: 1 from 0 on, -1 below, 0 all; (terms,).
    given
        Whether the denominator of the (only) term is the call's output.
    epsilon
        Stabiliser.
    table
        By output, in the order of its memory: what the denominator of the (only) term is less than the call's output;
        empty: not known.
    """

    maps: tuple[Tensor, ...]
    weights: Array
    biases: Array
    factors: NDArray[np.float64]
    signs: NDArray[np.int64]
    given: bool
    epsilon: float
    table: Array

    @property
    def listed(self) -> tuple[Array, Array, NDArray[np.float64], NDArray[np.int64], bool, float, Array]:
        """As the loops read them."""
        return self.weights, self.biases, self.factors, self.signs, self.given, self.epsilon, self.table


RULES = (Epsilon, AlphaBeta, Gamma, ZBox)
"""The rules that have terms: these very classes, as a user's subclass may do something else."""


def terms_of(rule: Rule | None, linear: LinearMap) -> Terms | None:
    """The terms of a rule; None for a rule that has none here."""
    weight = linear.weight
    bias = torch.zeros(len(weight), dtype=weight.dtype) if linear.bias is None else linear.bias.reshape(-1)
    up, down, bias_up, bias_down = linear.plus, linear.minus, bias.clamp(min=0), bias.clamp(max=0)
    if type(rule) is Epsilon:
        return _terms([(weight, bias, 1.0, 0)], given=True, epsilon=rule.epsilon)
    if type(rule) is AlphaBeta:
        parts = [(up, bias_up, rule.alpha, 0)]
        return _terms([*parts, (down, bias_down, -rule.beta, 0)] if rule.beta else parts)
    if type(rule) is Gamma:
        raised = (weight + rule.gamma * up, bias + rule.gamma * bias_up, 1.0, 1)
        return _terms([raised, (weight + rule.gamma * down, bias + rule.gamma * bias_down, 1.0, -1)])
    if type(rule) is ZBox and isinstance(rule.low, float | int) and isinstance(rule.high, float | int):
        boxed = torch.cat([weight, -rule.low * up - rule.high * down], 1)
        return _terms([(boxed, torch.zeros_like(bias), 1.0, 0)])
    return None


def needs_no_negatives(rule: Rule | None) -> bool:
    """Whether a rule's terms stand for it only where no input is below 0."""
    return isinstance(rule, AlphaBeta | Gamma)


def _terms(
    parts: list[tuple[Tensor, Tensor, float, int]], *, given: bool = False, epsilon: float = STABILISER
) -> Terms:
    weights = [weight.movedim(1, -1).reshape(len(weight), -1) for weight, _, _, _ in parts]
    return Terms(
        maps=tuple(weight for weight, _, _, _ in parts),
        weights=np.ascontiguousarray(torch.stack(weights).numpy()),
        biases=np.ascontiguousarray(torch.stack([bias for _, bias, _, _ in parts]).numpy()),
        factors=np.array([factor for _, _, factor, _ in parts], np.float64),
        signs=np.array([sign for _, _, _, sign in parts], np.int64),
        given=given,
        epsilon=epsilon,
        table=np.empty(0, weights[0].numpy().dtype),
    )


def with_table(terms: Terms, linear: LinearMap, there: Tensor, rule: ZBox, *, last: bool) -> Terms:
    """zbox's terms where all inputs exist: its denominator is then the call's output less the same table everywhere.

    ``there``: ones in the shape of one sample of the input, (1, channels, ...); ``last``: whether the call's output
    lies position by position.
    """
    low, high = (bound if isinstance(bound, float | int) else 0.0 for bound in (rule.low, rule.high))  # as in terms_of
    table = low * linear.apply(there, linear.plus) + high * linear.apply(there, linear.minus)
    if linear.bias is not None:
        table = table + linear.bias
    return replace(terms, table=np.ascontiguousarray(flat(lying(table, last=last))[0].numpy()))
