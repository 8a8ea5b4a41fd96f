"""Numbers that say how far to trust an explanation."""

from genoplrp.evaluate.intervals import Interval, mean_interval
from genoplrp.evaluate.metrics import auprc, auroc, entropy, gini, motif_recall, rma

__all__ = ["Interval", "auprc", "auroc", "entropy", "gini", "mean_interval", "motif_recall", "rma"]
