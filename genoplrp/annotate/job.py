"""The main job: a FASTA file and a network in, a folder of annotations out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from torch import nn

from genoplrp.annotate.calibrate import RECORDS, calibrate
from genoplrp.annotate.explain import Mapper
from genoplrp.annotate.facts import Facts, method, run_facts
from genoplrp.annotate.intake import Rejected, accepted, nothing_usable
from genoplrp.annotate.options import DEFAULT_PRUNER, Options, Strands
from genoplrp.annotate.output import check_output, output_folder, write_params
from genoplrp.annotate.page import page_data
from genoplrp.annotate.recorder import Recorded, Recorder
from genoplrp.annotate.report import write_report
from genoplrp.annotate.run import record_all
from genoplrp.annotate.scorer import Scorer, scorer_for
from genoplrp.annotate.summary import Factor, QualityRow, Summary, headline
from genoplrp.annotate.truth import BedTruth, ScannedTruth, Truth
from genoplrp.apart import Here, beside
from genoplrp.lrp.composite import Composite
from genoplrp.lrp.prune import Pruner
from genoplrp.models import load_model
from genoplrp.motifs import Motif, shipped_motifs
from genoplrp.sequence import Record, read_fasta
from genoplrp.show.page import PageData

Progress = Callable[[str, int], None]
"""Called with what the job is doing ("calibrating", "annotating", "drawing") and the number of records done."""

_HEAD_BASES = 1 << 26  # the records for calibration are held in memory

_FEW, _FEW_BASES = 4_000, 1 << 20
"""Up to so many records, or bases, beyond those for calibration are recorded in this process: with another one 700
records take a second and a half longer, 5,000 half a second less."""


@dataclass(frozen=True)
class Result:
    """What a run came to; on the last line of a notebook's cell it shows its sequences (`genoplrp.show.Viewer`).

    Attributes
    ----------
    out
        The folder written.
    annotated, rejected
        Numbers of records.
    factors
        One entry a label, the one called most often beyond chance first.
    qualities
        Mean metrics of LRP and PLRP, by label called.
    headline
        The first of `factors` in one sentence.
    warnings
        What to know before trusting the numbers.
    shown
        What the report's page lets one look at.
    """

    out: Path
    annotated: int
    rejected: int
    factors: list[Factor]
    qualities: list[QualityRow]
    headline: str
    warnings: list[str]
    shown: PageData = field(repr=False, compare=False)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from genoplrp.show.viewer import Viewer

        text = f"{self.headline} Everything is in {self.out}."
        return {**Viewer(self.shown, self.headline, self._first())._repr_mimebundle_(), "text/plain": text}

    def _first(self) -> int:
        """Index of the first sequence shown that is explained for the label which the headline is about."""
        about = self.shown.labels.index(self.factors[0].label)
        own = (i for i, page in enumerate(self.shown.sequences) if page.explained[0].label == about)
        return next(own, 0)


def annotate(
    fasta: str | Path,
    model: str | Path | nn.Module,
    out: str | Path,
    *,
    fpr: float = 0.01,
    composite: str | Composite = "genomic",
    pruner: Pruner = DEFAULT_PRUNER,
    strands: Strands = "forward",
    references: int = 0,
    batch_size: int = 128,
    truth: str | Path | None = None,
    logos: int = 6,
    page: int = 500,
    seed: int = 0,
    overwrite: bool = False,
    trust: bool = False,
    progress: Progress | None = None,
    command: str | None = None,
) -> Result:
    """Annotate every record of a FASTA file with what a network sees in it, and write a folder of results.

    A label is called in a record if its score, the largest over the record's windows, exceeds the label's threshold;
    thresholds come from dinucleotide shuffles of the first 500 records. Every called label of every record is explained
    with and without pruning, or the best label where none is called. Records are streamed: memory does not grow with
    their number. With the same input, options and seed the tables are the same to the byte.

    Parameters
    ----------
    fasta
        FASTA file, plain, gzip or bgzip; "-" for standard input. Records of any length.
    model
        Name of a shipped network, path of a model file, or a network with a `genoplrp.models.ModelSpec` in ``.spec``.
    out
        Folder to write. It appears when everything is done, or not at all.
    fpr
        Share of shuffled sequences that may exceed a label's threshold, 0 <= fpr < 1.
    composite, pruner, strands
        How relevance is propagated; see `genoplrp.attribute`. With ``strands="both"`` scores are means, too.
    references
        Dinucleotide shuffles of each window to measure relevance from; 0: from zero. About 2 (1 + references) times
        the cost.
    batch_size
        Windows that go through the network at once.
    truth
        BED file of true instances, to compare the maps with; by default the matches of each label's matrix.
    logos
        How many of the best explanations are drawn.
    page
        How many of the best sequences the report's page lets one look at, each at several amounts of pruning.
    seed
        Of the shuffles.
    overwrite
        Whether `out` may be replaced if an earlier run wrote it. A folder with other files in it never is.
    trust
        Whether a model file may run code; see `genoplrp.load_model`.
    progress
        Called now and then with a stage and a number of records.
    command
        The command line, kept in params.json.

    Returns
    -------
    Result
        The headline numbers; everything else is in the folder.

    Raises
    ------
    SequenceError
        The file is not FASTA, ends early, or none of its records can be annotated. Nothing is written then.
    ModelError, OptionError, OutputError, UnsupportedCallError
        The network, an option or the folder cannot be used.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from genoplrp import MotifCNN
    >>> from genoplrp.models import CNNConfig
    >>> network = MotifCNN(CNNConfig(length=20, filters=(2,), widths=(5,), dense=(4,)))
    >>> network.spec = network.describe(("CTCF",), motifs={"CTCF": "MA0139.1"})
    >>> with TemporaryDirectory() as folder:
    ...     fasta = Path(folder) / "in.fa"
    ...     _ = fasta.write_text(">a\\nACGTTGCAACCAGGGGGCGCTA\\n>b\\nACGT?\\n")
    ...     result = annotate(fasta, network, Path(folder) / "out", logos=0)
    >>> result.annotated, result.rejected
    (1, 1)
    """
    options = Options(fpr, composite, pruner, strands, references, batch_size, logos, page, seed)
    check_output(Path(out).resolve(), overwrite)
    network = model if isinstance(model, nn.Module) else load_model(model, trust=trust)
    scorer = scorer_for(network, batch_size, strands)
    motifs = _matrices(scorer.spec.motifs)
    known = BedTruth(truth, scorer.spec.labels) if truth is not None else ScannedTruth(motifs)
    facts = Facts(str(fasta), "" if isinstance(model, nn.Module) else str(model), known.source, command)
    report = progress or (lambda stage, records: None)
    with output_folder(out, overwrite=overwrite) as folder:
        recorded, rejected = _annotate_all(
            folder, fasta, scorer, options=options, motifs=motifs, truth=known, report=report
        )
        summary = recorded.summary
        report("drawing", summary.records)
        warnings = summary.warnings()
        if isinstance(known, BedTruth) and not summary.instances:
            warnings.append(f"no interval of {truth} lies on a record that was explained: compare the names.")
        params = {**run_facts(facts, scorer, options, summary, rejected.count), "warnings": warnings}
        shown = page_data(recorded.showcase, summary, scorer, options, motifs=motifs, truth=known)
        exhibits = recorded.gallery.best(_worth_drawing(summary))
        write_report(folder, params, summary, exhibits, rejected.first, shown=shown)
        write_params(folder, params)
    factors = summary.factors()
    return Result(
        Path(out), summary.records, rejected.count, factors, summary.qualities(), headline(factors[0]), warnings, shown
    )


def _annotate_all(
    folder: Path,
    fasta: str | Path,
    scorer: Scorer,
    *,
    options: Options,
    motifs: Mapping[str, Motif],
    truth: Truth,
    report: Progress,
) -> tuple[Recorded, Rejected]:
    """Fill tables and store with every record, and count what was found."""
    with closing(Rejected(folder)) as rejected:
        records = accepted(read_fasta(fasta), rejected.add)
        report("calibrating", 0)
        head = _taken(records, RECORDS, _HEAD_BASES)
        if not head:
            raise nothing_usable(fasta, rejected.count, rejected.first, "annotated")
        calibration = calibrate([record.sequence for record in head], scorer, options.fpr, options.seed)
        following = _taken(records, _FEW, _FEW_BASES)
        more = list(islice(records, 1))
        begin = beside if more else Here
        with closing(
            begin(
                Recorder,
                folder,
                scorer.spec.labels,
                scorer.spec.length,
                calibration,
                motifs=motifs,
                truth=truth,
                logos=options.logos,
                page=options.page,
                facts={"method": method(options), "thresholds": calibration.thresholds.tolist()},
            )
        ) as recorder:
            every, mapper = chain(head, following, more, records), Mapper(scorer, options)
            with closing(record_all(every, mapper, calibration.thresholds, recorder)) as counts:
                for done in counts:
                    report("annotating", done)
            return recorder.call(Recorder.finish), rejected


def _taken(records: Iterator[Record], most: int, bases: int) -> list[Record]:
    """The next records: so many, or fewer that have so many bases."""
    found: list[Record] = []
    total = 0
    while len(found) < most and total < bases and (record := next(records, None)) is not None:
        found.append(record)
        total += len(record.sequence)
    return found


def _matrices(ids: Mapping[str, str]) -> dict[str, Motif]:
    """The shipped matrices by label, for the labels that name one of them."""
    shipped = {motif.matrix_id: motif for motif in shipped_motifs()}
    return {label: shipped[matrix_id] for label, matrix_id in ids.items() if matrix_id in shipped}


def _worth_drawing(summary: Summary) -> list[str]:
    """Labels whose best explanations are drawn: those called more than by chance, or else all that are called."""
    called = [factor for factor in summary.factors() if factor.called]
    return [factor.label for factor in called if factor.above_chance] or [factor.label for factor in called]
