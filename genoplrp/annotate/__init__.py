"""The main job: a FASTA file in, a folder of explained annotations out; and its store, read back."""

from genoplrp.annotate.job import Result, annotate
from genoplrp.annotate.store import AttributionStore, StoredExplanation, read_attributions

__all__ = ["AttributionStore", "Result", "StoredExplanation", "annotate", "read_attributions"]
