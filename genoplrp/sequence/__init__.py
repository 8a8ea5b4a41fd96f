"""DNA in: letters to tensors, FASTA to records."""

from genoplrp.sequence.alphabet import check_dna, count_bases, decode, one_hot, reverse_complement
from genoplrp.sequence.fasta import Record, read_fasta

__all__ = ["Record", "check_dna", "count_bases", "decode", "one_hot", "read_fasta", "reverse_complement"]
