"""Data sets through tensorflow-datasets, read as torch Datasets, without TensorFlow (extra ``tfds``)."""

from genoplrp.datasets.genomics_ood import GenomicsOODDataset, LabelledRead, prepare_genomics_ood
from genoplrp.datasets.grammar_dataset import GrammarExample, MotifGrammarDataset
from genoplrp.datasets.torch_data import PreparedDataset

__all__ = [
    "GenomicsOODDataset",
    "GrammarExample",
    "LabelledRead",
    "MotifGrammarDataset",
    "PreparedDataset",
    "prepare_genomics_ood",
]
