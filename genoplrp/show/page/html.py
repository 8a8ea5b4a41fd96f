"""The page as one HTML file: data, styles and scripts inside, so that it opens anywhere, offline.

The viewer's scripts are ES modules in ``assets/``. Joined in the order of `_MODULES`, without their import lines, they
are one module that exports ``render(root, data)``: what the page calls, and what any other front end can. ``widget.js``
behind them makes it a widget.
"""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from genoplrp.show.page.data import PageData
from genoplrp.show.page.encode import page_json

_MODULES = (
    *("dom", "glyphs", "decode", "pens", "names", "marks"),
    *("track", "files", "view", "tooltip", "panel", "list", "controls", "detail", "gallery", "viewer"),
)
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def page_html(data: PageData, *, title: str, template: jinja2.Template | None = None, **values: Any) -> str:
    """HTML of a self-contained page.

    Parameters
    ----------
    data
        What the viewer shows.
    title
        Name of the page.
    template
        Its frame, from `page_environment`; by default the viewer under its title.
    **values
        For the template; texts are escaped.

    Examples
    --------
    >>> from genoplrp.show.page import Setting
    >>> page = page_html(PageData((), (Setting("LRP", 0.0),), 0, ()), title="a < b")
    >>> "<h1>a &lt; b</h1>" in page
    True
    """
    frame = template or page_environment().get_template("page.html.j2")
    parts = {"styles": Markup(styles()), "script": Markup(viewer_module()), "data": embedded(page_json(data))}
    return frame.render(title=title, **parts, **values)


def page_environment(*loaders: jinja2.BaseLoader) -> jinja2.Environment:
    """Templates of `loaders`, which may extend ``page.html.j2``; names are escaped, and a missing one is an error."""
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([*loaders, jinja2.PackageLoader("genoplrp.show.page")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def viewer_module() -> str:
    """The viewer as the text of one ES module that exports ``render``."""
    return f"{_joined()}\nexport {{ render }};\n"


@cache
def widget_module() -> str:
    """The viewer as the text of one ES module whose default export is a widget, in the form that anywidget loads."""
    return f"{_joined()}\n{_IMPORT.sub('', _asset('widget.js'))}"


@cache
def widget_styles() -> str:
    """The viewer's styles and those of the card around it in a notebook."""
    return _asset("viewer.css") + _asset("widget.css")


@cache
def styles() -> str:
    """The viewer's styles and those of the page around it."""
    return _asset("viewer.css") + _asset("page.css")


def embedded(value: Any) -> Markup:
    r"""JSON for the inside of a ``<script>``: no text in it can end the element or begin another.

    Examples
    --------
    >>> str(embedded("</script>"))
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return Markup(text.translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}))


def _joined() -> str:
    """The viewer's modules as one, which exports nothing."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", _asset(f"{name}.js"))) for name in _MODULES)


def _asset(name: str) -> str:
    return files("genoplrp.show.page").joinpath("assets", name).read_text(encoding="utf-8")
