"""Model files: what is kept, what is refused, and that nothing in a file runs unless it is trusted."""

import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from genoplrp.errors import ModelError, OutputError
from genoplrp.models import CNNConfig, ModelSpec, MotifCNN, load_model, save_model, spec_of
from genoplrp.models.files import shipped_models

CONFIG = CNNConfig(length=30, outputs=2, filters=(3,), widths=(5,), pools=(2,), dense=(4,), batch_norm=True)
LABELS = ("CTCF", "SP1")


@pytest.fixture
def network() -> MotifCNN:
    return MotifCNN(CONFIG, seed=4).eval()


@pytest.fixture
def saved(tmp_path: Path, network: MotifCNN) -> Path:
    return save_model(network, tmp_path / "model", network.describe(LABELS, motifs={"CTCF": "MA0139.1"}))


def describe_beside(path: Path, **changes: Any) -> None:
    """Write the JSON that belongs beside a file of weights."""
    spec = MotifCNN(CONFIG).describe(LABELS).to_dict()
    path.with_suffix(".json").write_text(json.dumps({**spec, **changes}))


@pytest.mark.parametrize("name", ["model", "model.safetensors", "model.json"])
def test_saved_network_comes_back_the_same_under_each_name(saved: Path, network: MotifCNN, name: str) -> None:
    loaded = load_model(saved.with_name(name))
    x = torch.rand(3, 4, 30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded(x), network(x))
    assert not loaded.training
    assert spec_of(loaded) == network.describe(LABELS, motifs={"CTCF": "MA0139.1"})
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_double_precision_and_dots_in_the_name_are_kept(tmp_path: Path, network: MotifCNN) -> None:
    path = save_model(network.double(), tmp_path / "run.v2", network.describe(LABELS))
    assert path.name == "run.v2.safetensors"
    assert {parameter.dtype for parameter in load_model(tmp_path / "run.v2").parameters()} == {torch.float64}


def test_loading_leaves_global_random_state(saved: Path) -> None:
    before = torch.get_rng_state()
    load_model(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_saving_leaves_no_other_file_and_replaces_an_older_model(saved: Path) -> None:
    other = MotifCNN(CONFIG, seed=9).eval()
    save_model(other, saved, other.describe(LABELS))
    assert sorted(path.name for path in saved.parent.iterdir()) == ["model.json", "model.safetensors"]
    assert torch.equal(load_model(saved).state_dict()["dense.0.weight"], other.state_dict()["dense.0.weight"])


def test_a_save_that_fails_keeps_the_older_model(
    saved: Path, network: MotifCNN, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    before = saved.read_bytes()
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OutputError, match=r"cannot write .*model\.safetensors: .*No space left"):
        save_model(MotifCNN(CONFIG, seed=9), saved, network.describe(LABELS))
    assert saved.read_bytes() == before
    assert sorted(path.name for path in saved.parent.iterdir()) == ["model.json", "model.safetensors"]


def test_missing_folder_is_an_output_error(tmp_path: Path, network: MotifCNN) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*nowhere"):
        save_model(network, tmp_path / "nowhere" / "model", network.describe(LABELS))


def test_weights_of_another_save_than_the_json_are_refused(saved: Path) -> None:
    other = MotifCNN(CONFIG, seed=9).state_dict()
    safetensors.torch.save_file(other, saved)
    with pytest.raises(ModelError, match=r"is not the file that model\.json describes \(SHA-256 differs\)"):
        load_model(saved)


def test_spec_that_does_not_fit_the_model_is_not_saved(tmp_path: Path, network: MotifCNN) -> None:
    wider = MotifCNN(CNNConfig(length=30, outputs=2, filters=(6,))).describe(LABELS)
    with pytest.raises(ModelError, match=r"the model lacks weight 'convolutions\.0\.bias'"):
        save_model(network, tmp_path / "model", wider)
    assert not list(tmp_path.iterdir())


def test_spec_with_other_than_json_types_is_not_saved(tmp_path: Path, network: MotifCNN) -> None:
    with pytest.raises(ModelError, match="the spec must hold JSON types only"):
        save_model(network, tmp_path / "model", network.describe(LABELS, training={"model": network}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(saved: Path, network: MotifCNN, value: float) -> None:
    with torch.no_grad():
        network.dense[0].weight[1, 2] = value
    message = r"weight 'dense\.0\.weight' has 1 of \d+ values that are NaN or infinite"
    with pytest.raises(ModelError, match=message):
        save_model(network, saved, network.describe(LABELS))
    safetensors.torch.save_file(network.state_dict(), saved)
    describe_beside(saved)
    with pytest.raises(ModelError, match=message):
        load_model(saved)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 64, b">seq\nACGT\n", b"\xff" * 8])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_foreign_files_are_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    describe_beside(path)
    with pytest.raises(ModelError, match=r"model\.(safetensors|pt) is .*(damaged|pickled)"):
        load_model(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_truncated_files_are_refused(tmp_path: Path, network: MotifCNN, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    (safetensors.torch.save_file if suffix == ".safetensors" else torch.save)(network.state_dict(), path)
    path.write_bytes(path.read_bytes()[:-100])
    describe_beside(path)
    with pytest.raises(ModelError, match="damaged"):
        load_model(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a readable JSON file"),
        ("{'length': 3}", "is not a readable JSON file"),
        ("[" * 100_000, "is not a readable JSON file"),
        ("[1]", "must hold a JSON object, got list"),
        ("{}", "the key 'architecture' is missing"),
    ],
)
def test_json_that_is_none_is_refused(saved: Path, text: str, message: str) -> None:
    saved.with_suffix(".json").write_text(text)
    with pytest.raises(ModelError, match=rf"model\.json:? {message}"):
        load_model(saved)


def test_missing_json_is_named(saved: Path) -> None:
    saved.with_suffix(".json").unlink()
    with pytest.raises(ModelError, match=r"model\.json is missing: it must say architecture, config, length"):
        load_model(saved)


@pytest.mark.parametrize("name", ["model", "model.safetensors", "model.json", "model.pt", "folder"])
def test_missing_model_lists_the_shipped_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=f"there is no model .*{name}.*shipped networks are: vertebrate20"):
        load_model(tmp_path / name)


def test_other_kinds_of_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"\x89HDF")
    with pytest.raises(ModelError, match=r"model\.h5 is not a model file: expected one of \.safetensors, \.json, \.pt"):
        load_model(tmp_path / "model.h5")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "ResNet"}, "unknown architecture 'ResNet'"),
        ({"config": {**CONFIG.to_dict(), "kernel": 3}}, "a MotifCNN has no option 'kernel'"),
        ({"length": 31}, r"channels, length and outputs \(4, 30, 2\), but the spec says \(4, 31, 2\)"),
        ({"labels": ["CTCF"]}, r"\(4, 30, 2\), but the spec says \(4, 30, 1\)"),
        ({"channels": 5}, r"\(4, 30, 2\), but the spec says \(5, 30, 2\)"),
        ({"config": {**CONFIG.to_dict(), "dense": [5]}}, r"has shape \(4, 45\), the config asks \(5, 45\)"),
        ({"config": {**CONFIG.to_dict(), "dense": []}}, "has an unknown weight 'dense.2.bias'"),
        ({"config": {**CONFIG.to_dict(), "batch_norm": False}}, "lacks weight 'convolutions.0.bias'"),
    ],
)
def test_weights_and_json_that_do_not_fit_are_refused(saved: Path, changes: dict[str, Any], message: str) -> None:
    describe_beside(saved, **changes)
    with pytest.raises(ModelError, match=message):
        load_model(saved)


def test_a_json_that_asks_for_a_huge_network_takes_no_memory(saved: Path) -> None:
    huge = {**CONFIG.to_dict(), "filters": [10**9], "dense": [10**9]}  # 4e19 bytes of weights
    describe_beside(saved, config=huge)
    with pytest.raises(ModelError):
        load_model(saved)


def test_weights_of_mixed_types_are_refused(saved: Path, network: MotifCNN) -> None:
    state = network.state_dict()
    state["dense.0.bias"] = state["dense.0.bias"].double()
    safetensors.torch.save_file(state, saved)
    describe_beside(saved)
    with pytest.raises(ModelError, match=r"mixes floating point types: torch\.float32, torch\.float64"):
        load_model(saved)


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_state_dict_of_a_known_architecture_is_read(
    tmp_path: Path, network: MotifCNN, suffix: str, wrapped: bool
) -> None:
    path = tmp_path / f"model{suffix}"
    torch.save({"state_dict": network.state_dict(), "epoch": 3} if wrapped else network.state_dict(), path)
    describe_beside(path)
    x = torch.rand(2, 4, 30)
    for name in (path, path.with_suffix(".json")):
        assert torch.equal(load_model(name)(x), network(x))


def test_file_of_something_else_than_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save([torch.zeros(3)], path)
    describe_beside(path)
    with pytest.raises(ModelError, match=r"must hold a state dict \(name -> tensor\), got list"):
        load_model(path)


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("writer", ["torch", "torch-legacy", "pickle"])
def test_a_malicious_pickle_is_refused_without_running_it(tmp_path: Path, writer: str) -> None:
    path, trace = tmp_path / "model.pt", tmp_path / "trace"
    if writer == "pickle":
        path.write_bytes(pickle.dumps({"weight": Bomb(trace)}))
    else:
        torch.save({"weight": Bomb(trace)}, path, _use_new_zipfile_serialization=writer == "torch")
    describe_beside(path)
    with pytest.raises(ModelError, match=r"Loading it would run code from the file\. Save the weights alone"):
        load_model(path)
    assert not trace.exists()


def test_pickled_module_is_read_only_if_trusted(tmp_path: Path, network: MotifCNN) -> None:
    path = tmp_path / "model.pt"
    torch.save(network, path)
    describe_beside(path)
    with pytest.raises(ModelError, match=r"pass trust=True"):
        load_model(path)
    x = torch.rand(2, 4, 30)
    loaded = load_model(path, trust=True)
    assert torch.equal(loaded(x), network(x))
    assert spec_of(loaded).labels == LABELS


class Free(nn.Module):
    """An architecture that this package does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv1d(4, 3, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).amax(2)


def test_exported_program_is_read_only_if_trusted_and_says_its_length(tmp_path: Path) -> None:
    path, model, x = tmp_path / "model.pt2", Free().eval(), torch.rand(2, 4, 30)
    torch.export.save(torch.export.export(model, (x,)), path)
    with pytest.raises(ModelError, match=r"program of torch\.export.*pass trust=True"):
        load_model(path)
    loaded = load_model(path, trust=True)
    torch.testing.assert_close(loaded(x), model(x))
    assert spec_of(loaded).length == 30
    assert spec_of(loaded).labels == ("output0", "output1", "output2")
    path.with_suffix(".json").write_text(
        json.dumps({"architecture": "Free", "config": {}, "length": 30, "labels": ["a", "b", "c"]})
    )
    assert spec_of(load_model(path, trust=True)).labels == ("a", "b", "c")


def test_damaged_export_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(b"no program")
    with pytest.raises(ModelError, match=r"is damaged or not a file of torch\.export\.save"):
        load_model(path, trust=True)


def test_torchscript_is_refused(tmp_path: Path) -> None:
    # A scripted module is a zip archive with code; torch.jit itself is deprecated, so one is made by hand.
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/code/__torch__.py", "class Net(Module): ...")
        archive.writestr("model/constants.pkl", b"")
    describe_beside(path)
    with pytest.raises(ModelError, match="is a TorchScript archive, which cannot be explained"):
        load_model(path, trust=True)


def test_a_network_without_spec_is_told_so() -> None:
    with pytest.raises(ModelError, match="this MotifCNN has no spec: load it with load_model"):
        spec_of(MotifCNN(CONFIG))


def test_specs_of_shipped_models_survive_json() -> None:
    for name in shipped_models():
        spec = spec_of(load_model(name))
        assert ModelSpec.from_dict(spec.to_dict()) == spec
