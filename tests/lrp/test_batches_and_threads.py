"""Neither the batch, nor its order, nor other threads change what comes out."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from genoplrp.attribution import attribute
from genoplrp.lrp import NoPrune, PruneLambda, PruneM
from tests.lrp.networks import dna
from tests.lrp.pairs import NETWORKS, assert_same, made

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")

ROUNDING = 1e-11  # a batch may change the order in which a product is summed, nothing else
PRUNERS = {"none": NoPrune(), "lambda": PruneLambda(0.2), "m": PruneM(0.2)}


@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_batch_does_not_change_result(network: type, pruner: str) -> None:
    model, x = made(network), dna(network.length, 8, samples=5)
    options = {"target": 1, "pruner": PRUNERS[pruner]}
    together = attribute(model, x, **options)
    alone = torch.cat([attribute(model, x[i : i + 1], **options).relevance for i in range(5)])
    assert_same(together.relevance, alone, ROUNDING)
    assert_same(attribute(model, x, batch_size=2, **options).relevance, alone, ROUNDING)
    assert_same(attribute(model, x.flip(0), **options).relevance.flip(0), alone, ROUNDING)


def test_batch_size_changes_no_other_field() -> None:
    model, x = made(NETWORKS[0]), dna(NETWORKS[0].length, 8, samples=5)
    whole, cut = attribute(model, x), attribute(model, x, batch_size=2)
    assert torch.equal(whole.target, cut.target)
    assert_same(cut.output, whole.output, ROUNDING)
    assert_same(cut.per_base, whole.per_base, ROUNDING)
    torch.testing.assert_close(cut.completeness, whole.completeness, rtol=1e-9, atol=1e-11)
    assert len(whole.ledger) == len(cut.ledger)


@pytest.mark.parametrize("network", NETWORKS[::3])
def test_threads_give_what_one_thread_gives(network: type) -> None:
    model = made(network)
    tasks = [(dna(network.length, seed), pruner) for seed in range(4) for pruner in PRUNERS.values()]

    def work(task: tuple[Tensor, object]) -> Tensor:
        return attribute(model, task[0], target=1, pruner=task[1]).relevance

    serial = [work(task) for task in tasks]
    with ThreadPoolExecutor(4) as pool:
        for actual, expected in zip(pool.map(work, tasks), serial, strict=True):
            assert_same(actual, expected, ROUNDING)


def test_targets_of_one_batch_are_each_sequence_s_own() -> None:
    model, x = made(NETWORKS[0]), dna(NETWORKS[0].length, 8)
    targets = torch.tensor([2, 0, 1])
    result = attribute(model, x, target=targets)
    assert torch.equal(result.target, targets)
    for i, target in enumerate(targets.tolist()):
        assert_same(result.relevance[i : i + 1], attribute(model, x[i : i + 1], target=target).relevance, ROUNDING)


def test_predicted_target_is_the_largest_output() -> None:
    model, x = made(NETWORKS[0]), dna(NETWORKS[0].length, 8)
    best = model(x).argmax(1)
    result = attribute(model, x)
    assert torch.equal(result.target, best)
    assert_same(result.relevance, attribute(model, x, target=best).relevance, ROUNDING)


def test_callable_target_that_picks_an_output_equals_its_number() -> None:
    model, x = made(NETWORKS[0]), dna(NETWORKS[0].length, 8)
    picked = attribute(model, x, target=lambda output: output[:, 2])
    assert_same(picked.relevance, attribute(model, x, target=2).relevance, ROUNDING)


def test_both_strands_are_the_mean_of_the_two_maps() -> None:
    model, x = made(NETWORKS[0]), dna(NETWORKS[0].length, 8)
    forward = attribute(model, x, target=1).relevance
    reverse = attribute(model, x.flip(1, 2), target=1).relevance.flip(1, 2)
    assert_same(attribute(model, x, target=1, strands="both").relevance, (forward + reverse) / 2, ROUNDING)


@pytest.mark.parametrize("network", NETWORKS)
def test_single_precision_is_near_double(network: type) -> None:
    double, x = network(), dna(network.length, 8)
    expected = attribute(double, x, target=1, composite="epsilon-plus", pruner=NoPrune()).relevance
    single = network().float()
    result = attribute(single, x.float(), target=1, composite="epsilon-plus", pruner=NoPrune()).relevance
    assert result.dtype == torch.float32
    assert_same(result, expected, 1e-3)
