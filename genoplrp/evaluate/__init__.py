"""Numbers that say how far to trust an explanation."""

from genoplrp.evaluate.intervals import Interval, mean_interval
from genoplrp.evaluate.metrics import auprc, entropy, gini, motif_recall, rma
from genoplrp.evaluate.sweep import differences, measure, summarise, sweep

__all__ = [
    "Interval",
    "auprc",
    "differences",
    "entropy",
    "gini",
    "mean_interval",
    "measure",
    "motif_recall",
    "rma",
    "summarise",
    "sweep",
]
