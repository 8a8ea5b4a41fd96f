"""The task: a handwritten digit somewhere on a cluttered, textured background, with the exact pixels of its ink.

Images are (n, 3, 24, 24) in [0, 1]. On a background of random colour gratings lie fragments of other digits, as in the
cluttered digits of Mnih et al., "Recurrent Models of Visual Attention" (NeurIPS 2014), and on top one whole digit of
12 x 12 pixels in the same ink. So neither colour nor ink alone tells where the digit is, and nothing but its pixels
tells which it is. Digits of the three parts of the data (train, choice, report) are different scans.
"""

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.errors import OptionError

SIZE = 24
DIGIT = 12
Part = Literal["train", "choice", "report"]

_PARTS: dict[str, tuple[int, int]] = {"train": (0, 1200), "choice": (1200, 1450), "report": (1450, 1797)}
_INK = 0.5  # of the darkest ink: what counts as a stroke once a scan is enlarged
_FRAGMENT = 5
_FRAGMENTS = 2
_WAVES = 3


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their truth.

    Attributes
    ----------
    x : (n, 3, 24, 24) float32
        In [0, 1].
    label : (n,) int64
        The digit.
    mask : (n, 24, 24) bool
        The digit's own pixels; fragments are not in it.
    background : (n, 3, 24, 24) float32
        Another background with fragments in the image's ink: what could be there instead, for deletion.
    """

    x: Tensor
    label: Tensor
    mask: Tensor
    background: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, index: Tensor) -> "Images":
        """These images only."""
        return Images(*(getattr(self, field.name)[index] for field in fields(self)))


def make_images(n: int, *, part: Part, seed: int) -> Images:
    """``n`` images of a part of the data, each drawn anew from its scans; the same seed gives the same images.

    Raises
    ------
    OptionError
        scikit-learn, which brings the digits, is not installed; another word; fewer than one image.

    Examples
    --------
    >>> images = make_images(4, part="report", seed=0)
    >>> tuple(images.x.shape), float(images.x.min()) >= 0, float(images.x.max()) <= 1
    ((4, 3, 24, 24), True, True)
    """
    if part not in _PARTS or n < 1:
        raise OptionError(f"part must be one of {', '.join(_PARTS)} and n at least 1; got part={part!r}, n={n}")
    strokes, labels = _digits()
    first, last = _PARTS[part]
    rng = np.random.default_rng([seed, first])
    chosen = rng.integers(first, last, n)
    ink = _inks(n, rng)
    mask = np.zeros((n, SIZE, SIZE), bool)
    top, left = rng.integers(0, SIZE - DIGIT + 1, (2, n))
    for i, scan in enumerate(chosen):
        mask[i, top[i] : top[i] + DIGIT, left[i] : left[i] + DIGIT] = strokes[scan]
    train = strokes[slice(*_PARTS["train"])]  # fragments of training scans only, for every part
    x = np.where(mask[:, None], ink, _background(ink, train, rng))
    background = _background(ink, train, rng)
    return Images(
        torch.from_numpy(x.astype(np.float32)),
        torch.from_numpy(labels[chosen].astype(np.int64)),
        torch.from_numpy(mask),
        torch.from_numpy(background.astype(np.float32)),
    )


def _digits() -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """scikit-learn's digits as strokes (1797, 12, 12) in a fixed random order, with their labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise OptionError(
            "the image study draws scikit-learn's handwritten digits, and scikit-learn is not installed: "
            "pip install 'genoplrp[images]'"
        ) from error
    scans = load_digits()
    order = np.random.default_rng(0).permutation(len(scans.target))  # the file is sorted by writer
    small = torch.from_numpy(scans.images[order] / 16).unsqueeze(1)
    large = torch.nn.functional.interpolate(small, size=(DIGIT, DIGIT), mode="bilinear", align_corners=False)[:, 0]
    return large.numpy() > _INK, scans.target[order]


def _inks(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A light colour an image, (n, 3, 1, 1)."""
    return rng.uniform(0.75, 1.0, (n, 3, 1, 1))


def _background(ink: NDArray[np.float64], strokes: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float64]:
    """Gratings with fragments of digits on them, (n, 3, 24, 24)."""
    n = len(ink)
    painted = np.zeros((n, SIZE, SIZE), bool)
    scans = rng.integers(0, len(strokes), (n, _FRAGMENTS))
    cut = rng.integers(0, DIGIT - _FRAGMENT + 1, (n, _FRAGMENTS, 2))
    put = rng.integers(0, SIZE - _FRAGMENT + 1, (n, _FRAGMENTS, 2))
    for i in range(n):
        for scan, (a, b), (row, column) in zip(scans[i], cut[i], put[i], strict=True):
            piece = strokes[scan, a : a + _FRAGMENT, b : b + _FRAGMENT]
            painted[i, row : row + _FRAGMENT, column : column + _FRAGMENT] |= piece
    return np.where(painted[:, None], ink, _gratings(n, rng))


def _gratings(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Sums of plane waves of random direction, length and colour, and a little noise, (n, 3, 24, 24) in [0, 1]."""
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE
    base = rng.uniform(0.15, 0.55, (n, 3, 1, 1))
    waves = np.zeros((n, 3, SIZE, SIZE))
    for _ in range(_WAVES):
        angle, cycles = rng.uniform(0, np.pi, (n, 1, 1)), rng.uniform(1, 6, (n, 1, 1))
        along = cycles * (np.cos(angle) * rows + np.sin(angle) * columns) + rng.random((n, 1, 1))
        waves += rng.uniform(-0.1, 0.1, (n, 3, 1, 1)) * np.sin(2 * np.pi * along)[:, None]
    return np.clip(base + waves + rng.normal(0, 0.03, waves.shape), 0, 1)
