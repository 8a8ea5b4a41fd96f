"""Integrated gradients against closed forms, and the completeness that they promise."""

import pytest
import torch
from torch import Tensor, nn

from genoplrp.baselines import integrated_gradients
from genoplrp.errors import OptionError
from genoplrp.sequence import shuffled_references
from tests.baselines.networks import LENGTH, Modules, dna, smooth


class Quadratic(nn.Module):
    """f(x) = x'Ax / 2 + b'x, with A symmetric: the path integral is A (x + x') / 2 + b."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        a = torch.randn(4 * LENGTH, 4 * LENGTH, generator=generator, dtype=torch.float64)
        self.a, self.b = nn.Parameter(a + a.T), nn.Parameter(a[0])

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        return ((flat @ self.a) * flat).sum(1) / 2 + flat @ self.b

    def expected(self, x: Tensor, reference: Tensor) -> Tensor:
        middle = ((x + reference) / 2).flatten(1)
        return (x - reference) * (middle @ self.a + self.b).detach().view_as(x)


# captum's weights of the quadrature are float32: 1e-7 of a sum over some hundred terms of order one.
CLOSE = {"atol": 1e-5, "rtol": 1e-6}


def test_a_quadratic_has_its_closed_form() -> None:
    model, x = Quadratic(), dna(3)
    result = integrated_gradients(model, x, steps=4)
    torch.testing.assert_close(result.relevance, model.expected(x, torch.zeros_like(x)), **CLOSE)


def test_references_are_averaged() -> None:
    model, x = Quadratic(), dna(2)
    references = shuffled_references(x, 3, seed=5)
    expected = torch.stack([model.expected(x, references[:, k]) for k in range(3)]).mean(0)
    for given in ({"references": 3, "seed": 5}, {"references": references}):
        result = integrated_gradients(model, x, steps=4, **given)
        torch.testing.assert_close(result.relevance, expected, **CLOSE)
        torch.testing.assert_close((result.hypothetical * x).sum(1), result.per_base, **CLOSE)


def test_relevance_sums_to_the_difference_from_the_reference() -> None:
    model, x = smooth(), dna(4)
    soft = torch.full((4, 1, 4, LENGTH), 0.25, dtype=torch.float64)
    for references in (None, soft):
        result = integrated_gradients(model, x, target=2, references=references)
        start = torch.zeros_like(x) if references is None else soft[:, 0]
        with torch.no_grad():
            expected = (model(x) - model(start))[:, 2]
        torch.testing.assert_close(result.relevance.sum((1, 2)), expected, **CLOSE)


def test_too_few_steps_are_told_with_the_size_of_the_error() -> None:
    with pytest.warns(UserWarning, match=r"integrated_gradients is incomplete: .* by \d+\.\d%.*Raise steps\."):
        integrated_gradients(Modules(), dna(4), target=0, steps=1)


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(OptionError, match="steps must be a whole number from 1 on; got 0"):
        integrated_gradients(smooth(), dna(1), steps=0)
    with pytest.raises(OptionError, match=r"references must have shape .*got \(1, 4, 30\)"):
        integrated_gradients(smooth(), dna(1), references=dna(1))
