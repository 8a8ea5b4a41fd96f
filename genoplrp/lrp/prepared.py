"""What is made of a model's weights, once for all batches: maps of linear calls, with what rules need of them."""

from collections.abc import Callable, MutableMapping
from typing import Any, TypeVar

from torch import Tensor, nn

from genoplrp.lrp.call import Value, leaves
from genoplrp.lrp.linear import LinearMap
from genoplrp.lrp.ops import argument
from genoplrp.lrp.plan import Step
from genoplrp.lrp.walk import step_map

T = TypeVar("T")
Prepared = MutableMapping[Any, Any]
"""Filled by the functions that are handed it; to be thrown away when a weight changes."""


def prepared_map(step: Step, prepared: Prepared, *, from_zero: bool) -> LinearMap:
    """The map of a linear step, made once where weight and bias are parameters.

    Any others may be others in the next batch. ``from_zero``: see `LinearMap`.
    """
    return once(step, prepared, from_zero, lambda: step_map(step, from_zero=from_zero))


def once(step: Step, prepared: Prepared, what: Any, make: Callable[[], T]) -> T:
    """What is made of a linear step's weights, and of `what` else the result depends on, made once where they are
    parameters."""
    key = _key_of(step)
    if key is None:
        return make()
    if (key, what) not in prepared:
        # What is kept holds on to the call's tensors, so that no other can come by the number of one of them.
        prepared[key, what] = (make(), step.call, step.folded)
    found: T = prepared[key, what][0]
    return found


def _key_of(step: Step) -> Any:
    """What tells a linear step, with its weights, from any other of the model's; None where weights are computed."""
    weight, bias = argument(step.call, "weight", None), argument(step.call, "bias", None)
    if not isinstance(weight, nn.Parameter) or not (bias is None or isinstance(bias, nn.Parameter)):
        return None
    calls = (step.call,) if step.folded is None else (step.call, step.folded)
    arguments = [leaf for call in calls for leaf in leaves((call.args, call.kwargs)) if not isinstance(leaf, Value)]
    return (step.call.label, *(id(leaf) if isinstance(leaf, Tensor) else repr(leaf) for leaf in arguments))
