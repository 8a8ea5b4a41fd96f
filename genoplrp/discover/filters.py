"""What the filters of the first convolution read: how much relevance flows through each, and on which bases.

After pruning few places of few filters carry any. The bases under these places, weighted by the relevance, are what the
filter was used for, whatever else its weights would fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from genoplrp.discover.carried import Account
from genoplrp.discover.logos import plot_motifs
from genoplrp.discover.maps import Place, WindowExplainer
from genoplrp.discover.names import Name, name_motifs
from genoplrp.discover.windows import cut
from genoplrp.errors import ModelError
from genoplrp.lrp import inspect_model
from genoplrp.motifs import Motif
from genoplrp.show.figure import NotebookFigure

_OUTPUTS, _SEEN = 2, 0.01

FILTER_COLUMNS = (
    *("filter", "label", "share", "share_against", "sequences", "match", "matrix", "q", "others", "consensus"),
)


@dataclass(frozen=True, eq=False)
class Filters:
    """The filters of a network's first convolution.

    Attributes
    ----------
    layer
        The convolution's name in the network.
    table
        A row a filter and label that it matters to, by label and falling share: ``share`` of the relevance for the
        label that flows through the filter, 0 to 1, ``share_against`` of that against it, ``sequences`` in which it
        carries any; and, over all labels, its ``match``, ``matrix``, ``q`` and ``others`` as for patterns, and the
        ``consensus`` of what it reads.
    motifs
        For each filter that carries relevance the bases under it, weighted by the amount of relevance.
    names
        The matches of the motifs in the database.
    """

    layer: str
    table: pd.DataFrame
    motifs: tuple[Motif, ...] = field(repr=False)
    names: tuple[Name, ...] = field(repr=False)
    database: tuple[Motif, ...] = field(repr=False)

    def plot(self, most: int = 40) -> NotebookFigure:
        """Figure of the filters, at most so many, those with the largest share first: what they read, what it is like.

        Beside each the outputs that it has most of the relevance of; of what speaks against them where it has none for.
        """
        index = {motif.matrix_id: k for k, motif in enumerate(self.motifs)}
        by_id = {motif.matrix_id: motif for motif in self.database}
        rows = []
        sides = ["share", "share_against"]
        largest = self.table.groupby("filter")[sides].max().sort_values(sides, ascending=False, kind="stable").index
        for k in largest[:most].tolist():
            own = self.table[self.table["filter"] == k].nlargest(_OUTPUTS, sides)
            shares = ", ".join(filter(None, map(side_of, own["label"], own["share"], own["share_against"])))
            i = index[f"filter_{k}"]
            rows.append((f"filter {k}\n{shares}", self.motifs[i], self.names[i], by_id.get(self.names[i].matrix)))
        return plot_motifs(rows)


@dataclass(frozen=True)
class FirstConvolution:
    """The first convolution, and where its windows lie in the input."""

    layer: str
    module: nn.Conv1d

    @property
    def width(self) -> int:
        return int(self.module.dilation[0] * (self.module.kernel_size[0] - 1) + 1)

    def starts(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """First base (0-based, below 0 in the padding) under each place of the output."""
        padding = self.module.padding
        left = {"same": (self.width - 1) // 2, "valid": 0}[padding] if isinstance(padding, str) else int(padding[0])
        return places * self.module.stride[0] - left


def read_filters(
    explainer: WindowExplainer, chosen: Sequence[tuple[int, Sequence[Place]]], database: Sequence[Motif]
) -> Filters:
    """The filters' table and motifs, over the given windows of each label.

    Raises
    ------
    ModelError
        The network does not begin with an `nn.Conv1d` that reads the four bases.
    """
    first = first_convolution(explainer)
    count = first.module.out_channels
    weights = np.zeros((count, 4, first.width))
    rows: list[tuple[int, str, float, float, int]] = []
    for label, places in chosen:
        account = Account(count)
        for part, x, layers in explainer.layers(label, places, (first.layer,)):
            relevance = layers[first.layer]
            account.add(part, relevance)
            weights += _bases_read(first, x, relevance)
        (share, against), sequences = account.carried.shares, account.carried.sequences
        name = explainer.scorer.spec.labels[label]
        for k in np.argsort(-share, kind="stable").tolist():
            if sequences[k]:
                rows.append((k, name, float(share[k]), float(against[k]), int(sequences[k])))
    motifs = {k: _motif(k, weights[k]) for k in sorted({row[0] for row in rows})}
    names = dict(zip(motifs, name_motifs(list(motifs.values()), database), strict=True)) if motifs else {}
    table = [(*row, *_named(names[row[0]]), motifs[row[0]].consensus) for row in rows]
    frame = pd.DataFrame(table, columns=list(FILTER_COLUMNS))
    return Filters(first.layer, frame, tuple(motifs.values()), tuple(names.values()), tuple(database))


def side_of(label: str, share: float, against: float) -> str:
    """The share of what speaks for a label that a filter or unit has, or else of what speaks against it."""
    if share >= _SEEN:
        return f"{share:.0%} for {label}"
    return f"{against:.0%} against {label}" if against >= _SEEN else ""


def _named(name: Name) -> tuple[str, str, float, str]:
    return name.match, name.matrix, name.q, ",".join(name.others)


def first_convolution(explainer: WindowExplainer) -> FirstConvolution:
    """The convolution that reads the bases.

    Raises
    ------
    ModelError
        The network does not begin with an `nn.Conv1d` that reads the four bases.
    """
    model, length = explainer.scorer.model, explainer.scorer.spec.length
    calls = inspect_model(model, explainer.scorer.to_device(torch.zeros(1, 4, length)), composite="genomic").table
    layer = str(calls.iloc[0]["layer"])
    module = dict(model.named_modules()).get(layer)
    if not isinstance(module, nn.Conv1d) or module.in_channels != 4:
        raise ModelError(
            f"the network begins with {calls.iloc[0]['op']} ({layer}), and its filters are read from an nn.Conv1d of "
            "four channels: leave them out (without --filters)"
        )
    return FirstConvolution(layer, module)


def _bases_read(first: FirstConvolution, x: NDArray[np.uint8], relevance: NDArray[np.float32]) -> NDArray[np.float64]:
    """Bases under each filter's places, weighted by the amount of relevance there: (filters, 4, w).

    Of either sign: what speaks against an output was read, too.
    """
    row, k, place = np.nonzero(relevance)
    under = cut(x, row, first.starts(place), first.width) * np.abs(relevance[row, k, place])[:, None, None]
    weights = np.zeros((relevance.shape[1], 4, first.width))
    np.add.at(weights, k, under)
    return weights


def _motif(index: int, weights: NDArray[np.float64]) -> Motif:
    """Weights as counts out of a hundred; a quarter each where nothing lies under a column."""
    total = weights.sum(axis=0, keepdims=True)
    counts = np.where(total > 0, 100 * weights / np.maximum(total, 1e-300), 25.0)
    return Motif(f"filter_{index}", f"filter_{index}", counts)
