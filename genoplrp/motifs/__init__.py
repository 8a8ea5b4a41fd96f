"""Motifs: reading and writing matrices, finding them in sequences, planting them, and masks of where they are."""

from genoplrp.motifs.background import Background
from genoplrp.motifs.matrices import Motif, read_motifs, shipped_motifs, write_motifs
from genoplrp.motifs.simulate import Simulation, Site, simulate

__all__ = [
    "Background",
    "Motif",
    "Simulation",
    "Site",
    "read_motifs",
    "shipped_motifs",
    "simulate",
    "write_motifs",
]
