"""What cannot be explained is refused, by name and place; nothing falls back on a gradient."""

import re

import pytest
import torch
from torch import nn

from genoplrp import Composite, NoPrune, attribute, inspect_model
from genoplrp.errors import ModelError, OptionError, UnsupportedCallError
from genoplrp.lrp import Epsilon, PruneLambda
from tests.lrp.around import Around, dna


def explain(call, **options):
    x = dna()
    return attribute(Around(call, x), x, **options)


def write_item(h):
    h = h.clone()
    h[:, 0] = 0
    return h


def view_then_overwrite(h):
    half = h[:, :3]
    half.mul_(2)
    return h


def view_overwritten_first(h):
    flat = h.view(len(h), -1)
    flat.relu_()
    return flat.view(len(flat), 6, -1)


REFUSED = {
    "softmax inside": (lambda h: h.softmax(1) * h, "softmax .* has no relevance rule"),
    "layer norm": (nn.LayerNorm(16), "layer_norm .*module.* has no relevance rule"),
    "cumsum": (lambda h: h.cumsum(-1), "cumsum .* has no relevance rule"),
    "division by a computed tensor": (lambda h: h / (h.abs() + 1), "divides by a tensor computed from the input"),
    "product of matrices": (lambda h: h @ h.mT, "weights depend on the input"),
    "active dropout": (lambda h: nn.functional.dropout(h, 0.5), "dropout is active"),
    "batch statistics": (nn.BatchNorm1d(6, track_running_stats=False), "statistics of the batch"),
    "numpy": (lambda h: torch.from_numpy(h.numpy()), "calls numpy on a tensor computed from the input"),
    "item assignment": (write_item, "calls __setitem__"),
    "out=": (lambda h: torch.relu(h) + torch.neg(h, out=torch.empty_like(h)), "out="),
    "a view overwritten": (view_then_overwrite, "changed in place"),
    "complex numbers": (lambda h: torch.fft.rfft(h).real, "fft_rfft .* has no relevance rule"),
    "samples mixed": (lambda h: h - h.mean(), "mean .* mixes samples"),
    "everything detached": (lambda h: h.detach(), "does not depend on its input"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_reason(case):
    call, message = REFUSED[case]
    with pytest.raises(UnsupportedCallError, match=re.compile(message, re.DOTALL)):
        explain(call)


def test_overwritten_view_that_is_not_read_again_is_fine():
    x = dna()
    model = Around(view_overwritten_first, x)
    twin = Around(torch.relu, x)
    torch.testing.assert_close(attribute(model, x).relevance, attribute(twin, x).relevance, rtol=0, atol=0)


def test_message_names_op_layer_and_line_and_shows_the_cure():
    with pytest.raises(UnsupportedCallError) as caught:
        explain(nn.Sequential(nn.ReLU(), nn.Softmax(1), nn.ReLU()))
    message = str(caught.value)
    assert "softmax (layer module.1, " in message
    assert re.search(r"around\.py:\d+\)", message)
    assert 'composite = Composite.named("genomic").with_op("softmax", "activation")' in message


def test_the_cure_works():
    composite = Composite.named("genomic").with_op("softmax", "activation")
    result = explain(nn.Softmax(1), composite=composite)
    assert torch.isfinite(result.relevance).all()


def test_registered_function_is_used():
    def halves(inputs, output, relevance):
        return (relevance / 2,)

    plain = explain(torch.tanh, pruner=NoPrune())
    halved = explain(torch.tanh, pruner=NoPrune(), composite=Composite.named("genomic").with_op("tanh", halves))
    torch.testing.assert_close(halved.relevance, plain.relevance / 2)


def test_registered_function_with_wrong_shapes_is_named():
    composite = Composite.named("genomic").with_op("tanh", lambda inputs, output, relevance: (relevance[:, 0],))
    with pytest.raises(OptionError, match="rule registered for 'tanh' must return one tensor for each input"):
        explain(torch.tanh, composite=composite)


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_scripted_submodule_is_refused():
    with pytest.raises(UnsupportedCallError, match="module 'module' is scripted"):
        explain(torch.jit.trace(nn.Conv1d(6, 6, 3, padding=1).double(), torch.zeros(1, 6, 16).double()))


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_scripted_function_is_refused():
    """Its calls are not seen; beside a residual path its part would be missing silently."""
    scripted = torch.jit.trace(lambda h: torch.relu(h) * 2, torch.zeros(1, 6, 16).double())
    with pytest.raises(UnsupportedCallError, match="no recorded call made"):
        explain(lambda h: h + scripted(h))


def test_unused_unknown_calls_do_not_matter():
    explain(lambda h: (h.cumsum(-1), h.relu())[1])


@pytest.mark.parametrize("option", [{"composite": Composite().with_layers({"nowhere": Epsilon()})},
                                    {"pruner": PruneLambda({"nowhere": 0.1})}])  # fmt: skip
def test_unknown_layer_lists_the_layers(option):
    with pytest.raises(OptionError, match="there is no linear layer 'nowhere'; the layers are conv, out"):
        explain(torch.relu, **option)


def test_pruning_the_input_layer_is_refused():
    with pytest.raises(OptionError, match="layer 'conv' reads the network's input, which is never pruned"):
        explain(torch.relu, pruner=PruneLambda({"conv": 0.1}))


@pytest.mark.parametrize("p", [-0.1, 1.0, 2, (0.1, 1.5), "much", True, (0.1, 0.1, 0.1), {"out": 1}])
def test_p_out_of_range_is_refused(p):
    with pytest.raises(OptionError):
        PruneLambda(p)


def test_wrong_input_width_says_so():
    x = dna()
    with pytest.raises(ModelError, match=r"fails on input of shape \(5, 4, 12\)"):
        attribute(Around(torch.relu, x), x[:, :, :12])


def test_nan_weights_say_so():
    x = dna()
    model = Around(torch.relu, x)
    model.out.weight.data[0, 0] = torch.nan
    with pytest.raises(ModelError, match="NaN or infinite scores"):
        attribute(model, x)


@pytest.mark.parametrize("x", [torch.zeros(0, 4, 16), torch.full((1, 4, 16), torch.nan), torch.zeros(4), "ACGT"])
def test_bad_inputs_say_so(x):
    with pytest.raises(OptionError, match="x "):
        attribute(nn.Flatten(), x)


def test_coverage_lists_every_gap():
    x = dna()
    coverage = inspect_model(Around(lambda h: h.cumsum(1).softmax(1), x), x)
    assert not coverage.ok
    assert [gap.call.op for gap in coverage.gaps] == ["cumsum", "softmax"]
    assert "2 call(s) without a rule" in str(coverage)


def test_coverage_of_a_full_network():
    x = dna()
    coverage = inspect_model(Around(nn.BatchNorm1d(6), x), x)
    table = coverage.table.set_index("layer")
    assert coverage.ok
    assert table.loc["conv", "rule"] == "ZBox(low=0.0, high=1.0), with module folded in"
    assert table.loc["module", "rule"] == "folded into conv"
    assert table["pruned"].to_dict() == {"conv": False, "module": False, "flatten": False, "out": True}
