"""Are explanations faithful, robust, and about the network? LRP and PLRP over p (paper 4.1, figures 3 and 7).

Deletion curves on DNA, local Lipschitz estimates by single-base substitutions, and parameter randomisation, on networks
trained here on planted motifs and on the shipped network with real CTCF peaks. ``python -m
genoplrp.studies.faithfulness OUT`` runs it. Definitions and traps: docs/faithfulness.md.
"""

from genoplrp.studies.faithfulness.study import run

__all__ = ["run"]
