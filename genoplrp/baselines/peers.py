"""The packages that compute what is not written again here, imported when they are needed."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from genoplrp.errors import OptionError


def needed(module: str, what: str, *, extra: str = "peers") -> Any:
    """A module of an extra.

    Raises
    ------
    OptionError
        It is not installed; says how to.

    Examples
    --------
    >>> needed("a_package_that_is_absent", "deep_lift_shap")
    Traceback (most recent call last):
        ...
    genoplrp.errors.OptionError: deep_lift_shap needs a_package_that_is_absent: pip install "genoplrp[peers]"
    """
    package = module.partition(".")[0]
    if not installed(package):
        raise OptionError(f'{what} needs {package}: pip install "genoplrp[{extra}]"')
    return import_module(module)


def installed(package: str) -> bool:
    """Whether a package can be imported."""
    return find_spec(package) is not None
