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
    with pytest.raises(OptionError, match=r"ZBox has bounds for 2 channels; its layer reads input of shape \(2, 3"):
        explained(conv, x, ZBox((0.0, 0.0), (1.0, 1.0)))


class PadsFirst(nn.Module):
    """A convolution whose padding is a call of its own."""

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        self.by = int(conv.padding[0])
        self.conv = nn.Conv1d(4, conv.out_channels, conv.kernel_size[0], dtype=conv.weight.dtype)
        self.conv.load_state_dict(conv.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(nn.functional.pad(x, (self.by, self.by)))


@pytest.mark.parametrize("references", [None, 2])
@pytest.mark.parametrize("composite", ["genomic", "epsilon-plus-flat"])
def test_padding_is_nothing_whether_the_convolution_pads_or_a_call_before_it(
    composite: str, references: int | None
) -> None:
    """Also where no base is missing: bounds at padded places would take relevance that belongs to bases."""
    torch.manual_seed(3)
    conv = nn.Conv1d(4, 8, 7, padding=3).double()
    x = torch.eye(4, dtype=torch.float64)[torch.randint(4, (3, 20))].transpose(1, 2)
    head = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(8 * 20, 2).double())
    options = {"target": 0, "composite": composite, "pruner": NoPrune(), "references": references}
    whole, cut = (attribute(nn.Sequential(first, head), x, **options).relevance for first in (conv, PadsFirst(conv)))
    torch.testing.assert_close(cut, whole, rtol=1e-9, atol=1e-12)


def test_an_n_in_one_sequence_changes_no_other_behind_a_call_that_pads() -> None:
    torch.manual_seed(3)
    model = nn.Sequential(PadsFirst(nn.Conv1d(4, 8, 7, padding=3).double()), nn.ReLU(), nn.Flatten())
    x = torch.eye(4, dtype=torch.float64)[torch.randint(4, (2, 20))].transpose(1, 2)
    missing = x.clone()
    missing[1, :, 4] = 0
    maps = [attribute(model, batch, target=5, pruner=NoPrune()).relevance[0] for batch in (x, missing, x[:1])]
    for other in maps[1:]:
        torch.testing.assert_close(other, maps[0], rtol=1e-9, atol=1e-12)
