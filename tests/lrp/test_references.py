"""Attribution measured from references: against a literal walk of differences, tangermeme, and laws."""

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genoplrp.attribution import Attribution, attribute
from genoplrp.errors import ModelError, OptionError
from genoplrp.lrp import Composite, Flat, NoPrune, PruneLambda, PruneM, SparsityGain, ZBox, ZPlus
from genoplrp.sequence.references import shuffled_references
from tests.lrp.networks import Network, Plain, dna
from tests.lrp.pairs import FROM_REFERENCES, NETWORKS, PRUNERS, assert_same, made, matrices_of
from tests.reference import difference
from tests.reference.network import Pruning, Rules
from tests.reference.rules import Rule

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")

EPSILON = Composite.named("epsilon")


def pair(network: type[Network], seed: int = 5) -> tuple[Tensor, Tensor]:
    """Sequences (3, 4, l), the last with Ns, and one random reference each (3, 1, 4, l), with the Ns where they are."""
    x = dna(network.length, seed)
    other = dna(network.length, seed + 100)
    return x, torch.where((x != 0).any(1, keepdim=True), torch.roll(other, 1, 0), 0)[:, None].contiguous()


@cache
def sides(network: type[Network], sample: bytes) -> tuple[difference.Side, int]:
    side = difference.Side(matrices_of(made(network)))
    output = made(network).reference(side, side.input(np.frombuffer(sample, dtype=np.float64).reshape(4, -1)))
    return side, side.nodes.index(output)


def literal(network: type[Network], x: Tensor, references: Tensor, by: Rules, prune: Pruning) -> np.ndarray:
    def measures(rule: Rule) -> str:
        return {"epsilon": "exact", "zbox": "value"}.get(rule.__qualname__.partition(".")[0], "difference")

    maps = []
    for sample, reference in zip(x.numpy(), references[:, 0].numpy(), strict=True):
        (here, output), (there, _) = (sides(network, side.tobytes()) for side in (sample, reference))
        maps.append(difference.propagate((here, there), (output, 1), by, prune, measures))
    return np.stack(maps) * (x.numpy() != 0).any(axis=1, keepdims=True)


@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_differences_match_the_literal_walk(network: type[Network], pruner: str) -> None:
    x, references = pair(network)
    engine, prune = PRUNERS[pruner]
    for composite in ("epsilon", "genomic"):
        result = attribute(made(network), x, target=1, composite=composite, pruner=engine, references=references)
        assert_same(result.relevance, literal(network, x, references, FROM_REFERENCES[composite], prune))


@pytest.mark.parametrize("composite", FROM_REFERENCES)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_composite_matches_the_literal_walk(network: type[Network], composite: str) -> None:
    x, references = pair(network, seed=9)
    result = attribute(made(network), x, target=1, composite=composite, pruner=PruneLambda(0.2), references=references)
    assert_same(result.relevance, literal(network, x, references, FROM_REFERENCES[composite], Pruning("lambda", 0.2)))


class Modules(nn.Sequential):
    """Spelled in modules alone, each used once: what tangermeme's hooks see."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        super().__init__(
            nn.Conv1d(4, 12, 9, padding=4), nn.ReLU(), nn.MaxPool1d(4, 2),
            nn.Conv1d(12, 10, 5), nn.ELU(), nn.MaxPool1d(3),
            nn.Conv1d(10, 8, 3), nn.Tanh(), nn.Flatten(),
            nn.Linear(32, 8), nn.Sigmoid(), nn.Linear(8, 3),
        )  # fmt: skip


@pytest.mark.parametrize("pruner", [NoPrune(), PruneLambda(0.0), PruneM(0.0)])
def test_unpruned_epsilon_equals_tangermemes_deep_lift_shap(pruner: object) -> None:
    """Both in float32; maps are compared at 1e-5 of their largest entry."""
    peer = pytest.importorskip("tangermeme.deep_lift_shap")
    x = dna(50, 7, samples=6)[:5].float()
    references = shuffled_references(x, 8, seed=1)
    for target in (0, 2):
        mine = attribute(
            Modules().eval(),
            x,
            target=target,
            composite=EPSILON,
            pruner=pruner,
            references=references,
            hypothetical=True,
        )
        theirs = peer.deep_lift_shap(
            Modules().eval(), x, target=target, references=references, hypothetical=True, device="cpu"
        )
        assert_same(mine.hypothetical, theirs, rtol=1e-5)
        assert_same(mine.per_base, (theirs * x).sum(1), rtol=1e-5)


def total(result: Attribution) -> Tensor:
    return result.relevance.flatten(1).sum(1)


@pytest.mark.parametrize("network", NETWORKS)
def test_rescale_hands_out_the_whole_difference_of_scores(network: type[Network]) -> None:
    x, references = pair(network)
    for pruner in (NoPrune(), PruneLambda(0.3), PruneLambda(SparsityGain())):
        result = attribute(made(network), x[:2], target=1, composite=EPSILON, pruner=pruner, references=references[:2])
        with torch.no_grad():
            change = made(network)(x[:2])[:, 1] - made(network)(references[:2, 0])[:, 1]
        torch.testing.assert_close(total(result), change, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(result.completeness, torch.ones(2, dtype=torch.float64), rtol=1e-7, atol=1e-7)


class NoBias(Network):
    """Without a bias a reference of nothing changes nothing: every activation is its own difference."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(4, 6, 5, bias=False), nn.Conv1d(6, 5, 3, bias=False)
        self.c, self.d = nn.Linear(45, 6, bias=False), nn.Linear(6, 2, bias=False)
        self.draw(31)

    def forward(self, x: Tensor) -> Tensor:
        h = F.max_pool1d(self.b(self.a(x).relu()).relu(), 2)
        return self.d(self.c(h.flatten(1)).relu())


@pytest.mark.parametrize("pruner", [NoPrune(), PruneLambda(0.2), PruneM(0.2), PruneLambda((0.0, 0.4))])
@pytest.mark.parametrize(
    "composite", [Composite(conv=ZPlus(), first=ZBox()), "epsilon-plus", "epsilon-alpha2-beta1", "epsilon-gamma-box"]
)
def test_from_nothing_it_is_lrp_where_no_layer_has_a_bias(composite: str | Composite, pruner: object) -> None:
    model, x = NoBias(), dna(24, 3)
    nothing = torch.zeros(3, 1, 4, 24, dtype=torch.float64)
    plain = attribute(model, x, target=1, composite=composite, pruner=pruner)
    measured = attribute(model, x, target=1, composite=composite, pruner=pruner, references=nothing)
    # LRP's stabiliser of 1e-6 in epsilon layers has no part in differences: here scores are of the order of 1.
    assert_same(measured.relevance, plain.relevance, rtol=1e-4)


class Gate(Network):
    """A product of two computed tensors, and one with itself."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(4, 5, 5), nn.Conv1d(4, 5, 5)
        self.draw(32)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x) * torch.sigmoid(self.b(x))
        return (h * h).sum((1, 2))


def test_products_share_by_shapley_value() -> None:
    """Over (a, s): v(both) - v(none) split by the mean of the two orders; then h * h gives (h + h0) per unit of h."""
    model, (x, references) = Gate(), pair(Gate)
    x, other = x[:1], references[:1, 0]
    with torch.no_grad():
        a, a0 = model.a(x), model.a(other)
        z, z0 = model.b(x), model.b(other)
        s, s0 = z.sigmoid(), z0.sigmoid()
        h, h0 = a * s, a0 * s0
        to_a = (a - a0) * (s + s0) / 2 * (h + h0)
        to_s = (s - s0) * (a + a0) / 2 * (h + h0)
        expected = torch.zeros_like(x)
        for layer, part, change in ((model.a, to_a, a - a0), (model.b, to_s, z - z0)):
            expected += F.conv_transpose1d(part / change, layer.weight) * (x - other)
    result = attribute(model, x, composite=EPSILON, pruner=NoPrune(), references=references[:1])
    assert_same(result.relevance, expected)


def test_several_references_are_the_mean_of_each() -> None:
    x, _ = pair(Plain)
    references = shuffled_references(x, 3, seed=2)
    together = attribute(made(Plain), x, target=1, references=references, hypothetical=True, layers=["conv2"])
    each = [
        attribute(made(Plain), x, target=1, references=references[:, [k]], hypothetical=True, layers=["conv2"])
        for k in range(3)
    ]
    for name in ("relevance", "hypothetical", "output", "reference_output"):
        torch.testing.assert_close(getattr(together, name), torch.stack([getattr(e, name) for e in each]).mean(0))
    torch.testing.assert_close(together.layers["conv2"], torch.stack([e.layers["conv2"] for e in each]).mean(0))
    tables = [result.ledger.set_index(["sample", "layer"])["dropped_positive"].dropna() for result in (together, *each)]
    np.testing.assert_allclose(tables[0], sum(tables[1:]) / 3, rtol=1e-12, atol=1e-12)
    assert (tables[0] > 0).any()


def test_ledger_accounts_for_all_that_is_not_handed_out() -> None:
    x, references = pair(Plain)
    for pruner in (PruneLambda(0.3), PruneM(0.3)):
        for composite in ("epsilon", "genomic"):
            result = attribute(made(Plain), x, target=1, composite=composite, pruner=pruner, references=references)
            absorbed = torch.tensor(result.ledger.groupby("sample")["absorbed"].sum().tolist(), dtype=torch.float64)
            explained = result.output - result.reference_output
            torch.testing.assert_close(absorbed, explained - total(result), rtol=1e-9, atol=1e-9)


def test_hypothetical_scores_equal_per_base_at_the_base_that_is_there() -> None:
    x, references = pair(Plain)
    for composite in ("epsilon", "genomic", "epsilon-plus", "epsilon-plus-flat"):
        result = attribute(made(Plain), x, target=1, composite=composite, references=references, hypothetical=True)
        present = (x != 0).any(1)
        there = (result.hypothetical * x).sum(1)
        torch.testing.assert_close(there[present], result.per_base[present], rtol=1e-9, atol=1e-12)
        assert (result.per_base[~present] == 0).all()


def test_a_number_means_that_many_shuffles_and_batches_do_not_matter() -> None:
    x = dna(24, 5)
    given = attribute(made(Plain), x, target=1, references=shuffled_references(x, 4, seed=3))
    drawn = attribute(made(Plain), x, target=1, references=4, seed=3)
    one_by_one = attribute(made(Plain), x, target=1, references=4, seed=3, batch_size=1)
    assert torch.equal(given.relevance, drawn.relevance)
    assert_same(one_by_one.relevance, drawn.relevance)
    assert not torch.equal(drawn.relevance, attribute(made(Plain), x, target=1, references=4, seed=4).relevance)


def test_both_strands_are_the_mean_of_each() -> None:
    x, references = pair(Plain)
    both = attribute(made(Plain), x, target=1, references=references, strands="both")
    one = attribute(made(Plain), x, target=1, references=references)
    other = attribute(made(Plain), x.flip(1, 2), target=1, references=references.flip(2, 3))
    assert_same(both.relevance, (one.relevance + other.relevance.flip(1, 2)) / 2)
    torch.testing.assert_close(both.reference_output, (one.reference_output + other.reference_output) / 2)


def test_functional_and_reused_calls_are_followed() -> None:
    """Where hooks on modules miss the activation (tangermeme warns and is wrong), the difference is still complete."""
    peer = pytest.importorskip("tangermeme.deep_lift_shap")

    class Functional(Modules):
        def forward(self, x: Tensor) -> Tensor:
            h = F.max_pool1d(torch.relu(self[0](x)), 4, 2)
            h = self[6](F.max_pool1d(F.elu(self[3](h)), 3)).tanh().flatten(1)
            return self[11](torch.sigmoid(self[9](h)))

    x = dna(50, 7, samples=3)[:2].float()
    references = shuffled_references(x, 2)
    options = {"composite": EPSILON, "pruner": NoPrune(), "references": references}
    mine = attribute(Functional().eval(), x, target=0, **options)
    assert_same(mine.relevance, attribute(Modules().eval(), x, target=0, **options).relevance, rtol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        theirs = peer.deep_lift_shap(Functional().eval(), x, target=0, references=references, device="cpu")
    with pytest.raises(AssertionError, match="maps differ"):
        assert_same((theirs * x).sum(1), mine.per_base, rtol=0.01)


class Branching(Network):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(96, 2)
        self.draw(33)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x.flatten(1))
        return h.relu() if bool((x[:, 0, 0] > 0).all()) else h.tanh()


def test_a_model_that_branches_on_its_input_is_refused() -> None:
    x = torch.zeros(1, 4, 24, dtype=torch.float64)
    x[:, 0] = 1
    with pytest.raises(ModelError, match=r"other calls for a reference than for its sequence, from relu .*branches"):
        attribute(Branching(), x, references=x.flip(1)[:, None])


class Spelled(Network):
    """One convolution, and something in the place of its activation."""

    def __init__(self, middle: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.middle = nn.Conv1d(4, 5, 5), nn.Linear(100, 2), middle
        self.draw(34)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.middle(self.a(x)).flatten(1))


@pytest.mark.parametrize(
    "middle",
    [
        lambda h: torch.where(h > 0, h, 0.1 * h),
        lambda h: h * (h > 0),
        lambda h: h.masked_fill(h < 0, 0),
        lambda h: h / h.detach().norm(dim=1, keepdim=True),
        lambda h: h.gather(2, h.argmax(2, keepdim=True)).expand(-1, -1, 20),
    ],
    ids=["where", "times-mask", "masked_fill", "detached-norm", "gather"],
)
def test_constants_that_differ_between_the_sides_are_refused(middle: Callable[[Tensor], Tensor]) -> None:
    """Taken from the sequence alone they would be silently wrong: the sum would not be f(x) - f(reference)."""
    x, references = pair(Plain)
    with pytest.raises(ModelError, match=r"uses a mask, an index or a number that the model computes from its input"):
        attribute(Spelled(middle), x[:2], target=0, references=references[:2])


def test_masks_of_what_is_there_are_the_same_on_both_sides_and_fine() -> None:
    class Masked(Spelled):
        def forward(self, x: Tensor) -> Tensor:
            there = (x != 0).any(1, keepdim=True)[:, :, 2:-2]
            return self.b((self.a(x).relu() * there).flatten(1))

    x = dna(24, 5)
    references = shuffled_references(x, 2)
    result = attribute(Masked(torch.relu), x, target=0, composite=EPSILON, pruner=NoPrune(), references=references)
    torch.testing.assert_close(total(result), result.output - result.reference_output, rtol=1e-9, atol=1e-9)


def test_an_infinite_slope_where_nothing_changes_makes_no_nan() -> None:
    """sqrt has an infinite slope at 0, where a ReLU that is off on both sides puts it."""
    x, references = pair(Plain)
    model = Spelled(lambda h: h.relu().sqrt())
    result = attribute(model, x[:2], target=0, composite=EPSILON, pruner=NoPrune(), references=references[:2])
    torch.testing.assert_close(total(result), result.output - result.reference_output, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("composite", ["genomic", "epsilon", "epsilon-plus-flat"])
def test_the_ledger_is_right_where_several_layers_read_the_sequence(composite: str) -> None:
    class Inception(Network):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Conv1d(4, 5, 5), nn.Conv1d(4, 5, 5), nn.Linear(100, 2)
            self.draw(35)

        def forward(self, x: Tensor) -> Tensor:
            return self.c((self.a(x).relu() + self.b(x).relu()).flatten(1))

    x, references = pair(Plain)
    result = attribute(Inception(), x[:2], target=0, composite=composite, references=references[:2])
    absorbed = torch.tensor(result.ledger.groupby("sample")["absorbed"].sum().tolist(), dtype=torch.float64)
    explained = result.output - result.reference_output
    torch.testing.assert_close(absorbed, explained - total(result), rtol=1e-9, atol=1e-9)


X = dna(24, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"references": 0}, "references must be a whole number from 1 on, or a tensor; got 0"),
        ({"references": True}, "got True"),
        ({"references": torch.zeros(3, 4, 24)}, r"must have shape \(3, 'r', 4, 24\), r for each sequence; got \(3, 4"),
        ({"references": torch.zeros(3, 0, 4, 24)}, "at least one reference a sequence"),
        ({"references": torch.full((3, 1, 4, 24), torch.nan)}, "finite values only"),
        ({"references": 1, "composite": Composite.named("genomic").with_layers({"conv2": Flat()})},
         r"Flat\(\) \(layer conv2\) hands out relevance whatever its input differs by.*use epsilon, gamma"),
        ({"references": 1, "composite": Composite.named("genomic").with_op("relu", lambda i, o, r: (r,))},
         "function registered for 'relu' hands out the relevance of activations"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused_with_a_way_out(options: dict, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        attribute(made(Plain), X, target=1, **options)


def test_shuffles_of_something_else_than_dna_are_refused() -> None:
    images = torch.rand(2, 3, 8, 8)
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2)).eval()
    with pytest.raises(OptionError, match=r"shuffled references need DNA.*Give references as a tensor"):
        attribute(net, images, references=2)
    result = attribute(net, images, target=0, composite=EPSILON, references=torch.zeros(2, 1, 3, 8, 8))
    torch.testing.assert_close(result.completeness, torch.ones(2), rtol=1e-4, atol=1e-4)
