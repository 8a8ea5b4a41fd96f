"""Small tensors on one thread, as a team of threads only waits for itself here; and zennit, the peer."""

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from genoplrp.lrp import forms, layout
from genoplrp.lrp.sparse import backend, linear
from genoplrp.studies.images.networks import BasicBlock, Bottleneck


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists go entry by entry through every linear call that they can go through, however dense."""
    for name in ("LISTED", "DENSEST", "BY_TAPS_DENSEST"):
        monkeypatch.setattr(linear, name, 2.0)


@pytest.fixture
def products(lists: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """They go by products of matrices, however sparse."""
    monkeypatch.setattr(linear, "by_lists", linear.by_products)


@pytest.fixture
def no_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where numba is not installed."""
    monkeypatch.setattr(backend, "kernels", lambda: None)


@pytest.fixture
def channels_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions come out position by position, however few their filters are, and in double precision, too."""
    monkeypatch.setattr(forms, "FEWEST_FILTERS", 1)
    monkeypatch.setattr(layout, "QUICK_TYPES", (torch.float32, torch.float64))


WAYS = {"as chosen": (), "lists": ("lists",), "products": ("products",), "without numba": ("no_numba",)}


@pytest.fixture(params=[*WAYS, *(f"{way}, channels last" for way in WAYS if WAYS[way])])
def every_way(request: pytest.FixtureRequest) -> None:
    """The test runs as the engine chooses, with lists wherever they can go, in both ways, and without numba; the last
    three position by position, too."""
    way, _, last = request.param.partition(", ")
    for name in (*WAYS[way], *(["channels_last"] if last else [])):
        request.getfixturevalue(name)


@pytest.fixture(scope="module")
def zennit() -> Iterator[SimpleNamespace]:
    """The parts of zennit that are used; our own blocks stand in for torchvision's, which does not import here."""
    stub, models, resnet = (ModuleType(f"torchvision{part}") for part in ("", ".models", ".models.resnet"))
    stub.models, models.resnet = models, resnet
    resnet.Bottleneck, resnet.BasicBlock = (type(name, (nn.Module,), {}) for name in ("Bottleneck", "BasicBlock"))
    with pytest.MonkeyPatch.context() as patch:
        for module in (stub, models, resnet):
            patch.setitem(sys.modules, module.__name__, module)
        from zennit import composites, rules, torchvision, types

        # Not by the stub: another test may have imported zennit before, with blocks of its own.
        patch.setattr(torchvision, "ResNetBottleneck", Bottleneck)
        patch.setattr(torchvision, "ResNetBasicBlock", BasicBlock)
        yield SimpleNamespace(composites=composites, rules=rules, types=types, torchvision=torchvision)
