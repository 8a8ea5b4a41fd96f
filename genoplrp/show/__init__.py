"""What people look at: logos and figures of explanations, the page, the viewer in a notebook, histograms of scores.

Nothing here knows of a run; what a run makes of it is in `annotate`.
"""

from genoplrp.show.figure import NotebookFigure
from genoplrp.show.letters import SCHEMES, LetterStyle, draw_letters
from genoplrp.show.maps import plot_maps, plot_tracks, plot_triptych
from genoplrp.show.patterns import plot_patterns
from genoplrp.show.viewer import Viewer, view

__all__ = [
    "SCHEMES",
    "LetterStyle",
    "NotebookFigure",
    "Viewer",
    "draw_letters",
    "plot_maps",
    "plot_patterns",
    "plot_tracks",
    "plot_triptych",
    "view",
]
