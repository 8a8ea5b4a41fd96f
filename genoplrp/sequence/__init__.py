"""DNA in: letters to tensors, FASTA and BED, network windows along a record, and shuffles as controls."""

from genoplrp.sequence.alphabet import check_dna, count_bases, decode, one_hot, reverse_complement
from genoplrp.sequence.fasta import Record, read_fasta
from genoplrp.sequence.intervals import Interval, read_bed, write_bed
from genoplrp.sequence.references import shuffled_references
from genoplrp.sequence.shuffle import dinucleotide_shuffle
from genoplrp.sequence.windows import Window, place, stitch, tile, tile_count

__all__ = [
    "Interval",
    "Record",
    "Window",
    "check_dna",
    "count_bases",
    "decode",
    "dinucleotide_shuffle",
    "one_hot",
    "place",
    "read_bed",
    "read_fasta",
    "reverse_complement",
    "shuffled_references",
    "stitch",
    "tile",
    "tile_count",
    "write_bed",
]
