"""Parameters that a docstring explains together ("model, target : ...") each get their own type and default.

griffe gives all of a group the type of the first.
"""

from typing import Any

import griffe


class Grouped(griffe.Extension):
    """Corrects parsed docstrings once a package is loaded."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Correct every function and class of the package."""
        self._correct(pkg)

    def _correct(self, owner: griffe.Object) -> None:
        for member in owner.members.values():
            if member.is_alias:
                continue
            if member.is_function or member.is_class:
                _own_types(member)
            self._correct(member)


def _own_types(member: Any) -> None:
    known = {parameter.name: parameter for parameter in member.parameters}
    borrowed = [parameter.annotation for parameter in known.values()]
    for section in member.docstring.parsed if member.docstring else ():
        if section.kind is not griffe.DocstringSectionKind.parameters:
            continue
        for written in section.value:
            own = known.get(written.name)
            if own is not None and any(written.annotation is each for each in borrowed):
                written.annotation, written.value = own.annotation, own.default
