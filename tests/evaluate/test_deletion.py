"""Deletion curves against closed forms on linear scores, a literal loop, and their laws."""

import numpy as np
import pytest
import torch
from torch import nn

from genoplrp import NoPrune, attribute, decode, one_hot
from genoplrp.errors import ModelError, OptionError
from genoplrp.evaluate import deletion_curve, replacements
from genoplrp.scorer import Scorer


class Weighted(nn.Module):
    """Scores (n, 2): the sum of weights (l,) over the positions that hold something, and half of it."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(torch.as_tensor(weights, dtype=torch.float64))

    def forward(self, x):
        score = x.sum(1) @ self.weights
        return torch.stack([score, score / 2], dim=1)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv1d(4, 6, 5), nn.BatchNorm1d(6), nn.ReLU(), nn.AdaptiveMaxPool1d(2), nn.Flatten(), nn.Linear(12, 3)
    )


def dna(n, length, seed=0):
    codes = torch.randint(0, 4, (n, length), generator=torch.Generator().manual_seed(seed))
    return nn.functional.one_hot(codes, 4).transpose(1, 2).float()


def test_curve_of_a_linear_score_is_what_the_weights_say():
    weights = np.array([4.0, 1.0, 3.0, 2.0])
    x = one_hot(["ACGT", "TTTT"])
    result = deletion_curve(Weighted(weights), x, [weights] * 2, target=0, fill="zero", shares=np.arange(5) / 4)
    np.testing.assert_allclose(result.shares, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(result.curves, [[1, 0.6, 0.3, 0.1, 0]] * 2)
    np.testing.assert_allclose(result.scores, result.curves * 10)
    np.testing.assert_allclose(result.auc, (0.5 + 0.6 + 0.3 + 0.1) / 4)


def slow_curve(model, x, relevance, *, fills, counts, target):
    """f(x_s) / f(x_0), one input, one draw and one position at a time."""
    rows = []
    with torch.no_grad():
        for i in range(len(x)):
            start = model(x[i : i + 1])[0, target].item()
            row = []
            for count in counts:
                scores = []
                for fill in fills:
                    changed = x[i].clone()
                    for position in sorted(range(x.shape[2]), key=lambda j: -relevance[i][j])[:count]:
                        changed[:, position] = fill[i][:, position]
                    scores.append(model(changed[None])[0, target].item())
                row.append(sum(scores) / len(scores) / start)
            rows.append(row)
    return np.array(rows)


def test_curve_equals_a_literal_loop():
    model, x = network().double().eval(), dna(4, 30).double()
    relevance = np.random.default_rng(1).normal(size=(4, 30))
    fills = replacements(x, "shuffle", draws=3, seed=8)
    model[-1].bias.data += 5  # positive scores
    result = deletion_curve(model, x, relevance, target=1, draws=3, seed=8, shares=(0, 0.1, 0.5, 1))
    expected = slow_curve(model, x, relevance, fills=fills, counts=[0, 3, 15, 30], target=1)
    np.testing.assert_allclose(result.curves, expected, rtol=1e-12)
    area = ((expected[:, 1:] + expected[:, :-1]) / 2 * [0.1, 0.4, 0.5]).sum(1)
    np.testing.assert_allclose(result.auc, area, rtol=1e-12)


def test_images_are_deleted_pixel_by_pixel():
    image = torch.rand(3, 2, 4, 5, dtype=torch.float64) + 0.1
    model = nn.Sequential(nn.Flatten(), nn.Linear(40, 1, bias=False)).double()
    nn.init.ones_(model[1].weight)
    relevance = image.sum(1)
    result = deletion_curve(model, image, relevance, fill="zero", shares=np.arange(21) / 20)
    left = relevance.flatten(1).sort(dim=1).values.cumsum(1).flip(1)  # what the k smallest hold, k from 20 to 1
    np.testing.assert_allclose(result.curves[:, :-1], (left / left[:, :1]).numpy(), rtol=1e-12)
    np.testing.assert_allclose(result.curves[:, -1], 0)


@pytest.mark.parametrize("place", [0, 19])
def test_ties_come_in_no_order_of_position(place):
    weights = np.zeros(20)
    weights[place] = 1
    x = one_hot(["ACGTA" * 4] * 100)
    result = deletion_curve(Weighted(weights), x, np.zeros((100, 20)), fill="zero", shares=(0, 0.5, 1), draws=4)
    # 400 fair coins: standard deviation .025, four of them.
    assert abs(result.curves[:, 1].mean() - 0.5) < 0.1
    assert len(np.unique(result.curves[:, 1])) > 2  # another order for every row and draw


def test_positions_that_tie_lie_between_those_that_do_not():
    weights = [8.0, 1, 1, 1, 1, 1, 1, 2]
    relevance = [[9.0, 0, 0, 0, 0, 0, 0, -1.0]]
    result = deletion_curve(Weighted(weights), one_hot("ACGTACGT"), relevance, fill="zero", shares=np.arange(9) / 8)
    np.testing.assert_allclose(result.scores, [[16, 8, 7, 6, 5, 4, 3, 2, 0]])


def test_the_same_seed_gives_every_map_the_same_fills():
    model, x = network().eval(), dna(3, 40)
    model[-1].bias.data += 5
    maps = np.random.default_rng(0).normal(size=(2, 3, 40))
    one, other = (deletion_curve(model, x, relevance, target=0, seed=4) for relevance in maps)
    np.testing.assert_array_equal(one.curves[:, -1], other.curves[:, -1])
    assert not np.array_equal(one.curves, other.curves)


def test_least_first_is_most_first_of_the_negated_map():
    model, x = network().eval(), dna(3, 40)
    relevance = np.random.default_rng(0).normal(size=(3, 40))
    least = deletion_curve(model, x, relevance, first="least", target=0)
    most = deletion_curve(model, x, -relevance, first="most", target=0)
    np.testing.assert_array_equal(least.scores, most.scores)


def test_batch_size_does_not_change_result():
    model, x = network().double().eval(), dna(7, 30)
    relevance = attribute(model, x, target=0).per_base
    one, other = (deletion_curve(model, x, relevance, target=0, batch_size=size) for size in (2, 100))
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-12)


def test_a_score_that_is_not_positive_has_no_relative_score_and_is_counted():
    model = Weighted([1.0, 1, 1, -1, -1])
    x = one_hot(["ACGNN", "NNNTC", "ANNCN", "ACGTN"])
    result = deletion_curve(model, x, np.arange(20).reshape(4, 5), target=0, fill="zero", shares=(0, 1))
    np.testing.assert_allclose(result.scores[:, 0], [3, -2, 0, 2])
    assert np.isnan(result.curves).all(axis=1).tolist() == [False, True, True, False]
    assert np.isnan(result.auc).tolist() == [False, True, True, False]
    assert result.undefined == 2
    stricter = deletion_curve(model, x, np.arange(20).reshape(4, 5), target=0, fill="zero", shares=(0, 1), min_score=2)
    assert np.isnan(stricter.auc).tolist() == [False, True, True, True]


def test_until_is_the_curve_of_fewer_shares():
    model, x = network().double().eval(), dna(3, 40)
    model[-1].bias.data += 5
    relevance = np.random.default_rng(0).normal(size=(3, 40))
    whole = deletion_curve(model, x, relevance, target=0, shares=(0, 0.1, 0.2, 0.3, 1), floor="deleted")
    part = deletion_curve(model, x, relevance, target=0, shares=(0, 0.1, 0.2), floor="deleted")
    np.testing.assert_allclose(whole.until(0.2).auc, part.auc, rtol=1e-12)
    with pytest.raises(OptionError, match=r"share must be at least the first share deleted, 0\.1; got 0\.05"):
        whole.until(0.05)


def test_floor_of_deleted_input_makes_the_curve_end_at_nothing():
    model, x = network().double().eval(), dna(6, 40)
    relevance = np.random.default_rng(0).normal(size=(6, 40))
    result = deletion_curve(model, x, relevance, target=0, floor="deleted")
    left = result.scores - result.scores[:, -1:]
    positive = left[:, 0] > 0
    assert 0 < result.undefined == (~positive).sum() < 6
    np.testing.assert_allclose(result.curves[positive], left[positive] / left[positive, :1], rtol=1e-9, atol=1e-12)
    part = deletion_curve(model, x, relevance, target=0, floor="deleted", shares=(0, 0.1, 0.2))
    np.testing.assert_allclose(part.deleted, result.scores[:, -1], rtol=1e-9)
    usual = deletion_curve(model, x, relevance, target=0)
    np.testing.assert_array_equal(usual.above("deleted").curves, result.curves)
    # A constant on every score changes nothing.
    model[-1].bias.data += 7
    np.testing.assert_allclose(
        deletion_curve(model, x, relevance, target=0, floor="deleted").auc, result.auc, rtol=1e-9
    )


def test_shares_are_those_reached_by_whole_positions():
    x = one_hot("ACGTACGTAC")
    result = deletion_curve(Weighted(np.ones(10)), x, np.ones((1, 10)), target=0, shares=(0, 0.01, 0.04, 0.06, 0.3))
    np.testing.assert_allclose(result.shares, [0, 0.1, 0.3])
    np.testing.assert_allclose(result.auc, 1)  # shuffled content holds as many bases: the mean height over 0 to .3


@pytest.mark.parametrize("target", [1, "predicted", torch.tensor([0, 2, 1, 1, 0]), lambda out: out[:, 0] - out[:, 1]])
@pytest.mark.parametrize("end", [nn.Identity(), nn.Sigmoid(), nn.Softmax(dim=1)])
def test_score_is_the_one_that_attribute_explains(target, end):
    model, x = nn.Sequential(network(), end).eval(), dna(5, 30)
    expected = attribute(model, x, target=target, pruner=NoPrune()).output
    np.testing.assert_allclose(Scorer(model, x, target=target)(x).numpy(), expected.double().numpy(), rtol=1e-6)


def test_predicted_stays_the_output_that_was_largest_before_anything_was_deleted():
    class Two(nn.Module):
        def forward(self, x):
            return torch.stack([x[:, 0].sum(1), 0.9 + x[:, 3].sum(1) * 0], dim=1)

    result = deletion_curve(Two(), one_hot("AACC"), [[2.0, 1, 0, -1]], fill="zero", shares=(0, 0.25, 0.5))
    np.testing.assert_allclose(result.scores, [[2, 1, 0]])


def test_the_model_is_borrowed():
    model, x = network().train(), dna(6, 30)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    result = deletion_curve(model, x, np.ones((6, 30)), target=0)
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    expected = deletion_curve(model.eval(), x, np.ones((6, 30)), target=0)
    np.testing.assert_array_equal(result.scores, expected.scores)


def test_integer_one_hot_is_taken_as_the_sequence_it_is():
    model, x = network().eval(), dna(2, 30)
    relevance = np.random.default_rng(0).normal(size=(2, 30))
    for fill in ("shuffle", "quarter"):
        one, other = (deletion_curve(model, y, relevance, target=0, fill=fill) for y in (x, x.to(torch.uint8)))
        np.testing.assert_array_equal(one.scores, other.scores)


def test_deleting_everything_leaves_the_fill():
    model, x = network().eval(), dna(3, 30)
    fill = dna(3, 30, seed=9)
    assert decode(fill) != decode(x)
    result = deletion_curve(model, x, np.random.default_rng(0).normal(size=(3, 30)), target=0, fill=fill)
    np.testing.assert_allclose(result.scores[:, -1], model(fill)[:, 0].detach().numpy(), rtol=1e-6)


def test_wrong_arguments_are_refused_with_the_way_out():
    model, x = network().eval(), dna(2, 30)
    flat = np.zeros((2, 30))
    with pytest.raises(OptionError, match=r"one number a position, shape \(2, 30\); got \(2, 4, 30\).*per_base"):
        deletion_curve(model, x, x)
    with pytest.raises(OptionError, match="relevance must be finite; input 1 is not"):
        deletion_curve(model, x, [[0.0] * 30, [np.nan] * 30])
    for shares in ((0.1, 1), (0, 2), (0, 0.5, 0.5), (0,), (0, 0.01)):
        with pytest.raises(OptionError, match="shares must rise from 0 to at most 1 and delete at least one of 30"):
            deletion_curve(model, x, flat, shares=shares)
    with pytest.raises(OptionError, match='first must be "most" or "least"'):
        deletion_curve(model, x, flat, first="top")
    with pytest.raises(OptionError, match='floor must be "zero" or "deleted"; got \'least\''):
        deletion_curve(model, x, flat, floor="least")
    with pytest.raises(OptionError, match="min_score must not be negative"):
        deletion_curve(model, x, flat, min_score=-1)
    with pytest.raises(OptionError, match=r"target must be in 0\.\.2"):
        deletion_curve(model, x, flat, target=3)
    with pytest.raises(OptionError, match=r"must return a tensor of shape \(2,\), one number a sequence; got \(2, 3\)"):
        deletion_curve(model, x, flat, target=lambda output: output)
    with pytest.raises(OptionError, match="batch_size must be a whole number"):
        deletion_curve(model, x, flat, batch_size=0)
    with pytest.raises(ModelError, match=r"the model fails on input of shape \(1, 4, 3\)"):
        deletion_curve(model, x[:, :, :3], flat[:, :3], fill="zero", shares=(0, 1))
    model[-1].bias.data[:] = torch.nan
    with pytest.raises(ModelError, match="NaN or infinite scores"):
        deletion_curve(model, x, flat, target=0)
