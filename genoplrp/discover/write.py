"""A discovery's folder, file by file."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl
from torch import nn

import genoplrp
from genoplrp.annotate.facts import method as method_facts
from genoplrp.annotate.facts import weights_digest
from genoplrp.annotate.intake import Rejection
from genoplrp.annotate.options import Options
from genoplrp.annotate.output import write_params
from genoplrp.annotate.scorer import Scorer
from genoplrp.baselines.peers import installed
from genoplrp.discover import files
from genoplrp.discover.concepts import write_concepts
from genoplrp.discover.label import Found
from genoplrp.discover.labels import Choice, Chosen
from genoplrp.discover.options import Choices
from genoplrp.discover.page import discovery_page
from genoplrp.discover.report import write_report
from genoplrp.discover.result import Discovery
from genoplrp.motifs import write_motifs
from genoplrp.sequence import Record

_PACKAGES = {"torch": "torch", "numpy": "numpy", "h5py": "h5py", "modiscolite": "modisco-lite"}
_DPI = 110


@dataclass(frozen=True)
class Source:
    """Where a discovery comes from: its input as given, the network at work, the choices, the records."""

    model: str | Path | nn.Module
    fasta: str | Path
    database: str | Path | None
    command: str | None
    scorer: Scorer
    options: Options
    choices: Choices
    records: tuple[Record, ...]
    rejected: tuple[Rejection, ...]


def write_discovery(folder: Path, discovery: Discovery, found: Sequence[Found], choice: Choice, source: Source) -> None:
    """Fill the folder; ``params.json`` comes last and lists the files."""
    length = source.scorer.spec.length
    rows = accumulate((len(one.maps) for one in found), initial=0)
    first_rows = {one.maps.label: row for one, row in zip(found, rows, strict=False)}
    files.write_matrices(folder, discovery.found, [name.match for name in discovery.names])
    files.write_h5(folder / "patterns.h5", discovery.found, first_rows, length)
    maps, places = [one.maps for one in found], [one.places for one in found]
    files.write_regions(folder / "regions.npz", maps, places, source.records, length)
    files.write_table(folder / "patterns.tsv", discovery.patterns)
    files.write_table(folder / "seqlets.tsv", discovery.seqlets)
    files.write_instances(folder, discovery.instances, {record.name: record for record in source.records})
    files.write_rejected(folder, source.rejected)
    if discovery.filters is not None:
        files.write_table(folder / "filters.tsv", discovery.filters.table)
        write_motifs(discovery.filters.motifs, folder / "filters.meme")
        discovery.filters.plot(source.choices.logos).savefig(folder / "filters.png", dpi=_DPI, facecolor="white")
    if discovery.concepts is not None:
        write_concepts(folder, discovery.concepts, source.choices.logos, _DPI)
    figure = discovery.plot(source.choices.logos)
    figure.savefig(folder / "patterns.png", dpi=_DPI, facecolor="white")
    with mpl.rc_context({"svg.hashsalt": "patterns"}):  # else its ids are drawn at random
        figure.savefig(folder / "patterns.svg", transparent=True, metadata={"Date": None})
    params = _facts(discovery, found, choice.chosen, source, first_rows)
    shown = discovery_page(
        discovery, found, choice, records=source.records, scorer=source.scorer, options=source.options
    )
    write_report(folder, params, discovery, source.rejected, shown=shown)
    write_params(folder, params)


def _facts(
    discovery: Discovery,
    found: Sequence[Found],
    chosen: Sequence[Chosen],
    source: Source,
    first_rows: Mapping[str, int],
) -> dict[str, Any]:
    spec, choices, options = source.scorer.spec, source.choices, source.options
    return {
        "version": genoplrp.__version__,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": source.command,
        "input": str(source.fasta),
        "model": {
            "name": type(source.model).__name__ if isinstance(source.model, nn.Module) else str(source.model),
            "architecture": spec.architecture,
            "sha256": weights_digest(source.scorer.model),
            "length": spec.length,
            "labels": list(spec.labels),
        },
        "database": "the shipped matrices" if source.database is None else str(source.database),
        "method": {**method_facts(options), "patterns": choices.method},
        "fdr": choices.fdr,
        "hit_fdr": choices.hit_fdr,
        "fpr": options.fpr,
        "least": choices.least,
        "windows": choices.windows,
        "seed": options.seed,
        "counts": {
            "records": len(source.records),
            "rejected": len(source.rejected),
            "patterns": len(discovery.patterns),
            "seqlets": len(discovery.seqlets),
            "instances": len(discovery.instances),
        },
        "labels": [
            {
                "label": one.maps.label,
                "sequences": picked.records,
                "windows": len(picked.places),
                "windows_searched": len(one.maps),
                "windows_shuffled": len(one.maps.null),
                "first_row": first_rows[one.maps.label],
                "seqlets": len(one.seqlets),
                "patterns": len(one.patterns),
                "instances": len(one.hits),
            }
            for one, picked in zip(found, chosen, strict=True)
        ],
        "filters": None if discovery.filters is None else discovery.filters.layer,
        "concepts": None if discovery.concepts is None else list(discovery.concepts.layers),
        "warnings": list(discovery.warnings),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for module, package in _PACKAGES.items() if installed(module)},
        },
    }
