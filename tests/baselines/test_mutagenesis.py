"""In-silico mutagenesis against a literal loop, and against the gradient where the two must agree."""

import numpy as np
import pytest
import torch
from torch import nn

from genoplrp import one_hot
from genoplrp.baselines import corrected_gradient, deep_lift_shap, in_silico_mutagenesis
from genoplrp.errors import OptionError, SequenceError
from tests.baselines.networks import LENGTH, Modules, dna, drawn, literal_mutagenesis


def test_it_is_the_literal_loop() -> None:
    model, x = Modules(), dna(2)
    chosen = torch.tensor([2, 0])
    result = in_silico_mutagenesis(model, x, target=chosen)
    for row, output in enumerate(chosen.tolist()):

        def score(mutant: np.ndarray, output: int = output) -> float:
            with torch.no_grad():
                return float(model(torch.from_numpy(mutant)[None])[0, output])

        expected = literal_mutagenesis(score, x[row].numpy())
        np.testing.assert_allclose(result.hypothetical[row].numpy(), expected, atol=1e-12)
        np.testing.assert_allclose(result.relevance[row].numpy(), expected * x[row].numpy(), atol=1e-12)


def test_it_is_the_corrected_gradient_of_a_linear_network() -> None:
    model, x = drawn(nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 2))), dna(3)
    mutated, gradient = in_silico_mutagenesis(model, x), corrected_gradient(model, x)
    torch.testing.assert_close(mutated.hypothetical, gradient.hypothetical, atol=1e-12, rtol=0)


class EitherSite(nn.Module):
    """The best match of one motif anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.motif = nn.Conv1d(4, 1, 6, bias=False).double()
        self.motif.weight.data.copy_(one_hot("GATTCA"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.motif(x).amax(2)


def test_of_two_sites_that_do_for_each_other_neither_shows() -> None:
    once, twice = one_hot(["GATTCACCCCCCCCCCCCCC", "GATTCACCCCCCGATTCACC"]).double().split(1)
    assert in_silico_mutagenesis(EitherSite(), once).per_base[0, :6].min() > 0
    assert not in_silico_mutagenesis(EitherSite(), twice).relevance.any()
    assert deep_lift_shap(EitherSite(), twice, references=torch.zeros(1, 1, 4, 20)).per_base.sum() > 5


def test_what_is_not_dna_is_refused() -> None:
    with pytest.raises(OptionError, match=r"in-silico mutagenesis is defined on DNA.*got shape \(2, 3, 5\)"):
        in_silico_mutagenesis(Modules(), torch.zeros(2, 3, 5))
    with pytest.raises(SequenceError, match="sequence 0, offset 0"):
        in_silico_mutagenesis(Modules(), torch.full((1, 4, LENGTH), 0.25))
