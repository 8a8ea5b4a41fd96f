"""MotifCNN against a literal version in numpy, its configuration, and its manners."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genoplrp.errors import ModelError
from genoplrp.models import CNNConfig, MotifCNN

CONFIGS = [
    CNNConfig(length=30, outputs=2, filters=(3,), widths=(5,), pools=(4,), dense=(6,), head="flatten"),
    CNNConfig(length=31, outputs=3, filters=(3, 5), widths=(7, 4), pools=(2, 3), dense=(4, 3), head="max"),
    CNNConfig(length=24, outputs=1, filters=(4, 2), widths=(6, 3), pools=(1, 2), dense=(), head="mean"),
    CNNConfig(length=24, outputs=2, filters=(4,), widths=(5,), pools=(3,), batch_norm=True, activation="exp"),
]


def literal(network: MotifCNN, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The network's formula, one sequence at a time, with loops over positions."""
    config, state = network.config, {name: value.numpy() for name, value in network.state_dict().items()}
    groups = sorted({int(name.split(".")[1]) for name in state if name.startswith("convolutions")})
    filters = iter([index for index in groups if state[f"convolutions.{index}.weight"].ndim == 3])
    for layer, (width, pool) in enumerate(zip(config.widths, config.pools, strict=True)):
        index = next(filters)
        weight = state[f"convolutions.{index}.weight"]
        padded = np.pad(x, ((0, 0), (width // 2, width // 2)))
        x = np.array([(weight * padded[:, at : at + width]).sum((1, 2)) for at in range(padded.shape[1] - width + 1)]).T
        if config.batch_norm:
            norm = {key: state[f"convolutions.{index + 1}.{key}"][:, None] for key in ("weight", "bias")}
            mean, variance = (state[f"convolutions.{index + 1}.running_{key}"][:, None] for key in ("mean", "var"))
            x = (x - mean) / np.sqrt(variance + 1e-5) * norm["weight"] + norm["bias"]
        else:
            x = x + state[f"convolutions.{index}.bias"][:, None]
        x = np.exp(x) if layer == 0 and config.activation == "exp" else np.maximum(x, 0)
        x = np.array([x[:, at : at + pool].max(1) for at in range(0, x.shape[1] - pool + 1, pool)]).T
    h = {"max": x.max(1), "mean": x.mean(1), "flatten": x.ravel()}[config.head]
    dense = sorted({int(name.split(".")[1]) for name in state if name.startswith("dense")})
    for index in dense:
        h = state[f"dense.{index}.weight"] @ h + state[f"dense.{index}.bias"]
        h = np.maximum(h, 0) if index != dense[-1] else h
    return h


@pytest.mark.parametrize("config", CONFIGS)
def test_network_computes_what_its_config_says(config: CNNConfig) -> None:
    network = MotifCNN(config, seed=1).double().eval()
    generator = torch.Generator().manual_seed(2)
    for name, buffer in network.named_buffers():
        if "running" in name:
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    x = torch.rand(3, 4, config.length, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        outputs = network(x).numpy()
    expected = np.stack([literal(network, sequence) for sequence in x.numpy()])
    np.testing.assert_allclose(outputs, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("config", CONFIGS)
def test_positions_are_those_of_the_feature_maps(config: CNNConfig) -> None:
    network = MotifCNN(config).eval()
    assert network.convolutions(torch.zeros(1, 4, config.length)).shape[2] == config.positions[-1]


def test_seed_decides_the_weights_and_global_random_state_stays() -> None:
    before = torch.get_rng_state()
    first, same, other = (MotifCNN(CNNConfig(), seed=seed) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.convolutions[0].weight, same.convolutions[0].weight)
    assert not torch.equal(first.convolutions[0].weight, other.convolutions[0].weight)


@pytest.mark.parametrize("shape", [(2, 4, 51), (2, 5, 50), (4, 50), (2, 1, 4, 50)])
def test_wrong_input_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"this network reads \(n, 4, 50\), got \("):
        MotifCNN(CNNConfig(length=50))(torch.zeros(shape))


def test_a_batch_of_none_gives_no_logits() -> None:
    assert MotifCNN(CNNConfig(length=50, outputs=3))(torch.zeros(0, 4, 50)).shape == (0, 3)


@pytest.mark.parametrize("config", CONFIGS)
def test_config_survives_json_types(config: CNNConfig) -> None:
    assert CNNConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": (4, 8)}, "filters, widths and pools need one entry a convolution, got 2, 1 and 1"),
        ({"filters": (), "widths": (), "pools": ()}, "filters, widths and pools need one entry a convolution"),
        ({"filters": (0,)}, "filters must be positive whole numbers, got 0"),
        ({"filters": 32}, "filters must be a list of whole numbers, got 32"),
        ({"outputs": 1.5}, "outputs must be positive whole numbers, got 1.5"),
        ({"dropout": 1.0}, "dropout must be at least 0 and less than 1, got 1.0"),
        ({"dropout": "much"}, "dropout must be at least 0 and less than 1, got 'much'"),
        ({"head": "median"}, "head must be one of max, mean, flatten, got 'median'"),
        ({"activation": "gelu"}, "activation must be one of relu, exp, got 'gelu'"),
        ({"batch_norm": 1}, "batch_norm must be true or false, got 1"),
        ({"length": 3, "pools": (4,)}, r"pools \(4,\) leave no position of 3 bp: use smaller pools"),
        ({"kernel": 3}, "a MotifCNN has no option 'kernel'; its options are length, outputs"),
    ],
)
def test_invalid_config_is_refused_with_the_reason(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        CNNConfig.from_dict(options)


def test_describe_gives_the_spec_of_the_network() -> None:
    spec = MotifCNN(CNNConfig(length=40, outputs=2)).describe(("A", "B"), motifs={"A": "MA1"})
    assert (spec.architecture, spec.length, spec.labels, spec.motifs) == ("MotifCNN", 40, ("A", "B"), {"A": "MA1"})
    assert CNNConfig.from_dict(spec.config) == CNNConfig(length=40, outputs=2)


def test_residual_blocks_add_their_input_where_the_shape_is_kept():
    """Blocks 2 and 4 keep the shape; block 1 reads the sequence, block 3 changes the filters, block 5 pools."""
    config = CNNConfig(
        length=32, filters=(4, 4, 6, 6, 6), widths=(5, 5, 3, 3, 3), pools=(1, 1, 1, 1, 2), dense=(), residual=True
    )
    network = MotifCNN(config, seed=3).eval()
    convolutions = [part for part in network.modules() if isinstance(part, torch.nn.Conv1d)]
    x = torch.nn.functional.one_hot(torch.arange(64).reshape(2, 32) * 7 % 4, 4).transpose(1, 2).float()
    h = convolutions[0](x).relu()
    h = h + convolutions[1](h).relu()
    h = convolutions[2](h).relu()
    h = h + convolutions[3](h).relu()
    h = torch.nn.functional.max_pool1d(convolutions[4](h).relu(), 2)
    torch.testing.assert_close(network(x), network.dense(h.flatten(1)))
