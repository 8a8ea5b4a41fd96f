"""Numbers that say how far to trust an explanation."""

from genoplrp.evaluate.deletion import Deletion, deletion_curve
from genoplrp.evaluate.intervals import Interval, mean_interval
from genoplrp.evaluate.lipschitz import local_lipschitz, noisy, substituted
from genoplrp.evaluate.metrics import auprc, auroc, entropy, gini, motif_recall, rma
from genoplrp.evaluate.randomisation import parameter_randomisation
from genoplrp.evaluate.replacement import replacements
from genoplrp.evaluate.sweep import differences, measure, summarise, sweep

__all__ = [
    "Deletion",
    "Interval",
    "auprc",
    "auroc",
    "deletion_curve",
    "differences",
    "entropy",
    "gini",
    "local_lipschitz",
    "mean_interval",
    "measure",
    "motif_recall",
    "noisy",
    "parameter_randomisation",
    "replacements",
    "rma",
    "substituted",
    "summarise",
    "sweep",
]
