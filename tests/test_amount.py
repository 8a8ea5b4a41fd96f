"""The amount of pruning found without truth, against a literal recomputation and on networks whose needs are known."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genoplrp.amount import DRAWS, GRID, KEPT, SURROUNDINGS, choose_amount, rows_tried
from genoplrp.attribution import attribute, find_amount
from genoplrp.errors import OptionError
from genoplrp.lrp import Composite, NoPrune, PruneLambda, PruneM
from genoplrp.sequence import one_hot
from genoplrp.sequence.references import shuffled_references


def random_dna(n: int, length: int, seed: int) -> Tensor:
    rng = np.random.default_rng(seed)
    return one_hot(["".join(rng.choice(list("ACGT"), length)) for _ in range(n)])


class TwoWords(nn.Module):
    """Counts two words, each read by filters of its own; needs both: relu(first + second - 1)."""

    def __init__(self, weights: tuple[float, float] = (1.0, 0.4)) -> None:
        super().__init__()
        self.conv, self.mix, self.head = nn.Conv1d(4, 2, 6), nn.Linear(2, 1), nn.Linear(1, 1, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(one_hot(["GATTAC", "CCGTGC"]) - 0.25)
            self.conv.bias.fill_(-3.4)
            self.mix.weight.copy_(torch.tensor([weights]))
            self.mix.bias.fill_(-0.5)
            self.head.weight.fill_(1.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(self.conv(x).relu().amax(2)).relu())


def planted(n: int = 12) -> Tensor:
    x = random_dna(n, 60, 4)
    x[:, :, 12:18], x[:, :, 40:46] = one_hot(["GATTAC"]), one_hot(["CCGTGC"])
    return x


def test_what_is_carried_equals_a_literal_loop():
    x, rng = random_dna(3, 20, 1), np.random.default_rng(2)
    x[1, :, 5:9] = 0
    maps = {p: torch.from_numpy(rng.normal(size=(3, 20))) for p in GRID}
    weight = torch.from_numpy(rng.normal(size=(4, 20))).float()
    result = choose_amount(maps.__getitem__, lambda changed: (changed * weight).sum((1, 2)), x, seed=7)
    surroundings = shuffled_references(x, DRAWS, seed=7 + SURROUNDINGS)
    carried = np.zeros((len(GRID), 3, DRAWS))
    for i, p in enumerate(GRID):
        for row in range(3):
            bases = int((x[row] != 0).any(0).sum())
            order = sorted(range(20), key=lambda k: -float(maps[p][row, k]))
            for draw in range(DRAWS):
                for share in KEPT:
                    kept = [k for k in order[: round(share * bases)] if maps[p][row, k] > 0]
                    changed = surroundings[row, draw].clone()
                    changed[:, kept] = x[row][:, kept]
                    carried[i, row, draw] += float((changed * weight).sum()) / len(KEPT)
    units = carried.reshape(len(GRID), -1)
    behind = units[units.mean(1).argmax()] - units
    np.testing.assert_allclose(result.table["carried"], units.mean(1), atol=1e-6)
    np.testing.assert_allclose(result.table["behind"], behind.mean(1), atol=1e-6)
    np.testing.assert_allclose(result.table["error"], behind.std(1, ddof=1) / np.sqrt(units.shape[1]), atol=1e-6)
    assert result.p == GRID[units.mean(1).argmax()]


@pytest.mark.parametrize("pruner", [PruneLambda, PruneM])
def test_it_stops_before_a_word_that_the_network_needs_is_lost(pruner):
    """The second word carries .4 / 1.4 = 29 % of the relevance at the dense layer: p = .3 drops it whole."""
    model, x = TwoWords(), planted()
    lost = attribute(model, x, pruner=pruner(0.3)).per_base[:, 40:46].abs().sum()
    kept = attribute(model, x, pruner=pruner(0.2)).per_base[:, 40:46].abs().sum()
    assert lost < 1e-4 < kept
    assert find_amount(model, x, pruner=pruner).p == 0.2


def test_where_nothing_is_lost_it_prunes_as_much_as_it_may():
    """With one word, whatever is dropped at the dense layer is the filter that the sequence does not need."""
    model, x = TwoWords(weights=(1.0, 0.0)), planted()
    assert find_amount(model, x).p == max(GRID)


def test_attribute_prunes_by_the_amount_found():
    model, x = TwoWords(), planted()
    for pruner, options in ((PruneLambda, {}), (PruneM, {"composite": "epsilon"}), (PruneLambda, {"references": 2})):
        result = attribute(model, x, pruner=pruner("auto"), **options)
        p = find_amount(model, x, pruner=pruner, **options).p
        assert result.pruner == pruner(p)
        assert torch.equal(result.relevance, attribute(model, x, pruner=pruner(p), **options).relevance)


def test_one_amount_for_all_whatever_the_batch_and_the_target_of_each():
    model, x = TwoWords(), planted()
    targets = torch.zeros(len(x), dtype=torch.long)
    together = find_amount(model, x, target=targets)
    one_by_one = find_amount(model, x, target=targets, batch_size=1)
    np.testing.assert_allclose(together.table, one_by_one.table, atol=1e-5)
    assert find_amount(model, x, target=lambda output: output[:, 0]).p == together.p


def test_rows_are_spread_evenly_and_all_are_tried_where_they_are_few():
    assert rows_tried(7).tolist() == list(range(7))
    rows = rows_tried(1001)
    assert (rows[0], rows[-1], len(rows)) == (0, 1000, 100)
    assert set(rows.diff().tolist()) == {10, 11}


def test_sequences_of_which_nothing_can_be_kept_are_left_out_and_counted():
    x = random_dna(4, 30, 3)
    maps = torch.ones(4, 30)
    maps[2] = -1
    score = torch.tensor([1.0, 2.0, 100.0, 4.0])
    result = choose_amount(lambda p: maps, lambda changed: score, x)
    assert result.left_out == 1
    np.testing.assert_allclose(result.table["carried"], (1 + 2 + 4) / 3, rtol=1e-6)


def test_where_nothing_has_positive_relevance_it_says_so_and_does_not_prune():
    model = TwoWords()
    with torch.no_grad():
        model.head.weight.fill_(-1.0)
    with pytest.warns(UserWarning, match=r"found nothing out: no sequence has positive relevance.*p is 0"):
        amount = find_amount(model, planted())
    assert (amount.p, amount.left_out) == (0.0, 12)
    assert amount.table["carried"].isna().all()


def test_both_strands_are_judged_by_the_output_that_attribute_explains():
    torch.manual_seed(4)
    model = nn.Sequential(nn.Conv1d(4, 3, 5), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 26, 2)).eval()
    x = random_dna(40, 30, 6)
    chosen = attribute(model, x, strands="both", pruner=NoPrune()).target
    assert (chosen != attribute(model, x, pruner=NoPrune()).target).any(), "the strands must disagree somewhere"
    found = find_amount(model, x, strands="both")
    given = find_amount(model, x, target=chosen, strands="both")
    np.testing.assert_array_equal(found.table, given.table)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: PruneLambda("much"), r"PruneLambda: p must be numbers in .*\"auto\"; got 'much'"),
        (lambda: PruneM({"conv": "auto"}), r"PruneM: \"auto\" is p as a whole, not that of one sign or layer"),
        (lambda: PruneLambda("auto").amounts("a", "a"), "only attribute.. finds an amount"),
        (lambda: attribute(nn.Conv2d(3, 1, 4), torch.rand(2, 3, 4, 4), pruner=PruneLambda("auto"),
                           target=lambda y: y.flatten()), r'p="auto" needs DNA, \(n, 4, l\); got shape \(2, 3, 4, 4\)'),
        (lambda: attribute(TwoWords(), planted(), target=[0, 0], pruner=PruneLambda("auto")), "one int a sequence, 12"),
    ],
)  # fmt: skip
def test_bad_amounts_are_refused(call, said):
    with pytest.raises(OptionError, match=said):
        call()


def test_without_pruning_nothing_is_found():
    result = attribute(TwoWords(), planted(), pruner=NoPrune(), composite=Composite.named("epsilon"))
    assert result.pruner == NoPrune()
