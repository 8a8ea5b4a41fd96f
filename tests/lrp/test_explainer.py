"""Several pruners at once give what one at a time gives, and the model runs once for all of them."""

from collections import deque

import pytest
import torch
from torch import Tensor, nn

from genoplrp.attribution import attribute
from genoplrp.errors import OptionError
from genoplrp.explainer import Explainer
from genoplrp.lrp import NoPrune, PruneLambda, PruneM
from tests.lrp.networks import Plain, dna
from tests.lrp.pairs import NETWORKS, made

PRUNERS = (PruneLambda(0.2), NoPrune(), PruneM(0.1))

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")


@pytest.mark.parametrize("options", [{}, {"strands": "both"}, {"references": 2, "seed": 3}], ids=str)
@pytest.mark.parametrize("network", NETWORKS)
def test_each_pruner_gives_what_it_gives_alone(network: type[nn.Module], options: dict[str, object]) -> None:
    model, x = made(network), dna(network.length, 5)
    call = {name: value for name, value in options.items() if name != "strands"}
    explainer = Explainer(model, pruners=PRUNERS, strands=options.get("strands", "forward"))
    for pruner, found in zip(PRUNERS, explainer(x, target=1, batch_size=3, **call), strict=True):
        alone = attribute(model, x, target=1, pruner=pruner, batch_size=3, **options)
        assert torch.equal(found.relevance, alone.relevance)
        assert found.ledger.equals(alone.ledger)
        assert found.pruner == pruner


class Counted(nn.Module):
    """Notes how many sequences it reads; the engine runs a copy, which shares a deque."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.seen = model, deque[int]()

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        return self.model(x)


def test_model_reads_a_sequence_once_however_many_pruners_and_calls() -> None:
    counted, x = Counted(Plain()), dna(Plain.length, 4)
    explainer = Explainer(counted, pruners=PRUNERS)
    explainer(x)
    counted.seen.clear()
    explainer(x)
    assert list(counted.seen) == [len(x)]


def test_no_pruner_is_refused() -> None:
    with pytest.raises(OptionError, match=r"PruneLambda\(p\)"):
        Explainer(Plain(), pruners=(0.1,))
