"""Bounds of the zbox rule, one number or one a channel, as normalised images need them."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genoplrp import Composite, NoPrune, attribute
from genoplrp.errors import OptionError
from genoplrp.lrp import ZBox

LOW, HIGH = (-2.1, 0.0, -1.8), (2.2, 2.4, 1.0)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def conv() -> nn.Conv2d:
    torch.manual_seed(1)
    return nn.Conv2d(3, 4, 2, stride=2, padding=1).double()


def explained(conv: nn.Module, x: Tensor, box: ZBox) -> Tensor:
    model = nn.Sequential(conv, nn.Flatten())
    return attribute(model, x, target=5, composite=Composite(first=box), pruner=NoPrune()).relevance


def literal(conv: nn.Conv2d, x: Tensor, target: int) -> np.ndarray:
    """The rule on the dense matrix of the convolution, entry by entry."""
    bias = conv(torch.zeros_like(x[:1])).flatten()
    units = torch.eye(x[0].numel(), dtype=x.dtype).view(-1, *x.shape[1:])
    weights = (conv(units).flatten(1) - bias)[:, target].detach().numpy()  # (inputs,)
    low, high = (np.repeat(bound, x[0, 0].numel()) for bound in (LOW, HIGH))
    rows = []
    for sample in x.flatten(1).numpy():
        shares = sample * weights - low * np.maximum(weights, 0) - high * np.minimum(weights, 0)
        output = sample @ weights + bias[target].item()
        rows.append(shares / (shares.sum() + 1e-6 * np.sign(shares.sum())) * output)
    return np.stack(rows).reshape(x.shape)


def test_bounds_by_channel_equal_the_formula_on_the_dense_matrix(conv: nn.Conv2d, x: Tensor) -> None:
    np.testing.assert_allclose(explained(conv, x, ZBox(LOW, HIGH)).numpy(), literal(conv, x, 5), rtol=1e-9, atol=1e-12)


def test_equal_bounds_in_all_channels_are_the_scalar_rule(conv: nn.Conv2d, x: Tensor) -> None:
    assert torch.equal(explained(conv, x, ZBox([-1] * 3, [2.0] * 3)), explained(conv, x, ZBox(-1.0, 2.0)))


def test_a_list_makes_the_same_rule_as_a_tuple() -> None:
    assert ZBox(list(LOW), list(HIGH)) == ZBox(LOW, HIGH)
    assert hash(ZBox(list(LOW), list(HIGH))) == hash(ZBox(LOW, HIGH))


@pytest.mark.parametrize(
    ("low", "high"), [((-1.0, 0.5), (1.0, 1.0)), ((0.0, 0.0), (1.0, 0.0)), ((0.0,) * 2, (1.0,) * 3), (0.0, (1.0, -1.0))]
)
def test_bounds_that_no_input_satisfies_or_that_do_not_match_are_refused(low: object, high: object) -> None:
    with pytest.raises(OptionError, match=r"ZBox: \(low, high\) must be low <= 0 <= high and low < high"):
        ZBox(low, high)


def test_bounds_for_other_channels_than_the_input_has_are_refused(conv: nn.Conv2d, x: Tensor) -> None:
    with pytest.raises(OptionError, match=r"ZBox has bounds for 2 channels; its layer reads input of \(2, 3"):
        explained(conv, x, ZBox((0.0, 0.0), (1.0, 1.0)))
