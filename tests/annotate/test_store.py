"""The store: what goes in comes out, with plain zarr as with the reader."""

from pathlib import Path

import numpy as np
import pytest
import zarr

from genoplrp.annotate import read_attributions
from genoplrp.annotate.store import StoreWriter
from genoplrp.errors import OutputError


def fill(path: Path, lengths: list[int]) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
    """Records of these lengths, two a call; explanation i has label i % 2 and is called where i % 3 is 0."""
    rng = np.random.default_rng(0)
    writer = StoreWriter(path, ["CTCF", "REST"], {"note": "x"})
    kept = []
    for i, length in enumerate(lengths):
        sequence = "".join(rng.choice(list("acGTN"), length))
        plrp, lrp = rng.normal(size=(2, length)).astype(np.float32)
        kept.append((f"r\N{LATIN SMALL LETTER E WITH ACUTE}cord_{i}", sequence, plrp, lrp))
    for first in range(0, len(kept), 2):
        names, sequences, plrp, lrp = zip(*kept[first : first + 2], strict=True)
        numbers = np.arange(first, first + len(names))
        writer.add_records(names, sequences, np.stack([numbers, -numbers], 1).astype(np.float32))
        writer.add_explanations(numbers.tolist(), (numbers % 2).tolist(), (numbers % 3 == 0).tolist(), plrp, lrp)
    writer.close()
    return kept


@pytest.mark.parametrize("lengths", [[], [1], [5, 200, 1, 37], [300_000, 10, 250_000]], ids=str)
def test_reader_gives_back_what_was_written(tmp_path: Path, lengths: list[int]) -> None:
    kept = fill(tmp_path / "attributions.zarr", lengths)
    store = read_attributions(tmp_path)
    assert len(store) == len(lengths)
    assert store.names == [name for name, *_ in kept]
    for i, (found, (name, sequence, plrp, lrp)) in enumerate(zip(store, kept, strict=True)):
        assert (found.record, found.sequence, found.label) == (name, sequence, store.labels[i % 2])
        assert found.called is (i % 3 == 0)
        assert found.score == (i if i % 2 == 0 else -i)
        np.testing.assert_array_equal(found.relevance, plrp)
        np.testing.assert_array_equal(found.relevance_lrp, lrp)


def test_layout_in_the_attributes_is_enough_to_read_it_with_zarr_alone(tmp_path: Path) -> None:
    kept = fill(tmp_path / "attributions.zarr", [4, 9])
    group = zarr.open_group(tmp_path / "attributions.zarr", mode="r")
    assert group.metadata.zarr_format == 3
    assert set(group.attrs["layout"]) == {
        f"{name}/{array}"
        for name in ("records", "explanations")
        for array in group[name].array_keys()
        if not array.endswith("offset")
    }
    offset = group["explanations/offset"][:]
    np.testing.assert_array_equal(group["explanations/relevance"][offset[1] : offset[2]], kept[1][2])
    letters = group["records/sequence_offset"][:]
    assert bytes(group["records/sequence"][letters[1] : letters[2]]).decode() == kept[1][1]


def test_sparse_maps_take_little_room(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "attributions.zarr", ["CTCF"], {})
    maps = np.zeros((2000, 200), np.float32)
    maps[:, 90:100] = np.random.default_rng(0).normal(size=(2000, 10))
    writer.add_records([f"r{i}" for i in range(2000)], ["ACGT" * 50] * 2000, np.zeros((2000, 1), np.float32))
    writer.add_explanations(range(2000), [0] * 2000, [True] * 2000, list(maps), list(maps))
    writer.close()
    size = sum(path.stat().st_size for path in (tmp_path / "attributions.zarr").rglob("*") if path.is_file())
    assert size < 2 * maps.nbytes / 8


def test_index_from_the_end_and_beyond_it(tmp_path: Path) -> None:
    kept = fill(tmp_path / "attributions.zarr", [3, 4])
    store = read_attributions(tmp_path / "attributions.zarr")
    assert store[-1].record == kept[1][0]
    with pytest.raises(IndexError):
        store[2]


def test_folder_without_a_store_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no attributions\.zarr there; pass the output folder of a run"):
        read_attributions(tmp_path)
    zarr.create_group(tmp_path / "attributions.zarr")
    with pytest.raises(OutputError, match="none that this version of genoplrp wrote"):
        read_attributions(tmp_path)
