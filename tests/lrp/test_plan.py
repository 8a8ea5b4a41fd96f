"""What a plan knows of the numbers before anything is computed."""

import pytest
import torch
from torch import Tensor, nn

from genoplrp.lrp import NoPrune
from genoplrp.lrp.composite import Composite
from genoplrp.lrp.plan import Plan, make_plan
from genoplrp.lrp.record import record
from tests.lrp.networks import Network, dna
from tests.lrp.pairs import NETWORKS, made

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")


def plan_of(model: nn.Module, x: Tensor) -> Plan:
    tape, output = record(model, x)
    end = tape.index_of(output)
    assert end is not None
    return make_plan(tape, end, Composite.named("epsilon"), NoPrune())


@pytest.mark.parametrize("network", NETWORKS)
def test_what_is_said_to_be_never_negative_is_not(network: type[Network]) -> None:
    plan = plan_of(made(network), dna(network.length, 20))
    assert all(plan.tape.values[index].min() >= 0 for index in plan.never_negative)


class Shifted(nn.Module):
    """A ReLU, and what brings its numbers below 0 or keeps them above."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.first, self.last, self.how = nn.Linear(8, 6), nn.Linear(6, 1), how
        self.register_buffer("shift", torch.full((6,), -10.0))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x.flatten(1)))
        steps = {
            "number": lambda: h + -10.0,
            "keyword": lambda: torch.add(h, other=self.shift),
            "buffer": lambda: h + self.shift,
            "alpha": lambda: torch.add(h, h.exp(), alpha=-10),
            "difference": lambda: h - h.exp(),
            "kept": lambda: h + h.exp(),
        }
        return self.last(steps[self.how]())


@pytest.mark.parametrize("how", ["number", "keyword", "buffer", "alpha", "difference", "kept"])
def test_a_shift_is_seen(how: str) -> None:
    plan = plan_of(Shifted(how), torch.rand(3, 4, 2))
    read = plan.steps[-1].call.inputs[0]
    assert (read in plan.never_negative) == (how == "kept")
    assert (plan.tape.values[read].min() >= 0) == (how == "kept")
