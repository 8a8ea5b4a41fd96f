"""Numbers that say how far to trust an explanation."""

from genoplrp.evaluate.deletion import Deletion, deletion_curve
from genoplrp.evaluate.intervals import Interval, mean_interval
from genoplrp.evaluate.lipschitz import local_lipschitz, noisy, substituted
from genoplrp.evaluate.metrics import auprc, entropy, gini, motif_recall, rma
from genoplrp.evaluate.randomisation import parameter_randomisation
from genoplrp.evaluate.replacement import replacements

__all__ = [
    "Deletion",
    "Interval",
    "auprc",
    "deletion_curve",
    "entropy",
    "gini",
    "local_lipschitz",
    "mean_interval",
    "motif_recall",
    "noisy",
    "parameter_randomisation",
    "replacements",
    "rma",
    "substituted",
]
