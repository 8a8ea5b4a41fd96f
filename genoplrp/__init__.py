"""Sparse explanations of genomic neural networks: pruned layer-wise relevance propagation (PLRP).

The names below are the public surface. Each is imported when it is first used, so that ``import genoplrp`` and
``genoplrp --help`` do not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genoplrp.attribution import Attribution, attribute, find_amount
    from genoplrp.errors import GenoPLRPError
    from genoplrp.evaluate import auprc, entropy, gini, rma
    from genoplrp.lrp import Composite, NoPrune, PruneLambda, PruneM, SparsityGain, inspect_model
    from genoplrp.models import MotifCNN, load_model, save_model
    from genoplrp.sequence import Record, decode, one_hot, read_fasta, reverse_complement

__version__ = "0.1.0"

_HOME = {
    "Attribution": "genoplrp.attribution",
    "Composite": "genoplrp.lrp",
    "GenoPLRPError": "genoplrp.errors",
    "MotifCNN": "genoplrp.models",
    "NoPrune": "genoplrp.lrp",
    "PruneLambda": "genoplrp.lrp",
    "PruneM": "genoplrp.lrp",
    "Record": "genoplrp.sequence",
    "SparsityGain": "genoplrp.lrp",
    "attribute": "genoplrp.attribution",
    "auprc": "genoplrp.evaluate",
    "decode": "genoplrp.sequence",
    "entropy": "genoplrp.evaluate",
    "find_amount": "genoplrp.attribution",
    "gini": "genoplrp.evaluate",
    "inspect_model": "genoplrp.lrp",
    "load_model": "genoplrp.models",
    "one_hot": "genoplrp.sequence",
    "read_fasta": "genoplrp.sequence",
    "reverse_complement": "genoplrp.sequence",
    "rma": "genoplrp.evaluate",
    "save_model": "genoplrp.models",
}

__all__ = [
    "Attribution",
    "Composite",
    "GenoPLRPError",
    "MotifCNN",
    "NoPrune",
    "PruneLambda",
    "PruneM",
    "Record",
    "SparsityGain",
    "__version__",
    "attribute",
    "auprc",
    "decode",
    "entropy",
    "find_amount",
    "gini",
    "inspect_model",
    "load_model",
    "one_hot",
    "read_fasta",
    "reverse_complement",
    "rma",
    "save_model",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'genoplrp' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
