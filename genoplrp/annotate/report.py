"""``report.html``: one page that opens anywhere, offline: what a run found, to look at, and how far to trust it."""

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from genoplrp.annotate.figures import write_logos
from genoplrp.annotate.gallery import Exhibit
from genoplrp.annotate.intake import Rejection
from genoplrp.annotate.summary import Factor, QualityRow, Summary
from genoplrp.show.histogram import Histogram, histogram
from genoplrp.show.page import PageData, page_environment, page_html

_NONE = "\N{EN DASH}"

_FILES = {
    "hits.bed": "One line a motif hit, BED6: record, start, end, factor, 1000 x its share of relevance, strand.",
    "hits.genome.bed": "The same hits in genome coordinates, for a genome browser.",
    "hits.tsv": "The same hits with all columns: share, enrichment, relevance, log-odds, score, probability.",
    "predictions.tsv": "One line a record: length, factors called, best factor, score of every factor.",
    "rma.tsv": "How well each map agrees with the truth, LRP and PLRP, for every explanation.",
    "attributions.zarr": "Sequences, scores and the relevance of every base; see genoplrp.annotate.read_attributions.",
    "logos": "Figures of the best explanations as PNG and SVG.",
    "rejected.tsv": "Every record that was not annotated, and why.",
    "params.json": "Versions, model hash, thresholds, options and counts: what it takes to repeat this run.",
}


def write_report(
    folder: Path,
    params: Mapping[str, Any],
    summary: Summary,
    exhibits: Sequence[Exhibit],
    rejected: Sequence[Rejection],
    *,
    shown: PageData,
) -> None:
    """Write ``report.html`` and the figures in ``logos/`` into `folder`.

    Parameters
    ----------
    folder
        A run's folder, its tables already written.
    params
        What params.json will hold.
    summary
        The run's counts.
    exhibits
        What to draw.
    rejected
        The first records rejected.
    shown
        What can be looked at on the page.
    """
    write_logos(exhibits, folder / "logos")
    factors = summary.factors()
    above = [factor for factor in factors if factor.above_chance]
    source, model = last_part(str(params["input"])), last_part(str(params["model"]["name"]))
    page = page_html(
        shown,
        title=f"What {model} sees in {source}",
        template=report_environment("genoplrp.annotate").get_template("report.html.j2"),
        params=params,
        top=factors[0],
        above=above,
        others=[factor for factor in factors if not factor.above_chance],
        histogram=_histogram(summary, factors[0]),
        qualities=_shown(summary.qualities(), above),
        rejected=rejected,
        files=present(folder, _FILES),
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def report_environment(*packages: str) -> jinja2.Environment:
    """The templates of packages and the page's, with the ways in which a report writes numbers."""
    environment = page_environment(*(jinja2.PackageLoader(package) for package in packages))
    environment.filters["percent"] = _percent
    environment.filters["number"] = _number
    return environment


def present(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    """Those of the files that are in the folder, and ``params.json``, which will be."""
    return {name: text for name, text in files.items() if name == "params.json" or (folder / name).exists()}


def _histogram(summary: Summary, factor: Factor) -> Histogram:
    """Scores of the first records and of shuffles, for one label."""
    i = summary.labels.index(factor.label)
    return histogram(np.stack(summary.scores)[:, i], summary.calibration.scores[:, i], factor.threshold)


def _shown(rows: Sequence[QualityRow], above: Sequence[Factor]) -> list[tuple[QualityRow, QualityRow]]:
    """LRP and PLRP of the labels called more than by chance (of all that are called, if there are none)."""
    pairs = list(zip(rows[::2], rows[1::2], strict=True))
    names = {factor.label for factor in above}
    return [pair for pair in pairs if pair[0].label in names] or pairs


def last_part(path: str) -> str:
    """The last part of a path."""
    return "standard input" if path == "-" else Path(path).name


def _percent(share: float, digits: int = 1) -> str:
    return _NONE if isnan(share) else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def _number(value: float, digits: int = 2) -> str:
    return _NONE if isnan(value) else f"{value:.{digits}f}"
