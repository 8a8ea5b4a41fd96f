"""motif_grammar: labels and masks are what the sites say, data are the simulator's, and nothing else is needed."""

import itertools
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds
import torch
from torch.utils.data import DataLoader

from genoplrp.datasets import MotifGrammarDataset
from genoplrp.datasets.motif_grammar import SPLITS, MotifGrammar, MotifGrammarConfig
from genoplrp.errors import DatasetError, OptionError
from genoplrp.evaluate import motif_recall
from genoplrp.motifs import shipped_motifs, simulate_grammar, site_masks
from genoplrp.sequence import decode, reverse_complement

CONFIG = MotifGrammarConfig(name="tiny", train=40, validation=150, test=30, strands="both", seed=7)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture(scope="module")
def dataset(data_dir):
    return MotifGrammarDataset("validation", config=CONFIG, data_dir=data_dir)


def a_and_b(sites):
    return [site for site in sites if site.motif == 0], [site for site in sites if site.motif == 1]


def gap(one, other):
    return max(one.start, other.start) - min(one.end, other.end)


def relevant(interaction, sites):
    """The sites that make the label 1, written out from what the documentation says."""
    a, b = a_and_b(sites)
    pairs = list(itertools.product(a, b))
    spaced = [pair for pair in pairs if 2 <= gap(*pair) <= 20]
    ordered = [(one, other) for one, other in pairs if one.start < other.start]
    return {
        "single": a,
        "additive": a + b if len(a + b) > 1 else [],
        "and": a + b if a and b else [],
        "or": a + b,
        "xor": a + b if not (a and b) else [],
        "spacing": [site for site in a + b if any(site in pair for pair in spaced)],
        "order": [site for site in a + b if any(site in pair for pair in ordered)],
    }[interaction]


@pytest.mark.parametrize("interaction", ["single", "additive", "and", "or", "xor", "spacing", "order"])
def test_labels_and_masks_are_those_that_the_sites_make(interaction, dataset):
    column = dataset.interactions.index(interaction)
    seen = set()
    for i, example in enumerate(dataset):
        sites = relevant(interaction, dataset.sites([i]))
        assert example.labels[column] == bool(sites)
        assert np.array_equal(example.masks[column], site_masks(sites, 1, 250)[0])
        assert sorted(sites) == dataset.sites([i], interaction)
        seen.add(bool(sites))
    assert seen == {True, False}


def test_planted_is_the_union_of_all_sites_decoys_among_them(dataset):
    sites = dataset.sites(range(len(dataset)))
    assert np.array_equal(np.stack([example.planted for example in dataset]), site_masks(sites, len(dataset), 250))
    assert {site.motif for site in sites} == set(range(len(dataset.motifs)))


def test_sequences_hold_the_motifs_where_and_as_the_sites_say(dataset):
    matrices = {motif.name: motif.probabilities(0.0) for motif in shipped_motifs()}
    sequences = decode(torch.stack([example.x for example in dataset]))
    strands = set()
    for site in dataset.sites(range(len(dataset))):
        instance = sequences[site.sequence][site.start : site.end]
        bases = ["ACGT".index(base) for base in (instance if site.strand == "+" else reverse_complement(instance))]
        chances = matrices[dataset.motifs[site.motif]]
        assert chances.shape[1] == len(bases)
        assert all(chances[base, i] > 0 for i, base in enumerate(bases))
        strands.add(site.strand)
    assert strands == {"+", "-"}


@pytest.mark.parametrize(("split", "seed"), list(zip(SPLITS, (21, 22, 23), strict=True)))
def test_a_split_is_the_simulation_of_its_own_seed(split, seed, data_dir):
    made = MotifGrammarDataset(split, config=CONFIG, data_dir=data_dir)
    wanted = simulate_grammar(getattr(CONFIG, split), length=250, strands="both", seed=seed)
    assert made.interactions == wanted.interactions
    assert made.motifs == tuple(motif.name for motif in wanted.motifs)
    # tensorflow-datasets shuffles; sequences are all different.
    order = {sequence: i for i, sequence in enumerate(wanted.sequences)}
    rows = [order.pop(decode(example.x[None])[0]) for example in made]
    assert not order
    assert np.array_equal(np.stack([example.labels for example in made]), wanted.labels[rows])
    assert np.array_equal(np.stack([example.masks for example in made]), wanted.masks[rows])


def test_making_it_again_gives_the_same_examples_in_the_same_order(dataset, tmp_path):
    again = MotifGrammarDataset("validation", config=CONFIG, data_dir=tmp_path)
    for one, other in zip(dataset, again, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_examples_are_those_of_tensorflow_datasets_own_reader(dataset):
    theirs = tfds.builder_from_directory(dataset.folder).as_data_source("validation")
    for ours, example in zip(dataset, theirs, strict=True):
        assert decode(ours.x[None])[0].encode() == example["sequence"]
        for name in ("labels", "masks", "planted"):
            assert np.array_equal(getattr(ours, name), example[name])


def test_tensorflow_datasets_knows_every_configuration_by_name(tmp_path):
    assert next(iter(MotifGrammar.builder_configs)) == "all_250"
    for name, config in MotifGrammar.builder_configs.items():
        builder = tfds.builder(f"motif_grammar/{name}", data_dir=tmp_path)
        assert builder.info.features["masks"].shape == (len(config.interactions), config.length)
        assert builder.info.citation.startswith("@article")
        assert builder.release_notes["1.0.0"]
    assert len({config.seed for config in MotifGrammar.builder_configs.values()}) == len(MotifGrammar.builder_configs)


def test_an_interaction_set_takes_its_columns_from_the_whole(tmp_path, dataset):
    few = MotifGrammarConfig(**{**vars(CONFIG), "name": "few", "interactions": ("order", "single")})
    made = MotifGrammarDataset("validation", config=few, data_dir=tmp_path)
    assert made.interactions == ("order", "single")
    columns = [dataset.interactions.index(name) for name in made.interactions]
    for one, other in zip(made, dataset, strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.labels, other.labels[columns])
        assert torch.equal(one.masks, other.masks[columns])


def test_batches_have_the_documented_shapes_and_types_with_workers_too(dataset):
    assert dataset[0].x.shape == (4, 250)
    batches = list(DataLoader(dataset, batch_size=50, num_workers=2))
    assert len(batches) == 3
    for batch in batches:
        assert [(field.shape, field.dtype) for field in batch] == [
            ((50, 4, 250), torch.float32),
            ((50, 7), torch.float32),
            ((50, 7, 250), torch.bool),
            ((50, 250), torch.bool),
        ]
    assert torch.equal(torch.cat([batch.masks for batch in batches]), torch.stack([item.masks for item in dataset]))


def test_batches_may_be_written_to(dataset):
    item = dataset[0]
    for field in item:
        field.zero_()
    assert dataset[0].x.any()


def test_sites_go_with_a_batch_for_motif_recall(dataset):
    rows = [3, 1, 4]
    masks = torch.stack([item.masks[0] for item in dataset.__getitems__(rows)])
    found = motif_recall(masks.double(), dataset.sites(rows, "single"))
    assert np.array_equal(found, np.where(masks.any(1), 1.0, np.nan), equal_nan=True)
    with pytest.raises(OptionError, match=r"interaction must be one of single, .*; got 'nand'"):
        dataset.sites(rows, "nand")


def test_it_is_made_in_the_default_place_without_network_and_without_tensorflow(tmp_path):
    code = (
        "import sys, socket\n"
        "def refuse(*_): raise AssertionError('network')\n"
        "socket.socket.connect = refuse\n"
        "from genoplrp.datasets import MotifGrammarDataset\n"
        "made = MotifGrammarDataset('test', config='all_250_small')\n"
        "print(len(made), made.folder, 'tensorflow' in sys.modules)"
    )
    environment = {**os.environ, "TFDS_DATA_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["500", str(tmp_path / "motif_grammar" / "all_250_small" / "1.0.0"), "False"]


def test_values_that_do_not_fit_are_refused_before_anything_is_written(tmp_path):
    for values, message in [
        ({"interactions": ("and", "nand")}, r"interactions must be one or more of single, .*, got 'nand'"),
        ({"interactions": ()}, "interactions must be one or more of"),
        ({"test": 0}, "test must be at least 1 sequence, got 0"),
        ({"length": 100}, "but length is 100"),
        ({"strands": "up"}, "strands one of"),
    ]:
        with pytest.raises(OptionError, match=message):
            MotifGrammarConfig(name="wrong", **values)
    with pytest.raises(OptionError, match=r"config must be one of all_250, .*; got 'all'"):
        MotifGrammarDataset(config="all", data_dir=tmp_path)
    with pytest.raises(OptionError, match="'all_250' is the name of another configuration"):
        MotifGrammarDataset(config=MotifGrammarConfig(name="all_250", train=10), data_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_configuration_of_the_same_name_is_refused(dataset, data_dir):
    other = MotifGrammarConfig(**{**vars(CONFIG), "seed": 8})
    with pytest.raises(DatasetError, match=r"tiny.* was made with other values .* give it a name of its own"):
        MotifGrammarDataset("train", config=other, data_dir=data_dir)


def test_a_missing_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(OptionError, match=r'pip install "genoplrp\[tfds\]"'):
        MotifGrammarDataset(config="all_250_small", data_dir=tmp_path)


def test_a_stopped_simulation_leaves_no_data_set_behind(monkeypatch, tmp_path):
    def fail(self, split):
        made = simulate_grammar(5)
        return made if split == "train" else SimpleNamespace()

    monkeypatch.setattr(MotifGrammarConfig, "simulate", fail)
    with pytest.raises(AttributeError):
        MotifGrammarDataset(config=CONFIG, data_dir=tmp_path)
    monkeypatch.undo()
    assert len(MotifGrammarDataset("test", config=CONFIG, data_dir=tmp_path)) == 30
