"""Units of deeper layers, on networks in which it is known what each is for."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from genoplrp import PruneLambda, attribute, one_hot
from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import scorer_for
from genoplrp.discover import discover
from genoplrp.discover.concepts import _read
from genoplrp.discover.maps import WindowExplainer
from genoplrp.discover.names import name_motifs
from genoplrp.discover.patterns import Pattern
from genoplrp.discover.units import read_flow, unit_layers
from genoplrp.errors import ModelError, OptionError
from genoplrp.models import ModelSpec
from genoplrp.motifs import Motif, read_motifs, shipped_motifs
from genoplrp.sequence import Window
from tests.annotate.networks import LABELS, matrix_network
from tests.annotate.sequences import write_fasta

LENGTH, APART = 80, 30
CTCF, REST = (next(motif for motif in shipped_motifs() if motif.name == name) for name in LABELS)


class Grammar(nn.Module):
    """Two matrices; then unit 0: CTCF and, 30 bases on, REST; unit 1: REST alone. An output each."""

    def __init__(self) -> None:
        super().__init__()
        self.motifs, self.pairs, self.head = nn.Conv1d(4, 2, 21), nn.Conv1d(2, 2, APART + 1), nn.Linear(2, 2)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.zero_()
            for k, motif in enumerate((CTCF, REST)):
                self.motifs.weight[k, :, : motif.width] = torch.from_numpy(motif.log_odds())
            self.motifs.bias.fill_(-4.0)
            self.pairs.weight[0, 0, 0] = self.pairs.weight[0, 1, APART] = self.pairs.weight[1, 1, APART] = 1.0
            self.pairs.bias[0] = -4.0
            self.head.weight.copy_(torch.eye(2))
        self.spec = ModelSpec("Grammar", {}, length=LENGTH, labels=("pair", "REST"))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pairs(self.motifs(x).relu()).relu().amax(2))


class Looped(nn.Module):
    """Residual blocks behind the matrices, the second of which is used twice."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = matrix_network(LENGTH).convolutions[0]
        self.blocks = nn.ModuleList(nn.Conv1d(4, 4, 3, padding=1) for _ in range(2))
        self.head = nn.Linear(4, 2)
        self.spec = ModelSpec("Looped", {}, length=LENGTH, labels=LABELS)

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x).relu()
        for block in (*self.blocks, self.blocks[1]):
            h = h + block(h).relu()
        return self.head(h.amax(2))


class OneModule(nn.Module):
    """Two convolutions and their activations in one module without parts."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Parameter(torch.randn(3, 4, 5)), nn.Parameter(torch.randn(5, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv1d(nn.functional.conv1d(x, self.first).relu(), self.second).relu()


def sequences(n: int = 60) -> list[tuple[str, str]]:
    """Sequences with CTCF and, 30 bases on, REST; as many with REST alone; as many with neither."""
    rng = np.random.default_rng(4)
    records = []
    for i in range(3 * n):
        letters = rng.choice(list("ACGT"), LENGTH)
        start = int(rng.integers(5, LENGTH - APART - REST.width - 5))
        for motif, place, wanted in ((CTCF, start, i < n), (REST, start + APART, i < 2 * n)):
            if wanted:
                columns = motif.probabilities(0.0).T
                letters[place : place + motif.width] = [rng.choice(list("ACGT"), p=p / p.sum()) for p in columns]
        records.append((f"s{i}", "".join(letters)))
    return records


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    return write_fasta(tmp_path_factory.mktemp("in") / "in.fa", sequences())


@pytest.fixture(scope="module")
def read(fasta, tmp_path_factory):
    out = tmp_path_factory.mktemp("concepts") / "out"
    return out, discover(Grammar().eval(), fasta, out, concepts=True, fpr=0.05)


def rows_of(found, label, layer):
    table = found.concepts.table
    return table[(table["label"] == label) & (table["layer"] == layer)].set_index("unit")


def test_a_unit_that_needs_two_motifs_has_both_and_one_that_needs_one_has_that(read):
    pair, alone = rows_of(read[1], "pair", "pairs"), rows_of(read[1], "REST", "pairs")
    assert list(pair.index) == [0] and list(alone.index) == [1]
    assert {pair.loc[0, "match"], *pair.loc[0, "also"].split(",")} == {"CTCF", "REST"}
    assert (alone.loc[1, "match"], alone.loc[1, "also"]) == ("REST", "")
    assert pair.loc[0, "q"] < 1e-6 and alone.loc[1, "q"] < 1e-6


def test_a_unit_is_fed_by_the_filters_that_it_reads(read):
    pair, alone = (rows_of(read[1], "pair", "pairs"), rows_of(read[1], "REST", "pairs"))
    assert {part.split("=")[0] for part in pair.loc[0, "fed_by"].split(",")} == {"motifs/0", "motifs/1"}
    assert alone.loc[1, "fed_by"] == "motifs/1=1"
    filters = rows_of(read[1], "pair", "motifs")
    assert filters.loc[0, "match"] == "CTCF" and filters.loc[1, "match"] == "REST"
    assert (filters["fed_by"] == "").all()


def test_shares_of_a_layer_are_those_of_its_relevance_and_add_up_to_one(fasta):
    """Beside what `attribute` says of the layer itself."""
    net = Looped().eval()
    found = discover(net, fasta, labels=["CTCF"], everywhere=True, references=0, concepts=True)
    layers = ("stem", "blocks.0", "blocks.1", "blocks.1#2")
    assert found.concepts.layers == layers
    x = one_hot([sequence for _, sequence in sequences()])
    relevance = attribute(net, x, target=0, pruner=PruneLambda(0.1), layers=layers).layers
    for layer in layers:
        own = rows_of(found, "CTCF", layer)
        for name, part in (("share", relevance[layer].clamp(min=0)), ("share_against", -relevance[layer].clamp(max=0))):
            sums = part.sum((0, 2)) / part.sum().clamp(min=1e-30)
            assert own[name].sum() == pytest.approx(float(part.any()), abs=1e-6)  # 0 where nothing speaks against
            assert own[name].to_numpy() == pytest.approx(sums[own.index.to_list()].numpy(), abs=1e-5)
        counts = relevance[layer].ne(0).any(2).sum(0)  # a window a record
        assert own["sequences"].tolist() == counts[own.index.to_list()].tolist()


def flow_of(net: nn.Module, references: int):
    """The flow of the first output over all of some sequences, and what reads them."""
    texts = [sequence for _, sequence in sequences(20)]
    explainer = WindowExplainer(scorer_for(net, 16, "forward"), texts, Options(references=references))
    places = [(i, Window(0, LENGTH)) for i in range(len(texts))]
    return read_flow(explainer, unit_layers(explainer), 0, places), explainer, places


@pytest.mark.parametrize("references", [0, 2])
def test_all_that_flows_through_the_nodes_reaches_the_bases(references):
    """Around residual additions, and through a layer used twice, each call of which is a layer."""
    flow, explainer, places = flow_of(Looped().eval(), references)
    assert {node.layer for node in flow.nodes} == {0, 1, 2, 3}
    whole = np.concatenate([part[2] for part in explainer.relevance(0, places)])
    direct = sum(node.direct for node in flow.nodes)
    assert np.abs(direct - whole).max() < 1e-4 * np.abs(whole).max()


@pytest.mark.parametrize("references", [0, 2])
def test_in_a_chain_each_layer_hands_to_the_next_and_the_output_to_the_last_alone(references):
    flow, _, _ = flow_of(Grammar().eval(), references)
    layer = np.array([node.layer for node in flow.nodes])
    assert set(layer) == {0, 1}
    assert flow.output[layer == 0].max() < 1e-5 * flow.output.sum()
    assert not flow.handed[layer == 0].any() and not flow.handed[np.ix_(layer == 1, layer == 1)].any()
    assert flow.net[layer == 1][:, layer == 0].sum(0) == pytest.approx(
        [node.net for node in flow.nodes if node.layer == 0], rel=1e-4
    )
    assert not any(node.direct.any() for node in flow.nodes if node.layer == 1)


def test_several_calls_in_one_module_are_layers_of_their_own():
    net = nn.Sequential(OneModule(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(5, 2)).eval()
    net.spec = ModelSpec("OneModule", {}, length=LENGTH, labels=LABELS)
    flow, _, _ = flow_of(net, 0)
    assert [(layer.name, layer.units) for layer in flow.layers] == [("0#1", 3), ("0#2", 5)]
    layer = np.array([node.layer for node in flow.nodes])
    assert flow.output[layer == 0].max() < 1e-5 * flow.output.sum() and flow.handed[layer == 1][:, layer == 0].any()


def test_the_files_hold_the_table_the_motifs_and_a_path_an_output(read):
    out, found = read
    concepts = found.concepts
    written = pd.read_csv(out / "concepts.tsv", sep="\t", keep_default_na=False)
    assert written["unit"].tolist() == concepts.table["unit"].tolist()
    assert [motif.matrix_id for motif in read_motifs(out / "concepts.meme")] == [m.matrix_id for m in concepts.motifs]
    assert "pairs/0|pair" in {motif.matrix_id for motif in concepts.motifs}
    assert json.loads((out / "params.json").read_text())["concepts"] == ["motifs", "pairs"]
    for name in ("path_pair", "path_REST"):
        assert (out / f"{name}.png").stat().st_size > 10_000
        assert "<image" not in (out / f"{name}.svg").read_text()  # a vector


def test_the_path_shows_layers_units_and_where_in_the_sequences_it_ends(read):
    figure = read[1].concepts.plot_path("pair")
    texts = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"motifs", "pairs", "2 units", "output", "CTCF", "REST"} <= texts
    assert any(text.startswith("unit 0, ") for text in texts)
    shown = " ".join(text.get_text() for axes in read[1].concepts.plot().axes for text in axes.texts)
    assert "pairs, unit 0\n100% for pair" in shown
    assert "<table" in read[1].concepts._repr_html_()
    with pytest.raises(OptionError, match="no path of 'SOX2' was read; there are "):
        read[1].concepts.plot_path("SOX2")


def test_a_unit_with_too_few_spans_has_no_known_match(fasta, tmp_path):
    few = write_fasta(tmp_path / "few.fa", sequences(3)[:3])
    found = discover(Grammar().eval(), few, tmp_path / "out", labels=["pair"], everywhere=True, concepts=True)
    row = rows_of(found, "pair", "pairs").loc[0]
    assert row["match"] == "no_known_match" and row["consensus"] == "" and np.isnan(row["q"])
    assert found.concepts.motifs == () and (tmp_path / "out" / "concepts.meme").read_text().startswith("MEME version")
    assert found.concepts.plot_path().axes


def test_maps_that_are_zero_leave_empty_files(fasta, tmp_path):
    deaf = Grammar().eval()
    with torch.no_grad():
        deaf.head.weight.zero_()
    found = discover(deaf, fasta, tmp_path / "out", labels=["pair"], everywhere=True, concepts=True)
    assert found.concepts.table.empty and (tmp_path / "out" / "path_pair.png").exists()
    assert len(pd.read_csv(tmp_path / "out" / "concepts.tsv", sep="\t").columns) == 13


def test_no_output_called_leaves_empty_files(tmp_path):
    rng = np.random.default_rng(1)
    fasta = write_fasta(tmp_path / "in.fa", [(f"s{i}", "".join(rng.choice(list("ACGT"), LENGTH))) for i in range(60)])
    found = discover(Grammar().eval(), fasta, tmp_path / "out", concepts=True, filters=True)
    assert "no output is called more often" in found.warnings[0]
    for name, columns in (("concepts", 13), ("filters", 10)):
        table = pd.read_csv(tmp_path / "out" / f"{name}.tsv", sep="\t")
        assert table.empty and len(table.columns) == columns
        assert (tmp_path / "out" / f"{name}.meme").read_text().startswith("MEME version")
        assert (tmp_path / "out" / f"{name}.png").exists()
    assert not list((tmp_path / "out").glob("path_*"))
    with pytest.raises(OptionError, match="no path was read, for no output was looked into"):
        found.concepts.plot_path()


def test_a_network_of_dense_layers_alone_is_read_too(fasta):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 12), nn.ReLU(), nn.Linear(12, 2)).eval()
    net.spec = ModelSpec("Dense", {}, length=LENGTH, labels=("a", "b"))
    found = discover(net, fasta, labels=["a"], everywhere=True, concepts=True)
    assert found.concepts.layers == ("1",)
    assert found.concepts.table["share"].sum() == pytest.approx(1, abs=1e-6)


def test_a_network_without_units_is_an_error_before_the_work(fasta, tmp_path):
    net = nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 2)).eval()
    net.spec = ModelSpec("Flat", {}, length=LENGTH, labels=("a", "b"))
    with pytest.raises(ModelError, match=r"no concepts to read: leave them out \(without --concepts\)"):
        discover(net, fasta, tmp_path / "out", labels=["a"], everywhere=True, concepts=True)
    assert not (tmp_path / "out").exists()


class Headed(nn.Module):
    """A convolution of five channels on two strands, joined to ten, another to six, and a head given by its name."""

    def __init__(self, head: str) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Conv1d(4, 5, 7), nn.Conv1d(10, 6, 3)
        self.one, self.two = nn.Linear(6, 1), nn.Linear(6, 1)
        self.both, self.tiny = nn.Conv1d(6, 2, 1), nn.Linear(6, 2)
        self.head = head
        self.spec = ModelSpec("Headed", {}, length=LENGTH, labels=("a", "b"))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.cat([self.first(x), self.first(x.flip(1, 2)).flip(2)], 1).relu()
        h = self.second(h).relu()
        if self.head == "two, joined":
            return torch.cat([self.one(h.amax(2)), self.two(h.mean(2))], 1)
        if self.head == "a convolution":
            return self.both(h).mean(2)
        if self.head == "a call a strand":
            return (self.tiny(h.amax(2)) + self.tiny(h.mean(2))) / 2
        return self.tiny(h.amax(2)).sigmoid()


@pytest.mark.parametrize("head", ["two, joined", "a convolution", "a call a strand", "a dense layer"])
def test_heads_are_no_layers_of_concepts(head):
    explainer = WindowExplainer(scorer_for(Headed(head).eval(), 16, "forward"), [], Options())
    found = [(layer.name, layer.units) for layer in unit_layers(explainer)]
    assert found == [("first", 5), ("first#2", 5), ("second", 6)]


def test_a_lone_convolution_is_read():
    net = nn.Sequential(nn.Conv1d(4, 2, 21), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten()).eval()
    net.spec = ModelSpec("Lone", {}, length=LENGTH, labels=LABELS)
    (layer,) = unit_layers(WindowExplainer(scorer_for(net, 16, "forward"), [], Options()))
    assert (layer.name, layer.units) == ("0", 2)


class FromTheLeft(nn.Module):
    """The pairs of `Grammar`, as a product with the weight on the left of what was read at each place and 30 on."""

    def __init__(self) -> None:
        super().__init__()
        grammar = Grammar()
        self.motifs, self.head, self.spec = grammar.motifs, grammar.head, grammar.spec
        self.weight = nn.Parameter(grammar.pairs.weight.detach()[:, :, [0, APART]].flatten(1))  # (2, 4)
        self.bias = nn.Parameter(grammar.pairs.bias.detach()[:, None])

    def forward(self, x: Tensor) -> Tensor:
        h = self.motifs(x).relu()
        here, there = h[:, :, :-APART], h[:, :, APART:]
        both = torch.stack([here, there], 2).flatten(1, 2)  # (n, 4, l)
        return self.head((self.weight @ both + self.bias).relu().amax(2))


def test_a_weight_on_the_left_has_a_unit_a_row(fasta, read):
    """The same network, spelt otherwise, uses its units for the same."""
    found = discover(FromTheLeft().eval(), fasta, labels=["pair", "REST"], concepts=True, fpr=0.05)
    assert found.concepts.layers == ("motifs", "matmul")
    pair, alone = rows_of(found, "pair", "matmul"), rows_of(found, "REST", "matmul")
    assert list(pair.index) == [0] and list(alone.index) == [1]
    assert {pair.loc[0, "match"], *pair.loc[0, "also"].split(",")} == {"CTCF", "REST"}
    assert alone.loc[1, "match"] == "REST"


def test_sequences_are_counted_once_however_many_windows_they_have(tmp_path):
    """Each record has seven windows, and its motif lies in several."""
    longer = [(name, 2 * text + 2 * text[::-1]) for name, text in sequences(10)]
    fasta = write_fasta(tmp_path / "long.fa", longer)
    found = discover(Grammar().eval(), fasta, labels=["REST"], everywhere=True, concepts=True, filters=True)
    counts = [*found.concepts.table["sequences"], *found.filters.table["sequences"]]
    assert max(counts) <= len(longer)
    assert rows_of(found, "REST", "motifs").loc[1, "sequences"] == 20  # of 30, those that have REST


def test_labels_that_differ_in_white_space_or_capitals_alone_are_kept_apart(fasta, tmp_path):
    net = Grammar().eval()
    net.spec = ModelSpec("Grammar", {}, length=LENGTH, labels=("the pair", "the  Pair"))
    found = discover(net, fasta, tmp_path / "out", everywhere=True, concepts=True).concepts
    assert {label for _, _, label in found.keys} == {"the pair", "the  Pair"}
    files = {path.name.casefold() for path in (tmp_path / "out").glob("path_*.svg")}
    assert files == {"path_the_pair.svg", "path_the_pair_2.svg"}
    net.spec = ModelSpec("Grammar", {}, length=LENGTH, labels=("the pair", "the  pair"))
    found = discover(net, fasta, tmp_path / "out", everywhere=True, concepts=True, overwrite=True).concepts
    ids = [motif.matrix_id for motif in found.motifs]
    assert len(set(ids)) == len(ids) and {"pairs/0|the_pair", "pairs/1|the_pair"} <= set(ids)
    text = " ".join(text.get_text() for axes in found.plot().axes for text in axes.texts)
    assert "100% for the pair" in text and "100% for the  pair" in text


def pattern_of(motif: Motif, n: int) -> Pattern:
    """A pattern of n seqlets, each of which has one relevance for its most frequent letters."""
    best = np.eye(4, dtype=np.float32)[motif.counts.argmax(0)].T[None].repeat(n, 0)  # (n, 4, w)
    place = np.arange(n)
    return Pattern("", "a", 1, place, 0 * place, place < 0, best, best / motif.width, best, place)


def test_of_a_units_motifs_one_with_a_name_comes_first():
    unlike = Motif("none", "none", np.eye(4)[[0, 1, 0, 1, 2, 3, 2, 3, 0, 2, 0, 2]].T)
    (unnamed,) = name_motifs([pattern_of(unlike, 30).motif("unit")], shipped_motifs())
    assert unnamed.match == "no_known_match"
    found = _read([pattern_of(unlike, 30), pattern_of(REST, 12), pattern_of(CTCF, 20)], shipped_motifs())
    assert (found.name.match, found.also) == ("CTCF", ("REST",))
    assert found.motif.consensus == pattern_of(CTCF, 20).motif("unit").consensus
    weak = _read([pattern_of(unlike, 300), pattern_of(CTCF, 20)], shipped_motifs())
    assert (weak.name.match, weak.also) == ("no_known_match", ())
