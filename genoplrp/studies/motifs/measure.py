"""One network measured: every pruner on the sequences of every interaction that the network calls positive."""

import logging

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.evaluate import sweep
from genoplrp.models import MotifCNN
from genoplrp.models.training import predict
from genoplrp.motifs import MotifGrammar, Stretch
from genoplrp.studies.motifs.design import Design, settings
from genoplrp.studies.motifs.networks import encoded

_log = logging.getLogger(__name__)


def measured(model: MotifCNN, made: MotifGrammar, design: Design) -> pd.DataFrame:
    """Metrics, a row an interaction, pruner and sequence: the table of `genoplrp.evaluate.sweep` with ``interaction``.

    Each interaction has a block of `made` to itself, so that no sequence is counted twice where interactions are
    pooled. An interaction that the network never calls positive where it is has no rows; the log says so.
    """
    x = encoded(made)
    pruners = {setting.name: setting.pruner for setting in settings(design)}
    parts = []
    for index, name in enumerate(made.interactions):
        first = index * design.block
        block = slice(first, first + design.block)
        masks = made.mask(name)[block]
        if not (_called(model, x[block], index) & masks.any(axis=1)).any():
            _log.warning("%s: the network calls no sequence positive that is; it is not measured", name)
            continue
        sites = [
            Stretch(site.sequence - first, site.start, site.end)
            for site in made.sites(name)
            if first <= site.sequence < first + design.block
        ]
        part = sweep(model, x[block], masks, sites, target=index, pruners=pruners, most=design.measured)
        part["sequence"] += first
        part.insert(0, "interaction", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"interaction": [], "pruner": []})


def _called(model: MotifCNN, x: Tensor, output: int) -> NDArray[np.bool_]:
    """Whether the network calls each sequence positive: a logit above 0."""
    return np.asarray(predict(model, x)[:, output] > 0)
