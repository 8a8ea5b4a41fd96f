"""The calls that DeepLIFT has a rule for, each made by a stand-in module.

tangermeme hooks modules: ``F.relu(x)``, ``x.amax(-1)`` or an activation module of the user's own it does not see, and
treats as linear. Here every such call, however the model spells it, is made by one of a few modules that tangermeme
knows, so that its rules hold for functional calls and reused layers as well, and the user's model gets no hook.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genoplrp.lrp.names import out_of_place
from genoplrp.lrp.ops import KINDS, Kind


@dataclass(frozen=True)
class Step:
    """One call: the stand-in that makes it, told by `key`, how that is built, and how it is used."""

    key: str
    build: Callable[[], nn.Module]
    run: Callable[[nn.Module], Any]


class Elementwise(nn.Module):
    """An activation, whichever it is."""

    def forward(self, x: Tensor, *, function: Callable[[Tensor], Tensor]) -> Tensor:
        """``function(x)``."""
        return function(x)


class Steps(nn.Module):
    """The stand-ins for one model's calls.

    A first pass with ``collecting`` builds those that it needs; then hooks can be put on them, and calls for which no
    stand-in was built are made as they are.

    Parameters
    ----------
    product
        Module class for the products of two computed tensors, built from an einsum equation or None for matmul.
    """

    def __init__(self, product: Callable[[str | None], nn.Module]) -> None:
        super().__init__()
        self.collecting = True
        self._product = product
        self._by_key: dict[str, nn.Module] = {}
        self._stand_in(Step("elementwise", Elementwise, lambda module: module))

    def reroute(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a torch call of the model, by its stand-in where it has one."""
        step = self._step(name, func, args, kwargs)
        module = None if step is None else self._stand_in(step)
        return func(*args, **kwargs) if step is None or module is None else step.run(module)

    def _step(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Step | None:
        if not args or not isinstance(args[0], Tensor):
            return None
        if KINDS.get(name) is Kind.ACTIVATION:
            return Step("elementwise", Elementwise, lambda module: _elementwise(module, func, args, kwargs))
        if name in {"mul", "matmul", "bmm"}:
            return self._bilinear(name, args)
        try:
            return _BUILDERS[name](*args, **kwargs) if name in _BUILDERS else None
        except TypeError:  # a spelling with other arguments
            return None

    def _bilinear(self, name: str, args: tuple[Any, ...]) -> Step | None:
        """A product of two tensors that both hold the samples on their first axis."""
        left, right = args[0], args[1] if len(args) > 1 else None
        if not isinstance(right, Tensor):
            return None
        if name == "mul" and left.shape == right.shape:
            return Step("mul", lambda: self._product("...,...->..."), lambda module: module(left, right))
        if name != "mul" and min(left.ndim, right.ndim) > 2 and left.shape[0] == right.shape[0]:
            return Step("matmul", lambda: self._product(None), lambda module: module(left, right))
        return None

    def _stand_in(self, step: Step) -> nn.Module | None:
        if step.key not in self._by_key and self.collecting:
            self._by_key[step.key] = step.build()
            self.add_module(str(len(self._by_key)), self._by_key[step.key])
        return self._by_key.get(step.key)


def _elementwise(module: nn.Module, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    functional = out_of_place(func, args, kwargs)
    if functional is None:
        return module(args[0], function=lambda x: func(x, *args[1:], **kwargs))
    func, rest, kwargs = functional
    target: Tensor = args[0]
    return target.copy_(module(target.clone(), function=lambda x: func(x, *rest[1:], **kwargs)))


def _max_pool(module: type[nn.Module]) -> Callable[..., Step | None]:
    def step(x: Tensor, *args: Any, **kwargs: Any) -> Step | None:
        options = {**dict(zip(_POOL, args, strict=False)), **kwargs}
        options["stride"] = options.get("stride") or None  # aten spells "as wide as the window" as an empty list
        if options.pop("return_indices", False):
            return None
        return Step(f"{module.__name__} {options}", lambda: module(**options), lambda pool: pool(x))

    return step


def _adaptive_max_pool(x: Tensor, output_size: Any, return_indices: bool = False) -> Step | None:
    size = output_size[0] if isinstance(output_size, Sequence) else output_size
    if return_indices or not isinstance(size, int) or x.shape[-1] % size:
        return None
    return _over_windows(x.shape[-1] // size, lambda pool: pool(x))


def _amax(x: Tensor, dim: Any, keepdim: bool = False) -> Step | None:
    if not _is_last(x, dim):
        return None
    return _over_windows(x.shape[-1], lambda pool: pool(x) if keepdim else pool(x).squeeze(-1))


def _max(x: Tensor, dim: Any, keepdim: bool = False) -> Step | None:
    if not _is_last(x, dim):
        return None

    def run(pool: nn.Module) -> Any:
        values = pool(x)
        return torch.return_types.max((values if keepdim else values.squeeze(-1), x.argmax(-1, keepdim)))

    return _over_windows(x.shape[-1], run)


def _softmax(input: Tensor, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Step | None:
    if dtype is not None or not isinstance(dim, int):
        return None
    return Step(f"softmax {dim}", lambda: nn.Softmax(dim), lambda module: module(input))


def _glu(input: Tensor, dim: int = -1) -> Step:
    return Step(f"glu {dim}", lambda: nn.GLU(dim), lambda module: module(input))


def _layer_norm(input: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Step:
    def run(module: nn.Module) -> Any:
        normed = module(input)
        scaled = normed if weight is None else normed * weight
        return scaled if bias is None else scaled + bias

    shape = list(normalized_shape)
    return Step(f"layer_norm {shape} {eps}", lambda: nn.LayerNorm(shape, eps, elementwise_affine=False), run)


_POOL = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_BUILDERS: dict[str, Callable[..., Step | None]] = {
    "max_pool1d": _max_pool(nn.MaxPool1d),
    "max_pool2d": _max_pool(nn.MaxPool2d),
    "adaptive_max_pool1d": _adaptive_max_pool,
    "amax": _amax,
    "max": _max,
    "softmax": _softmax,
    "glu": _glu,
    "layer_norm": _layer_norm,
}


def _over_windows(width: int, run: Callable[[nn.Module], Any]) -> Step:
    """Maxima over windows that lie side by side."""
    return Step(f"windows {width}", lambda: nn.MaxPool1d(width), run)


def _is_last(x: Tensor, dim: Any) -> bool:
    dims = tuple(dim) if isinstance(dim, Sequence) else (dim,)
    return x.ndim == 3 and len(dims) == 1 and dims[0] in (-1, 2)
