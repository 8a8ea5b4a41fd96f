"""What the loops ask for they give back: most of them are compiled without counting who holds an array."""

from collections.abc import Iterator

import pytest
import torch
from numba.core.runtime import _nrt_python, rtsys
from torch import Tensor, nn

from genoplrp.attribution import attribute
from genoplrp.lrp import NoPrune, PruneLambda, PruneM
from tests.lrp.networks import dna


class EveryLoop(nn.Module):
    """Convolutions of two strides, a sum, a max-pool, an average and dense layers: all loops have something to do."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv1d(4, 16, 5, padding=2), nn.Conv1d(16, 16, 3, padding=2, dilation=2)
        self.third, self.dense, self.out = nn.Conv1d(16, 16, 3, stride=2), nn.Linear(16, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        h = nn.functional.max_pool1d(h + torch.relu(self.second(h)), 2)
        return self.out(torch.relu(self.dense(torch.relu(self.third(h)).mean(2))))


@pytest.fixture
def counted() -> Iterator[None]:
    """numba counts what its functions ask for and give back."""
    _nrt_python.memsys_enable_stats()
    yield
    _nrt_python.memsys_disable_stats()


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("way", ["lists", "products"])
@pytest.mark.parametrize("pruner", [PruneLambda(0.2), PruneM(0.2), NoPrune()])
def test_nothing_stays_behind(pruner: object, way: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(way)
    model, x = EveryLoop().eval(), dna(60, 0, samples=9).float()
    before = rtsys.get_allocation_stats()
    attribute(model, x, target=0, pruner=pruner)
    after = rtsys.get_allocation_stats()
    assert after.alloc > before.alloc, "no loop ran"
    assert after.alloc - before.alloc == after.free - before.free
    assert after.mi_alloc - before.mi_alloc == after.mi_free - before.mi_free
