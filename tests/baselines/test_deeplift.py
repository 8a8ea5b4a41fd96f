"""DeepLIFT/SHAP against the rule written down literally, tangermeme itself, and completeness, however it is spelled."""

import math
import warnings

import numpy as np
import pytest
import torch
from tangermeme.deep_lift_shap import deep_lift_shap as tangermeme
from torch import Tensor, nn

from genoplrp import NoPrune, attribute
from genoplrp.baselines import deep_lift_shap
from genoplrp.errors import OptionError, SequenceError
from genoplrp.sequence import shuffled_references
from tests.baselines.networks import LENGTH, SPELLINGS, Modules, dna
from tests.reference import rescale


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_equals_the_literal_rule(spelling: type[Modules]) -> None:
    model, x = spelling(), dna(3)
    references = shuffled_references(x, 2)
    result = deep_lift_shap(model, x, target=1, references=references)
    layers = model.literal()
    for sequence, own, imagined in zip(x.numpy(), references.numpy(), result.hypothetical.numpy(), strict=True):
        expected = np.mean([rescale.hypothetical(layers, sequence, reference, 1) for reference in own], axis=0)
        np.testing.assert_allclose(imagined, expected, atol=1e-11)


def test_it_is_tangermemes_where_that_sees_every_module() -> None:
    model, x = Modules(), dna(3)
    references = shuffled_references(x, 4)
    expected = tangermeme(model, x, target=2, references=references, device="cpu")
    result = deep_lift_shap(model, x, target=2, references=4)
    torch.testing.assert_close(result.relevance, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_it_is_the_epsilon_rule_from_the_same_references(spelling: type[Modules]) -> None:
    model, x = spelling(), dna(3)
    result, lrp = (
        deep_lift_shap(model, x, references=4, seed=3),
        attribute(model, x, references=4, seed=3, composite="epsilon", pruner=NoPrune()),
    )
    torch.testing.assert_close(result.per_base, lrp.per_base, atol=1e-9, rtol=0)
    torch.testing.assert_close(result.reference_output, lrp.reference_output, atol=1e-12, rtol=0)
    assert (result.completeness - 1).abs().max() < 1e-9


class Mixed(nn.Module):
    """Everything that has a rule: activations, a layer norm, attention, gates, an exponential, residual additions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.glu = nn.Conv1d(4, 8, 5, padding=2), nn.LayerNorm(8), nn.GLU(1)
        self.query, self.key, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.ones(8))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            for parameter in self.parameters():
                nn.init.normal_(parameter, std=0.4)
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        h = torch.exp(self.conv(x) / 4).transpose(1, 2)  # (n, l, 8)
        h = h + self.norm(h) * self.scale.abs()
        weights = torch.softmax(self.query(h) @ self.key(h).transpose(1, 2) / 8, -1)
        h = (torch.matmul(weights, h) + nn.functional.gelu(h)).transpose(1, 2)
        h = self.glu(h * torch.sigmoid(h))
        return self.head(nn.functional.max_pool1d(h, 3, stride=2, padding=1).mean(2))


@pytest.mark.parametrize("make", [*SPELLINGS, Mixed])
def test_relevance_sums_to_the_difference_from_the_references(make: type[nn.Module]) -> None:
    model, x = make(), dna(3)
    references = shuffled_references(x, 3)
    result = deep_lift_shap(model, x, target=0, references=references)
    with torch.no_grad():
        expected = model(x)[:, 0] - torch.stack([model(references[:, k])[:, 0] for k in range(3)]).mean(0)
    torch.testing.assert_close(result.per_base.sum(1), expected, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close((result.hypothetical * x).sum(1), result.per_base, atol=1e-12, rtol=0)


def test_a_call_without_a_rule_is_told_with_the_size_of_the_error() -> None:
    class Sorted(Modules):
        def forward(self, x: Tensor) -> Tensor:
            h = torch.relu(self.conv2(self.pool(torch.relu(self.conv1(x)))))
            return self.head(self.dense(h.logsumexp(2) * h.norm(dim=2)))

    with pytest.warns(UserWarning, match=r"deep_lift_shap is incomplete: .* by \d+\.\d% on average; that of sequence"):
        deep_lift_shap(Sorted(), dna(3), target=0, references=2)


def test_samples_off_the_first_axis_are_told_too() -> None:
    class Sideways(Modules):
        def forward(self, x: Tensor) -> Tensor:
            h = self.conv1(x).permute(2, 0, 1).relu().permute(1, 2, 0)
            return self.head(self.dense(self.conv2(self.pool(h)).mean(2)))

    with pytest.warns(UserWarning, match="keeps its samples off the first axis"):
        deep_lift_shap(Sideways(), dna(3), target=0, references=2)


def test_what_warns_in_tangermeme_on_a_functional_network_is_right_here() -> None:
    model, x = SPELLINGS[1](), dna(3)
    references = shuffled_references(x, 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        theirs = tangermeme(model, x, target=1, references=references, device="cpu", warning_threshold=math.inf)
    assert any("no DeepLIFT rule" in str(warning.message) for warning in caught)
    ours = deep_lift_shap(model, x, target=1, references=references)
    assert not torch.allclose(ours.relevance, theirs, atol=1e-3)
    torch.testing.assert_close(ours.relevance, deep_lift_shap(Modules(), x, target=1, references=references).relevance)


def test_soft_references_and_columns_without_a_base_are_taken() -> None:
    x = dna(2)
    x[:, :, 5:8] = 0
    soft = torch.full((2, 1, 4, LENGTH), 0.25, dtype=torch.float64)
    result = deep_lift_shap(Modules(), x, target=0, references=soft)
    assert not result.relevance[:, :, 5:8].any()
    held = soft[:, 0] * (x != 0).any(1, keepdim=True)
    with torch.no_grad():
        expected = (Modules()(x) - Modules()(held))[:, 0]
    torch.testing.assert_close(result.per_base.sum(1), expected, atol=1e-10, rtol=0)


def test_the_seed_decides_on_the_references() -> None:
    one, again, other = (deep_lift_shap(Modules(), dna(2), target=0, seed=seed, references=2) for seed in (1, 1, 2))
    assert torch.equal(one.relevance, again.relevance)
    assert not torch.equal(one.relevance, other.relevance)


@pytest.mark.parametrize("references", [0, 1.5, None, dna(2), torch.full((2, 1, 4, LENGTH), math.nan)])
def test_references_that_cannot_be_are_refused(references: object) -> None:
    with pytest.raises(OptionError, match="references"):
        deep_lift_shap(Modules(), dna(2), references=references)


def test_input_that_is_not_one_hot_is_refused() -> None:
    with pytest.raises(SequenceError, match="neither one-hot nor all zero"):
        deep_lift_shap(Modules(), dna(2) / 2)
