"""Numbers that say how far to trust an explanation."""

from genoplrp.evaluate.metrics import auprc, entropy, gini, motif_recall, rma

__all__ = ["auprc", "entropy", "gini", "motif_recall", "rma"]
