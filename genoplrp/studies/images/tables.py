"""The study's tables: a row an image, and means with intervals; and all files written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from genoplrp.evaluate import mean_interval
from genoplrp.studies.files import written
from genoplrp.studies.images.measure import DELETED, Setting


@dataclass(frozen=True, eq=False)
class Result:
    """A network's sweep; values of images that it gets wrong are NaN."""

    network: str
    seed: int
    right: NDArray[np.int64]  # the images explained
    settings: tuple[Setting, ...]
    size: int  # all images

    def frame(self) -> pd.DataFrame:
        """A row an explained image, pruner and p."""
        shared = {"network": self.network, "seed": self.seed, "image": self.right}
        parts = [
            pd.DataFrame({**shared, "pruner": setting.pruner, "p": setting.p, **setting.metrics})
            for setting in self.settings
        ]
        return pd.concat(parts, ignore_index=True)

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of the explained images among all, (size,)."""
        row = np.full(self.size, np.nan)
        row[self.right] = values
        return row


def _by_setting(results: Iterable[Result]) -> Iterator[tuple[dict[str, Any], list[tuple[Result, Setting]]]]:
    """The networks of one kind at one setting, together."""
    groups: dict[tuple[str, str, float], list[tuple[Result, Setting]]] = {}
    for result in results:
        for setting in result.settings:
            groups.setdefault((result.network, setting.pruner, setting.p), []).append((result, setting))
    for (network, pruner, p), members in groups.items():
        yield {"network": network, "pruner": pruner, "p": p}, members


def each_image(results: Iterable[Result]) -> pd.DataFrame:
    """A row an explained image, network, seed, pruner and p."""
    return pd.concat([result.frame() for result in results], ignore_index=True)


def summary(results: Sequence[Result]) -> pd.DataFrame:
    """Mean, 95 % interval over images and networks, and what is undefined, a row a setting and metric."""
    rows = []
    for key, members in _by_setting(results):
        for metric in members[0][1].metrics:
            values = np.stack([result.spread(setting.metrics[metric]) for result, setting in members])
            undefined = sum(int(np.isnan(setting.metrics[metric]).sum()) for _, setting in members)
            interval = mean_interval(values)._asdict()
            explained = sum(len(result.right) for result, _ in members)
            rows.append({**key, "metric": metric, **interval, "explained": explained, "undefined": undefined})
    return pd.DataFrame(rows)


def curves(results: Sequence[Result]) -> pd.DataFrame:
    """Relative score by share deleted, a row a setting and share."""
    rows = []
    for key, members in _by_setting(results):
        for column, share in enumerate(DELETED):
            values = np.stack([result.spread(setting.curves[:, column]) for result, setting in members])
            rows.append({**key, "share": share, **mean_interval(values)._asdict()})
    return pd.DataFrame(rows)


def write_all(out: Path, tables: Mapping[str, pd.DataFrame], figures: Mapping[str, Figure]) -> list[Path]:
    """Paths of the CSV and PNG files, each written whole."""
    return [
        *(
            written(out / f"{name}.csv", partial(table.to_csv, index=False, float_format="%.6g"))
            for name, table in tables.items()
        ),
        *(
            written(out / f"{name}.png", partial(figure.savefig, dpi=140, facecolor="white"))
            for name, figure in figures.items()
        ),
    ]
