"""Explanations by several methods side by side: maps, agreement, time, and how well they find what is known.

`compare` takes a network and sequences; `compare_locus` a file and a folder, and is what ``genoplrp compare`` runs.
"""

from genoplrp.compare.comparison import Comparison, compare
from genoplrp.compare.job import LocusComparison, compare_locus

__all__ = ["Comparison", "LocusComparison", "compare", "compare_locus"]
