"""Convolutions that come out position by position: the same numbers, and a model that does not notice."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genoplrp import Composite, NoPrune, PruneLambda, PruneM, attribute
from genoplrp.errors import GenoPLRPError, ModelError
from genoplrp.explainer import Explainer
from genoplrp.lrp import Epsilon, forms
from genoplrp.lrp.layout import (
    channels_last_convolution,
    channels_last_weight,
    flat,
    is_channels_last,
    lying,
    padded,
    unflat,
)
from genoplrp.lrp.record import record
from genoplrp.lrp.samples import sample_layout
from genoplrp.lrp.sparse.rows import rows_of

BASES = torch.randint(4, (3, 60), generator=torch.Generator().manual_seed(0))
X = F.one_hot(BASES, 4).movedim(2, 1).float()


class Then(nn.Module):
    """A convolution of 16 filters, then a function of it, then a sum over positions and a dense layer."""

    def __init__(self, then: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.then = nn.Conv1d(4, 16, 5, padding=2), then
        self.last = nn.Linear(16, 2)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.then(self.conv(x)).reshape(len(x), 16, -1).sum(2))


def recorded(model: nn.Module, x: Tensor = X) -> tuple[dict[str, Tensor], Tensor]:
    """(first output of each call by op, what the model returns), with convolutions channels last where that fits."""
    tape, output = record(model, x, like=sample_layout(model, x[:1]).log)
    return {call.op: tape.values[call.output] for call in tape.calls}, output


def fits(model: nn.Module, x: Tensor = X) -> bool:
    return sample_layout(model, x[:1]).log is not None


def norm(filters: int) -> nn.BatchNorm1d:
    made = nn.BatchNorm1d(filters)
    for tensor in (made.weight, made.bias, made.running_mean, made.running_var):
        tensor.data.uniform_(0.5, 2)
    return made


STACKS = {
    "norm": lambda: [norm(16), nn.ReLU()],
    "in place": lambda: [nn.ReLU(inplace=True), nn.Dropout(0.2, inplace=True)],
    "max": lambda: [nn.MaxPool1d(2), nn.MaxPool1d(3), nn.MaxPool1d(4)],
    "max, ragged": lambda: [nn.MaxPool1d(7)],
    "max, overlapping": lambda: [nn.MaxPool1d(5, 2, 2)],
    "max, dilated": lambda: [nn.MaxPool1d(3, 2, 0, 4)],
    "max, rounded up": lambda: [nn.MaxPool1d(7, ceil_mode=True)],
    "average": lambda: [nn.ReLU(), nn.AvgPool1d(4), nn.AdaptiveAvgPool1d(3)],
    "second": lambda: [nn.ReLU(), nn.Conv1d(16, 24, 5, dilation=3, padding=4, stride=2), nn.ELU()],
    "same": lambda: [nn.Conv1d(16, 16, 4, dilation=3, padding="same")],
    "few filters": lambda: [nn.ReLU(), nn.Conv1d(16, 3, 5)],
    "groups": lambda: [nn.ReLU(), nn.Conv1d(16, 32, 5, groups=2)],
    "around": lambda: [nn.Conv1d(16, 16, 5, padding=2, padding_mode="circular")],
}


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", STACKS)
def test_the_same_numbers(name: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(4, 16, 5, padding=2), *STACKS[name](), nn.Flatten(), nn.LazyLinear(3)).eval()
    expected = model(X).detach()
    values, output = recorded(model)
    assert is_channels_last(values["conv1d"]) == (name not in {"few filters", "groups"})
    torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(model(X).detach(), expected)


@pytest.mark.parametrize("pruner", [NoPrune(), PruneLambda(0.2), PruneM(0.2)])
@pytest.mark.parametrize("name", STACKS)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_the_same_maps(name: str, pruner: object, channels_last: None, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(4, 16, 5, padding=2), *STACKS[name](), nn.Flatten(), nn.LazyLinear(3))
    model(X)
    model, x = model.double().eval(), X.double()
    last = attribute(model, x, target=1, pruner=pruner).relevance
    monkeypatch.setattr(forms, "_convolution", lambda _: None)
    plain = attribute(model, x, target=1, pruner=pruner).relevance
    torch.testing.assert_close(last, plain, rtol=0, atol=float(1e-9 * plain.abs().max()))


def added_after_reshaping(h: Tensor) -> Tensor:
    h.reshape(len(h), -1).add_(1)
    return h


def added_after_flattening(h: Tensor) -> Tensor:
    seen = h.flatten(1)
    h.add_(1)
    return seen


def added_after_copying(h: Tensor) -> Tensor:
    copy = h.transpose(1, 2).contiguous()
    copy.add_(1)
    return h


def reshaped_like(h: Tensor) -> Tensor:
    seen = h.reshape_as(torch.empty(len(h), h[0].numel()))
    seen.add_(1)
    return h


def with_a_way_out(h: Tensor) -> Tensor:
    try:
        return h.transpose(1, 2).view(len(h), -1)
    except RuntimeError:
        return 2 * h


def asking_in_vain(h: Tensor) -> Tensor:
    try:
        return h * h.stride(2)
    except BaseException:
        return 7 * h


def twice(h: Tensor) -> Tensor:
    weight = torch.ones(16, 16, 1, dtype=h.dtype)
    first = F.conv1d(h, weight)
    return first + F.conv1d(h, 3 * weight)


ASKING: dict[str, Callable[[Tensor], Tensor]] = {
    "reshaped and changed": added_after_reshaping,
    "flattened and changed": added_after_flattening,
    "copied and changed": added_after_copying,
    "reshaped like another": reshaped_like,
    "strides": lambda h: h * h.stride(2),
    "is it contiguous": lambda h: h if h.is_contiguous() else 2 * h,
    "is it the same": lambda h: h if h.contiguous() is h else 5 * h,
    "like it": lambda h: h.view(len(h), -1) + torch.ones_like(h).view(len(h), -1),
    "a view that is none": with_a_way_out,
    "all errors caught": asking_in_vain,
    "signs": lambda h: h * (h.detach() > 0),
    "as another type": lambda h: h.double().float(),
    "indices": lambda h: h * (2 - F.adaptive_max_pool1d(h, 4, return_indices=True)[1].is_contiguous()),
}
FITTING: dict[str, Callable[[Tensor], Tensor]] = {
    "view": lambda h: F.relu(h).view(len(h), -1),
    "view by a list": lambda h: F.relu(h).view([len(h), -1]),
    "view of all": lambda h: h.relu().view(len(h) * 16, -1).mean(1).view(len(h), 16, 1),
    "exported": lambda h: torch.ops.aten.view.default(h, [len(h), h[0].numel()]),
    "computed weights": twice,
    "residual of both": lambda h: h + F.conv1d(h, torch.ones(16, 1, 1, dtype=h.dtype), groups=16),
    "cat": lambda h: torch.cat([h, h.relu()], 2),
    "turned": lambda h: h.permute(0, 2, 1).reshape(len(h), -1),
    "both strands": lambda h: h + h.flip(1, 2),
    "as long again": lambda h: F.interpolate(h, scale_factor=2),
    "weighted by means": lambda h: h * h.mean(2, keepdim=True).sigmoid().expand_as(h),
    "in two": lambda h: torch.cat([part.relu() for part in h.chunk(2, 1)], 1),
}


def explained(model: nn.Module, x: Tensor, **options: Any) -> list[Tensor | str]:
    """Maps by every pruner and from references, or why there is none."""

    def outcome(**more: Any) -> Tensor | str:
        try:
            return attribute(model, x, **options, **more).relevance
        except GenoPLRPError as error:
            return str(error)

    return [*(outcome(pruner=pruner) for pruner in PRUNERS), outcome(references=2)]


def assert_alike(ours: list[Tensor | str], expected: list[Tensor | str]) -> None:
    for one, other in zip(ours, expected, strict=True):
        if isinstance(other, str):
            assert one == other
        else:
            torch.testing.assert_close(one, other, rtol=0, atol=float(1e-9 * other.abs().max()))


PRUNERS = (NoPrune(), PruneLambda(0.2), PruneM(0.2))


@pytest.mark.parametrize("name", [*ASKING, *FITTING])
def test_a_model_does_not_notice(name: str, channels_last: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is explained, or refused, as without another layout; and is run as it is where it asks how its tensors lie."""
    model, x = Then((ASKING | FITTING)[name]).double(), X.double()
    ours = explained(model, x, target=0)
    if isinstance(ours[0], Tensor):
        assert fits(model, x) == (name in FITTING)
    monkeypatch.setattr(forms, "_convolution", lambda _: None)
    assert_alike(ours, explained(model, x, target=0))


def test_other_calls_than_those_seen_are_run_as_they_are() -> None:
    """What a model does may depend on its input; nobody is told of the run that was given up."""
    model = Then(lambda h: h if len(h) < 4 else h * h.stride(2))
    x = X.repeat(2, 1, 1)
    assert fits(model)
    torch.testing.assert_close(recorded(model, x)[1], model(x).detach(), rtol=1e-6, atol=1e-6)
    in_place = Then(lambda h: h + 0 * h.flatten(1).sum() if len(h) < 4 else (h.flatten(1), h.add_(1))[1])
    torch.testing.assert_close(recorded(in_place, x)[1], in_place(x).detach(), rtol=1e-6, atol=1e-6)
    swallowing = Then(lambda h: h if len(h) < 4 else asking_in_vain(h))
    assert fits(swallowing)
    torch.testing.assert_close(recorded(swallowing, x)[1], swallowing(x).detach(), rtol=1e-6, atol=1e-6)


def test_what_others_get_to_see_lies_as_torch_makes_it() -> None:
    """Tensors that a hook or an object of the model's own hands on."""
    hooked = Then(F.relu)
    hooked.conv.register_forward_hook(lambda *_: None)
    assert fits(Then(F.relu)) and not fits(hooked) and not fits(Boxed(4, 16, 1))


class Boxed(nn.Conv1d):
    """Its output is an object."""

    def forward(self, x: Tensor) -> Any:
        return SimpleNamespace(y=super().forward(x))


@pytest.mark.parametrize("references", [None, 2])
def test_a_rule_of_linear_calls_gets_tensors_as_torch_makes_them(references: int | None) -> None:
    seen: list[bool] = []

    class Seeing:
        def __call__(self, linear: Any, x: Tensor, z: Tensor, relevance: Tensor, present: Tensor | None) -> Any:
            seen.extend(tensor.is_contiguous() for tensor in (x, z, relevance))
            return Epsilon()(linear, x, z, relevance, present)

    model = nn.Sequential(nn.Conv1d(4, 16, 5), nn.ReLU(), nn.Conv1d(16, 16, 3), nn.Flatten(), nn.LazyLinear(1)).eval()
    attribute(model, X, target=0, composite=Composite(conv=Seeing()), references=references)
    assert seen and all(seen)


def test_what_units_hand_down_lies_as_torch_makes_it() -> None:
    model = nn.Sequential(nn.Conv1d(4, 16, 5), nn.ReLU(), nn.Conv1d(16, 16, 3), nn.Flatten(), nn.LazyLinear(1)).eval()
    unit = next(iter(attribute(model, X, target=0, layers=["0"], units=[("2", 3)]).units.values()))
    assert unit.handed["0"].is_contiguous()


class Cropped(nn.Module):
    """BPNet's way: dilated convolutions without zeros around, added to what is left of their input."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Conv1d(4, 32, 9), nn.Conv1d(32, 2, 5)
        self.dilated = nn.ModuleList(nn.Conv1d(32, 32, 3, dilation=dilation) for dilation in (2, 4))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.first(x))
        for conv in self.dilated:
            reach = conv.dilation[0]
            h = h[..., reach:-reach] + F.relu(conv(h))
        return self.last(h).sum(2)


def test_pruning_nothing_changes_nothing_from_references() -> None:
    """To the last bit, also where what is left of the inputs would lie in another order."""
    nothing, left = (
        attribute(Cropped(), X, target=0, pruner=pruner, references=2).relevance for pruner in (NoPrune(), PruneM(0.0))
    )
    assert torch.equal(nothing, left)


def test_weights_that_changed_are_read_anew() -> None:
    model = Then(F.relu)
    explainer = Explainer(model, pruners=[NoPrune()])
    before = explainer(X, target=0)[0].output
    with torch.no_grad():
        model.conv.weight.mul_(2)
        model.conv.bias.mul_(2)
    after = explainer(X, target=0)[0].output - model.last.bias[0]
    torch.testing.assert_close(after, 2 * (before - model.last.bias[0]))


TARGETS: dict[str, Callable[[Tensor], Tensor]] = {
    "detached": lambda o: (o * o.detach()).sum((1, 2)),
    "softmax": lambda o: (o * o.softmax(1).detach()).sum((1, 2)),
    "view": lambda o: o.view(len(o), -1).sum(1),
    "layout": lambda o: o.sum((1, 2)) * (2 - o.is_contiguous()),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("end", [nn.Identity(), nn.Softmax(1), nn.LogSoftmax(2), nn.Sigmoid()])
@pytest.mark.parametrize("filters", [2, 20])
def test_a_target_does_not_notice(
    target: str, end: nn.Module, filters: int, channels_last: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(4, 16, 5), nn.ReLU(), nn.Conv1d(16, filters, 1), end).double().eval()
    x = X.double()
    ours = explained(model, x, target=TARGETS[target])
    monkeypatch.setattr(forms, "_convolution", lambda _: None)
    assert_alike(ours, explained(model, x, target=TARGETS[target]))


def test_a_rule_of_the_users_own_gets_tensors_as_torch_makes_them() -> None:
    seen: list[bool] = []

    def passed(inputs: tuple[Tensor, ...], output: Tensor, relevance: Tensor) -> tuple[Tensor, ...]:
        seen.extend(tensor.is_contiguous() for tensor in (*inputs, output, relevance))
        return (relevance,)

    model = Then(F.relu)
    result = attribute(
        model, X, target=0, composite=Composite.named("genomic").with_op("relu", passed), layers=["conv"]
    )
    assert seen and all(seen)
    assert result.relevance.is_contiguous() and result.layers["conv"].is_contiguous()


@pytest.mark.parametrize("layer", [nn.Conv1d(5, 16, 3), nn.Conv1d(4, 16, 70)])
def test_what_does_not_fit_is_said_as_torch_says_it(layer: nn.Conv1d) -> None:
    with pytest.raises(RuntimeError) as plain:
        layer(X)
    with pytest.raises(ModelError) as ours:
        attribute(nn.Sequential(layer, nn.Flatten(), nn.LazyLinear(1)), X, batch_size=3)
    assert str(plain.value) in str(ours.value)


# Where the convolution adds the zeros around its input itself, outputs of the third tie only far from the ends.
@pytest.mark.parametrize(("channels", "filters", "taps", "dilation", "around"), [
    (4, 32, 19, 1, 9), (64, 64, 3, 64, 64), (100, 32, 3, 4, 4), (300, 200, 11, 1, 5),
])  # fmt: skip
def test_repeats_tie_exactly(channels: int, filters: int, taps: int, dilation: int, around: int) -> None:
    length = 442
    generator = torch.Generator().manual_seed(0)
    for period in (1, 2, 3):
        x = torch.randn(2, channels, period, generator=generator).repeat(1, 1, length // period + 1)[:, :, :length]
        weight = torch.randn(filters, channels, taps, generator=generator)
        z = channels_last_convolution(x, channels_last_weight(weight), None, (1, dilation, around, around))
        torch.testing.assert_close(z, F.conv1d(x, weight, None, 1, around, dilation), rtol=1e-4, atol=1e-3)
        inside = z[:, :, around : length - dilation * (taps - 1) + around]
        repeats = inside[:, :, : inside.shape[2] // period * period].unflatten(2, (-1, period))
        assert torch.equal(repeats, repeats[:, :, :1].expand_as(repeats))


def test_memory_order() -> None:
    plain = torch.arange(24.0).view(2, 3, 4)
    last = lying(plain, last=True)
    assert torch.equal(last, plain) and is_channels_last(last) and not is_channels_last(plain)
    assert flat(last)[0].tolist() == plain[0].T.flatten().tolist() and flat(last).data_ptr() == last.data_ptr()
    assert torch.equal(unflat(flat(last), last.shape, last=True), plain)
    assert torch.equal(lying(last, last=False), plain) and lying(last, last=False).is_contiguous()
    assert torch.equal(padded(plain, 1, 2), F.pad(plain, (1, 2))) and is_channels_last(padded(plain, 1, 2))


def test_lists_in_either_order() -> None:
    tensor = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)).relu()
    for one in (tensor, lying(tensor, last=True)):
        rows = rows_of(one)
        assert torch.equal(rows.dense(), tensor) and rows.last == is_channels_last(one)
        for last in (False, True):
            again = rows.lying(last=last)
            assert again.last == last and torch.equal(again.dense(), tensor)
        assert torch.equal(rows.seen_as(tensor.flatten(1)).dense(), tensor.flatten(1))
