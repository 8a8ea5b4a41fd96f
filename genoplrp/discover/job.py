"""The discovery as a job: a network and a FASTA file in, named patterns and their instances out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from genoplrp.annotate.intake import Rejection, accepted, nothing_usable
from genoplrp.annotate.options import DEFAULT_PRUNER, Options, Strands
from genoplrp.annotate.output import check_output, output_folder
from genoplrp.annotate.scorer import scorer_for
from genoplrp.discover.concepts import read_concepts
from genoplrp.discover.filters import first_convolution, read_filters
from genoplrp.discover.label import Found, discover_label
from genoplrp.discover.labels import EVERYWHERE, Choice, Chosen, checked_labels, choose_labels
from genoplrp.discover.maps import WindowExplainer
from genoplrp.discover.options import Choices, Method
from genoplrp.discover.result import Discovery, discovery_of
from genoplrp.discover.units import Layer, unit_layers
from genoplrp.discover.write import Source, write_discovery
from genoplrp.lrp.composite import Composite
from genoplrp.lrp.prune import Pruner
from genoplrp.models import load_model
from genoplrp.motifs import Motif, read_motifs, shipped_motifs
from genoplrp.sequence import Record, read_fasta

Report = Callable[[str], None]
"""Called with what is being done."""

_ROUNDING = 1e-4  # scores that differ by less may differ by the batch that they were in

_MANY = 200  # more patterns than any network of known motifs has shown


def discover(
    model: str | Path | nn.Module,
    fasta: str | Path,
    out: str | Path | None = None,
    *,
    labels: str | Sequence[str] | None = None,
    everywhere: bool = False,
    method: Method = "quick",
    database: str | Path | None = None,
    fdr: float = 0.2,
    hit_fdr: float = 0.1,
    least: int = 20,
    windows: int = 2000,
    fpr: float = 0.01,
    composite: str | Composite = "genomic",
    pruner: Pruner = DEFAULT_PRUNER,
    strands: Strands = "forward",
    references: int = 5,
    batch_size: int = 64,
    filters: bool = False,
    concepts: bool = False,
    logos: int = 40,
    page: int = 200,
    seed: int = 0,
    overwrite: bool = False,
    trust: bool = False,
    report: Report = lambda doing: None,
    command: str | None = None,
) -> Discovery:
    """The patterns that a network uses in these sequences: how often, for or against what, under which names, where.

    For each output the sequences that call it are explained by PLRP. Spans of relevance that shuffled sequences do not
    have are its seqlets; those that look alike, on either strand, make up a pattern; patterns are compared with a
    database of motifs; and every place of a pattern that the network uses is an instance.

    Parameters
    ----------
    model
        A shipped network's name, a model file, or a network with a `genoplrp.models.ModelSpec` in ``.spec``.
    fasta
        FASTA file, plain, gzip or bgzip; "-" for standard input. Records of any length; all are held in memory.
    out
        Folder to write, whole or not at all; None: nothing is written.
    labels
        Output or outputs to look into; None: those called more often than on shuffled sequences.
    everywhere
        Explain every sequence, not only those in which the output is called.
    method
        ``"quick"``: the built-in way. ``"modisco"``: TF-MoDISco on the same seqlets (``pip install
        "genoplrp[modisco]"``).
    database
        MEME or JASPAR file of known motifs; None: the 20 shipped matrices.
    fdr
        False discovery rate of the seqlets. Shuffled sequences hold matches by chance, which a network that reads its
        best match sees and a sequence with a true site hides, so that the rate errs on the safe side; and what is no
        seqlet of a motif finds no lookalikes. Hence a rate that lets weak ones in.
    hit_fdr
        False discovery rate of the instances.
    least
        Seqlets that make a pattern.
    windows
        Windows of an output in which patterns are looked for, evenly spread over the file if there are more. Instances
        are called in all.
    references
        Shuffles of each sequence that relevance is measured from, as for `genoplrp.annotate.annotate`; 0: from zero,
        which is three to six times as fast but misses sites where an output needs two motifs jointly.
    fpr, composite, pruner, strands, batch_size, seed
        As for `genoplrp.annotate.annotate`.
    filters
        Also say what the filters of the first convolution were used for.
    concepts
        Also say what the units of every layer were used for, and by which of them relevance reaches the bases.
    logos
        Patterns drawn.
    page
        How many of the best sequences the report lets one look at, each at several amounts of pruning.
    overwrite, trust
        Replace the folder of an earlier run; load model files that can run code.
    report
        Called with what is being done.
    command
        The command line, for ``params.json``.

    Raises
    ------
    SequenceError, MotifError, ModelError, OptionError, OutputError, UnsupportedCallError
        What cannot be used: the records, the database, the network, an option, the folder. That nothing was found is no
        error: the result says so in its ``warnings``.

    Examples
    --------
    >>> from genoplrp.resources import example_file
    >>> found = discover("vertebrate20", example_file(), labels=["CTCF"])
    >>> found.patterns.loc[0, ["name", "match"]].tolist()
    ['CTCF_pos_0', 'CTCF']
    """
    options = Options(fpr, composite, pruner, strands, references, batch_size, logos=0, page=page, seed=seed)
    choices = Choices(method, fdr, hit_fdr, least, windows, logos)
    if out is not None:
        check_output(Path(out).resolve(), overwrite)
    known = shipped_motifs() if database is None else read_motifs(database)
    network = model if isinstance(model, nn.Module) else load_model(model, trust=trust)
    scorer = scorer_for(network, batch_size, strands)
    wanted = checked_labels(scorer.spec, labels)
    records, rejected = _read(fasta)
    source = Source(model, fasta, database, command, scorer, options, choices, records, rejected)
    explainer = WindowExplainer(scorer, [record.sequence for record in records], options)
    if filters:
        first_convolution(explainer)  # an error, if it comes, comes before the work
    layers = unit_layers(explainer) if concepts else ()
    report("scoring the sequences")
    choice = choose_labels(scorer, explainer.sequences, options, wanted, everywhere=everywhere)
    found = [_looked_into(one, explainer, choices, report) for one in choice.chosen]
    pairs = [(one.label, part) for one, part in zip(choice.chosen, found, strict=True)]
    read = _read_units(explainer, pairs, known, report, filters=filters, layers=layers, least=least)
    report("naming the patterns")
    discovery = replace(
        discovery_of(found, records, known, scorer.spec.labels),
        warnings=(*choice.warnings, *_all_said(choice, found, choices)),
        **read,
        rejected=len(rejected),
        out=None if out is None else Path(out),
    )
    if out is not None:
        report("writing")
        with output_folder(out, overwrite=overwrite) as folder:
            write_discovery(folder, discovery, found, choice, source)
    return discovery


def _read(fasta: str | Path) -> tuple[tuple[Record, ...], tuple[Rejection, ...]]:
    """The records that can be used, at least one, and those that cannot."""
    rejected: list[Rejection] = []
    records = tuple(accepted(read_fasta(fasta), rejected.append))
    if not records:
        raise nothing_usable(fasta, len(rejected), rejected, "used")
    return records, tuple(rejected)


def _looked_into(one: Chosen, explainer: WindowExplainer, choices: Choices, report: Report) -> Found:
    """What is found for one output."""
    label = explainer.scorer.spec.labels[one.label]
    report(f"looking into {label}: {one.records:,} {'sequence' if one.records == 1 else 'sequences'}")
    return discover_label(explainer, one.label, one.places, choices)


def _read_units(
    explainer: WindowExplainer,
    found: Sequence[tuple[int, Found]],
    known: Sequence[Motif],
    report: Report,
    *,
    filters: bool,
    layers: Sequence[Layer],
    least: int,
) -> dict[str, Any]:
    """What filters and units of layers were used for, as a discovery names it, where it is wanted."""
    read: dict[str, Any] = {}
    if filters:
        report("reading the filters")
        read["filters"] = read_filters(explainer, [(label, part.places) for label, part in found], known)
    if layers:
        report("following the units of every layer")
        read["concepts"] = read_concepts(explainer, layers, found, known, least=least)
    return read


def _all_said(choice: Choice, found: Sequence[Found], choices: Choices) -> list[str]:
    """What to try, output by output, and where there are too many patterns to look at."""
    said = []
    for one, part in zip(choice.chosen, found, strict=True):
        scores = np.concatenate([choice.scores[record][:, one.label] for record in {place[0] for place in part.places}])
        said += _said(part, one.records, bool(np.ptp(scores) > _ROUNDING * max(1.0, np.abs(scores).max())), choices)
    return said + _crowded(sum(len(part.patterns) for part in found), choices)


def _said(found: Found, records: int, varies: bool, choices: Choices) -> list[str]:
    """What to try where nothing was found; `varies`: whether the sequences differ in their scores."""
    label = found.maps.label
    if not found.maps.relevance.any():
        return [
            f"{label}: the maps are zero everywhere, though its score differs from sequence to sequence: what speaks "
            "for it cancels; try other rules (--composite) or other references (--references)"
            if varies
            else f"{label}: the maps are zero everywhere, and its score is the same for all these sequences"
        ]
    if not len(found.seqlets):
        return [
            f"{label}: no span carries more relevance than on shuffled sequences; try a higher --fdr (it is "
            f"{choices.fdr:g}), more sequences (there were {records:,})"
        ]
    if not found.patterns:
        return [
            f"{label}: {len(found.seqlets):,} seqlets, but no {choices.least} of them look alike; try fewer (--least), "
            f"more sequences (there were {records:,}), or {EVERYWHERE}"
        ]
    return []


def _crowded(patterns: int, choices: Choices) -> list[str]:
    """What to try where there are too many patterns to look at."""
    if patterns <= _MANY:
        return []
    return [
        f"{patterns:,} patterns are more than a network uses, and many will be chance: ask for more seqlets a pattern "
        f"(--least, it is {choices.least}), a lower --fdr (it is {choices.fdr:g}), or fewer outputs (--labels)"
    ]
