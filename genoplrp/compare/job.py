"""The comparison as a job: a network's file, one locus of a FASTA file, and a folder with figure and tables."""

import platform
import warnings as python_warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from torch import nn

import genoplrp
from genoplrp.annotate.output import check_output, output_folder, write_params
from genoplrp.baselines import METHODS
from genoplrp.baselines.peers import installed
from genoplrp.compare.comparison import Comparison, compare
from genoplrp.compare.locus import Locus, find_locus, known_sites
from genoplrp.errors import ModelError, OptionError
from genoplrp.lrp.borrow import borrowed
from genoplrp.models import ModelSpec, load_model, spec_of
from genoplrp.sequence import one_hot

_DPI = 160
_DIGITS = "%.6g"


@dataclass(frozen=True)
class LocusComparison:
    """What `compare_locus` found and wrote.

    Attributes
    ----------
    comparison
        The maps, tables and figure.
    locus
        The record and the window of it.
    label
        The output that is explained.
    truth
        What the maps were compared with, in words.
    out
        The folder.
    warnings
        What has to be known to read the results.
    """

    comparison: Comparison
    locus: Locus
    label: str
    truth: str
    out: Path
    warnings: tuple[str, ...]


def compare_locus(
    model: str | Path | nn.Module,
    fasta: str | Path,
    out: str | Path,
    *,
    record: str | None = None,
    start: int | None = None,
    target: str | int | None = None,
    methods: Sequence[str] | None = None,
    truth: str | Path | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    batch_size: int | None = None,
    overwrite: bool = False,
    trust: bool = False,
    report: Callable[[str], None] = lambda title: None,
    command: str | None = None,
) -> LocusComparison:
    """Explain one record by several methods and write ``comparison.png`` and ``.svg`` and the tables beside them.

    ``methods.tsv`` (time and metrics), ``agreement.tsv`` (pairs of methods) and ``scores.tsv`` (every base), as in
    `Comparison`; positions count bases of the record from 0. The folder appears whole or not at all.

    Parameters
    ----------
    model
        A shipped network's name, a model file, or a network with a spec.
    fasta
        Sequences; "-" for standard input.
    out
        Folder to write.
    record
        Name of the record; None: the first.
    start
        First base of the window that is explained, 0-based; needed where the record is longer than the network's input.
        Shorter records are centred among N.
    target
        A label or an index; None: the output with the highest score.
    methods, options, batch_size, report
        As in `compare`.
    truth
        BED file of the true sites; None: the matches of the label's matrix, where the network's file names one.
    overwrite
        Replace the folder of an earlier run.
    trust
        Load model files that can run code.
    command
        The command line, for ``params.json``.

    Raises
    ------
    SequenceError, ModelError, OptionError, OutputError, UnsupportedCallError
        What cannot be used: the record, the network, an option, the folder.
    """
    check_output(Path(out).resolve(), overwrite)
    network = borrowed(model if isinstance(model, nn.Module) else load_model(model, trust=trust))
    spec = _dna_spec(network)
    wanted = _output(spec, target)
    locus = find_locus(fasta, spec.length, record=record, start=start)
    with python_warnings.catch_warnings(record=True) as caught:
        python_warnings.simplefilter("always")
        found = compare(
            network,
            one_hot(locus.letters),
            methods=methods,
            target="predicted" if wanted is None else wanted,
            options=options,
            batch_size=batch_size,
            report=report,
        )
    output = _explained_output(found)
    sites, source = known_sites(locus, spec, output, truth)
    comparison = Comparison(found.x, found.results, found.seconds, None if sites is None else tuple(sites))
    warnings = [*dict.fromkeys(str(warning.message) for warning in caught), *_absent(methods), *_unknown(sites, source)]
    result = LocusComparison(comparison, locus, spec.labels[output], source, Path(out), tuple(warnings))
    report("writing")
    with output_folder(out, overwrite=overwrite) as folder:
        _write(folder, result)
        write_params(folder, {**_facts(result, model, fasta, options, command)})
    return result


def _dna_spec(network: nn.Module) -> ModelSpec:
    spec = spec_of(network)
    if spec.channels != 4:
        raise ModelError(f"the network reads {spec.channels} channels; DNA has four: A, C, G, T.")
    return spec


def _output(spec: ModelSpec, target: str | int | None) -> int | None:
    """The index of an output given by label or index; a label that looks like a number is a label first."""
    if target is None:
        return None
    if target in spec.labels:
        return spec.labels.index(str(target))
    try:
        index = int(target)
    except ValueError:
        index = -1
    if not 0 <= index < len(spec.labels):
        raise OptionError(
            f"there is no output {target!r}; give one of the labels {', '.join(spec.labels)}, or its index, 0 to "
            f"{len(spec.labels) - 1}"
        )
    return index


def _explained_output(comparison: Comparison) -> int:
    chosen = next(iter(comparison.results.values())).target
    assert chosen is not None  # no callable target comes here
    return int(chosen[0])


def _absent(methods: Sequence[str] | None) -> list[str]:
    absent = [name for name, method in METHODS.items() if not method.available]
    if methods is not None or not absent:
        return []
    return [f'left out for want of their packages: {", ".join(absent)}; pip install "genoplrp[peers]"']


def _unknown(sites: Sequence[object] | None, source: str) -> list[str]:
    return [f"no site in this window ({source}): RMA, AUPRC and recall are undefined"] if sites == [] else []


def _write(folder: Path, result: LocusComparison) -> None:
    comparison, locus = result.comparison, result.locus
    figure = comparison.plot(offset=locus.offset, title=f"{result.label}   {locus.record.name}")
    figure.savefig(folder / "comparison.png", dpi=_DPI, facecolor="white")
    with mpl.rc_context({"svg.hashsalt": "comparison"}):  # else its ids are drawn at random
        figure.savefig(folder / "comparison.svg", transparent=True, metadata={"Date": None})
    scores = comparison.scores()
    scores["position"] += locus.offset
    held = scores["position"].between(locus.window.start, locus.window.end - 1)
    _table(scores[held], folder / "scores.tsv")
    _table(comparison.agreement, folder / "agreement.tsv")
    _table(comparison.table.reset_index(), folder / "methods.tsv")


def _table(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, sep="\t", index=False, float_format=_DIGITS, na_rep="NaN", lineterminator="\n")


def _facts(
    result: LocusComparison,
    model: object,
    fasta: str | Path,
    options: Mapping[str, Mapping[str, Any]] | None,
    command: str | None,
) -> dict[str, Any]:
    first = next(iter(result.comparison.results.values()))
    packages = [name for name in ("torch", "numpy", "captum", "tangermeme") if installed(name)]
    return {
        "version": genoplrp.__version__,
        "command": command,
        "fasta": str(fasta),
        "model": "" if isinstance(model, nn.Module) else str(model),
        "record": result.locus.record.name,
        "window": [result.locus.window.start, result.locus.window.end],
        "label": result.label,
        "score": float(first.output[0]),
        "explained": first.explained,
        "methods": list(result.comparison.results),
        "options": {name: {key: str(value) for key, value in own.items()} for name, own in (options or {}).items()},
        "truth": result.truth,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "warnings": list(result.warnings),
    }
