"""What people look at: logos of explanations and histograms of scores. What a run makes of them is in `annotate`."""

from genoplrp.show.maps import plot_maps

__all__ = ["plot_maps"]
