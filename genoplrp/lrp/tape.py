"""Record one forward pass as immutable calls.

The model runs once under a `torch.overrides.TorchFunctionMode`. Each call that touches a live tensor (one computed
from the network's input) becomes a `Call`; tensors become `Value` numbers, so that a tensor that is overwritten in
place gets a new number and old calls keep the old content. No hooks, no patched classes, nothing is stored on the
model, and since torch keeps function modes per thread, several threads may record the same model.
"""

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from genoplrp.errors import UnsupportedCallError
from genoplrp.lrp.call import Call, Value, leaves, substitute
from genoplrp.lrp.forms import CallLog, Layout, overwriting
from genoplrp.lrp.layout import memory_of
from genoplrp.lrp.names import op_name, out_of_place

_TORCH = str(Path(torch.__file__).parent)
_RECORD = str(Path(__file__).with_name("record.py"))
_UNFOLLOWED = {"numpy", "__array__", "__dlpack__", "tolist", "__setitem__", "set", "index_put", "scatter", "copy"}
_BOOKKEEPING = frozenset(vars(nn.Module()))
"""Attributes that every module has: parameters, buffers and hooks, none of them a tensor of the user's own."""
_NUMBERS = {"item", "__float__"}
_DETACHES = {"detach", "data"}
_TEMPLATE_OPS = {"type_as", "to", "expand_as", "view_as", "reshape_as"}  # the first argument alone carries relevance
_CONSTANT_RESULT = {
    "detach", "data", "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "new_zeros",
    "new_ones", "new_full", "new_empty", "new_tensor",
}  # fmt: skip


class Tape(TorchFunctionMode):
    """The record: ``values[i]`` is the content of live tensor i, ``calls`` the calls in order; value 0 is the input."""

    def __init__(self, model: nn.Module, x: Tensor, log: CallLog | None = None, layout: Layout | None = None) -> None:
        super().__init__()
        self._log = log  # is filled
        self.layout = layout  # runs the calls; None: they are run as they are
        self.values: list[Tensor] = []
        self.calls: list[Call] = []
        self.foreign: dict[int, Tensor] = {}  # constants that neither the model owns nor a recorded call made
        self._index: dict[int, int] = {}  # id of a tensor object -> its current value
        self._alive: dict[int, Tensor] = {}  # every tensor seen: keeps its id from being reused
        self._stale: set[int] = set()
        self._derived: set[int] = set()  # constants that were computed from the input and detached
        self._used: set[int] = set()  # memory of live tensors and of constants in recorded calls
        self._leaf_ops: dict[str, str] = {}
        self._labels: dict[str, int] = {}
        self._modules = {id(module): name for name, module in model.named_modules()}
        self._leaf_modules = {name for name, module in model.named_modules() if not any(module.children())}
        self._owners = {
            id(parameter): name.rpartition(".")[0] for name, parameter in model.named_parameters() if "." in name
        }
        self._alive.update((id(tensor), tensor) for tensor in _tensors_of(model))
        self._bind(x)

    def index_of(self, tensor: Tensor) -> int | None:
        """Number of a live tensor; None for a constant."""
        if id(tensor) in self._stale:
            raise UnsupportedCallError(
                "the model reads a tensor after a tensor that shares its memory was changed in place; "
                "use the out-of-place form of that call (for instance x = x + y for x += y)"
            )
        return self._index.get(id(tensor))

    def revive(self, index: int) -> Tensor:
        """The content of a live tensor as a tensor that further calls may read, also after it was overwritten."""
        tensor = self.values[index]
        self._alive[id(tensor)] = tensor
        self._index[id(tensor)] = index
        return tensor

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs, name = kwargs or {}, op_name(func)
        tensors = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if any(id(tensor) in self._index or id(tensor) in self._stale for tensor in tensors):
            return self._live_call(name, func, args, kwargs, tensors)
        derived = any(id(tensor) in self._derived for tensor in tensors)
        if derived and name in _UNFOLLOWED:
            self._refuse(name, kwargs)
        self._note_foreign(tensors)
        result = self._run_unchanging(name, func, args, kwargs, tensors)
        self._remember(result, derived=derived)
        return result

    def _live_call(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Tensor]
    ) -> Any:
        self._check_followable(name, args, kwargs)
        template = name in _TEMPLATE_OPS
        if template and self.index_of(args[0]) is None:  # a constant brought into a live tensor's shape or type
            if self._log is not None:
                self._log.fit = False
            result = func(*args, **kwargs)
            self._remember(result)
            return result
        keep = 1 if template else len(args)
        recorded_args = (*substitute(args[:keep], self._as_value), *args[keep:])
        recorded = (recorded_args, kwargs if template else substitute(kwargs, self._as_value))
        functional = out_of_place(func, *recorded)
        if functional is not None and isinstance(args[0], Tensor):
            if not isinstance(recorded[0][0], Value):  # a constant about to be overwritten
                functional = (functional[0], (args[0].clone(), *functional[1][1:]), functional[2])
            result = self._overwrite(name, func, args, kwargs)
            func, recorded = functional[0], functional[1:]
            outputs: tuple[int | None, ...] = (self._bind(result),)
        else:
            result, func = self._run_logged(name, func, args, kwargs, tensors)
            outputs = () if name in _CONSTANT_RESULT else tuple(self._bind_output(leaf) for leaf in leaves(result))
        self._remember(result, derived=name in _DETACHES)
        if any(index is not None for index in outputs):
            layer, source = self._where(recorded)
            self.calls.append(Call(name, func, *recorded, outputs, layer, self._label(name, layer), source))
            self._used.update(memory_of(leaf) for leaf in leaves(recorded) if isinstance(leaf, Tensor))
        return result

    def _check_followable(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Refuse calls through which nothing can be followed, before they change anything."""
        if name in _UNFOLLOWED or kwargs.get("out") is not None:
            self._refuse(name, kwargs)
        if name == "batch_norm" and (kwargs.get("training") or (len(args) > 5 and args[5] is True)):
            statistics = (*args[1:5], kwargs.get("running_mean"))
            if any(isinstance(leaf, Tensor) and not isinstance(leaf, nn.Parameter) for leaf in statistics):
                raise UnsupportedCallError(
                    "a batch norm runs in training mode and would change its statistics: call model.eval(), and "
                    "register modules with nn.ModuleList or nn.ModuleDict"
                )
        if name in _NUMBERS:
            layer, source = self._where(((), {}))
            warnings.warn(
                f"the model turns a tensor computed from the input into a Python number ({name}, {layer or 'model'}, "
                f"{source}). Relevance does not follow it: fine for branches and logging; if the number enters the "
                "computation, keep it a tensor.",
                stacklevel=2,
            )

    def _run_logged(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Tensor]
    ) -> tuple[Any, Callable[..., Any]]:
        """The result of a live call that overwrites nothing, and the function to make it again with."""
        if self._log is not None:
            self._log.see(name, tensors, args, kwargs)
        run = func
        if self.layout is not None:
            run, func = self.layout.forms_of(name, func)
        result = self._run_unchanging(name, run, args, kwargs, tensors)
        if self._log is not None:
            self._log.see_result(name, [leaf for leaf in leaves(result) if isinstance(leaf, Tensor)])
        return result, func

    def _run_unchanging(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Tensor]
    ) -> Any:
        """Run a call that must not change a tensor that the record has read."""
        versions = [tensor._version for tensor in tensors]
        result = func(*args, **kwargs)
        for tensor, version in zip(tensors, versions, strict=True):
            if tensor._version != version and memory_of(tensor) in self._used:
                self._refuse_overwrite(name)
        return result

    def _refuse_overwrite(self, name: str) -> NoReturn:
        layer, source = self._where(((), {}))
        raise UnsupportedCallError(
            f"the model overwrites a tensor in place that the record has read ({name}, layer "
            f"{layer or 'the model itself'}, {source}): use the out-of-place form"
        )

    def _note_foreign(self, tensors: list[Tensor]) -> None:
        for tensor in tensors:
            if tensor.is_floating_point() and id(tensor) not in self._alive:
                self.foreign[id(tensor)] = tensor

    def _as_value(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        index = self.index_of(leaf)
        if index is not None:
            return Value(index)
        self._note_foreign([leaf])
        return leaf

    def _bind(self, tensor: Tensor) -> int:
        self.values.append(tensor)
        self._alive[id(tensor)] = tensor
        self._index[id(tensor)] = len(self.values) - 1
        self._used.add(memory_of(tensor))
        return len(self.values) - 1

    def _bind_output(self, leaf: Any) -> int | None:
        """A new number for a new floating-point tensor; an output that is an argument itself is no new tensor."""
        if not isinstance(leaf, Tensor) or not _carries_relevance(leaf) or id(leaf) in self._alive:
            return None
        return self._bind(leaf)

    def _overwrite(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """Run an in-place call: what was recorded keeps its content; other views of the memory turn stale."""
        target: Tensor = args[0]
        memory = memory_of(target)
        if self._log is not None:
            self._log.see_overwritten(name, target)
        if self.layout is not None:
            self.layout.expect(overwriting(name))
        if id(target) not in self._index and memory in self._used:
            self._refuse_overwrite(name)
        for key, tensor in self._alive.items():
            if memory_of(tensor) != memory:
                continue
            index = self._index.pop(key, None)
            if index is not None:
                self.values[index] = tensor.clone()
            if tensor is not target:
                self._stale.add(key)
        result: Tensor = func(*args, **kwargs)
        return result

    def _remember(self, result: Any, *, derived: bool = False) -> None:
        found = {id(leaf): leaf for leaf in leaves(result) if isinstance(leaf, Tensor)}
        self._alive.update(found)
        if derived:
            self._derived.update(found)

    def _label(self, name: str, layer: str) -> str:
        """The layer's name where it makes one kind of call; else layer.op. Further calls have #2, #3 behind."""
        own = layer in self._leaf_modules and self._leaf_ops.setdefault(layer, name) == name
        label = layer if layer and own else f"{layer}.{name}".lstrip(".")
        self._labels[label] = self._labels.get(label, 0) + 1
        return label if self._labels[label] == 1 else f"{label}#{self._labels[label]}"

    def _where(self, recorded: tuple[Any, Any]) -> tuple[str, str]:
        """(layer, source line) of the call being made; a parameter's owner names the layer better than the frame."""
        layer = next((self._owners[id(leaf)] for leaf in leaves(recorded) if id(leaf) in self._owners), None)
        source, fallback = "", ""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and (layer is None or not source):
            code = frame.f_code
            if code.co_filename == _RECORD:
                break
            if code.co_filename != __file__:
                place = f"{code.co_filename}:{frame.f_lineno}"
                fallback = fallback or place
                source = source or ("" if place.startswith(_TORCH) else place)
                if layer is None and code.co_argcount:
                    layer = self._modules.get(id(frame.f_locals.get(code.co_varnames[0])))
            frame = frame.f_back
        return layer or "", source or fallback

    def _refuse(self, name: str, kwargs: Mapping[str, Any]) -> NoReturn:
        layer, source = self._where(((), {}))
        what = f"{name} with out=" if kwargs.get("out") is not None else name
        raise UnsupportedCallError(
            f"the model calls {what} on a tensor computed from the input (layer {layer or 'the model itself'}, "
            f"{source}): relevance cannot be followed through it. Use an out-of-place torch operation instead "
            "(torch.where, torch.cat, F.pad), or .detach() where a constant is meant."
        )


def _carries_relevance(tensor: Tensor) -> bool:
    """Whether a result is live; masks and indices are constants, and complex numbers have no rule but a name."""
    return tensor.is_floating_point() or tensor.is_complex()


def _tensors_of(model: nn.Module) -> Iterator[Tensor]:
    """Parameters, buffers and plain tensor attributes, those in lists and dicts included."""
    yield from model.parameters()
    yield from model.buffers()
    for module in model.modules():
        own = [value for name, value in vars(module).items() if name not in _BOOKKEEPING]
        yield from (leaf for leaf in leaves(own) if isinstance(leaf, Tensor))
