"""DNA in: letters to tensors."""

from genoplrp.sequence.alphabet import check_dna, count_bases, decode, one_hot, reverse_complement

__all__ = ["check_dna", "count_bases", "decode", "one_hot", "reverse_complement"]
