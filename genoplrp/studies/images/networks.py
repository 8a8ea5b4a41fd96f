"""VGG and ResNet in torchvision's layer structure, parameter names and order of calls, at any width.

A state dict of ``torchvision.models.vgg16`` or ``resnet50`` loads into `vgg16` and `resnet50` as it is, so what is
shown for these holds for a user's torchvision model. `small_vgg` and `small_resnet` are the same classes at the size of
the study's images.

Sources: Simonyan and Zisserman, arXiv:1409.1556 (2015), configuration D; He et al., CVPR 2016, with the stride on the
3x3 convolution of a bottleneck, as torchvision has it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


class VGG(nn.Module):
    """Convolutions and max-pools (`features`), an average pool to `grid` x `grid`, and dense layers (`classifier`).

    Parameters
    ----------
    plan
        Channels of each 3x3 convolution; "M" is a 2x2 max-pool.
    classes
        Number of outputs.
    hidden
        Width of the two hidden dense layers.
    grid
        Height and width that the average pool leaves; 1 is the mean over positions.
    batch_norm
        Whether a batch norm follows each convolution (vgg16_bn).
    dropout
        After each hidden dense layer.
    """

    def __init__(
        self,
        plan: Sequence[int | str],
        *,
        classes: int,
        hidden: int,
        grid: int = 7,
        batch_norm: bool = False,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for entry in plan:
            if isinstance(entry, str):
                layers.append(nn.MaxPool2d(2, 2))
                continue
            norm = [nn.BatchNorm2d(entry)] if batch_norm else []
            layers += [nn.Conv2d(channels, entry, 3, padding=1), *norm, nn.ReLU(inplace=True)]
            channels = entry
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((grid, grid))
        self.classifier = nn.Sequential(
            *(nn.Linear(channels * grid * grid, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            *(nn.Linear(hidden, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            nn.Linear(hidden, classes),
        )
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (n, classes) of images (n, 3, h, w)."""
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))  # type: ignore[no-any-return]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside an identity."""

    expansion = 1

    def __init__(self, channels: int, planes: int, stride: int = 1, downsample: nn.Module | None = None) -> None:
        super().__init__()
        self.conv1 = _conv(channels, planes, 3, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _conv(planes, planes, 3)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside an identity."""

    expansion = 4

    def __init__(self, channels: int, planes: int, stride: int = 1, downsample: nn.Module | None = None) -> None:
        super().__init__()
        self.conv1 = _conv(channels, planes, 1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _conv(planes, planes, 3, stride)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = _conv(planes, planes * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """A stem, stages of residual blocks (``layer1``, ``layer2``, ...), the mean over positions, one dense layer.

    Parameters
    ----------
    block
        `BasicBlock` or `Bottleneck`.
    depths
        Blocks of each stage; every stage but the first halves height and width and doubles the channels.
    classes
        Number of outputs.
    planes
        Channels of the stem and of the first stage's inner convolutions.
    small_input
        A 3x3 stem that keeps the resolution, for images of some 24 pixels, in place of 7x7 with stride and max-pool.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        *,
        classes: int,
        planes: int = 64,
        small_input: bool = False,
    ) -> None:
        super().__init__()
        self.conv1 = _conv(3, planes, 3) if small_input else _conv(3, planes, 7, 2)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if small_input else nn.MaxPool2d(3, 2, 1)
        self.stages = tuple(f"layer{number}" for number in range(1, len(depths) + 1))
        channels = planes
        for number, (name, depth) in enumerate(zip(self.stages, depths, strict=True)):
            inner = planes * 2**number
            self.add_module(name, _stage(block, channels, inner, depth, stride=2 if number else 1))
            channels = inner * block.expansion
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(channels, classes)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (n, classes) of images (n, 3, h, w)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))  # type: ignore[no-any-return]


def vgg16(*, classes: int = 1000, width: float = 1.0, batch_norm: bool = False) -> VGG:
    """VGG-16 in eval mode, with random weights; ``width`` multiplies the channels and the hidden dense layers.

    Examples
    --------
    >>> net = vgg16(classes=10, width=1 / 16)
    >>> tuple(net(torch.zeros(2, 3, 32, 32)).shape), "classifier.6.bias" in net.state_dict()
    ((2, 10), True)
    """
    plan = [entry if isinstance(entry, str) else _scaled(entry, width) for entry in _VGG16]
    return VGG(plan, classes=classes, hidden=_scaled(4096, width), batch_norm=batch_norm).eval()


def resnet50(*, classes: int = 1000, width: float = 1.0) -> ResNet:
    """ResNet-50 in eval mode, with random weights; ``width`` multiplies the channels.

    Examples
    --------
    >>> net = resnet50(classes=10, width=1 / 16)
    >>> tuple(net(torch.zeros(2, 3, 32, 32)).shape), "layer1.0.downsample.0.weight" in net.state_dict()
    ((2, 10), True)
    """
    return ResNet(Bottleneck, (3, 4, 6, 3), classes=classes, planes=_scaled(64, width)).eval()


def small_vgg(*, classes: int = 10) -> VGG:
    """The study's chain for images of 24 x 24: six convolutions with batch norm, as in VGG-16-BN."""
    return VGG((12, 12, "M", 24, 24, "M", 48, 48), classes=classes, hidden=64, grid=1, batch_norm=True, dropout=0.1)


def small_resnet(*, classes: int = 10) -> ResNet:
    """The study's residual network for images of 24 x 24: three basic blocks with batch norm."""
    return ResNet(BasicBlock, (1, 1, 1), classes=classes, planes=12, small_input=True)


def _initialise(module: nn.Module) -> None:
    """He's initialisation (arXiv:1502.01852): torch's default does not train a deep chain without batch norm."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _conv(channels: int, planes: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, planes, size, stride, padding=size // 2, bias=False)


def _stage(
    block: type[BasicBlock] | type[Bottleneck], channels: int, planes: int, depth: int, stride: int
) -> nn.Sequential:
    """Blocks of one stage; the first brings the identity to the stage's shape."""
    wide = planes * block.expansion
    shortcut = None
    if stride != 1 or channels != wide:
        shortcut = nn.Sequential(_conv(channels, wide, 1, stride), nn.BatchNorm2d(wide))
    return nn.Sequential(block(channels, planes, stride, shortcut), *(block(wide, planes) for _ in range(depth - 1)))


def _scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width))
