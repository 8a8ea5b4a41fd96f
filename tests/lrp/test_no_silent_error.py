"""Models that could be explained wrongly without a word: each is right, equal to its plain spelling, or refused."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from genoplrp import Composite, NoPrune, PruneLambda, attribute, inspect_model
from genoplrp.errors import OptionError, UnsupportedCallError
from genoplrp.lrp import Pass
from genoplrp.lrp.samples import MIXES
from tests.lrp.around import Around, dna

KERNEL = torch.linspace(-1, 1, 6 * 6).double().view(6, 6, 1)
RAMP = torch.arange(1, 17).double()


def same(call, plain, **options):
    x = dna()
    ours, expected = (attribute(Around(f, x), x, target=0, **options) for f in (call, plain))
    torch.testing.assert_close(ours.relevance, expected.relevance, rtol=1e-9, atol=1e-12)


SAME = {
    "type_as": (lambda h: h * RAMP.float().type_as(h), lambda h: h * RAMP),
    "to a live tensor": (lambda h: h * RAMP.float().to(h), lambda h: h * RAMP),
    "expand_as": (lambda h: h * RAMP.expand_as(h), lambda h: h * RAMP),
    "weight cast like the input": (lambda h: F.conv1d(h, KERNEL.type_as(h)), lambda h: F.conv1d(h, KERNEL)),
    "divided by a cast constant": (lambda h: h / RAMP.type_as(h), lambda h: h / RAMP),
    "from numpy": (lambda h: h * torch.from_numpy(RAMP.numpy()), lambda h: h * RAMP),
    "mask cast": (lambda h: h * (h > 0).to(h), lambda h: h * (h > 0)),
    "einsum of one operand": (lambda h: torch.einsum("ncl->nc", h), lambda h: h.sum(2)),
    "threshold": (lambda h: F.threshold(h, 0.1, 0.0), lambda h: h * (h > 0.1)),
    "in place and read anew": (lambda h: (h * 1).mul_(RAMP).relu_(), lambda h: (h * RAMP).relu()),
}


@pytest.mark.parametrize("name", SAME)
def test_unusual_spelling_equals_the_plain_one(name):
    same(*SAME[name], pruner=PruneLambda(0.2))


def filled(h):
    y = h.sigmoid()
    y[:, :, :4].fill_(1.0)
    return F.conv1d(y, KERNEL)


def zeroed_after_use(h):
    y = h.sigmoid()
    z = F.conv1d(y, KERNEL)
    y.zero_()
    return z


def weight_changed_after_use(h):
    kernel = KERNEL.clone()
    z = F.conv1d(h, kernel).relu()
    kernel.mul_(0.5)
    return F.conv1d(z, kernel)


def changed_through_data(h):
    y = h.sigmoid()
    y.data.mul_(0.5)
    return y


REFUSED = {
    "part filled": (filled, "in place"),
    "zeroed after use": (zeroed_after_use, "in place"),
    "weight changed after use": (weight_changed_after_use, "in place"),
    "changed through .data": (changed_through_data, "in place"),
    "through numpy, detached": (
        lambda h: h + torch.from_numpy(np.maximum(h.detach().numpy(), 0)),
        "calls numpy on a tensor computed from the input",
    ),
    "a copy made unseen": (lambda h: h + F.conv1d(nn.Parameter(h.relu()), KERNEL), "no recorded call made"),
    "vmap": (lambda h: h + F.conv1d(torch.vmap(torch.relu)(h), KERNEL), "no recorded call made"),
    "samples mixed": (lambda h: h - h.mean(0), "mixes samples"),
    "samples mixed, axis kept": (lambda h: h - h.amax(0, keepdim=True), "mixes samples"),
    "dropout by the keyword train": (lambda h: torch.dropout(h, p=0.5, train=True), "dropout is active"),
    "rounding division": (lambda h: torch.div(h, 0.1, rounding_mode="floor"), "it rounds"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_followed_is_refused(name):
    call, message = REFUSED[name]
    x = dna()
    with pytest.raises(UnsupportedCallError, match=message):
        attribute(Around(call, x), x)


def test_coverage_names_calls_that_mix_samples():
    x = dna()
    coverage = inspect_model(Around(lambda h: h - h.mean(0), x), x)
    assert [(gap.call.op, gap.reason) for gap in coverage.gaps] == [("mean", MIXES)]


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_scripted_function_behind_a_plain_call_is_refused():
    scripted = torch.jit.trace(lambda h: h * torch.sigmoid(h), torch.zeros(1, 6, 16).double())
    x = dna()
    with pytest.raises(UnsupportedCallError, match="no recorded call made"):
        attribute(Around(lambda h: h + F.conv1d(scripted(h), KERNEL), x), x)


def test_numbers_taken_out_are_warned_of():
    x = dna()
    with pytest.warns(UserWarning, match=r"into a Python number \(item, .*fine for branches"):
        attribute(Around(lambda h: h.relu() if h.max().item() > 0 else h, x), x)


class Normed(nn.Module):
    """conv, batch norm, relu, linear, with a way to look at the convolution's output."""

    def __init__(self, look=lambda h: None):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.bn, self.out = nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6), nn.Linear(6 * 14, 2)
        self.bn.running_mean.normal_()
        self.look = look
        self.double().eval()

    def forward(self, x):
        h = self.conv(x)
        self.look(h)
        return self.out(self.bn(h).relu().flatten(1))


@pytest.mark.parametrize("look", [lambda h: bool(h.abs().max() > 1e6), lambda h: h.abs().mean(), lambda h: h.clone()])
def test_looking_at_an_activation_does_not_change_the_rules(look):
    x = dna()
    expected = attribute(Normed(), x).relevance
    torch.testing.assert_close(attribute(Normed(look), x).relevance, expected, rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_decomposed_export_equals_the_module():
    x = dna()
    program = torch.export.export(Normed(), (x,)).run_decompositions()
    ours = attribute(program.module(), x, target=0)
    torch.testing.assert_close(ours.relevance, attribute(Normed(), x, target=0).relevance, rtol=1e-9, atol=1e-12)


def test_registered_rule_keeps_the_batch_norm_apart():
    def linear(inputs, output, relevance):
        return (inputs[0] * (relevance.sum() / inputs[0].sum()),)

    x = dna()
    for op in ("conv1d", "batch_norm"):
        seen = []

        def rule(inputs, output, relevance, seen=seen):
            seen.append(True)
            return linear(inputs, output, relevance)

        result = attribute(Normed(), x, composite=Composite.named("epsilon").with_op(op, rule), pruner=NoPrune())
        assert seen
        assert result.relevance.any()


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv1d(6, 6, 3, padding=1), nn.Conv1d(6, 6, 1)

    def forward(self, h):
        return h + self.b(F.relu(self.a(h)))


class Fused(nn.Module):
    """A leaf module that makes three kinds of call."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.linspace(-1, 1, 6 * 6).view(6, 6, 1))

    def forward(self, h):
        return F.max_pool1d(F.conv1d(h, self.w).relu(), 2)


@pytest.mark.parametrize("module", [Block, Fused])
def test_relevance_of_a_module_is_that_of_its_output(module):
    """The read-out behind the module is linear, so LRP-0 gives its output the gradient times itself."""
    torch.manual_seed(0)
    x = dna()
    model = Around(module(), x)
    result = attribute(
        model, x, target=0, composite=Composite.named("epsilon", epsilon=0.0), pruner=NoPrune(), layers=["module"]
    )
    output = model.module(model.conv(x)).detach()
    expected = output * model.out.weight[0].view_as(output[0])
    torch.testing.assert_close(result.layers["module"], expected.detach(), rtol=1e-9, atol=1e-12)


def test_folded_batch_norm_has_relevance_of_its_own():
    x = dna()
    result = attribute(Normed(), x, layers=("conv", "bn"))
    torch.testing.assert_close(result.layers["bn"], result.layers["conv"], rtol=0, atol=0)


LAYOUTS = {
    "strands stacked in front": lambda h: torch.stack([h, h.flip(1, 2)]).relu(),
    "channels in front": lambda h: h.transpose(0, 1).relu(),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("n", [2, 3, 6])
def test_samples_off_the_first_axis_do_not_change_the_result(name, n):
    class Moved(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(1)
            self.conv, self.mix, self.out = nn.Conv1d(4, 6, 3, padding=1), nn.Linear(16, 5), nn.Linear(5, 2)
            self.double().eval()

        def forward(self, x):
            h = self.mix(LAYOUTS[name](self.conv(x)))
            return self.out(h.mean((0, 2)) if h.ndim == 4 else h.mean(0))

    x = dna(n)
    together = attribute(Moved(), x, target=0, pruner=PruneLambda(0.4))
    for i in range(n):
        alone = attribute(Moved(), x[i : i + 1], target=0, pruner=PruneLambda(0.4))
        torch.testing.assert_close(together.relevance[i], alone.relevance[0], rtol=1e-9, atol=1e-12)


class Doubled(nn.Module):
    """Both strands as one batch of twice the size."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.conv, self.deep, self.out = nn.Conv1d(4, 6, 3), nn.Conv1d(6, 6, 3), nn.Linear(6, 2)
        self.double().eval()

    def forward(self, x):
        h = self.deep(self.conv(torch.cat([x, x.flip(1, 2)], 0)).relu()).relu().amax(2)
        return self.out(h[: len(x)] + h[len(x) :])


def test_doubled_batches_are_explained_sample_by_sample():
    x = dna()
    result = attribute(Doubled(), x)
    absorbed = result.ledger.groupby("sample")["absorbed"].sum().to_numpy()
    np.testing.assert_allclose(absorbed, (result.output - result.relevance.sum((1, 2))).numpy(), rtol=0, atol=1e-12)
    torch.testing.assert_close(result.relevance, attribute(Doubled(), x, batch_size=1).relevance, rtol=0, atol=0)


@pytest.mark.parametrize("axes", [(0, 1, 3, 2), (0, 3, 1, 2)], ids=["(n, 4, 1, l)", "(n, 1, 4, l)"])
def test_absent_bases_get_nothing_in_other_layouts(axes):
    x = dna()
    x[:, :, 3:6] = 0
    planar = x[..., None].permute(*axes).contiguous()
    model = nn.Sequential(
        nn.Conv2d(planar.shape[1], 5, (planar.shape[2], 3), padding=(0, 1)), nn.ReLU(), nn.Flatten(), nn.Linear(80, 1)
    ).double()
    relevance = attribute(model, planar).relevance
    assert not relevance.reshape(len(x), 4, 16)[:, :, 3:6].any()
    assert relevance.any()


@pytest.mark.parametrize("first", [torch.exp, torch.sigmoid])
def test_absent_bases_get_nothing_behind_an_activation(first):
    class Activated(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(64, 1).double()

        def forward(self, x):
            return self.out(first(x).flatten(1))

    x = dna()
    x[:, :, 3:6] = 0
    result = attribute(Activated(), x)
    assert not result.relevance[:, :, 3:6].any()
    absorbed = result.ledger.groupby("sample")["absorbed"].sum().to_numpy()
    np.testing.assert_allclose(absorbed, (result.output - result.relevance.sum((1, 2))).numpy(), rtol=0, atol=1e-12)


def test_absent_bases_get_nothing_under_the_pass_rule():
    x = dna()
    x[:, :, 3:6] = 0
    model = nn.Sequential(nn.Conv1d(4, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 1)).double()
    composite = Composite.named("genomic").with_layers({"0": Pass()})
    assert not attribute(model, x, composite=composite).relevance[:, :, 3:6].any()


@pytest.mark.parametrize("end", [lambda a, b: torch.cat([a.sigmoid(), b.sigmoid()], 1),
                                 lambda a, b: torch.cat([a, b], 1).sigmoid_()])  # fmt: skip
def test_sigmoid_heads_are_explained_before_the_sigmoid(end):
    class Heads(nn.Module):
        def __init__(self, end):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.end = nn.Linear(64, 1).double(), nn.Linear(64, 1).double(), end

        def forward(self, x):
            return self.end(self.a(x.flatten(1)), self.b(x.flatten(1)))

    x = dna()
    expected = attribute(Heads(lambda a, b: torch.cat([a, b], 1)), x, target=1).relevance
    result = attribute(Heads(end), x, target=1)
    torch.testing.assert_close(result.relevance, expected, rtol=0, atol=0)
    assert result.explained.startswith("input of sigmoid")


def test_dense_first_layer_behind_a_view():
    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(64, 2).double()

        def forward(self, x):
            return self.out(x.view(len(x), -1))

    assert attribute(Dense(), dna()).relevance.any()


def test_one_sequence_at_a_time_inside_the_model_is_refused():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(4, 3, 3).double()

        def forward(self, x):
            return torch.stack([self.conv(row).amax(-1) for row in x])

    with pytest.raises(UnsupportedCallError, match="no sample axis"):
        attribute(Loop(), dna())


def test_autocast_around_and_inside_works():
    class Half(Normed):
        def forward(self, x):
            with torch.autocast("cpu", torch.bfloat16):
                return super().forward(x)

    x = dna().float()
    exact = attribute(Normed().float(), x, target=0).relevance
    inside = attribute(Half().float(), x, target=0).relevance
    with torch.autocast("cpu", torch.bfloat16):
        around = attribute(Normed().float(), x, target=0).relevance
    torch.testing.assert_close(around, exact, rtol=0, atol=0)
    # bfloat16 keeps 8 bits of every activation and weight.
    torch.testing.assert_close(inside.float(), exact, rtol=0, atol=float(exact.abs().max()) * 2**-4)


def test_unregistered_modules_of_a_training_model_stay_as_they_are():
    class Listed(Normed):
        def __init__(self):
            super().__init__()
            self.steps = [self.conv, self.bn, nn.ReLU(), nn.Flatten(), self.out]

        def forward(self, x):
            for step in self.steps:
                x = step(x)
            return x

    x = dna()
    model = Listed().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    result = attribute(model, x, target=0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    torch.testing.assert_close(result.relevance, attribute(Normed(), x, target=0).relevance, rtol=0, atol=0)


def test_last_batch_of_one_may_lose_its_axis():
    x = dna()
    model = Around(lambda h: h.relu(), x)
    squeezed = nn.Sequential(model, Squeeze())
    ours = attribute(squeezed, x, target=1, batch_size=4)
    torch.testing.assert_close(ours.relevance, attribute(model, x, target=1).relevance, rtol=1e-9, atol=1e-12)


class Squeeze(nn.Module):
    def forward(self, y):
        return y.squeeze()


@pytest.mark.parametrize(
    "option", [{"pruner": 0.1}, {"pruner": "lambda"}, {"pruner": PruneLambda}, {"batch_size": 2.5}]
)
def test_options_of_the_wrong_type_are_named(option):
    x = dna()
    with pytest.raises(OptionError, match=next(iter(option))):
        attribute(Around(torch.relu, x), x, **option)


def test_numpy_shares_and_single_layer_names_are_taken():
    x = dna()
    result = attribute(Around(torch.relu, x), x, pruner=PruneLambda(np.float32(0.1)), layers="conv")
    assert list(result.layers) == ["conv"]


def test_layer_named_input_keeps_its_row_in_the_ledger():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.input, self.out = nn.Conv1d(4, 6, 3).double(), nn.Linear(6, 1).double()

        def forward(self, x):
            return self.out(self.input(x).relu().amax(2))

    result = attribute(Named(), dna())
    assert set(result.ledger.loc[result.ledger["layer"] == "input", "op"]) == {"conv1d"}
