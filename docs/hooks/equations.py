"""Equations as MathML, made while the site is built: no script, no font and no network is needed to read them."""

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

# What pymdownx.arithmatex leaves behind: a span for $...$, a block for $$...$$.
_EQUATION = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """The page with every equation as a MathML element."""
    return _EQUATION.sub(_mathml, html)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found[1] == "div" else "inline"
    element = convert(unescape(found[2]).strip(), display=display)
    # A wide equation scrolls by itself, not the page.
    return f'<div class="equation">{element}</div>' if display == "block" else element
