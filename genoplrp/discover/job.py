"""The discovery as a job: a network and a FASTA file in, named patterns and their instances out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from genoplrp.annotate.intake import Rejection, accepted, nothing_usable
from genoplrp.annotate.options import DEFAULT_PRUNER, Options, Strands
from genoplrp.annotate.output import check_output, output_folder
from genoplrp.annotate.scorer import scorer_for
from genoplrp.discover.concepts import read_concepts
from genoplrp.discover.filters import first_convolution, read_filters
from genoplrp.discover.label import Found, discover_label
from genoplrp.discover.labels import EVERYWHERE, checked_labels, choose_labels
from genoplrp.discover.maps import WindowExplainer
from genoplrp.discover.options import Choices, Method
from genoplrp.discover.result import Discovery, discovery_of
from genoplrp.discover.units import Layer, unit_layers
from genoplrp.discover.write import Source, write_discovery
from genoplrp.lrp.composite import Composite
from genoplrp.lrp.prune import Pruner
from genoplrp.models import load_model
from genoplrp.motifs import Motif, read_motifs, shipped_motifs
from genoplrp.sequence import read_fasta

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
    seed: int = 0,
    overwrite: bool = False,
    trust: bool = False,
    report: Callable[[str], None] = lambda doing: None,
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
    options = Options(fpr, composite, pruner, strands, references, batch_size, 0, seed)
    choices = Choices(method, fdr, hit_fdr, least, windows, logos)
    if out is not None:
        check_output(Path(out).resolve(), overwrite)
    known = shipped_motifs() if database is None else read_motifs(database)
    network = model if isinstance(model, nn.Module) else load_model(model, trust=trust)
    scorer = scorer_for(network, batch_size, strands)
    wanted = checked_labels(scorer.spec, labels)
    rejected: list[Rejection] = []
    records = list(accepted(read_fasta(fasta), rejected.append))
    if not records:
        raise nothing_usable(fasta, len(rejected), rejected, "used")
    sequences = [record.sequence for record in records]
    explainer = WindowExplainer(scorer, sequences, options)
    if filters:
        first_convolution(explainer)  # an error, if it comes, comes before the work
    layers = unit_layers(explainer) if concepts else ()
    report("scoring the sequences")
    chosen, warnings = choose_labels(scorer, sequences, options, wanted, everywhere=everywhere)
    found = []
    for one in chosen:
        label = scorer.spec.labels[one.label]
        report(f"looking into {label}: {one.records:,} {'sequence' if one.records == 1 else 'sequences'}")
        found.append(discover_label(explainer, one.label, one.places, choices))
        warnings += _said(label, found[-1], one.records, choices)
    pairs = [(one.label, part) for one, part in zip(chosen, found, strict=True)]
    read = _read_units(explainer, pairs, known, report, filters=filters, layers=layers, least=least)
    report("naming the patterns")
    warnings += _crowded(sum(len(one.patterns) for one in found), choices)
    discovery = replace(
        discovery_of(found, records, known, scorer.spec.labels),
        warnings=tuple(warnings),
        **read,
        rejected=len(rejected),
        out=None if out is None else Path(out),
    )
    if out is not None:
        report("writing")
        source = Source(model, fasta, database, command, scorer, options, choices, tuple(records), tuple(rejected))
        with output_folder(out, overwrite=overwrite) as folder:
            write_discovery(folder, discovery, found, chosen, source)
    return discovery


def _read_units(
    explainer: WindowExplainer,
    found: Sequence[tuple[int, Found]],
    known: Sequence[Motif],
    report: Callable[[str], None],
    *,
    filters: bool,
    layers: Sequence[Layer],
    least: int,
) -> dict[str, Any]:
    """What filters and units of layers were used for, as a discovery names it, where it is wanted."""
    read: dict[str, Any] = {}
    if filters and found:
        report("reading the filters")
        read["filters"] = read_filters(explainer, [(label, part.places) for label, part in found], known)
    if layers and found:
        report("following the units of every layer")
        read["concepts"] = read_concepts(explainer, layers, found, known, least=least)
    return read


def _said(label: str, found: Found, records: int, choices: Choices) -> list[str]:
    """What to try where nothing was found."""
    if not found.maps.relevance.any():
        return [f"{label}: the maps are zero everywhere, so that its score does not depend on these sequences"]
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
