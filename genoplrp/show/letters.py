"""Letters of a logo, drawn in bulk: one outline a colour, instead of one object a letter.

Places, heights and order are those of logomaker (Tareen and Kinney, Bioinformatics 36:2272, 2020), which makes a patch
of every letter: the tests compare each letter's box and outline with logomaker's. Colour schemes are logomaker's for
DNA, and Okabe and Ito's, which the page uses. Everything is drawn as outlines, so that SVG and PDF files stay vectors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib import font_manager
from matplotlib.colors import to_rgb
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from numpy.typing import ArrayLike, NDArray

from genoplrp.errors import OptionError

BASES = "ACGT"
Stack = Literal["big_on_top", "small_on_top", "fixed"]

_COLOURS = {
    "okabe-ito": ("#009e73", "#0072b2", "#e69f00", "#d55e00"),
    "classic": ((0, 0.5, 0), (0, 0, 1), (1, 0.65, 0), (1, 0, 0)),
    "grays": ((0.2,) * 3, (0.4,) * 3, (0.6,) * 3, (0.8,) * 3),
    "base_pairing": ((1, 0.55, 0), (0, 0, 1), (0, 0, 1), (1, 0.55, 0)),
    "colorblind_safe": ("#009980", "#59b3e6", "#e69b04", "#1a1a1a"),
}
SCHEMES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {name: MappingProxyType(dict(zip(BASES, colours, strict=True))) for name, colours in _COLOURS.items()}
)
"""Colours of A, C, G, T by the scheme's name."""

_STACKS = ("big_on_top", "small_on_top", "fixed")
_NARROWEST = "E"  # no letter is stretched more than this one would be


class _Outline(NamedTuple):
    """A letter over the unit square: corners (v, 2), matplotlib's codes (v,), and how much of a width it fills."""

    vertices: NDArray[np.float64]
    codes: NDArray[np.uint8]
    share: float


@dataclass(frozen=True)
class LetterStyle:
    """How letters look; the names are logomaker's.

    Attributes
    ----------
    scheme
        A name of `SCHEMES`, or a colour for each of A, C, G, T.
    flip_below
        Whether letters of negative height stand on their heads.
    shade_below, fade_below
        0 to 1: how much darker, and how much fainter, letters of negative height are.
    stack_order
        Which of a position's letters is on top: ``"big_on_top"``, ``"small_on_top"``, or ``"fixed"``, A above T.
    width
        Of a letter, in positions, above 0.
    alpha
        0, unseen, to 1.

    Raises
    ------
    OptionError
        Something is out of range.
    """

    scheme: str | Mapping[str, Any] = "okabe-ito"
    flip_below: bool = False
    shade_below: float = 0.0
    fade_below: float = 0.0
    stack_order: Stack = "big_on_top"
    width: float = 0.95
    alpha: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.scheme, str) and self.scheme not in SCHEMES:
            raise OptionError(f"scheme must be one of {', '.join(SCHEMES)}, or a mapping; got {self.scheme!r}")
        if missing := [base for base in BASES if base not in self.colours]:
            raise OptionError(f"scheme has no colour for {', '.join(missing)}")
        if self.stack_order not in _STACKS:
            raise OptionError(f"stack_order must be one of {', '.join(_STACKS)}; got {self.stack_order!r}")
        if not self.width > 0:
            raise OptionError(f"width must be above 0; got {self.width}")
        for name in ("shade_below", "fade_below", "alpha"):
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"{name} must be from 0 to 1; got {getattr(self, name)}")

    @property
    def colours(self) -> Mapping[str, Any]:
        """Colour by base."""
        return SCHEMES[self.scheme] if isinstance(self.scheme, str) else self.scheme


def style_of(style: "LetterStyle | str") -> LetterStyle:
    """The style itself, or that of a scheme's name."""
    return LetterStyle(style) if isinstance(style, str) else style


def draw_letters(
    axes: Any,
    heights: ArrayLike,
    *,
    start: int = 0,
    style: LetterStyle | str = "okabe-ito",
    zorder: float = 0,
) -> None:
    """Draw l stacks of letters; position i is centred on x = `start` + i.

    Letters of positive height are stacked upwards from 0, those of negative height downwards. The axes' limits are left
    as they are.

    Parameters
    ----------
    axes
        Of matplotlib.
    heights
        (l, 4) signed heights of A, C, G, T, in units of the y-axis. A height of 0 is no letter.
    start
        Coordinate of the first position.
    style
        A `LetterStyle`, or the name of a colour scheme.
    zorder
        Where letters lie between other things; lines and areas lie above 0.

    Raises
    ------
    OptionError
        Heights of another shape, or not finite; a style that there is not.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> axes = Figure().subplots()
    >>> draw_letters(axes, [[0, 2.0, 0, 0], [0, 0.5, -1.0, 0]], start=10)
    >>> [patch.get_path().get_extents().bounds[3].item() for patch in axes.patches]  # C twice, and G below
    [2.0, 1.0]
    """
    values = np.asarray(heights, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(BASES) or not np.isfinite(values).all():
        raise OptionError(f"heights must be finite, shape (l, 4), columns A, C, G, T; got shape {values.shape}")
    chosen = style_of(style)
    floors = _floors(values, chosen.stack_order)
    for i, base in enumerate(BASES):
        for below in (False, True):
            column = values[:, i]
            places = np.flatnonzero(column < 0 if below else column > 0)
            if not len(places):
                continue
            boxes = np.stack([start + places, floors[places, i], np.abs(column[places])], 1)
            axes.add_artist(_patch(_glyphs(base, boxes, chosen, below), base, chosen, below, zorder))
            _widen(axes, boxes, chosen.width)


def base_heights(sequence: str, values: ArrayLike) -> NDArray[np.float64]:
    """Heights (l, 4) of a sequence's own letters from a number a base; U is T, ambiguous letters have none.

    Examples
    --------
    >>> base_heights("CNu", [1.0, 2.0, -3.0]).tolist()
    [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, -3.0]]
    """
    letters = np.array(list(sequence.upper().replace("U", "T")))
    found: NDArray[np.float64] = np.where(letters[:, None] == np.array(list(BASES)), np.asarray(values)[:, None], 0.0)
    return found


def _floors(values: NDArray[np.float64], order: Stack) -> NDArray[np.float64]:
    """Lower edge of every letter (l, 4), added up letter by letter as logomaker does, so that no bit differs."""
    if order == "fixed":
        ranks = np.broadcast_to(np.arange(len(BASES))[::-1], values.shape)
    elif order == "small_on_top":
        ranks = np.argsort(np.divide(1.0, values, out=np.zeros_like(values), where=values != 0), axis=1)
    else:
        ranks = np.argsort(values, axis=1)
    stacked = np.take_along_axis(values, ranks, 1)  # (l, 4) from the lowest letter to the highest
    lowest = np.cumsum(np.where(stacked < 0, stacked, 0.0), axis=1)[:, -1:]
    edges = np.cumsum(np.concatenate([lowest, np.abs(stacked[:, :-1])], 1), axis=1)
    floors = np.empty_like(values)
    np.put_along_axis(floors, ranks, edges, 1)
    return floors


def _glyphs(base: str, boxes: NDArray[np.float64], style: LetterStyle, below: bool) -> Path:
    """One path of k letters; `boxes` (k, 3) holds the middle, the lower edge and the height of each."""
    outline = _outline(base, _font())
    across = style.width * outline.share
    rise = 1 - outline.vertices[:, 1] if below and style.flip_below else outline.vertices[:, 1]  # (v,)
    x = (boxes[:, :1] - style.width / 2) + (style.width - across) / 2 + across * outline.vertices[:, 0]  # (k, v)
    y = boxes[:, 1:2] + boxes[:, 2:] * rise
    return Path(np.stack([x, y], 2).reshape(-1, 2), np.tile(outline.codes, len(boxes)))


def _patch(path: Path, base: str, style: LetterStyle, below: bool, zorder: float) -> PathPatch:
    shade, fade = (style.shade_below, style.fade_below) if below else (0.0, 0.0)
    colour = np.array(to_rgb(style.colours[base])) * (1 - shade)
    # snap=False: else T alone, which has right angles only, would be moved to whole pixels
    return PathPatch(path, facecolor=colour, linewidth=0, alpha=style.alpha * (1 - fade), zorder=zorder, snap=False)


def _widen(axes: Any, boxes: NDArray[np.float64], width: float) -> None:
    """Tell the axes how far letters reach: `add_patch` would find out curve by curve, which takes most of the time."""
    x, y = boxes[:, 0], boxes[:, 1]
    axes.update_datalim([(x.min() - width / 2, y.min()), (x.max() + width / 2, (y + boxes[:, 2]).max())])


def _font() -> str:
    """File of the font that logomaker draws with: bold, of the reader's sans-serif family."""
    return str(font_manager.findfont(font_manager.FontProperties(family="sans", weight="bold")))


@lru_cache(maxsize=64)
def _outline(letter: str, font: str) -> _Outline:
    properties = font_manager.FontProperties(fname=font)
    path, narrow = (TextPath((0, 0), text, size=1, prop=properties) for text in (letter, _NARROWEST))
    box = path.get_extents()
    vertices, codes = np.asarray(path.vertices, dtype=np.float64), np.asarray(path.codes, dtype=np.uint8)
    vertices = (vertices - [box.xmin, box.ymin]) / [box.width, box.height]
    vertices[codes == Path.CLOSEPOLY] = 0.0  # not a place: it must stay inside the letter's box
    return _Outline(vertices, codes, min(1.0, box.width / narrow.get_extents().width))
