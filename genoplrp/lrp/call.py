"""One recorded torch call: what was called, with which tensors, where in the model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Value:
    """Stands in a call's arguments for the live tensor with this number."""

    index: int


@dataclass(frozen=True, eq=False)
class Call:
    """One torch call on the way from the input: what was called, with what, where in the model."""

    op: str
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[int | None, ...]
    layer: str
    label: str
    source: str

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """Numbers of the live tensors it reads, each once, in the order of the arguments."""
        found = (leaf.index for leaf in leaves((self.args, self.kwargs)) if isinstance(leaf, Value))
        return tuple(dict.fromkeys(found))

    @cached_property
    def output(self) -> int:
        """Number of its first live output."""
        return next(index for index in self.outputs if index is not None)

    def run(self, tensors: Mapping[int, Tensor]) -> Any:
        """Call again, with these tensors in the place of the live ones."""
        args = substitute(self.args, lambda leaf: tensors[leaf.index] if isinstance(leaf, Value) else leaf)
        kwargs = substitute(dict(self.kwargs), lambda leaf: tensors[leaf.index] if isinstance(leaf, Value) else leaf)
        return self.func(*args, **kwargs)


def same_arguments(one: Call, other: Call) -> bool:
    """Whether two records of a call have the same arguments, whatever the live tensors among them hold."""
    own, others = leaves((one.args, one.kwargs)), leaves((other.args, other.kwargs))
    return len(own) == len(others) and all(map(_same, own, others))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return a is b or (isinstance(b, Tensor) and a.shape == b.shape and torch.equal(a, b))
    return bool(a is b or a == b or repr(a) == repr(b))


_SINGLE = (Tensor, Value, str, int, float, type(None))
"""What is no container, and met most often: asking whether something is a Mapping is slow."""


def leaves(tree: Any) -> list[Any]:
    """Every leaf of nested tuples, lists and dicts, in order."""
    found: list[Any] = []
    _collect_leaves(tree, found)
    return found


def _collect_leaves(tree: Any, found: list[Any]) -> None:
    if isinstance(tree, _SINGLE):
        found.append(tree)
    elif isinstance(tree, (tuple, list)):
        for item in tree:
            _collect_leaves(item, found)
    elif isinstance(tree, Mapping):
        for item in tree.values():
            _collect_leaves(item, found)
    else:
        found.append(tree)


def substitute(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The same nesting with every leaf changed."""
    if isinstance(tree, _SINGLE):
        return change(tree)
    if isinstance(tree, Mapping):
        return {key: substitute(item, change) for key, item in tree.items()}
    if isinstance(tree, (tuple, list)):
        items = [substitute(item, change) for item in tree]
        return items if isinstance(tree, list) else tuple(items)
    return change(tree)
