"""The viewer as an anywidget. This module needs the extra ``notebook``; `genoplrp.show.viewer` imports it late."""

import anywidget
import traitlets

from genoplrp.show.page import PageData, widget_module, widget_styles
from genoplrp.show.page.encode import page_json


class ViewerWidget(anywidget.AnyWidget):
    """The page's viewer in a notebook.

    Attributes
    ----------
    data
        What is shown, as the page's JSON.
    title
        Above the viewer; empty for none.
    sequence
        Index of the sequence that is open. It follows what is picked, and setting it opens another.
    """

    _esm = widget_module()
    _css = widget_styles()
    data = traitlets.Dict().tag(sync=True)
    title = traitlets.Unicode("").tag(sync=True)
    sequence = traitlets.Int(0).tag(sync=True)

    @classmethod
    def of(cls, data: PageData, title: str = "", sequence: int = 0) -> "ViewerWidget":
        """Widget that shows `data`, with that sequence open."""
        return cls(data=page_json(data), title=title, sequence=sequence)

    @traitlets.validate("sequence")
    def _there(self, proposal: dict[str, int]) -> int:
        count = len(self.data["sequences"])
        if not 0 <= proposal["value"] < max(count, 1):
            raise traitlets.TraitError(f"sequence must be from 0 to {count - 1}; got {proposal['value']}")
        return proposal["value"]
