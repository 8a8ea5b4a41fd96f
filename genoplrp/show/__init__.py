"""What people look at: logos of explanations, and the page that a run writes."""

from genoplrp.show.logo import draw_exhibit, write_logos
from genoplrp.show.report import write_report

__all__ = ["draw_exhibit", "write_logos", "write_report"]
