"""A model's description: what it refuses, and that JSON keeps it."""

import json
from typing import Any

import pytest

from genoplrp.errors import ModelError
from genoplrp.models import ModelSpec

VALID: dict[str, Any] = {"architecture": "MotifCNN", "config": {"length": 50}, "length": 50, "labels": ["CTCF", "SP1"]}


def test_json_round_trip_keeps_everything() -> None:
    spec = ModelSpec.from_dict({**VALID, "motifs": {"SP1": "MA0079.3"}, "training": {"seed": 3, "loss": [0.5, 0.25]}})
    assert ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_unknown_keys_are_left_aside() -> None:
    assert ModelSpec.from_dict({**VALID, "sha256": "00", "note": "hand-written"}).labels == ("CTCF", "SP1")


@pytest.mark.parametrize("name", ["architecture", "config", "length", "labels"])
def test_missing_key_is_named(name: str) -> None:
    values = {key: value for key, value in VALID.items() if key != name}
    with pytest.raises(ModelError, match=f"the key '{name}' is missing"):
        ModelSpec.from_dict(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": 0}, "length must be a positive whole number, got 0"),
        ({"length": True}, "length must be a positive whole number, got True"),
        ({"length": "200"}, "length must be a positive whole number, got '200'"),
        ({"channels": -4}, "channels must be a positive whole number, got -4"),
        ({"labels": []}, r"labels must be a list of names, one an output, got \[\]"),
        ({"labels": "CTCF"}, "labels must be a list of names, one an output, got 'CTCF'"),
        ({"labels": ["CTCF", 3]}, "labels must be non-empty names, got 3"),
        ({"labels": ["SP1", "SP1"]}, "labels must be unique, but 'SP1' occurs 2 times"),
        ({"motifs": {"YY1": "MA0095.2"}}, "motifs names YY1, but the labels are CTCF, SP1"),
        ({"config": None}, "config must be a mapping, got NoneType"),
        ({"architecture": ""}, "architecture must be the name of a class, got ''"),
        ({"format": 2}, "the layout has format 2, this version reads format 1"),
    ],
)
def test_invalid_value_is_refused_with_the_reason(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ModelSpec.from_dict({**VALID, **change})
