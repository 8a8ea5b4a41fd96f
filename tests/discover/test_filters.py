"""The filters of a network whose filters are known: two matrices, each on both strands."""

import pandas as pd
import pytest
import torch
from torch import nn

from genoplrp.discover import discover
from genoplrp.errors import ModelError
from genoplrp.models import ModelSpec
from genoplrp.motifs import read_motifs
from tests.annotate.networks import matrix_network
from tests.discover.conftest import LENGTH


@pytest.fixture(scope="module")
def read(case, tmp_path_factory):
    out = tmp_path_factory.mktemp("filters") / "out"
    return out, discover(case.network, case.fasta, out, filters=True).filters


def test_relevance_of_an_output_flows_through_its_own_filters_alone(read):
    """Filters 0 and 1 are CTCF's matrix and its reverse complement and feed that output alone; 2 and 3 REST's."""
    table = read[1].table
    for label, own in (("CTCF", {0, 1}), ("REST", {2, 3})):
        rows = table[table["label"] == label]
        assert set(rows["filter"]) == own
        assert rows["share"].sum() == pytest.approx(1, abs=1e-6)
        assert set(rows["match"]) == {label}
    assert (table["q"] < 1e-6).all()


def test_filters_that_speak_against_an_output_are_read_too(case):
    """CTCF's output less REST's: REST's filters speak against it, and for nothing.

    Measured from zero; from shuffles, which hold weak sites, a site that is missing speaks for the output.
    """
    network = matrix_network(LENGTH)
    with torch.no_grad():
        network.dense[2].weight[0, 1] = -1.0
    filters = discover(network, case.fasta, labels=["CTCF"], everywhere=True, filters=True, references=0).filters
    table = filters.table.set_index("filter")
    assert set(table.index) == {0, 1, 2, 3}
    assert table["share"].sum() == pytest.approx(1, abs=1e-6)
    assert table["share_against"].sum() == pytest.approx(1, abs=1e-6)
    for own, share, match in (([0, 1], "share", "CTCF"), ([2, 3], "share_against", "REST")):
        assert table.loc[own, share].sum() == pytest.approx(1, abs=1e-6)
        assert set(table.loc[own, "match"]) == {match}
    texts = [text.get_text() for axes in filters.plot().axes for text in axes.texts]
    assert sum("against CTCF" in text for text in texts) == sum("for CTCF" in text for text in texts) == 2


def test_both_strands_filters_read_each_others_reverse_complement(read):
    motifs = {motif.matrix_id: motif for motif in read[1].motifs}
    forward, reverse = motifs["filter_0"].information, motifs["filter_1"].information
    assert forward[:19].argmax() == 18 - reverse[:19].argmax()  # CTCF's 19 columns come first in filters of 21


def test_the_files_hold_the_table_and_the_motifs(read):
    out, filters = read
    assert pd.read_csv(out / "filters.tsv", sep="\t")["filter"].tolist() == filters.table["filter"].tolist()
    assert [m.matrix_id for m in read_motifs(out / "filters.meme")] == [m.matrix_id for m in filters.motifs]
    assert filters.layer == "convolutions.0"


def test_the_figure_shows_each_filter_with_its_outputs(read):
    out, filters = read
    assert (out / "filters.png").stat().st_size > 10_000
    texts = " ".join(text.get_text() for axes in filters.plot().axes for text in axes.texts)
    for k in range(4):
        assert f"filter {k}\n" in texts
    assert "for CTCF" in texts and "for REST" in texts


def test_a_network_that_does_not_begin_with_a_convolution_is_an_error(case, tmp_path):
    dense = nn.Sequential(nn.Flatten(), nn.Linear(320, 1))
    with torch.no_grad():
        dense[1].weight.copy_(torch.eye(4).repeat(1, 80)[:1])
    dense.spec = ModelSpec("Dense", {}, length=80, labels=("A",))
    with pytest.raises(ModelError, match=r"its filters are read from an nn\.Conv1d"):
        discover(dense, case.fasta, tmp_path / "out", labels=["A"], everywhere=True, filters=True)
    assert not (tmp_path / "out").exists()
