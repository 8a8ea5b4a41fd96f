"""A study's networks: trained once, found again, and never mistaken for one made otherwise."""

import json

import pytest
import torch

from genoplrp.errors import ModelError
from genoplrp.models import CNNConfig
from genoplrp.studies.networks import trained

CONFIG = CNNConfig(length=20, filters=(2,), widths=(5,), dense=(4,))


def data():
    x = torch.eye(4)[torch.randint(4, (40, 20), generator=torch.Generator().manual_seed(0))].transpose(1, 2)
    return x, x[:, :1, 0]


def never():
    raise AssertionError("the network was there already")


def test_the_second_call_reads_the_file_and_gives_the_same_network(tmp_path):
    path = tmp_path / "networks" / "a.safetensors"
    first = trained(path, CONFIG, data, labels=("A first",), seed=3, epochs=1)
    second = trained(path, CONFIG, never, labels=("A first",), seed=3, epochs=1)
    assert first.spec == second.spec
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_file_from_before_an_option_was_there_is_still_found(tmp_path):
    path = tmp_path / "a.safetensors"
    trained(path, CONFIG, data, labels=("A first",), seed=3, epochs=1)
    described = json.loads(path.with_suffix(".json").read_text())
    del described["config"]["residual"]
    path.with_suffix(".json").write_text(json.dumps(described))
    trained(path, CONFIG, never, labels=("A first",), seed=3, epochs=1)


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"seed": 4}, "study_seed"), ({"facts": {"n": 7}}, "n"), ({"epochs": 2}, "epochs")],
)
def test_a_file_made_otherwise_is_refused_and_says_what_differs(tmp_path, changed, named):
    path = tmp_path / "a.safetensors"
    options = {"labels": ("A first",), "seed": 3, "epochs": 1, "facts": {"n": 40}}
    trained(path, CONFIG, data, **options)
    with pytest.raises(ModelError, match=rf"made with {named} = .*delete the file or choose another folder"):
        trained(path, CONFIG, never, **{**options, **changed})
