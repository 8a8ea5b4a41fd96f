"""Weights from files of other tools' formats, and the checks that they must pass. Nothing here builds a network."""

import hashlib
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from genoplrp.errors import ModelError

_ADVICE = (
    "Loading it would run code from the file. Save the weights alone with genoplrp.save_model(model, path, spec), or "
    "torch.save(model.state_dict(), path) with a JSON file beside it; if you made the file yourself, pass trust=True "
    "(--trust)"
)


def read_safetensors(path: Path, digest: str | None = None) -> dict[str, Tensor]:
    """Tensors of a safetensors file, which must have the SHA-256 `digest` if there is one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(
            f"{path} is not the file that {path.with_suffix('.json').name} describes (SHA-256 differs): it is damaged, "
            "or the two come from different saves; save or copy both again"
        )
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"{path} is damaged or not a safetensors file: {error}") from error
    return tensors


def read_torch(path: Path, *, trust: bool) -> Any:
    """State dict, or with trust whatever was pickled, from a file of torch.save."""
    if _is_torchscript(path):
        raise ModelError(f"{path} is a TorchScript archive, which cannot be explained. {_ADVICE.partition('. ')[2]}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on a pickle of another protocol torch warns, and then fails as it should
            loaded = torch.load(path, map_location="cpu", weights_only=not trust)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} is not a plain state dict: it holds a pickled module or other objects, or is damaged. {_ADVICE}"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, ImportError) as error:
        raise ModelError(f"{path} is damaged or not a file of torch.save: {error}") from error
    if isinstance(loaded, nn.Module):
        return loaded
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise ModelError(f"{path} must hold a state dict (name -> tensor), got {type(loaded).__name__}")
    return dict(loaded)


def _is_torchscript(path: Path) -> bool:
    """Whether the file is a zip archive with TorchScript code, which torch.load would hand to torch.jit."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name or name.endswith("constants.pkl") for name in archive.namelist())


def check_state(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Refuse weights whose names, shapes or values do not fit the network."""
    wanted = model.state_dict()
    for name in sorted(set(wanted) ^ set(state)):
        kind = "lacks" if name in wanted else "has an unknown"
        raise ModelError(f"{source} {kind} weight {name!r}: it is not a {type(model).__name__} of this config")
    for name, tensor in wanted.items():
        if state[name].shape != tensor.shape:
            raise ModelError(
                f"{source}: weight {name!r} has shape {tuple(state[name].shape)}, the config asks {tuple(tensor.shape)}"
            )
        if state[name].is_floating_point() != tensor.is_floating_point():
            raise ModelError(f"{source}: weight {name!r} has type {state[name].dtype}, expected like {tensor.dtype}")
    if len(kinds := {tensor.dtype for tensor in state.values() if tensor.is_floating_point()}) > 1:
        raise ModelError(f"{source} mixes floating point types: {', '.join(sorted(map(str, kinds)))}")
    check_finite(state, source)


def check_finite(state: Mapping[str, Any], source: str) -> None:
    """Refuse NaN and infinite weights, with the first tensor that has some."""
    for name, tensor in state.items():
        if isinstance(tensor, Tensor) and tensor.is_floating_point() and not tensor.isfinite().all():
            bad = int((~tensor.isfinite()).sum())
            raise ModelError(f"{source}: weight {name!r} has {bad} of {tensor.numel()} values that are NaN or infinite")
