"""The shipped network and the command that makes it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from genoplrp.models import load_model, predict, spec_of, train_vertebrate20
from genoplrp.models.train_vertebrate20 import Recipe, encoded, presence
from genoplrp.motifs import Simulation, Site, best_hits, score_threshold, shipped_motifs
from genoplrp.resources import example_file, pretrained_dir
from genoplrp.sequence import dinucleotide_shuffle, one_hot, read_fasta, reverse_complement


def simulation(rows: list[str], sites: list[Site]) -> Simulation:
    """Simulation of hand-written sequences."""
    motifs = shipped_motifs()
    labels = np.zeros((len(rows), len(motifs)), dtype=np.uint8)
    for site in sites:
        labels[site.sequence, site.motif] = 1
    return Simulation(rows, labels, sites, motifs, length=len(rows[0]))


def index(name: str) -> int:
    return [motif.name for motif in shipped_motifs()].index(name)


def test_labels_are_the_shipped_matrices_in_their_order() -> None:
    spec = spec_of(load_model("vertebrate20"))
    assert spec.length == 200
    assert spec.labels == tuple(motif.name for motif in shipped_motifs())
    assert spec.motifs == {motif.name: motif.matrix_id for motif in shipped_motifs()}


def test_file_is_small_and_its_card_says_how_it_was_made() -> None:
    assert (pretrained_dir() / "vertebrate20.safetensors").stat().st_size < 2_000_000
    card = spec_of(load_model("vertebrate20")).training
    assert card["command"].startswith("python -m genoplrp.models.train_vertebrate20 --seed")
    assert set(card["auroc"]) == {motif.name for motif in shipped_motifs()}
    assert min(card["auroc"].values()) > 0.85
    assert card["run"]["versions"]["torch"]


def test_real_ctcf_peaks_are_called_and_their_shuffles_are_not() -> None:
    """Issue 2: at least 70 % of the peaks at a threshold at which at most 2 % of their shuffles are called."""
    peaks = [record.sequence for record in read_fasta(example_file())]
    rng = np.random.default_rng(0)
    shuffled = [dinucleotide_shuffle(sequence, rng) for sequence in peaks]
    model = load_model("vertebrate20")
    ctcf = spec_of(model).labels.index("CTCF")
    scores, control = (predict(model, one_hot(rows))[:, ctcf] for rows in (peaks, shuffled))
    threshold = control.sort().values[-1 - int(0.02 * len(control))]
    assert (control > threshold).double().mean() <= 0.02
    assert (scores > threshold).double().mean() >= 0.7


def test_both_strands_of_a_sequence_are_called_alike() -> None:
    peaks = [record.sequence for record in read_fasta(example_file())]
    model = load_model("vertebrate20")
    forward, reverse = (predict(model, one_hot(rows))[:, 0] > 0 for rows in (peaks, map(reverse_complement, peaks)))
    assert (forward == reverse).double().mean() > 0.9


def test_planted_and_strong_chance_sites_are_present() -> None:
    ctcf, sp1 = shipped_motifs()[0], index("SP1")
    # What was planted counts however weak it is; the consensus of SP1 counts because it is strong.
    weak = "TTTTTTTTTTTTTTTTTTT"
    rows = ["A" * 20 + weak + "A" * 20 + shipped_motifs()[sp1].consensus + "A" * 20]
    targets = presence(simulation(rows, [Site(0, 20, 20 + ctcf.width, 0, "+")]))
    assert targets[0, 0] == 1
    assert targets[0, sp1] == 1
    assert targets[0, index("REST")] == 0


def test_weak_match_is_unknown_inside_another_motif_and_absent_elsewhere() -> None:
    gata = index("Gata1")
    motif = shipped_motifs()[gata]
    low, high = (score_threshold(motif, p_value) for p_value in (1e-4, 1e-5))
    rng = np.random.default_rng(1)
    rows = ["C" * 30 + word + "C" * 30 for word in map("".join, rng.choice(list("ACGT"), (40_000, 11)))]
    hits = best_hits(rows, motif)
    found = next(hit for hit in hits if hit is not None and low <= hit.score < high)
    row = rows[found.sequence]
    other = index("GATA1::TAL1")
    inside = presence(simulation([row], [Site(0, found.end - 1, found.end + 17, other, "+")]))
    beside = presence(simulation([row], [Site(0, found.end, found.end + 18, other, "+")]))
    assert inside[0, gata].isnan()
    assert beside[0, gata] == 0


def test_encoded_is_one_hot_in_parts() -> None:
    rows = ["ACGTN", "TTTTT"] * 2100
    assert torch.equal(encoded(rows), one_hot(rows).to(torch.uint8))


def test_command_writes_a_model_and_is_reproducible(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--sequences", "60", "--held-out", "20", "--epochs", "1", "--threads", "1", "--seed", "7"]
    threads = torch.get_num_threads()
    try:
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            train_vertebrate20.main([*options, "--out", str(tmp_path / folder)])
    finally:
        torch.set_num_threads(threads)
    first, second = (load_model(tmp_path / folder / "vertebrate20") for folder in ("a", "b"))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    training = spec_of(first).training
    assert training["command"].endswith("--seed 7 --sequences 60 --held-out 20 --epochs 1 --threads 1")
    assert Recipe(seed=7, sequences=60, held_out=20, epochs=1).lr == training["recipe"]["lr"]
    assert "CTCF" in capsys.readouterr().out
