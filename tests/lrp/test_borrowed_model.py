"""The user's model, input and torch settings are as before, after success and after an exception."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genoplrp.attribution import attribute
from genoplrp.errors import ModelError, UnsupportedCallError
from genoplrp.lrp import Composite, NoPrune, PruneLambda, PruneM
from tests.lrp.networks import dna
from tests.lrp.pairs import assert_same

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")


class Borrowed(nn.Module):
    """Batch statistics, dropout, a frozen layer, a hook, gradients waiting; ``fail`` runs within the forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm = nn.Conv1d(4, 6, 5), nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.5)
        self.conv2, self.head = nn.Conv1d(6, 4, 3), nn.Linear(4, 2)
        self.fail: Callable[[Tensor], Tensor] = lambda h: h
        self.heard: list[str] = []
        self.double()
        self.conv2.requires_grad_(False)
        self.conv1.weight.grad = torch.ones_like(self.conv1.weight)
        self.head.register_forward_hook(lambda *_: self.heard.append("head"))
        self.norm.register_full_backward_hook(lambda *_: None)

    def forward(self, x: Tensor) -> Tensor:
        h = self.drop(torch.relu(self.norm(self.conv1(x))))
        return self.head(self.fail(torch.relu(self.conv2(h))).mean(2))


def snapshot(model: nn.Module, x: Tensor) -> dict[str, Any]:
    """All that a borrower could leave changed, in values that compare."""
    seen: dict[str, Any] = {
        "grad enabled": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "random state": torch.get_rng_state().tolist(),
        "x": (x.requires_grad, x.grad is None, x._version, x.tolist()),
    }
    for name, module in model.named_modules():
        seen[f"{name} names"] = sorted(vars(module))
        seen[f"{name} state"] = (type(module), module.training, id(module.forward.__func__))
        seen[f"{name} hooks"] = [list(vars(module).get(kind, {}).items()) for kind in HOOKS]
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        grad = None if tensor.grad is None else (id(tensor.grad), tensor.grad.tolist())
        where = (id(tensor), tensor.data_ptr(), tensor._version, tensor.device, tensor.dtype)
        seen[name] = (where, tensor.requires_grad, grad, tensor.tolist())
    return seen


def modes(model: nn.Module, mode: str) -> None:
    model.train(mode != "eval")
    if mode == "mixed":
        model.get_submodule("norm").eval()


@pytest.mark.parametrize("pruner", [NoPrune(), PruneLambda(0.1), PruneM(0.1)])
@pytest.mark.parametrize("mode", ["eval", "train", "mixed"])
def test_model_is_untouched_after_success(mode: str, pruner: Any) -> None:
    model, x = Borrowed(), dna(20, 9).requires_grad_()
    modes(model, mode)
    before = snapshot(model, x)
    attribute(model, x, target=0, pruner=pruner, strands="both", hypothetical=True)
    assert snapshot(model, x) == before


def _raise(h: Tensor) -> Tensor:
    raise RuntimeError("the network's own error")


FAILURES: dict[str, tuple[Callable[[Tensor], Tensor], type[Exception]]] = {
    "own error": (_raise, ModelError),
    "unsupported": (lambda h: torch.cummax(h, 2).values, UnsupportedCallError),
    "wrong shape": (lambda h: h[:, :3], ModelError),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("mode", ["eval", "train", "mixed"])
def test_model_is_untouched_after_an_exception(mode: str, failure: str) -> None:
    model, x = Borrowed(), dna(20, 9)
    modes(model, mode)
    model.fail, error = FAILURES[failure]
    before = snapshot(model, x)
    with pytest.raises(error):
        attribute(model, x, target=0)
    assert snapshot(model, x) == before


def test_model_is_untouched_after_a_target_that_raises() -> None:
    model, x = Borrowed(), dna(20, 9)
    before = snapshot(model, x)
    with pytest.raises(ZeroDivisionError):
        attribute(model, x, target=lambda output: output[:, 0] / (1 // 0))
    assert snapshot(model, x) == before


def test_training_mode_is_explained_as_evaluation_mode() -> None:
    model, x = Borrowed(), dna(20, 9)
    expected = attribute(model.eval(), x, target=0).relevance
    assert torch.equal(attribute(model.train(), x, target=0).relevance, expected)


@pytest.mark.parametrize("context", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_gradient_mode_of_the_caller_does_not_matter(context: Callable[[], Any]) -> None:
    model, x = Borrowed().eval(), dna(20, 9)
    expected = attribute(model, x, target=0).relevance
    with context():
        result = attribute(model, x, target=0).relevance
    assert torch.equal(result, expected)
    assert not result.requires_grad


def test_input_that_the_network_overwrites_is_not_the_user_s() -> None:
    class Doubling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(4, 2, 5)

        def forward(self, x: Tensor) -> Tensor:
            x *= 2
            return self.conv(x).relu().sum(2)

    model, x = Doubling().double().eval(), dna(20, 9)
    before = snapshot(model, x)
    attribute(model, x, target=0)
    assert snapshot(model, x) == before


def test_hooks_of_the_user_take_part_in_what_is_explained() -> None:
    model, x = Borrowed().eval(), dna(20, 9)
    model.conv2.register_forward_hook(lambda module, inputs, output: output * 2)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(leaf)[:, 0].sum(), leaf)
    lrp0 = Composite.named("epsilon", epsilon=0.0)
    assert_same(attribute(model, x, target=0, composite=lrp0, pruner=NoPrune()).relevance, gradient * x)
