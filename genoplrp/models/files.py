"""Networks on disk: ``NAME.safetensors`` (weights) and ``NAME.json`` (everything else, see `ModelSpec`).

Reading a model never runs code from the file unless the caller says ``trust=True``: safetensors holds arrays only, a
state dict is read with ``weights_only=True``, and a pickled module is refused. The network is built without memory for
its weights, and those of the file are put in after names and shapes were compared.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from genoplrp.errors import ModelError, OutputError
from genoplrp.models.cnn import CNNConfig, MotifCNN
from genoplrp.models.spec import ModelSpec
from genoplrp.models.weights import check_finite, check_state, read_safetensors, read_torch
from genoplrp.resources import pretrained_dir

STATE_DICT_SUFFIXES = (".pt", ".pth")
EXPORT_SUFFIX = ".pt2"
_SUFFIXES = (".safetensors", ".json", *STATE_DICT_SUFFIXES, EXPORT_SUFFIX)


def load_model(name_or_path: str | Path, trust: bool = False) -> nn.Module:
    """Network from a shipped name or a file, in eval mode on the CPU, its `ModelSpec` in ``.spec``.

    Parameters
    ----------
    name_or_path
        A shipped network (`shipped_models`), or a path: ``NAME.safetensors``, ``NAME.json`` or plain ``NAME`` for
        a pair written by `save_model`; ``NAME.pt`` or ``NAME.pth`` for a state dict of a known architecture with
        its ``NAME.json``; ``NAME.pt2`` for a program of ``torch.export``.
    trust
        Whether code in the file may run: needed for pickled modules and for ``.pt2``.

    Returns
    -------
    nn.Module
        Reads ``(n, channels, length)``, gives one logit a label.

    Raises
    ------
    ModelError
        If there is no such model, the file is damaged or of another kind, weights are NaN or infinite, weights and JSON
        do not belong together, or the file needs ``trust=True``.

    Examples
    --------
    >>> model = load_model("vertebrate20")
    >>> model.spec.length, model.spec.motifs["CTCF"]
    (200, 'MA0139.1')
    """
    path = _locate(name_or_path)
    if path.suffix == EXPORT_SUFFIX:
        return _load_export(path, trust=trust)
    spec, digest = _read_spec(path.with_suffix(".json"))
    if path.suffix == ".safetensors":
        loaded: Any = read_safetensors(path, digest)
    else:
        loaded = read_torch(path, trust=trust)
    if isinstance(loaded, nn.Module):
        check_finite(loaded.state_dict(), str(path))
        return _with_spec(loaded.eval(), spec)
    model = _build(spec, str(path))
    check_state(model, loaded, str(path))
    model.load_state_dict(loaded, assign=True)
    return _with_spec(model.eval(), spec)


def save_model(model: nn.Module, path: str | Path, spec: ModelSpec) -> Path:
    """Path of the weights after ``model`` was written as ``NAME.safetensors`` and ``NAME.json``.

    Both are written aside and renamed, the weights first; the JSON holds their SHA-256, so that files of two different
    saves are not taken for one model.

    Parameters
    ----------
    model
        A network of a known architecture, on any device.
    path
        ``NAME``, ``NAME.safetensors`` or ``NAME.json``; the folder must exist.
    spec
        Its description.

    Raises
    ------
    ModelError
        If the spec does not describe the model, or a weight is NaN or infinite.
    OutputError
        If the files cannot be written.

    Examples
    --------
    >>> network = MotifCNN(CNNConfig(length=50, outputs=1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = save_model(network, Path(folder) / "tiny", network.describe(("CTCF",)))
    ...     load_model(written).spec.labels
    ('CTCF',)
    """
    path = Path(path)
    stem = path.with_suffix("") if path.suffix in (".safetensors", ".json") else path
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    check_state(_build(spec, "the spec"), state, "the model")
    weights = safetensors.torch.save(state)
    described = {**spec.to_dict(), "sha256": hashlib.sha256(weights).hexdigest()}
    try:
        text = json.dumps(described, indent=2, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ModelError(f"the spec must hold JSON types only: {error}") from error
    _write(_sibling(stem, ".safetensors"), weights)
    _write(_sibling(stem, ".json"), text.encode())
    return _sibling(stem, ".safetensors")


def shipped_models() -> tuple[str, ...]:
    """Names of the networks that come with the package.

    Examples
    --------
    >>> shipped_models()
    ('vertebrate20',)
    """
    return tuple(sorted(path.stem for path in pretrained_dir().glob("*.safetensors")))


def spec_of(model: nn.Module) -> ModelSpec:
    """The spec that `load_model` put beside the network.

    Raises
    ------
    ModelError
        If the network has none.

    Examples
    --------
    >>> spec_of(load_model("vertebrate20")).length
    200
    """
    spec = getattr(model, "spec", None)
    if not isinstance(spec, ModelSpec):
        raise ModelError(
            f"this {type(model).__name__} has no spec: load it with load_model, or set model.spec yourself"
        )
    return spec


def _architecture(name: str) -> Callable[[ModelSpec], nn.Module] | None:
    """How a network of the named architecture is built from its spec."""
    known = {"MotifCNN": lambda spec: MotifCNN(CNNConfig.from_dict(spec.config))}
    return known.get(name)


def _build(spec: ModelSpec, source: str) -> nn.Module:
    """Network of the spec without memory for its weights, so that a forged JSON cannot ask for all of it."""
    make = _architecture(spec.architecture)
    if make is None:
        raise ModelError(
            f"{source}: unknown architecture {spec.architecture!r}; weights alone can be read for MotifCNN. "
            "Export other networks with torch.export.save and load the .pt2 with trust=True (--trust)"
        )
    try:
        with torch.device("meta"):
            model = make(spec)
    except (TypeError, RuntimeError, OverflowError) as error:
        raise ModelError(f"{source}: no {spec.architecture} can be built from its config: {error}") from error
    if isinstance(model, MotifCNN):
        said = (4, model.config.length, model.config.outputs)
        if said != (spec.channels, spec.length, len(spec.labels)):
            raise ModelError(
                f"{source}: the config has channels, length and outputs {said}, but the spec says "
                f"{(spec.channels, spec.length, len(spec.labels))}"
            )
    return model


def _locate(name_or_path: str | Path) -> Path:
    """The file to read: weights of a pair, a state dict or an exported program."""
    text, path = str(name_or_path), Path(name_or_path)
    if not path.name:
        raise ModelError(
            f"there is no model {text!r}: name a shipped network ({', '.join(shipped_models())}) or a file"
        )
    if text in shipped_models():
        return pretrained_dir() / f"{text}.safetensors"
    if path.suffix not in _SUFFIXES:
        if path.is_file():
            raise ModelError(f"{path} is not a model file: expected one of {', '.join(_SUFFIXES)}")
        path = _sibling(path, ".safetensors")
    elif path.suffix == ".json":
        beside = [path.with_suffix(suffix) for suffix in (".safetensors", *STATE_DICT_SUFFIXES)]
        path = next((item for item in beside if item.is_file()), beside[0])
    if not path.is_file():
        shipped = ", ".join(shipped_models()) or "none"
        raise ModelError(f"there is no model {text!r}: {path} does not exist, and the shipped networks are: {shipped}")
    return path


def _sibling(stem: Path, suffix: str) -> Path:
    """The stem with a suffix added, dots in the stem kept."""
    return stem.with_name(stem.name + suffix)


def _read_spec(path: Path) -> tuple[ModelSpec, str | None]:
    """Spec and digest of the weights from the JSON file."""
    if not path.is_file():
        raise ModelError(
            f"{path} is missing: it must say architecture, config, length and labels; genoplrp.save_model writes it"
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise ModelError(f"{path} is not a readable JSON file: {error}") from error
    if not isinstance(values, Mapping):
        raise ModelError(f"{path} must hold a JSON object, got {type(values).__name__}")
    try:
        return ModelSpec.from_dict(values), values.get("sha256")
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def _load_export(path: Path, *, trust: bool) -> nn.Module:
    """Network of a torch.export file; its spec comes from the JSON beside it, or else from the program's signature."""
    if not trust:
        raise ModelError(
            f"{path} is a program of torch.export. Loading it may run code from the file: pass trust=True (--trust) if "
            "you made it yourself"
        )
    try:
        program = torch.export.load(path)
    except Exception as error:  # torch.export raises what it likes on a foreign file
        raise ModelError(f"{path} is damaged or not a file of torch.export.save: {error}") from error
    check_finite(program.state_dict, str(path))
    beside = path.with_suffix(".json")
    spec = _read_spec(beside)[0] if beside.is_file() else _signature(program, path)
    return _with_spec(program.module(), spec)


def _signature(program: torch.export.ExportedProgram, path: Path) -> ModelSpec:
    """Spec with input length and numbered labels, as far as the program's graph tells."""
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    shapes = {name: value.shape for name, value in values.items() if isinstance(value, torch.Tensor)}
    inputs = [shapes[name] for name in program.graph_signature.user_inputs if name in shapes]
    outputs = [shapes[name] for name in program.graph_signature.user_outputs if name in shapes]
    if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0]) != 3 or len(outputs[0]) != 2:
        raise ModelError(
            f"{path} must map one tensor (n, channels, length) to one (n, outputs), got inputs "
            f"{[tuple(shape) for shape in inputs]} and outputs {[tuple(shape) for shape in outputs]}"
        )
    labels = tuple(f"output{index}" for index in range(int(outputs[0][1])))
    return ModelSpec("torch.export", {}, length=int(inputs[0][2]), labels=labels, channels=int(inputs[0][1]))


def _with_spec(model: nn.Module, spec: ModelSpec) -> nn.Module:
    """The network with its spec; plain data, so it goes around nn.Module's attribute handling."""
    vars(model)["spec"] = spec
    return model


def _write(path: Path, content: bytes) -> None:
    """Write aside in the same folder, then rename: a reader sees the old file or the whole new one."""
    try:
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(aside).chmod(0o644)
            Path(aside).replace(path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
