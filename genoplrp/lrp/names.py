"""One name for one operation, however a model spells it.

``torch.relu``, ``x.relu()``, ``F.relu(x)``, ``nn.ReLU`` and an exported model's ``torch.ops.aten.relu.default`` are one
operation, ``"relu"``. In-place spellings (``relu_``, ``+=``, ``inplace=True``) map to the same name; what they mean for
the tape is in `genoplrp.lrp.tape`.
"""

from collections.abc import Callable
from typing import Any

import torch

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_SYNONYMS = {
    "__add__": "add",
    "__radd__": "add",
    "__sub__": "sub",
    "__rsub__": "rsub",
    "subtract": "sub",
    "__mul__": "mul",
    "__rmul__": "mul",
    "multiply": "mul",
    "__truediv__": "div",
    "__div__": "div",
    "true_divide": "div",
    "divide": "div",
    "__rdiv__": "rdiv",
    "__rtruediv__": "rdiv",
    "__matmul__": "matmul",
    "__rmatmul__": "rmatmul",
    "__neg__": "neg",
    "negative": "neg",
    "__pow__": "pow",
    "__rpow__": "rpow",
    "__abs__": "abs",
    "absolute": "abs",
    "clip": "clamp",
    "concat": "cat",
    "concatenate": "cat",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "moveaxis": "movedim",
    "_native_batch_norm_legit_no_training": "batch_norm",
    "special_expit": "sigmoid",
    "_threshold": "threshold",
    "adaptive_max_pool1d_with_indices": "adaptive_max_pool1d",
    "adaptive_max_pool2d_with_indices": "adaptive_max_pool2d",
}
_AUGMENTED = {"__iadd__": "add", "__isub__": "sub", "__imul__": "mul", "__idiv__": "div", "__itruediv__": "div"}


def op_name(func: Callable[..., Any]) -> str:
    """Name of the operation, without its in-place mark; operators of other libraries keep their namespace."""
    return _base(_raw_name(func))


def out_of_place(
    func: Callable[..., Any], args: Args, kwargs: Kwargs
) -> tuple[Callable[..., Any], Args, Kwargs] | None:
    """The same call in its out-of-place form, where this one overwrites its first argument; None where it does not."""
    raw = _raw_name(func)
    if raw == "requires_grad_":
        return None
    if raw in _AUGMENTED or (raw.endswith("_") and not raw.endswith("__")):
        name = _base(raw)
        functional = getattr(torch.Tensor, name, None) or getattr(torch.nn.functional, name, None)
        return None if functional is None else (functional, args, kwargs)
    code = getattr(func, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code else ()
    if kwargs.get("inplace"):
        return func, args, {**kwargs, "inplace": False}
    if "inplace" in names and len(args) > names.index("inplace") and args[names.index("inplace")]:
        position = names.index("inplace")
        return func, (*args[:position], False, *args[position + 1 :]), kwargs
    return None


def _raw_name(func: Callable[..., Any]) -> str:
    if isinstance(func, torch._ops.OpOverload):
        func = func.overloadpacket
    if isinstance(func, torch._ops.OpOverloadPacket):
        namespace, _, name = func._qualified_op_name.partition("::")
        return name if namespace == "aten" else f"{namespace}::{name}"
    name = getattr(func, "__name__", repr(func))
    # Tensor properties (x.T, x.shape) arrive as the descriptor's __get__.
    return str(func.__self__.__name__) if name == "__get__" and hasattr(func, "__self__") else str(name)


def _base(raw: str) -> str:
    if raw in _AUGMENTED:
        return _AUGMENTED[raw]
    if raw.endswith("_") and not raw.endswith("__"):
        raw = raw[:-1]
    return _SYNONYMS.get(raw, raw)
