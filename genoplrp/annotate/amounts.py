"""Maps of the records on show at several amounts of pruning, for the page's slider."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.annotate.explain import Mapper
from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import Scorer, batches
from genoplrp.annotate.showcase import Entry, Shown
from genoplrp.lrp import NoPrune, PruneLambda, PruneM
from genoplrp.lrp.prune import Pruner
from genoplrp.sequence import Window, stitch
from genoplrp.show.page import Setting

AMOUNTS = (0.05, 0.1, 0.2, 0.5)


def settings_of(pruner: Pruner, beside: Sequence[float] = AMOUNTS) -> tuple[list[Setting], list[Pruner], int]:
    """Settings for a page, their pruners, and which of them is the run's own.

    Where the run's pruner drops one share everywhere, there are other amounts `beside` it; else only LRP.

    Examples
    --------
    >>> settings, _, own = settings_of(PruneLambda(0.15))
    >>> [setting.p for setting in settings], own
    ([0.0, 0.05, 0.1, 0.15, 0.2, 0.5], 3)
    """
    lrp = Setting("LRP", 0.0)
    if isinstance(pruner, NoPrune):
        return [lrp], [pruner], 0
    if not isinstance(pruner.p, int | float):
        return [lrp, Setting("PLRP", None)], [NoPrune(), pruner], 1
    amounts = sorted({*beside, float(pruner.p)} - {0.0})
    kind = PruneM if isinstance(pruner, PruneM) else PruneLambda
    settings = [lrp, *(Setting(f"PLRP p={p:g}", p) for p in amounts)]
    return settings, [NoPrune(), *(kind(p) for p in amounts)], [0.0, *amounts].index(float(pruner.p))


def maps_of(
    entries: Sequence[Entry], pruners: Sequence[Pruner], own: int, scorer: Scorer, options: Options
) -> Iterator[tuple[Entry, list[NDArray[np.float32]]]]:
    """Each entry with its maps: for each of its explanations (k, l), one row a pruner.

    What the run has made already stands in the first row, its LRP, and in row `own`, its PLRP; the rest is computed, in
    the run's batches.
    """
    made = next((_made(shown, own) for entry in entries for shown in entry.shown), {})
    others = [k for k in range(len(pruners)) if k not in made]
    requests = ((shown, text) for entry in entries for shown in entry.shown for text in shown.texts)
    rows = _rows(requests, Mapper(scorer, options, [pruners[k] for k in others])) if others else iter(())
    for entry in entries:
        maps = []
        for shown in entry.shown:
            full = np.zeros((len(pruners), len(entry.letters)), dtype=np.float32)
            for k, values in _made(shown, own).items():
                full[k] = values
            if others:
                own_rows = list(islice(rows, len(shown.windows)))
                full[others] = stretch_of(own_rows, shown.windows, entry.start, len(entry.letters))
            maps.append(full)
        yield entry, maps


def _made(shown: Shown, own: int) -> dict[int, NDArray[np.float32]]:
    """The maps of an explanation that are there, by row."""
    return {k: values for k, values in ((own, shown.plrp), (0, shown.lrp)) if values is not None}


def _rows(requests: Iterator[tuple[Shown, str]], mapper: Mapper) -> Iterator[Tensor]:
    """For each window (pruners, length) relevance a base."""
    for batch in batches(requests, mapper.scorer.batch_size):
        yield from mapper.maps([text for _, text in batch], [shown.label for shown, _ in batch])


def stretch_of(rows: Sequence[Tensor], windows: Sequence[Window], start: int, length: int) -> NDArray[np.float32]:
    """Rows of windows put together as those of the whole record are, (pruners, length) from base `start` on."""
    first, last = min(window.start for window in windows), max(window.end for window in windows)
    moved = [Window(window.start - first, window.end - first, window.offset) for window in windows]
    joined = stitch(rows, moved, last - first).numpy()
    stretch = np.zeros((joined.shape[0], length), dtype=np.float32)
    low, high = max(first, start), min(last, start + length)
    stretch[:, low - start : high - start] = joined[:, low - first : high - first]
    return stretch
