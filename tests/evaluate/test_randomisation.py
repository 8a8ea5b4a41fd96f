"""Parameter randomisation: which layers change when, against scipy, and what a failed check looks like."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from torch import nn

from genoplrp.errors import ModelError, OptionError
from genoplrp.evaluate import parameter_randomisation


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(4, 6, 5), nn.BatchNorm1d(6), nn.ReLU(), nn.AdaptiveMaxPool1d(4), nn.Flatten(), nn.Linear(24, 2)
    ).eval()


def dna(n=3, length=30):
    codes = torch.randint(0, 4, (n, length), generator=torch.Generator().manual_seed(1))
    return nn.functional.one_hot(codes, 4).transpose(1, 2).float()


def gradient(model, x):
    leaf = x.clone().requires_grad_()
    return (torch.autograd.grad(model(leaf)[:, 0].sum(), leaf)[0] * x).sum(1)


def states(**options):
    """The table, and the state of the network at every call of explain."""
    seen = []

    def explain(model, x):
        seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return gradient(model, x)

    return parameter_randomisation(network(), explain, dna(), **options), seen


def changed_layers(state):
    own = network().state_dict()
    names = dict.fromkeys(name.split(".")[0] for name, tensor in state.items() if not torch.equal(tensor, own[name]))
    return list(names)


def test_cascading_goes_from_the_top_and_keeps_what_was_randomised():
    table, seen = states(randomise="permute")
    assert table.groupby("step")["layer"].first().tolist() == ["(none)", "5", "1", "0"]
    # Permuted, a batch norm that was never trained stays as it is: ones and zeros.
    assert [changed_layers(state) for state in seen] == [[], ["5"], ["5"], ["0", "5"]]
    assert torch.equal(seen[1]["5.weight"], seen[3]["5.weight"])


def test_independent_changes_one_layer_at_a_time_to_the_same_weights():
    _, cascading = states()
    _, seen = states(order="independent")
    assert [changed_layers(state) for state in seen] == [[], ["5"], [], ["0"]]
    assert torch.equal(seen[3]["0.weight"], cascading[3]["0.weight"])


def test_permuting_keeps_the_values():
    _, seen = states(randomise="permute")
    own = network().state_dict()
    for name in ("0.weight", "5.weight", "5.bias"):
        assert torch.equal(seen[3][name].flatten().sort().values, own[name].flatten().sort().values)


def test_layers_of_one_shape_get_different_weights():
    model = nn.Sequential(nn.Flatten(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    found = []
    parameter_randomisation(
        model, lambda net, x: (found.append(net[1].weight - net[3].weight), x.sum(1))[1], torch.rand(2, 4, 2)
    )
    assert found[-1].abs().min() > 0


def test_similarity_is_that_of_the_maps():
    model, x = network(), dna()
    table, seen = states(seed=3)
    own = gradient(model, x).double().numpy()
    for step, state in enumerate(seen):
        model.load_state_dict(state)
        other = gradient(model, x).double().numpy()
        rows = table[table["step"] == step]
        np.testing.assert_allclose(rows["pearson"], [pearsonr(a, b)[0] for a, b in zip(own, other, strict=True)])
        np.testing.assert_allclose(
            rows["spearman"], [spearmanr(abs(a), abs(b))[0] for a, b in zip(own, other, strict=True)]
        )


def test_a_map_of_the_input_alone_fails_the_check():
    table = parameter_randomisation(network(), lambda model, x: x[:, 0] + 0.5 * x[:, 2], dna())
    np.testing.assert_allclose(table[["spearman", "pearson"]], 1)


def test_a_gradient_passes_it():
    table = parameter_randomisation(network(), gradient, dna(20, 100))
    assert table.groupby("step")["pearson"].mean().iloc[-1] < 0.5


def test_a_constant_map_is_nan():
    table = parameter_randomisation(network(), lambda model, x: torch.zeros(3, 5), dna())
    assert table[["spearman", "pearson"]].isna().all(axis=None)


def test_the_model_and_the_global_random_state_are_as_before():
    model = network().train()
    before, random_state = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    parameter_randomisation(model, lambda net, x: x.sum(1) + net[0].weight.mean(), dna())
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(random_state, torch.get_rng_state())


def test_the_seed_decides():
    one, same, other = (states(seed=seed)[0] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, same)
    assert not one["pearson"].equals(other["pearson"])


def test_layers_may_be_named_and_a_callable_may_randomise():
    table, seen = states(layers=["0"], randomise=lambda module: nn.init.ones_(module.weight))
    assert table["layer"].unique().tolist() == ["(none)", "0"]
    assert changed_layers(seen[1]) == ["0"]
    assert (seen[1]["0.weight"] == 1).all()


def test_wrong_arguments_are_refused_with_the_way_out():
    with pytest.raises(
        OptionError, match="layers names 'head'; the modules with parameters are, from the top, 5, 1, 0"
    ):
        states(layers=["head"])
    with pytest.raises(OptionError, match='order must be "cascading" or "independent"'):
        states(order="bottom")
    with pytest.raises(OptionError, match='randomise must be "reset", "permute" or a callable'):
        states(randomise="zero")
    with pytest.raises(ModelError, match="no parameters"):
        parameter_randomisation(nn.ReLU(), gradient, dna())
    with pytest.raises(OptionError, match="explain must return relevance"):
        parameter_randomisation(network(), lambda model, x: np.zeros(3), dna())
