"""Gradient x input and its correction, against finite differences and the formula; the score that is explained."""

import pytest
import torch

from genoplrp import NoPrune, attribute
from genoplrp.baselines import corrected_gradient, gradient_times_input
from genoplrp.errors import OptionError, UnsupportedCallError
from tests.baselines.networks import LASTS, LENGTH, Logits, Modules, Squashed, dna, smooth


def test_gradient_is_that_of_finite_differences() -> None:
    model, x, step = smooth(), dna(1), 1e-5
    result = gradient_times_input(model, x, target=1)
    moves = torch.eye(4 * LENGTH, dtype=torch.float64).view(-1, 4, LENGTH) * step
    with torch.no_grad():
        slopes = (model(x + moves)[:, 1] - model(x - moves)[:, 1]) / (2 * step)
    # Central differences: their error is of the order of step squared, and of rounding over step.
    torch.testing.assert_close(result.hypothetical[0], slopes.view(4, LENGTH), atol=1e-8, rtol=0)
    torch.testing.assert_close(result.relevance, result.hypothetical * x, atol=0, rtol=0)


def test_corrected_gradient_takes_off_the_mean_of_the_four_bases() -> None:
    model, x = smooth(), dna(3)
    plain, corrected = gradient_times_input(model, x), corrected_gradient(model, x)
    g = plain.hypothetical
    expected = torch.stack([g[:, base] - (g[:, 0] + g[:, 1] + g[:, 2] + g[:, 3]) / 4 for base in range(4)], 1)
    torch.testing.assert_close(corrected.hypothetical, expected, atol=1e-14, rtol=0)
    torch.testing.assert_close(corrected.per_base, (expected * x).sum(1), atol=1e-14, rtol=0)


def test_correction_is_blind_to_what_all_bases_share() -> None:
    class Shifted(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = smooth()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x) + (x.sum(1) * torch.arange(LENGTH)).sum(1, keepdim=True)  # a constant on sequences

    one, other = corrected_gradient(smooth(), dna(2), target=0), corrected_gradient(Shifted(), dna(2), target=0)
    torch.testing.assert_close(one.relevance, other.relevance, atol=1e-12, rtol=0)


@pytest.mark.parametrize("last", LASTS)
def test_the_score_before_the_last_squashing_is_explained(last: str) -> None:
    model, x = Squashed(LASTS[last]).double(), dna(4)
    result, plain = gradient_times_input(model, x), gradient_times_input(Logits(None).double(), x)
    torch.testing.assert_close(result.relevance, plain.relevance, atol=1e-14, rtol=0)
    torch.testing.assert_close(result.output, plain.output, atol=1e-14, rtol=0)
    lrp = attribute(model, x, pruner=NoPrune(), composite="epsilon")
    assert (result.explained, result.target.tolist()) == (lrp.explained, lrp.target.tolist())
    assert "input of" in result.explained
    assert plain.explained == "output of the model"


def test_a_number_of_sigmoids_that_depends_on_the_data_is_refused() -> None:
    class Branching(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = x.mean(2)
            return torch.sigmoid(torch.sigmoid(h) if len(x) > 1 else h)

    with pytest.raises(UnsupportedCallError, match="2 times on this input and 1 times on the first sequence"):
        gradient_times_input(Branching(), dna(3), target=0)


def test_images_and_other_input_have_a_gradient() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(72, 2))
    result = gradient_times_input(model, torch.rand(2, 3, 8, 8), target=0)
    assert result.relevance.shape == (2, 3, 8, 8)
    with pytest.raises(OptionError, match=r"the corrected gradient is defined on DNA.*got shape \(2, 3, 8, 8\)"):
        corrected_gradient(model, torch.rand(2, 3, 8, 8), target=0)


def test_an_output_that_autograd_cannot_follow_is_refused() -> None:
    class Detached(Modules):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return super().forward(x)

    with pytest.raises(UnsupportedCallError, match=r"runs under torch\.no_grad"):
        gradient_times_input(Detached(), dna(1))
