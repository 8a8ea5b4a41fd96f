"""The engine: record a forward pass, choose rules, propagate relevance, prune it.

``call``, ``tape`` and ``record`` keep what a model does, ``ops`` knows the calls, ``plan`` chooses from ``composite``,
``rules``, ``linear`` and ``prune`` compute, ``propagate`` walks backwards, ``difference`` does so between a sequence
and its reference, ``units`` follows single units, ``ledger`` keeps the accounts. Nothing here knows about DNA;
`genoplrp.attribution` does.
"""

from genoplrp.lrp.composite import Composite
from genoplrp.lrp.inspect import Coverage, inspect_model
from genoplrp.lrp.prune import NoPrune, PruneLambda, PruneM, Pruner, SparsityGain
from genoplrp.lrp.rules import AlphaBeta, Epsilon, Flat, Gamma, Pass, Rule, WSquare, ZBox, ZPlus
from genoplrp.lrp.units import Unit, UnitRelevance

__all__ = [
    "AlphaBeta",
    "Composite",
    "Coverage",
    "Epsilon",
    "Flat",
    "Gamma",
    "NoPrune",
    "Pass",
    "PruneLambda",
    "PruneM",
    "Pruner",
    "Rule",
    "SparsityGain",
    "Unit",
    "UnitRelevance",
    "WSquare",
    "ZBox",
    "ZPlus",
    "inspect_model",
]
