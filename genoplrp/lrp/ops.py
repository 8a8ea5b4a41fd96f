"""The op table: what kind of operation each torch call is, and so how relevance crosses it.

One name stands for the module, the functional and the method spelling (see `genoplrp.lrp.names`). A call that is not
in the table, or that `refusal` names a reason for, has no rule: the engine says so and stops, it never falls back on a
gradient.
"""

from enum import StrEnum

from torch import Tensor
from torch.nn import functional

from genoplrp.lrp.call import Call, Value, leaves


class Kind(StrEnum):
    """How relevance crosses a call."""

    CONV = "convolution"  # a rule of the composite
    DENSE = "dense"  # a rule of the composite
    SUM = "sum"  # epsilon rule on the contributions: add, subtract, mean, average pools
    AFFINE = "affine"  # epsilon rule on the contributions: batch norm that does not follow a linear call
    PRODUCT = "product"  # a constant factor passes relevance; two live factors get half each
    ACTIVATION = "activation"  # passes unchanged
    MAX = "max"  # as torch's own backward: the winner takes all
    VIEW = "view"  # routed to where the entries came from


_NAMES = {
    Kind.CONV: "conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d",
    Kind.DENSE: "linear matmul rmatmul mm bmm addmm einsum",
    Kind.SUM: "add sub rsub sum mean nanmean avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
    "adaptive_avg_pool3d interpolate upsample_nearest1d upsample_nearest2d upsample_linear1d upsample_bilinear2d",
    Kind.AFFINE: "batch_norm",
    Kind.PRODUCT: "mul div",
    Kind.ACTIVATION: "relu relu6 leaky_relu prelu rrelu elu celu selu gelu silu mish exp expm1 softplus tanh sigmoid "
    "hardtanh hardsigmoid hardswish hardshrink softshrink tanhshrink softsign logsigmoid log_sigmoid threshold clamp "
    "clamp_min clamp_max abs square sqrt log log1p log2 pow neg sin cos erf reciprocal",
    Kind.MAX: "max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices adaptive_max_pool1d "
    "adaptive_max_pool2d adaptive_max_pool3d max min amax amin maximum minimum",
    Kind.VIEW: "view reshape flatten unflatten ravel permute transpose t T mT adjoint squeeze unsqueeze __getitem__ "
    "select slice narrow index_select gather take_along_dim cat stack hstack vstack dstack column_stack split "
    "split_with_sizes chunk unbind tensor_split unsafe_chunk unsafe_split pad constant_pad_nd flip fliplr flipud roll "
    "rot90 expand expand_as broadcast_to repeat tile repeat_interleave movedim contiguous clone to float double half "
    "bfloat16 type type_as cpu cuda view_as reshape_as unfold masked_fill where diagonal tril triu pixel_shuffle "
    "channel_shuffle alias _unsafe_view dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout "
    "feature_alpha_dropout identity atleast_1d atleast_2d atleast_3d",
}
KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}

SQUASHING = {"softmax", "_softmax", "log_softmax", "_log_softmax", "sigmoid", "logsigmoid", "log_sigmoid"}
"""Calls at a model's end at whose input it is explained."""


def refusal(call: Call) -> str | None:
    """Why this particular call has no rule although its kind has one; None where it has."""
    kind = KINDS.get(call.op)
    live = sum(isinstance(leaf, Value) for leaf in leaves((call.args, call.kwargs)))
    constants = sum(isinstance(leaf, Tensor) for leaf in leaves((call.args, call.kwargs)))
    linear = kind in {Kind.CONV, Kind.DENSE}
    training = bool(argument(call, "training", False)) or bool(call.kwargs.get("train"))
    depends = linear and (live > 1 or isinstance(argument(call, "weight", None), Value))
    divides = call.op == "div" and (live > 1 or not isinstance(call.args[0], Value))
    of_batch = kind is Kind.AFFINE and (training or not isinstance(argument(call, "running_mean", None), Tensor))
    reasons = {
        "its weights depend on the input (a product of two computed tensors)": depends,
        "it multiplies more than two tensors": call.op == "einsum" and constants > 1,
        "it divides by a tensor computed from the input": divides,
        "it rounds": call.op == "div" and call.kwargs.get("rounding_mode") is not None,
        "its parameters depend on the input": kind is Kind.ACTIVATION and live > 1,
        "batch norm uses the statistics of the batch: call model.eval(), with track_running_stats=True": of_batch,
        "dropout is active: call model.eval()": "dropout" in call.op and training,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def argument(call: Call, name: str, default: object) -> object:
    """An argument by the name it has in the op's signature, given by position or by keyword."""
    if name in call.kwargs:
        return call.kwargs[name]
    names = _signature(call)
    position = names.index(name) if name in names else len(call.args)
    return call.args[position] if position < len(call.args) else default


_CONV = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_SIGNATURES = {
    "conv1d": _CONV,
    "conv2d": _CONV,
    "conv3d": _CONV,
    "convolution": (*_CONV[:6], "transposed", "output_padding", "groups"),
    "conv_transpose1d": (*_CONV[:5], "output_padding", "groups", "dilation"),
    "conv_transpose2d": (*_CONV[:5], "output_padding", "groups", "dilation"),
    "linear": _CONV[:3],
    "batch_norm": ("input", "weight", "bias", "running_mean", "running_var", "training", "momentum", "eps"),
    "addmm": ("bias", "input", "weight"),
    "max_pool1d": ("input", "kernel_size", "stride", "padding", "dilation"),
    "avg_pool1d": ("input", "kernel_size", "stride", "padding"),
    "mean": ("input", "dim"),
    "sum": ("input", "dim"),
    "squeeze": ("input", "dim"),
    "split": ("input", "split_size", "dim"),
}


def _signature(call: Call) -> tuple[str, ...]:
    if call.func is functional.batch_norm:
        return ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    if "native_batch_norm" in str(call.func):
        return ("input", "weight", "bias", "running_mean", "running_var", "momentum", "eps")
    if "dropout" in call.op:
        return ("input", "p", "training")
    return _SIGNATURES.get(call.op, ())
