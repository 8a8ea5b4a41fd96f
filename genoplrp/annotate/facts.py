"""What must be known to trust a run and to repeat it: params.json and the attributes of the store."""

import hashlib
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import safetensors.torch
from torch import nn

import genoplrp
from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import Scorer
from genoplrp.annotate.summary import Summary, headline

_PACKAGES = ("torch", "numpy", "zarr", "biopython", "matplotlib")


@dataclass(frozen=True)
class Facts:
    """Where a run's input came from.

    Attributes
    ----------
    fasta, model
        As given; `model` is empty for a network in memory.
    truth
        What the maps are compared with, in words.
    command
        The command line, if there was one.
    """

    fasta: str
    model: str
    truth: str
    command: str | None


def run_facts(facts: Facts, scorer: Scorer, options: Options, summary: Summary, rejected: int) -> dict[str, Any]:
    """Everything in params.json but the list of files; JSON types only."""
    spec = scorer.spec
    factors = summary.factors()
    by_label = {factor.label: factor for factor in factors}
    return {
        "version": genoplrp.__version__,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": facts.command,
        "input": facts.fasta,
        "model": {
            "name": facts.model or type(scorer.model).__name__,
            "architecture": spec.architecture,
            "sha256": weights_digest(scorer.model),
            "length": spec.length,
            "labels": list(spec.labels),
        },
        "method": method(options),
        "fpr": options.fpr,
        "batch_size": options.batch_size,
        "seed": options.seed,
        "truth": facts.truth,
        "counts": {
            "annotated": summary.records,
            "rejected": rejected,
            "explanations": summary.explanations,
            "hits": sum(factor.hits for factor in factors),
        },
        "headline": headline(factors[0]),
        "shuffles": summary.calibration.shuffles,
        "thresholds": {label: by_label[label].threshold for label in spec.labels},
        "called": {label: by_label[label].share for label in spec.labels},
        "called_shuffled": {label: by_label[label].null for label in spec.labels},
        "called_fresh_shuffle": {label: by_label[label].fresh for label in spec.labels},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    }


def method(options: Options) -> dict[str, Any]:
    """How the relevance was made; kept with the maps, too."""
    return {
        "composite": options.composite if isinstance(options.composite, str) else repr(options.composite),
        "pruner": repr(options.pruner),
        "strands": options.strands,
        "references": options.references,
    }


def weights_digest(model: nn.Module) -> str:
    """SHA-256 of the weights as a safetensors file: that of the file itself, if `genoplrp.save_model` wrote it."""
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    return hashlib.sha256(safetensors.torch.save(state)).hexdigest()
