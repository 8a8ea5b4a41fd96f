"""Motifs: reading and writing matrices, finding them in sequences, planting them, and masks of where they are."""

from genoplrp.motifs.background import Background
from genoplrp.motifs.grammar import INTERACTIONS, MotifGrammar, simulate_grammar
from genoplrp.motifs.masks import Placed, Stretch, interval_masks, interval_sites, site_masks
from genoplrp.motifs.matrices import Motif, read_motifs, shipped_motifs, write_motifs
from genoplrp.motifs.scan import MotifHit, best_hit, best_hits, scan
from genoplrp.motifs.simulate import Simulation, Site, simulate
from genoplrp.motifs.thresholds import ScoreDistribution, score_distribution, score_threshold

__all__ = [
    "INTERACTIONS",
    "Background",
    "Motif",
    "MotifGrammar",
    "MotifHit",
    "Placed",
    "ScoreDistribution",
    "Simulation",
    "Site",
    "Stretch",
    "best_hit",
    "best_hits",
    "interval_masks",
    "interval_sites",
    "read_motifs",
    "scan",
    "score_distribution",
    "score_threshold",
    "shipped_motifs",
    "simulate",
    "simulate_grammar",
    "site_masks",
    "write_motifs",
]
