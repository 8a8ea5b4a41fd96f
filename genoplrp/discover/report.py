"""``report.html`` of a discovery: its patterns and where they lie, to look at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genoplrp.annotate.intake import Rejection
from genoplrp.annotate.report import last_part, present, report_environment
from genoplrp.discover.result import Discovery
from genoplrp.show.page import PageData, page_html

_FIRST = 50
"""So many rejected records are shown."""

_FILES = {
    "patterns.png": "The largest patterns: relevance, what the seqlets share, the closest known motif.",
    "patterns.svg": "The same, for papers.",
    "patterns.tsv": "One line a pattern: match, q-value, output, sign, counts, relevance, consensus.",
    "patterns.meme": "The patterns as matrices, for motif tools.",
    "patterns.jaspar": "The same in JASPAR's format.",
    "instances.bed": "One line an instance, BED6: record, start, end, pattern and match, 1000 x share, strand.",
    "instances.genome.bed": "The same in genome coordinates, for a genome browser.",
    "instances.tsv": "The same instances with all columns: relevance, log-odds, share.",
    "seqlets.tsv": "The spans that the patterns were made from, with their q-values.",
    "filters.png": "What the filters of the first convolution were used for.",
    "filters.tsv": "The same as a table: share of the relevance by filter and output, and the match.",
    "filters.meme": "What each filter reads, as a matrix.",
    "concepts.png": "What the units of every layer were used for.",
    "concepts.tsv": "The same as a table.",
    "concepts.meme": "What each unit reads, as a matrix.",
    "patterns.h5": "The patterns for modisco report and Fi-NeMo.",
    "regions.npz": "The explained windows for Fi-NeMo.",
    "rejected.tsv": "Every record that was not used, and why.",
    "params.json": "Versions, model hash, options and counts: what it takes to repeat this run.",
}


def write_report(
    folder: Path,
    params: Mapping[str, Any],
    discovery: Discovery,
    rejected: Sequence[Rejection],
    *,
    shown: PageData,
) -> None:
    """Write ``report.html``, after all files but ``params.json``.

    Parameters
    ----------
    folder
        The discovery's folder.
    params
        What ``params.json`` will hold.
    discovery
        What was found.
    rejected
        The records left out.
    shown
        What can be looked at on the page.
    """
    paths = {path.name: "The path of relevance to an output." for path in sorted(folder.glob("path_*.png"))}
    source, model = last_part(str(params["input"])), last_part(str(params["model"]["name"]))
    template = report_environment("genoplrp.discover", "genoplrp.annotate").get_template("discovery.html.j2")
    page = page_html(
        shown,
        title=f"Motifs that {model} uses in {source}",
        template=template,
        params=params,
        patterns=discovery.patterns.to_dict("records"),
        rejected=rejected[:_FIRST],
        files={**paths, **present(folder, _FILES)},
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
