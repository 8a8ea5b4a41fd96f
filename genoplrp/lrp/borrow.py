"""Borrow a model: explain it in eval mode, on the device asked for, without changing anything on it."""

import copy
from types import MethodType
from typing import Any

import torch
from torch import nn

from genoplrp.errors import UnsupportedCallError


def borrowed(model: nn.Module, device: torch.device | str | None = None) -> nn.Module:
    """The model itself where it is in eval mode and on the device; otherwise a stand-in that is.

    The stand-in shares parameters and buffers with the model (on another device it has copies), so that switching to
    eval mode is seen by nobody else: neither by the caller after an exception nor by another thread.

    Raises
    ------
    UnsupportedCallError
        A scripted module.
    """
    module = getattr(model, "_orig_mod", model)  # torch.compile's wrapper keeps the Python module there
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise UnsupportedCallError(
                f"module {name or 'model'!r} is scripted (torch.jit): its calls cannot be seen. "
                "Pass the Python module that it was made from, or a torch.export of it."
            )
    if device is not None and any(_elsewhere(tensor, torch.device(device)) for tensor in _tensors(module)):
        module = copy.deepcopy(module).to(device)
    if any(part.training for part in module.modules()):
        made: dict[int, nn.Module] = {}
        module = _stand_in(module, made)
        for twin in made.values():
            twin.__dict__.update({name: _swapped(value, made) for name, value in twin.__dict__.items()})
    return module


def where(model: nn.Module) -> tuple[torch.device | None, torch.dtype | None]:
    """(device, dtype) of the first floating-point parameter or buffer; (None, None) without any."""
    first = next((tensor for tensor in _tensors(model) if tensor.is_floating_point()), None)
    return (None, None) if first is None else (first.device, first.dtype)


def _elsewhere(tensor: torch.Tensor, device: torch.device) -> bool:
    same_kind = tensor.device.type == device.type
    return not same_kind or (device.index is not None and tensor.device.index != device.index)


def _tensors(model: nn.Module) -> list[torch.Tensor]:
    return [*model.parameters(), *model.buffers()]


def _stand_in(module: nn.Module, made: dict[int, nn.Module]) -> nn.Module:
    """A shallow copy of the module tree in eval mode; a module used twice stays one."""
    if id(module) in made:
        return made[id(module)]
    twin: Any = object.__new__(type(module))
    made[id(module)] = twin
    twin.__dict__ = dict(module.__dict__)
    for name in ("_parameters", "_buffers"):
        twin.__dict__[name] = dict(module.__dict__[name])
    twin.__dict__["_modules"] = {
        name: None if part is None else _stand_in(part, made) for name, part in module._modules.items()
    }
    twin.__dict__["training"] = False
    result: nn.Module = twin
    return result


def _swapped(value: Any, made: dict[int, nn.Module]) -> Any:
    """An attribute with the stand-ins for the modules in it: plain lists of layers, methods set on the instance."""
    if isinstance(value, nn.Module):
        return made.get(id(value), value)
    if isinstance(value, MethodType) and id(value.__self__) in made:
        return MethodType(value.__func__, made[id(value.__self__)])
    if type(value) in (list, tuple):
        return type(value)(_swapped(item, made) for item in value)
    if type(value) is dict:
        return {key: _swapped(item, made) for key, item in value.items()}
    return value
