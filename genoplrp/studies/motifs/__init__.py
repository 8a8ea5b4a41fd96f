"""Does pruning find the motifs? LRP and PLRP on simulated motif interactions (paper 4.2.2, figures 5 and 8).

Networks with 4 and with 32 filters on 250-bp sequences, seven interactions of two motifs with exact masks, and a sweep
over how much is pruned. ``python -m genoplrp.studies.motifs OUT`` runs it. Definitions: docs/genomics_study.md.
"""

from genoplrp.studies.motifs.study import run

__all__ = ["run"]
