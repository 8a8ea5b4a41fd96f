"""Several methods on the same sequences: their maps, how far they agree, how long they take, what they find."""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genoplrp.baselines import METHODS, method_of
from genoplrp.baselines.batches import check_dna
from genoplrp.errors import OptionError
from genoplrp.evaluate import auprc, entropy, gini, motif_recall, rma
from genoplrp.evaluate.agreement import pearson, spearman, top_overlap
from genoplrp.lrp.target import Target
from genoplrp.motifs.masks import Placed, Stretch
from genoplrp.result import Attribution
from genoplrp.sequence import decode

if TYPE_CHECKING:
    from genoplrp.show.figure import NotebookFigure

TOP = 20
"""The highest bases whose overlap is taken: about a motif or two."""
SHOWN = 120
"""Bases of a figure whose letters can be read."""
_PATIENCE = 1.0  # seconds spent on repeating a method for its time


@dataclass(frozen=True, eq=False)
class Comparison:
    """Explanations of the same n sequences by several methods.

    Attributes
    ----------
    x
        (n, 4, l) the sequences.
    results
        Attribution by the method's name, a key of `genoplrp.baselines.METHODS`.
    seconds
        Time a sequence by method, in seconds, warm: the least of up to three runs after the first.
    sites
        The true sites, whose `sequence` is the row of `x`; None where none are known.
    """

    x: Tensor
    results: Mapping[str, Attribution]
    seconds: Mapping[str, float]
    sites: tuple[Placed, ...] | None = None

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a method: time and metrics.

        Columns: ``title``; ``ms``, milliseconds a sequence; ``relative_time``, over that of the fastest method;
        ``gini`` and ``entropy``; where sites are known ``rma`` (positive), ``auprc`` and ``recall``. A metric is the
        mean over the sequences on which it is defined; ``undefined`` counts the values, of all metrics, that are not.
        Bases alone count, not the columns without one.
        """
        fastest = min(self.seconds.values())
        rows = {
            name: {
                "title": METHODS[name].title,
                "ms": 1000 * self.seconds[name],
                "relative_time": self.seconds[name] / fastest,
                **_summary(self._metrics(name)),
            }
            for name in self.results
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """A row a pair of methods: ``one``, ``other``, ``pearson``, ``spearman``, ``top``, and ``n`` and ``undefined``.

        Each is the mean over the sequences on which it is defined (no map constant); ``top`` is the overlap of the 20
        highest bases, or of a tenth of the sequence where that is less.
        """
        rows = []
        for one, other in combinations(self.results, 2):
            values = [_agreement(a, b) for a, b in zip(self._maps(one), self._maps(other), strict=True)]
            rows.append({"one": one, "other": other, "n": len(values), **_summary(pd.DataFrame(values))})
        return pd.DataFrame(rows, columns=["one", "other", "n", "pearson", "spearman", "top", "undefined"])

    def scores(self, row: int = 0) -> pd.DataFrame:
        """Relevance of every base of one sequence: ``position`` (0-based), ``base``, and a column a method."""
        maps = {name: result.per_base[row].double().cpu().numpy() for name, result in self.results.items()}
        letters = decode(self.x[row : row + 1])[0]
        return pd.DataFrame({"position": np.arange(len(letters)), "base": list(letters), **maps})

    def plot(
        self, row: int = 0, *, start: int | None = None, width: int = SHOWN, offset: int = 0, title: str = ""
    ) -> "NotebookFigure":
        """Figure of one sequence: a logo a method, under each other, each scaled to its own highest letter.

        Parameters
        ----------
        row
            Which sequence.
        start
            First base drawn, 0-based in the sequence; None: where the methods together put most relevance.
        width
            Bases drawn.
        offset
            Coordinate of the sequence's first base, on the axis.
        title
            Before what is said of the scale.
        """
        from genoplrp.show.maps import densest, plot_maps

        letters = decode(self.x[row : row + 1])[0]
        maps = {METHODS[name].title: _scaled(result.per_base[row]) for name, result in self.results.items()}
        first = densest(sum(map(np.abs, maps.values())), width) if start is None else start
        piece = slice(first, first + width)
        spans = [
            (max(site.start, first) + offset, min(site.end, first + width) + offset)
            for site in self.sites or ()
            if site.sequence == row and site.end > first and site.start < first + width
        ]
        return plot_maps(
            letters[piece],
            {name: values[piece] for name, values in maps.items()},
            spans=spans,
            start=first + offset,
            title=f"{title}   each map scaled to its highest letter".strip(),
        )

    def _metrics(self, name: str) -> pd.DataFrame:
        """A row a sequence."""
        return pd.DataFrame([self._metrics_of(row, values) for row, values in enumerate(self._maps(name))])

    def _metrics_of(self, row: int, values: NDArray[np.float64]) -> dict[str, float]:
        found = {"gini": gini(values), "entropy": entropy(values)}
        if self.sites is not None:
            own = _in_bases([site for site in self.sites if site.sequence == row], self._present[row])
            mask = np.zeros(values.shape, bool)
            for site in own:
                mask[0, site.start : site.end] = True
            found |= {"rma": rma(values, mask), "auprc": auprc(values, mask), "recall": motif_recall(values, own)}
        return {metric: float(value[0]) for metric, value in found.items()}

    def _maps(self, name: str) -> list[NDArray[np.float64]]:
        """The map of each sequence over the columns that hold a base, (1, bases)."""
        maps = self.results[name].per_base.double().cpu().numpy()
        return [values[None, present] for values, present in zip(maps, self._present, strict=True)]

    @cached_property
    def _present(self) -> NDArray[np.bool_]:
        present: NDArray[np.bool_] = (self.x != 0).any(1).cpu().numpy()
        return present


def compare(
    model: nn.Module,
    x: Tensor,
    *,
    methods: Sequence[str] | None = None,
    target: Target = "predicted",
    sites: Iterable[Placed] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    batch_size: int | None = None,
    device: torch.device | str | None = None,
    report: Callable[[str], None] = lambda title: None,
) -> Comparison:
    """Explain the same sequences by several methods.

    Parameters
    ----------
    model, x, target, batch_size, device
        As in `genoplrp.attribute`; `x` is (n, 4, l) one-hot or all zero.
    methods
        Names from `genoplrp.baselines.METHODS`; None: all whose packages are installed.
    sites
        The true sites, 0-based half-open, `sequence` the row of `x`.
    options
        What single methods take further: ``{"deep-lift-shap": {"references": 10}}``.
    report
        Called with the title of each method before it starts.

    Raises
    ------
    OptionError
        A name that no method has, one whose package is not installed, options for a method that is not compared.
    ModelError, UnsupportedCallError
        As the methods do.

    Examples
    --------
    >>> from genoplrp import one_hot
    >>> _ = torch.manual_seed(0)
    >>> net = nn.Sequential(nn.Conv1d(4, 8, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 1))
    >>> comparison = compare(net, one_hot("ACGTTGCAACGTGGA"), methods=("gradient", "lrp", "plrp"))
    >>> list(comparison.table.index), len(comparison.agreement)
    (['gradient', 'lrp', 'plrp'], 3)
    """
    check_dna(x, "a comparison")
    if not (x != 0).flatten(1).any(1).all():
        raise OptionError("x holds a sequence without a single base; there is nothing to compare on it")
    chosen = _chosen(methods)
    options = dict(options or {})
    if unknown := sorted(set(options) - set(chosen)):
        raise OptionError(f"options are given for {', '.join(unknown)}, but compared are {', '.join(chosen)}")
    results, seconds = {}, {}
    for name in chosen:
        report(METHODS[name].title)
        run = partial(
            METHODS[name].function,
            model,
            x,
            target=target,
            batch_size=batch_size,
            device=device,
            **options.get(name, {}),
        )
        results[name], seconds[name] = run(), _least_time(run) / len(x)
    return Comparison(x, results, seconds, None if sites is None else tuple(sites))


def _chosen(methods: Sequence[str] | None) -> tuple[str, ...]:
    if methods is None:
        return tuple(name for name, method in METHODS.items() if method.available)
    for name in methods:
        if not method_of(name).available:
            raise OptionError(f'{name} needs {METHODS[name].package}: pip install "genoplrp[peers]"')
    if not methods or len(set(methods)) < len(methods):
        raise OptionError(f"methods must be one or more names, each once; got {', '.join(methods) or 'none'}")
    return tuple(methods)


def _least_time(run: Callable[[], object]) -> float:
    """Seconds of a run that has been run before: the least of up to three."""
    found: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the first run has said it
        while len(found) < 3 and sum(found) < _PATIENCE:
            start = time.perf_counter()
            run()
            found.append(time.perf_counter() - start)
    return min(found)


def _agreement(one: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, float]:
    k = max(1, min(TOP, one.shape[1] // 10))
    found = {"pearson": pearson(one, other), "spearman": spearman(one, other), "top": top_overlap(one, other, k)}
    return {name: float(value[0]) for name, value in found.items()}


def _summary(values: pd.DataFrame) -> dict[str, float]:
    """The mean of each column over the rows where it is defined, and how many values are not."""
    means = {str(name): float(column.mean()) for name, column in values.items()}
    return {**means, "undefined": int(values.isna().sum().sum())}


def _in_bases(sites: Sequence[Placed], present: NDArray[np.bool_]) -> list[Stretch]:
    """Sites in coordinates that count only the columns with a base; sites that have others are left out."""
    place = np.cumsum(present) - 1
    return [
        Stretch(0, int(place[site.start]), int(place[site.end - 1]) + 1)
        for site in sites
        if present[site.start : site.end].all()
    ]


def _scaled(values: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values.double().cpu().numpy()
    return found / max(float(np.abs(found).max()), 1e-300)
