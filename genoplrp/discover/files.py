"""The folder that a discovery writes: motif files, tables, and the two files that other programs read."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from genoplrp.annotate.genome import parse_locus
from genoplrp.annotate.intake import Rejection
from genoplrp.annotate.tables import write_line
from genoplrp.discover.maps import Maps, Place
from genoplrp.discover.patterns import Pattern
from genoplrp.motifs import write_motifs
from genoplrp.sequence import Record

GROUPS = {1: "pos_patterns", -1: "neg_patterns"}
GENOME_HITS = "instances.genome.bed"

_BED = ("record", "start", "end", "name", "points", "strand")


def write_matrices(folder: Path, patterns: Sequence[Pattern], names: Sequence[str]) -> None:
    """``patterns.meme`` and ``patterns.jaspar``: the cores' counts; accession the pattern's name, name its match."""
    motifs = [pattern.motif(name) for pattern, name in zip(patterns, names, strict=True)]
    for suffix in ("meme", "jaspar"):
        write_motifs(motifs, folder / f"patterns.{suffix}")


def write_h5(path: Path, patterns: Sequence[Pattern], first_rows: Mapping[str, int], length: int) -> None:
    """``patterns.h5`` as modisco-lite 3 writes it: what ``modisco report`` and Fi-NeMo read.

    As there, a seqlet whose frame reaches beyond its window is left out, and its pattern's matrices are those of the
    others.

    Parameters
    ----------
    path
        File to write.
    patterns
        In order; ``pos_patterns`` and ``neg_patterns`` number them from 0, each for itself.
    first_rows
        For each label the row at which its windows begin in ``regions.npz``; ``example_idx`` counts there.
    length
        Bases in a window.
    """
    with h5py.File(path, "w") as file:
        file.attrs["window_size"] = length
        groups = {sign: file.create_group(name) for sign, name in GROUPS.items()}
        for key, pattern in zip(h5_names(patterns), patterns, strict=True):
            group = groups[pattern.sign].create_group(key.partition("/")[2])
            _fill(group, pattern.inside(length), first_rows[pattern.label])


def h5_names(patterns: Sequence[Pattern]) -> list[str]:
    """Where each pattern is in ``patterns.h5``, such as ``pos_patterns/pattern_0``."""
    seen = dict.fromkeys(GROUPS, 0)
    names = []
    for pattern in patterns:
        names.append(f"{GROUPS[pattern.sign]}/pattern_{seen[pattern.sign]}")
        seen[pattern.sign] += 1
    return names


def write_regions(
    path: Path, maps: Sequence[Maps], places: Sequence[Sequence[Place]], records: Sequence[Record], length: int
) -> None:
    """``regions.npz``: the explained windows of all labels, one label after the other, as Fi-NeMo reads them.

    ``sequences`` (n, 4, l) int8 one-hot, ``contributions`` (n, 4, l) float16 hypothetical relevance; ``chr`` is the
    record's name and ``start`` where the window begins in it, so that hits come out in the record's coordinates. Of an
    odd length a column without a base is added, for Fi-NeMo takes even ones only.
    """
    pad = ((0, 0), (0, 0), (0, length % 2))
    empty = np.zeros((0, 4, length))
    sequences = np.concatenate([empty.astype(np.int8), *(part.x.astype(np.int8) for part in maps)])
    scores = np.concatenate([empty.astype(np.float16), *(part.hypothetical.astype(np.float16) for part in maps)])
    rows = [(one.label, *place) for one, own in zip(maps, places, strict=True) for place in own]
    ids = np.arange(len(rows), dtype=np.uint32)
    np.savez_compressed(
        path,
        sequences=np.pad(sequences, pad),
        contributions=np.pad(scores, pad),
        chr=np.array([records[record].name for _, record, _ in rows], dtype="U"),
        chr_id=np.array([record for _, record, _ in rows], dtype=np.uint32),
        start=np.array([window.start - window.offset for _, _, window in rows], dtype=np.int32),
        peak_id=ids,
        peak_name=np.array([f"{label}|{records[record].name}" for label, record, _ in rows], dtype="U"),
    )


def write_instances(folder: Path, instances: pd.DataFrame, records: Mapping[str, Record]) -> None:
    """``instances.tsv``, ``instances.bed`` and, where records' names say where they lie, ``instances.genome.bed``.

    The BED files are strict BED6; the score is 1000 times the share of the window's relevance.
    """
    write_table(folder / "instances.tsv", instances)
    bed = instances.assign(
        name=instances["pattern"] + "|" + instances["match"], points=(1000 * instances["share"]).round().astype(int)
    )[list(_BED)]
    write_lines(folder / "instances.bed", bed.itertuples(index=False))
    lines = []
    for name, start, end, label, points, strand in bed.itertuples(index=False):
        locus = parse_locus(name, len(records[name].sequence))
        if locus is not None:
            low, high, side = locus.to_genome(start, end, strand)
            lines.append((locus.chrom, low, high, label, points, side))
    if lines:
        write_lines(folder / GENOME_HITS, lines)


def write_rejected(folder: Path, rejected: Sequence[Rejection]) -> None:
    """``rejected.tsv``: records that were left out, and why."""
    frame = pd.DataFrame([(one.record, one.reason) for one in rejected], columns=["record", "reason"])
    write_table(folder / "rejected.tsv", frame)


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """A tab-separated table under its columns' names, numbers with six digits, nothing quoted."""
    write_lines(path, itertools.chain([frame.columns], frame.itertuples(index=False)))


def write_lines(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """A file of tab-separated lines."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            write_line(file, *row)


def _fill(group: Any, pattern: Pattern, first_row: int) -> None:
    """One pattern's arrays, the bases along the first axis as modisco-lite has them."""
    counts = pattern.sequences.mean(axis=0, dtype=np.float64)
    for name, matrix in (
        ("sequence", counts),
        ("contrib_scores", pattern.cwm),
        ("hypothetical_contribs", pattern.hypothetical_cwm),
    ):
        group.create_dataset(name, data=matrix.T)
    seqlets = group.create_group("seqlets")
    seqlets.create_dataset("n_seqlets", data=np.array([len(pattern)]))
    seqlets.create_dataset("start", data=pattern.starts)
    seqlets.create_dataset("end", data=pattern.starts + pattern.width)
    seqlets.create_dataset("example_idx", data=pattern.rows + first_row)
    seqlets.create_dataset("is_revcomp", data=pattern.reverse)
    for name, tracks in (
        ("sequence", pattern.sequences),
        ("contrib_scores", pattern.contributions),
        ("hypothetical_contribs", pattern.hypothetical),
    ):
        seqlets.create_dataset(name, data=tracks.swapaxes(1, 2), compression="gzip", compression_opts=4)
