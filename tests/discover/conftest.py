"""One discovery for all: a network of two JASPAR matrices, and sequences with these motifs at known places."""

from pathlib import Path
from typing import NamedTuple

import pytest

from genoplrp.discover import Discovery, discover
from genoplrp.motifs import Simulation, shipped_motifs, simulate
from tests.annotate.networks import LABELS, matrix_network
from tests.annotate.sequences import write_fasta

LENGTH = 80


class Case(NamedTuple):
    """What went in, and what came out."""

    network: object
    fasta: Path
    truth: Simulation
    out: Path
    found: Discovery


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("discover")
    motifs = tuple(motif for motif in shipped_motifs() if motif.name in LABELS)
    truth = simulate(motifs, 160, LENGTH, counts=(0, 2), seed=3)
    names = [f"chr1:{1000 * i}-{1000 * i + LENGTH}" for i in range(160)]
    fasta = write_fasta(folder / "in.fa", list(zip(names, truth.sequences, strict=True)))
    network = matrix_network(LENGTH)
    return Case(network, fasta, truth, folder / "out", discover(network, fasta, folder / "out"))
