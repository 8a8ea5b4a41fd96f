"""Defaults by measurement: which rules, how much pruning and how many references suit most networks."""

from genoplrp.studies.defaults.study import run

__all__ = ["run"]
