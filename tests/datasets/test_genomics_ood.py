"""genomics_ood: what comes out is what the files hold, whoever prepared them, and bad files are refused."""

import itertools
import json
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
import torch
from torch.utils.data import DataLoader

from genoplrp.datasets import GenomicsOODDataset, prepare_genomics_ood
from genoplrp.errors import DatasetError, OptionError
from genoplrp.sequence import decode
from tests.datasets.genomics_files import FILES, GENERA, reads, write_release

BY_TENSORFLOW = Path(__file__).parent / "data"  # see its README.md
PREPARED = Path("genomics_ood") / "0.0.1"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Where the made-up release is prepared by genoplrp."""
    folder = tmp_path_factory.mktemp("tfds")
    prepare_genomics_ood(write_release(folder / "source"), data_dir=folder)
    return folder


@pytest.fixture
def copy(data_dir, tmp_path):
    """A prepared data set to damage, as its data_dir."""
    shutil.copytree(data_dir / PREPARED, tmp_path / PREPARED)
    return tmp_path


def rows(dataset):
    """Sequence, genus and domain of every example, sorted: tensorflow-datasets shuffles."""
    return sorted(
        (decode(read.x[None])[0], dataset.label_names[read.label], ("in", "ood")[int(read.out_of_distribution)])
        for read in dataset
    )


@pytest.mark.parametrize("split", FILES)
@pytest.mark.parametrize("by", ["genoplrp", "tensorflow"])
def test_a_prepared_split_holds_the_rows_of_its_file(split, by, data_dir):
    dataset = GenomicsOODDataset(split, data_dir=data_dir if by == "genoplrp" else BY_TENSORFLOW)
    assert rows(dataset) == sorted((read.seq, read.label, read.domain) for read in reads(split))


def test_labels_are_numbered_as_in_the_release(data_dir):
    dataset = GenomicsOODDataset("train", data_dir=data_dir)
    assert len(dataset.label_names) == 130
    assert all(dataset.label_names[i] == name for genera in GENERA.values() for name, i in genera.items())


def test_examples_are_those_of_tensorflow_datasets_own_reader(data_dir):
    theirs = tfds.builder_from_directory(data_dir / PREPARED).as_data_source("test_ood[1:3]")
    ours = GenomicsOODDataset("test_ood[1:3]", data_dir=data_dir)
    assert len(ours) == len(theirs) == 2
    assert [(decode(read.x[None])[0].encode(), read.label) for read in ours] == [(e["seq"], e["label"]) for e in theirs]


@pytest.mark.parametrize(("context", "by"), [("fork", "genoplrp"), ("fork", "tensorflow"), ("spawn", "tensorflow")])
def test_workers_read_what_the_process_itself_reads_also_after_it_has_read(by, context, data_dir):
    dataset = GenomicsOODDataset("train+test", data_dir=data_dir if by == "genoplrp" else BY_TENSORFLOW)
    alone = next(iter(DataLoader(dataset, batch_size=8)))
    shared = list(DataLoader(dataset, batch_size=4, num_workers=2, multiprocessing_context=context))
    assert [len(batch.x) for batch in shared] == [4, 4]
    for whole, parts in zip(alone, zip(*shared, strict=True), strict=True):
        assert torch.equal(whole, torch.cat(parts))


def test_a_pickled_dataset_reads_the_same(data_dir):
    dataset = GenomicsOODDataset("test", data_dir=data_dir, dtype=torch.int8)
    again = pickle.loads(pickle.dumps(dataset))
    assert again[-1].x.dtype == torch.int8
    assert torch.equal(again[-1].x, dataset[3].x)


def test_indices_out_of_range_are_refused(data_dir):
    dataset = GenomicsOODDataset("test", data_dir=data_dir)
    for index in (4, -5):
        with pytest.raises(IndexError, match="out of range for 4 examples"):
            dataset[index]


def test_an_archive_is_prepared_like_a_folder(data_dir, tmp_path):
    source = write_release(tmp_path / "source")
    with zipfile.ZipFile(tmp_path / "genomics_ood.zip", "w") as archive:
        for name in FILES.values():
            archive.write(source / name, f"genomics_ood/{name}")
    folder = prepare_genomics_ood(tmp_path / "genomics_ood.zip", data_dir=tmp_path)
    assert folder == tmp_path / PREPARED
    assert rows(GenomicsOODDataset("train", data_dir=tmp_path)) == rows(GenomicsOODDataset("train", data_dir=data_dir))


def test_preparing_says_nothing_on_stdout_and_draws_no_bar_where_there_is_no_terminal(tmp_path, capsys):
    prepare_genomics_ood(write_release(tmp_path / "source"), data_dir=tmp_path)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Generating" not in err


def test_what_is_not_prepared_comes_with_the_commands_to_get_it(tmp_path):
    with pytest.raises(DatasetError) as caught:
        GenomicsOODDataset("train", data_dir=tmp_path)
    first, download, prepare = str(caught.value).splitlines()
    assert first == f"genomics_ood is not prepared in {tmp_path / PREPARED}. Download it once (needs network):"
    assert download.split() == [
        "curl",
        "-O",
        "https://storage.googleapis.com/tfds-data/downloads/genomics_ood/genomics_ood.zip",
    ]
    # The second command does what it says.
    source = write_release(tmp_path / "source")
    with zipfile.ZipFile(tmp_path / "genomics_ood.zip", "w") as archive:
        for name in FILES.values():
            archive.write(source / name, name)
    code = prepare.split('"')[1]
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {code}"], cwd=tmp_path, check=True
    )
    assert len(GenomicsOODDataset("train", data_dir=tmp_path)) == 4


def test_unknown_splits_are_refused_with_the_choices(data_dir):
    with pytest.raises(OptionError, match=r"split must be one of train, validation, .*; got 'ood'"):
        GenomicsOODDataset("ood", data_dir=data_dir)


@pytest.mark.parametrize("package", ["tensorflow_datasets", "array_record", "importlib_resources"])
def test_a_missing_extra_is_named(package, data_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(OptionError, match=r'pip install "genoplrp\[tfds\]"'):
        GenomicsOODDataset("train", data_dir=data_dir)


def test_nothing_of_tensorflow_is_imported_with_the_package_or_used():
    code = (
        "import sys, genoplrp.datasets as d\n"
        "print('tensorflow_datasets' in sys.modules)\n"
        f"d.GenomicsOODDataset('train', data_dir={str(BY_TENSORFLOW)!r})[0]\n"
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def shard(folder, split="train"):
    (path,) = (folder / PREPARED).glob(f"genomics_ood-{split}.*")
    return path


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "flipped"])
def test_damaged_array_record_files_are_refused(damage, copy):
    path = shard(copy)
    content = bytearray(path.read_bytes())
    used = np.flatnonzero(np.frombuffer(content, dtype=np.uint8))
    if damage == "missing":
        path.unlink()
    elif damage == "flipped":
        content[used[len(used) // 2]] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes(content[: {"empty": 0, "cut": 70_000}[damage]])
    with pytest.raises(DatasetError, match=r"split train: a file is missing or damaged .*Delete the folder"):
        list(GenomicsOODDataset("train", data_dir=copy))


@pytest.mark.parametrize("length", [0, 5, 14, 700, -1])
def test_tfrecord_files_that_were_cut_off_are_refused(length, tmp_path):
    shutil.copytree(BY_TENSORFLOW / PREPARED, tmp_path / PREPARED)
    path = shard(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DatasetError, match=f"{path.name} (is cut off|has 0 records, expected 4)"):
        GenomicsOODDataset("train", data_dir=tmp_path)


def test_a_tfrecord_file_with_too_many_records_is_refused(tmp_path):
    shutil.copytree(BY_TENSORFLOW / PREPARED, tmp_path / PREPARED)
    path = shard(tmp_path)
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(DatasetError, match="has 8 records, expected 4"):
        GenomicsOODDataset("train", data_dir=tmp_path)


def test_letters_that_are_no_dna_are_refused_with_the_example(tmp_path):
    shutil.copytree(BY_TENSORFLOW / PREPARED, tmp_path / PREPARED)
    dataset = GenomicsOODDataset("train", data_dir=tmp_path)
    sequence = decode(dataset[2].x[None])[0].encode()
    path = shard(tmp_path)
    path.write_bytes(path.read_bytes().replace(sequence, sequence[:7] + b"J" + sequence[8:]))
    dataset = GenomicsOODDataset("train", data_dir=tmp_path)
    with pytest.raises(DatasetError, match=r"split train, example 2: .*offset 7 \(0-based\): 'J' is no nucleotide"):
        list(DataLoader(dataset, batch_size=4))


def test_reads_of_another_length_are_refused(tmp_path):
    source = write_release(tmp_path / "source")
    text = (source / FILES["test"]).read_text()
    (source / FILES["test"]).write_text(text.replace("\n", "\nAC", 1))
    prepare_genomics_ood(source, data_dir=tmp_path)
    with pytest.raises(DatasetError, match="a read of 250 bases was expected, got 252"):
        list(GenomicsOODDataset("test", data_dir=tmp_path))


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_damaged_descriptions_are_refused(name, copy):
    (copy / PREPARED / name).write_text("{")
    with pytest.raises(DatasetError, match="is no data set of tensorflow-datasets, or damaged"):
        GenomicsOODDataset("train", data_dir=copy)


def test_another_data_set_in_its_place_is_refused(copy):
    path = copy / PREPARED / "features.json"
    features = json.loads(path.read_text())
    features["featuresDict"]["features"]["read"] = features["featuresDict"]["features"].pop("seq")
    path.write_text(json.dumps(features))
    with pytest.raises(DatasetError, match="holds another data set: its examples have no seq"):
        GenomicsOODDataset("train", data_dir=copy)


def test_a_source_without_all_files_is_refused_and_leaves_nothing(tmp_path):
    source = write_release(tmp_path / "source")
    (source / FILES["test_ood"]).unlink()
    with pytest.raises(DatasetError, match=r"is not the release of genomics_ood: it has no after_2016_ood_test\.txt"):
        prepare_genomics_ood(source, data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "change", [("\tBacillus\t", "\tHomo\t"), ("seq\tlabel", "read\tlabel")], ids=["label", "header"]
)
def test_a_source_with_wrong_rows_is_refused_and_leaves_no_data_set(change, tmp_path):
    source = write_release(tmp_path / "source")
    text = (source / FILES["train"]).read_text()
    (source / FILES["train"]).write_text(text.replace(*change))
    with pytest.raises(DatasetError, match="is not the release of genomics_ood, or damaged"):
        prepare_genomics_ood(source, data_dir=tmp_path / "data")
    assert not list((tmp_path / "data").rglob("*.array_record*"))


def test_a_source_that_is_neither_folder_nor_archive_is_refused(tmp_path):
    (tmp_path / "genomics_ood.zip").write_bytes(b"<html>not found</html>")
    for name in ("genomics_ood.zip", "nowhere.zip"):
        with pytest.raises(DatasetError, match="is neither a folder nor a zip archive; download it again"):
            prepare_genomics_ood(tmp_path / name, data_dir=tmp_path / "data")


def test_made_up_reads_differ():
    """Or else a test that compares splits could not fail."""
    everything = list(itertools.chain.from_iterable(reads(split) for split in FILES))
    assert len({read.seq for read in everything}) == len(everything)
