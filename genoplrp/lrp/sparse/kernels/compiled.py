"""How the loops are compiled, and for how long their machine code holds."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba


def _sources() -> str:
    """A digest of all loops.

    Numba notices a change in a function's own file only, not in those of the functions that it calls. What it kept of
    earlier sources stays in `__pycache__` until somebody removes it.
    """
    files = sorted(Path(__file__).parent.glob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


_SOURCES = _sources()
# Sums may be reordered (SIMD); NaN and infinity stay what they are.
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}


def allocating(function: Callable[..., Any]) -> Any:
    """The function, compiled at its first call; machine code is kept between runs where a folder can be written.

    It may ask for memory, which is counted: whatever names an array counts it up and down.
    """
    return _compiled(function)


def compiled(function: Callable[..., Any]) -> Any:
    """The same for what asks for no memory and counts nothing: who calls it holds the arrays.

    Slices of arrays, handed from function to function, were counted two hundred times a sample of a linear call, which
    took as long as to hand on ten outputs. numba refuses to compile such a function where it asks for memory itself or
    returns an array that it was not given; what is `allocating` it must not call, or nobody gives the memory back.
    """
    return _compiled(function, _nrt=False)


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    function.__qualname__ += f"_{_SOURCES}"  # by which numba finds what it kept
    try:
        return numba.njit(cache=True, **options, **_OPTIONS)(function)
    except RuntimeError:  # neither beside this file nor in the user's cache folder
        return numba.njit(**options, **_OPTIONS)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """The function, compiled as a part of those that call it.

    To hand a function a dozen arrays, each of them counted up and down, takes as long as to sort a hundred numbers:
    for what is called several times a sample or more often.
    """
    return numba.njit(inline="always", **_OPTIONS)(function)
