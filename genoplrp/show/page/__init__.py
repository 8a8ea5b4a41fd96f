"""One self-contained HTML file to look at sequences, their relevance, and the patterns found in them."""

from genoplrp.show.page.data import Explained, PageData, PageSequence, Pattern, Setting, Site, Span
from genoplrp.show.page.html import page_environment, page_html, viewer_module, widget_module, widget_styles

__all__ = [
    "Explained",
    "PageData",
    "PageSequence",
    "Pattern",
    "Setting",
    "Site",
    "Span",
    "page_environment",
    "page_html",
    "viewer_module",
    "widget_module",
    "widget_styles",
]
