"""Every spelling of every call: LRP-0 equals gradient x input wherever the network is piecewise linear."""

import einops
import pytest
import torch
from einops.layers.torch import Rearrange, Reduce
from torch import nn
from torch.nn import functional as F

from genoplrp import Composite, NoPrune, attribute
from tests.lrp.around import Around, dna, gradient_times_input

LRP0 = Composite.named("epsilon", epsilon=0.0)
SHIFT = torch.linspace(-1, 1, 6).double()[:, None]
KERNEL = torch.linspace(-1, 1, 5 * 6 * 3).double().view(5, 6, 3)
KERNEL2 = torch.linspace(-1, 1, 5 * 1 * 9).double().view(5, 1, 3, 3)
MATRIX = torch.linspace(-1, 1, 16 * 7).double().view(16, 7)
DOWN = torch.linspace(-1, 1, 6 * 5 * 3).double().view(6, 5, 3)


class Doubled(torch.autograd.Function):
    """A custom function whose forward is made of known calls."""

    @staticmethod
    def forward(ctx, h):
        return h * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


def chunks(h):
    a, b = h.chunk(2, dim=1)
    return a - 2 * b


def augmented(h):
    """An out-of-place start, then every augmented assignment."""
    h = h + 0
    h += h.flip(2)
    h *= 2
    h -= h.mean(1, keepdim=True)
    h /= 3
    return h


PIECEWISE_LINEAR = {
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu_": lambda h: F.relu_(h * 1),
    "torch.relu": torch.relu,
    "method relu": lambda h: h.relu(),
    "method relu_": lambda h: (h + 0).relu_(),
    "nn.LeakyReLU": nn.LeakyReLU(0.2),
    "F.leaky_relu positional in place": lambda h: F.leaky_relu(h * 1, 0.2, True),
    "nn.MaxPool1d": nn.MaxPool1d(3, stride=2, padding=1),
    "F.max_pool1d": lambda h: F.max_pool1d(h, 4),
    "torch.max_pool1d": lambda h: torch.max_pool1d(h, 4),
    "max_pool1d with indices": lambda h: F.max_pool1d(h, 2, return_indices=True)[0],
    "nn.MaxPool2d": lambda h: F.max_pool2d(h[:, None], (2, 3)),
    "nn.AdaptiveMaxPool1d": nn.AdaptiveMaxPool1d(5),
    "F.adaptive_max_pool2d": lambda h: F.adaptive_max_pool2d(h[:, None], (2, 3)),
    "nn.AvgPool1d": nn.AvgPool1d(3, stride=2, padding=1),
    "F.avg_pool2d": lambda h: F.avg_pool2d(h.unsqueeze(1), 2),
    "nn.AdaptiveAvgPool1d": nn.AdaptiveAvgPool1d(5),
    "F.adaptive_avg_pool2d": lambda h: F.adaptive_avg_pool2d(h.unsqueeze(1), 3),
    "method amax": lambda h: h.amax(-1),
    "torch.amax": lambda h: torch.amax(h, dim=(1, 2), keepdim=True),
    "method max": lambda h: h.max(dim=2).values,
    "torch.max": lambda h: torch.max(h, 2)[0],
    "torch.maximum": lambda h: torch.maximum(h[:, :3], h[:, 3:]),
    "min": lambda h: h.min(1).values,
    "method mean": lambda h: h.mean(-1),
    "torch.mean": lambda h: torch.mean(h, dim=(1, 2), keepdim=True),
    "sum": lambda h: h.sum((0 + 1,)),
    "flatten": nn.Flatten(),
    "view": lambda h: h.view(h.shape[0], 3, -1),
    "reshape": lambda h: torch.reshape(h, (len(h), 2, 3, 16)),
    "permute": lambda h: h.permute(0, 2, 1),
    "transpose": lambda h: torch.transpose(h, 1, 2),
    "mT": lambda h: h.mT,
    "squeeze": lambda h: h[:, :1].squeeze(1),
    "unsqueeze": lambda h: h.unsqueeze(-1),
    "slice": lambda h: h[:, 1::2, 3:-2],
    "index": lambda h: h[:, [0, 3, 3], :],
    "cat": lambda h: torch.cat([h, h.flip(2)], dim=1),
    "stack": lambda h: torch.stack((h, 2 * h), dim=1),
    "F.pad": lambda h: F.pad(h, (2, 1)),
    "reflect pad": nn.ReflectionPad1d(2),
    "circular conv": nn.Conv1d(6, 3, 3, padding=1, padding_mode="circular").double(),
    "flip": lambda h: torch.flip(h, (1, 2)),
    "chunk": chunks,
    "split": lambda h: torch.split(h, [2, 4], dim=1)[1],
    "unbind": lambda h: h.unbind(1)[2] + h.unbind(1)[3],
    "expand": lambda h: h.unsqueeze(1).expand(-1, 2, -1, -1),
    "repeat": lambda h: h.repeat(1, 2, 1),
    "F.interpolate": lambda h: F.interpolate(h, scale_factor=2),
    "nn.Upsample": nn.Upsample(scale_factor=1.5, mode="linear"),
    "zeros_like": lambda h: torch.where(h > 0, h, torch.zeros_like(h)) * torch.ones_like(h),
    "new_tensor": lambda h: h + h.new_tensor([[1.0], [2.0], [0.0], [1.0], [3.0], [1.0]]),
    "roll": lambda h: h.roll(3, -1),
    "where": lambda h: torch.where(h > 0, h, 0.1 * h),
    "masked_fill": lambda h: h.masked_fill(h < 0, 0.0),
    "mask": lambda h: h * (h > 0.1),
    "times a column with a zero": lambda h: torch.tensor([[0.5], [0.0], [-2.0], [1.5], [0.0], [1.0]]).double() * h,
    "constant made from the length": lambda h: h * torch.arange(h.shape[2], dtype=h.dtype, device=h.device),
    "detached": lambda h: h - 0.5 * h.detach(),
    "prelu": lambda h: F.prelu(h, torch.tensor([0.3], dtype=h.dtype)),
    "unfold": lambda h: h.unfold(2, 4, 2).mean(-1),
    "gather": lambda h: h.gather(2, torch.arange(18).view(1, 6, 3).fmod(16).expand(len(h), -1, -1)),
    "two functional convolutions": lambda h: F.conv1d(F.conv1d(h, KERNEL), KERNEL[:, :5]),
    "clamp": lambda h: h.clamp(min=0),
    "dropout": nn.Dropout(0.5),
    "F.dropout": lambda h: F.dropout(h, 0.5, training=False),
    "identity": nn.Identity(),
    "contiguous": lambda h: h.transpose(1, 2).contiguous(),
    "clone": lambda h: h.clone(),
    "add": lambda h: h + F.relu(h),
    "torch.add": lambda h: torch.add(h, h.flip(1), alpha=3),
    "add in place": lambda h: (2 * h).add_(F.relu(h)),
    "augmented": augmented,
    "sum of list": lambda h: sum([h, F.relu(h), 2 * h]),
    "broadcast add": lambda h: h + h.mean(2, keepdim=True),
    "add constant": lambda h: h + SHIFT,
    "sub": lambda h: h - 3 * F.relu(h),
    "rsub": lambda h: 1 - h,
    "torch.sub": lambda h: torch.sub(h, h.roll(1, 2), alpha=2),
    "neg": lambda h: -h,
    "multiply by a number": lambda h: 2.5 * h,
    "multiply by a tensor": lambda h: h * SHIFT,
    "multiply and broadcast": lambda h: h[:, :, :1] * SHIFT.T[None],
    "divide": lambda h: h / 3.0,
    "nn.BatchNorm1d folded": nn.BatchNorm1d(6),
    "F.batch_norm after relu": lambda h: F.batch_norm(h.relu(), SHIFT[:, 0] * 0.1, SHIFT[:, 0] ** 2 + 0.5),
    "nn.BatchNorm2d": lambda h: F.batch_norm(h[:, :, None], SHIFT[:, 0], SHIFT[:, 0] ** 2 + 1, SHIFT[:, 0] + 2),
    "nn.Conv1d": nn.Conv1d(6, 4, 5, stride=2, padding=3, dilation=2, groups=2),
    "conv1d same, even width": nn.Conv1d(6, 3, 4, padding="same", dilation=1),
    "conv1d same, dilated": nn.Conv1d(6, 3, 2, padding="same", dilation=3),
    "conv1d valid": nn.Conv1d(6, 3, 3, padding="valid"),
    "F.conv1d": lambda h: F.conv1d(h, KERNEL, stride=3),
    "F.conv2d": lambda h: F.conv2d(h[:, None], KERNEL2, padding="same"),
    "nn.Conv2d": lambda h: F.conv2d(h[:, None], KERNEL2, stride=(2, 1), padding=(1, 2), dilation=(1, 2)),
    "nn.ConvTranspose1d": nn.ConvTranspose1d(6, 3, 4, stride=2, padding=1, groups=3),
    "F.conv_transpose1d": lambda h: F.conv_transpose1d(h, DOWN, stride=2),
    "nn.Linear on the last axis": nn.Linear(16, 3),
    "matmul": lambda h: h @ MATRIX,
    "torch.matmul from the left": lambda h: torch.matmul(MATRIX.T, h.mT),
    "addmm": lambda h: torch.addmm(MATRIX[0], h[:, 0], MATRIX),
    "torch.einsum": lambda h: torch.einsum("ncl,lk->nck", h, MATRIX),
    "einops.rearrange": lambda h: einops.rearrange(h, "n (a c) l -> n c (l a)", a=2),
    "einops.reduce mean": lambda h: einops.reduce(h, "n c (l w) -> n c l", "mean", w=4),
    "einops.reduce max": lambda h: einops.reduce(h, "n c l -> n c", "max"),
    "einops.repeat": lambda h: einops.repeat(h, "n c l -> n c l r", r=2),
    "einops.einsum": lambda h: einops.einsum(h, MATRIX, "n c l, l k -> n c k"),
    "einops layers": nn.Sequential(Rearrange("n c l -> n l c"), Reduce("n l c -> n c", "mean")),
    "autograd.Function": Doubled.apply,
    "data-dependent branch": lambda h: h.relu() if bool(h.sum() > -1e9) else h,
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_lrp0_equals_gradient_times_input(name):
    call, x = PIECEWISE_LINEAR[name], dna()
    model = Around(call, x).eval()
    result = attribute(model, x, composite=LRP0, pruner=NoPrune())
    expected = gradient_times_input(out_of_place(model), x, result.target)
    torch.testing.assert_close(result.relevance, expected, rtol=1e-9, atol=1e-12)


def out_of_place(model):
    """Autograd needs the first convolution's output, which an in-place call may overwrite."""
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return model
