"""Published ground truth: task 3 of Koo and Ploenzke (2021), drawn again, with their networks and figures."""

from genoplrp.studies.koo.study import run

__all__ = ["run"]
