"""From a trained network to motifs: seqlets, patterns, their names and every place where the network uses them."""

from genoplrp.discover.concepts import Concepts
from genoplrp.discover.filters import Filters
from genoplrp.discover.job import discover
from genoplrp.discover.names import Name, name_motifs
from genoplrp.discover.patterns import Pattern
from genoplrp.discover.result import Discovery
from genoplrp.discover.seqlets import call_seqlets
from genoplrp.discover.tomtom import Matches, tomtom

__all__ = [
    "Concepts",
    "Discovery",
    "Filters",
    "Matches",
    "Name",
    "Pattern",
    "call_seqlets",
    "discover",
    "name_motifs",
    "tomtom",
]
