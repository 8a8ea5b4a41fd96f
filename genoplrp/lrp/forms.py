"""Run a model's calls in their channels-last form while a tape records them: the same numbers, in another order.

A convolution's result then lies position by position (`genoplrp.lrp.layout`), and so does what activations, pools,
norms and sums make of it. Whether a model could notice is decided by a run as it is (`CallLog`): all that it does with
its tensors is known not to depend on how they lie. It is then run in that form as long as it makes the same calls;
whatever differs is `LayoutMatters`, and the model runs once more as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from genoplrp.lrp.layout import (
    channels_last_convolution,
    channels_last_weight,
    is_channels_last,
    memory_of,
    quick_channels_last,
)
from genoplrp.lrp.ops import KINDS, SQUASHING, Kind

FEWEST_FILTERS = 16
"""From so many filters on; of fewer a position is less than a line of the cache, and nothing is gained."""
_QUESTIONS = frozenset(
    "shape size dim ndim ndimension dtype device numel is_floating_point is_cuda requires_grad __len__".split()
)
_RESHAPES = frozenset({"view", "reshape", "flatten", "squeeze", "unsqueeze", "transpose", "permute", "__getitem__"})
"""Calls whose result may be a view of their argument's memory in one order and a copy in the other."""
_BY_ENTRY = frozenset(name for name, kind in KINDS.items() if kind is Kind.ACTIVATION) | {"dropout"}
_HARMLESS = (
    _QUESTIONS | _RESHAPES | _BY_ENTRY | SQUASHING
    | set("conv1d linear batch_norm add sub mul div mean sum amax max cat pad constant_pad_nd max_pool1d avg_pool1d "
          "adaptive_avg_pool1d adaptive_max_pool1d flip expand expand_as interpolate stack narrow split chunk "
          "conv_transpose1d".split())
)  # fmt: skip
"""Calls that give the same numbers however their arguments lie in memory, and ask nothing else of them."""
_CONV = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


class LayoutMatters(BaseException):
    """The model may depend on how its tensors lie in memory. No error: a model must not handle it as one."""


@dataclass(eq=False)
class CallLog:
    """The calls that a model makes on tensors computed from its input, in order.

    Attributes
    ----------
    names
        Of the operations, questions about shapes included.
    fit
        Whether none of them can notice how a tensor lies in memory.
    """

    names: list[str] = field(default_factory=list)
    fit: bool = True
    _fit_so_far: bool = True
    _reshaped: set[int] = field(default_factory=set)  # memory that may be shared, or not, in another order

    def see(self, name: str, tensors: Sequence[Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Note a call before it is made: nothing fits until it is done, so that none fits of which the model catches
        the error."""
        self.names.append(name)
        memories = [memory_of(tensor) for tensor in tensors]
        strange = any(memory < 0 for memory in memories)  # inside vmap, say
        harmless = name in _HARMLESS and not strange and (name != "view" or _can_be_reshaped(args, kwargs))
        self._fit_so_far, self.fit = self.fit and harmless, False
        if name in _RESHAPES:
            self._reshaped.update(memories)

    def see_result(self, name: str, results: Sequence[Tensor]) -> None:
        """Note what the call made; what is no number, an index say, is not followed any further."""
        self.fit = self._fit_so_far and all(result.is_floating_point() for result in results)
        if name in _RESHAPES:
            self._reshaped.update(memory_of(tensor) for tensor in results)

    def see_overwritten(self, name: str, tensor: Tensor) -> None:
        """Note a call that overwrites a tensor."""
        self.names.append(overwriting(name))
        self.fit &= name in _BY_ENTRY | {"add", "mul"} and memory_of(tensor) not in self._reshaped


class Layout:
    """Runs the calls of one forward pass, which are to be those of a log."""

    def __init__(self, log: CallLog) -> None:
        self._log, self._position = log, 0

    def forms_of(self, name: str, func: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """What to run for the next call, and its plain form, for tensors in any order."""
        self.expect(name)
        plain = torch.Tensor.reshape if name == "view" else func

        def run(*args: Any, **kwargs: Any) -> Any:
            result = _formed(name, plain, args, kwargs)
            return plain(*args, **kwargs) if result is None else result

        return run, plain

    def expect(self, name: str) -> None:
        """Refuse another call than the log has here."""
        if not self._log.fit or self._log.names[self._position : self._position + 1] != [name]:
            self._log.fit = False
            raise LayoutMatters(name)
        self._position += 1

    def check_done(self, outputs: Sequence[Tensor]) -> None:
        """Refuse fewer calls than the log has, and outputs that lie as the model's own did not in the logged run."""
        if self._position != len(self._log.names) or not all(tensor.is_contiguous() for tensor in outputs):
            self._log.fit = False
        if not self._log.fit:
            raise LayoutMatters("at the end")


def overwriting(name: str) -> str:
    """How a log calls the in-place form of an operation."""
    return f"{name}_"


def _can_be_reshaped(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call of view is one of reshape: a shape is asked for, of a tensor that lies in order."""
    sizes = args[1] if len(args) == 2 and isinstance(args[1], tuple | list) else args[1:]
    return not kwargs and all(isinstance(size, int) for size in sizes) and bool(args[0].is_contiguous())


def _formed(name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result in the channels-last form of a call; None where it has none."""
    if name == "conv1d":
        return _convolution(dict(zip(_CONV, args, strict=False)) | kwargs)
    x = args[0] if args else None
    if not isinstance(x, Tensor) or not is_channels_last(x):
        return None
    if name == "batch_norm" and func in {functional.batch_norm, torch.batch_norm}:
        return func(x.unsqueeze(2), *args[1:], **kwargs).squeeze(2)  # torch is fast only along two axes
    return _max_pool(args, kwargs) if name == "max_pool1d" else None


def _convolution(given: Mapping[str, Any]) -> Tensor | None:
    x, weight, padding = given["input"], given["weight"], given.get("padding", 0)
    if given.get("groups", 1) != 1 or not _plain(x, weight):
        return None
    stride, dilation = _number(given.get("stride", 1)), _number(given.get("dilation", 1))
    reach = dilation * (weight.shape[2] - 1)
    if padding == "same":
        before, after = reach // 2, reach - reach // 2
    else:
        before = after = 0 if padding == "valid" else _number(padding)
    return channels_last_convolution(
        x, channels_last_weight(weight), given.get("bias"), (stride, dilation, before, after)
    )


def _max_pool(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """Windows side by side: twice to four times as fast as torch's own, in either order."""
    x, given = args[0], dict(zip(("kernel_size", "stride", "padding", "dilation"), args[1:], strict=False)) | kwargs
    kernel = _number(given["kernel_size"])
    usual = {"stride": kernel, "padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False}
    if len(args) > 5 or any(_number(given.get(option) or usual[option]) != usual[option] for option in usual):
        return None
    outputs = x.shape[2] // kernel
    windows = x.transpose(1, 2)[:, : outputs * kernel].reshape(len(x), outputs, kernel, -1)
    best = torch.maximum(*windows.unbind(2)) if kernel == 2 else windows.amax(2)
    return best.transpose(1, 2)


def _plain(x: Tensor, weight: Tensor) -> bool:
    """Whether both are tensors that nobody extends, and torch's own settings let them take this way."""
    known = all(type(tensor) in (Tensor, torch.nn.Parameter) for tensor in (x, weight))
    enough = weight.ndim == 3 and len(weight) >= FEWEST_FILTERS
    return known and enough and quick_channels_last(x, weight) and not torch.is_autocast_enabled("cpu")


def _number(value: Any) -> Any:
    return value[0] if isinstance(value, tuple | list) else value
