"""LRP and PLRP-lambda by zennit's hooks, as the paper's authors did it: relevance is sorted at every linear layer."""

import sys
from types import ModuleType

import torch
from torch import Tensor, nn

# zennit's package imports torchvision for its two families of networks, which these are not.
for _name in ("torchvision", "torchvision.models", "torchvision.models.resnet"):
    sys.modules.setdefault(_name, ModuleType(_name))
sys.modules["torchvision"].models = sys.modules["torchvision.models"]
sys.modules["torchvision.models"].resnet = sys.modules["torchvision.models.resnet"]
for _name in ("BasicBlock", "Bottleneck", "ResNet", "VGG"):
    for _module in ("torchvision.models", "torchvision.models.resnet"):
        if not hasattr(sys.modules[_module], _name):
            setattr(sys.modules[_module], _name, type(_name, (nn.Module,), {}))

from torch.nn.utils.fusion import fuse_conv_bn_eval  # noqa: E402
from zennit import composites, rules, types  # noqa: E402


def pruned(relevance: Tensor, p: float) -> Tensor:
    """PLRP-lambda of relevance (n, ...): by sign, the smallest entries go while they sum to at most p of its mass."""
    flat = relevance.flatten(1)
    result = torch.zeros_like(flat)
    for sign in (1, -1):
        magnitude = (sign * flat).clamp(min=0)
        ordered, order = torch.sort(magnitude, dim=1)
        mass = ordered.cumsum(1)
        total = mass[:, -1:]
        kept = torch.where(mass <= p * total, 0, ordered)
        kept = kept * (total / kept.sum(1, keepdim=True).clamp(min=1e-30))
        result += sign * torch.zeros_like(flat).scatter_(1, order, kept)
    return result.view_as(relevance)


class PrunedZPlus(rules.ZPlus):
    """zplus whose result is pruned."""

    p = 0.0

    def backward(self, module, grad_input, grad_output):
        """As in zennit."""
        (relevance,) = super().backward(module, grad_input, grad_output)
        return (pruned(relevance, self.p) if self.p else relevance,)


class PrunedEpsilon(rules.Epsilon):
    """epsilon whose result is pruned."""

    p = 0.0

    def backward(self, module, grad_input, grad_output):
        """As in zennit."""
        (relevance,) = super().backward(module, grad_input, grad_output)
        return (pruned(relevance, self.p) if self.p else relevance,)


def composite(p: float):
    """`genomic` in zennit's terms, pruned by p (0: plain LRP)."""
    zplus = type("ZPlusAt", (PrunedZPlus,), {"p": p})()
    epsilon = type("EpsilonAt", (PrunedEpsilon,), {"p": p})()
    layers = [*composites.layer_map_base(), (types.Convolution, zplus), (nn.Linear, epsilon)]
    return composites.SpecialFirstLayerMapComposite(layers, [(types.Linear, rules.ZBox(0.0, 1.0))])


def folded(network: nn.Module) -> nn.Module:
    """A chain with its batch norms folded into the convolutions before them; other networks as they are."""
    if not isinstance(network, nn.Sequential):
        return network
    layers: list[nn.Module] = []
    for layer in network:
        if isinstance(layer, nn.BatchNorm1d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    return nn.Sequential(*layers).eval()


def plrp(network: nn.Module, x: Tensor, p: float, batch: int) -> Tensor:
    """Relevance of the largest output, (n, 4, l)."""
    parts = []
    with composite(p).context(network) as hooked:
        for part in torch.split(x, batch):
            leaf = part.clone().requires_grad_()
            output = hooked(leaf)
            start = torch.zeros_like(output).scatter_(1, output.argmax(1, keepdim=True), 1.0) * output.detach()
            parts.append(torch.autograd.grad(output, leaf, start)[0])
    return torch.cat(parts)
