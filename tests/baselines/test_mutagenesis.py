"""In-silico mutagenesis against a literal loop, and against the gradient where the two must agree."""

import numpy as np
import pytest
import torch
from torch import nn

from genoplrp.baselines import corrected_gradient, in_silico_mutagenesis
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


def test_what_is_not_dna_is_refused() -> None:
    with pytest.raises(OptionError, match=r"in-silico mutagenesis is defined on DNA.*got shape \(2, 3, 5\)"):
        in_silico_mutagenesis(Modules(), torch.zeros(2, 3, 5))
    with pytest.raises(SequenceError, match="sequence 0, offset 0"):
        in_silico_mutagenesis(Modules(), torch.full((1, 4, LENGTH), 0.25))
