"""``attributions.zarr``: every sequence, its predictions and its maps of relevance, ragged, in one Zarr v3 group.

Records and explanations have different numbers and lengths, so that each ragged thing is one flat array with an array
of offsets beside it: item i is ``flat[offset[i]:offset[i + 1]]``. `read_attributions` does this for the reader; the
same is written into the attributes of the store for programs in other languages.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from genoplrp.errors import OutputError

FORMAT = "genoplrp-attributions"
VERSION = 1

_FLAT_CHUNK = 1 << 18
_ROW_CHUNK = 1 << 14
_LAYOUT = {
    "records/name": "UTF-8 names as bytes, flat; record i is name[name_offset[i]:name_offset[i+1]]",
    "records/sequence": "letters as ASCII codes, flat; record i is sequence[sequence_offset[i]:sequence_offset[i+1]]",
    "records/prediction": "(records, labels) for each label the network's largest output over the record's windows",
    "explanations/record": "index of the explained record",
    "explanations/label": "index of the explained label in the attribute 'labels'",
    "explanations/called": "whether the output exceeds the label's threshold; else it is the best label",
    "explanations/relevance": "pruned relevance (PLRP) a base, flat; explanation i is relevance[offset[i]:offset[i+1]]",
    "explanations/relevance_lrp": "relevance without pruning (LRP), flat, with the same offsets",
}


class StoreWriter:
    """Writes the store piece by piece; holds at most one chunk of each array in memory.

    Parameters
    ----------
    path
        Folder to create.
    labels
        The network's outputs, in order.
    attributes
        JSON facts to keep with the data.
    """

    def __init__(self, path: Path, labels: Sequence[str], attributes: Mapping[str, Any]) -> None:
        group = zarr.create_group(store=str(path), zarr_format=3)
        group.attrs.update(
            {"format": FORMAT, "version": VERSION, "labels": list(labels), "layout": _LAYOUT, **attributes}
        )
        records, explanations = group.create_group("records"), group.create_group("explanations")
        self._name = _Ragged(records, "name", "name_offset", np.uint8)
        self._sequence = _Ragged(records, "sequence", "sequence_offset", np.uint8)
        self._prediction = _Column(records, "prediction", np.float32, (len(labels),))
        self._record = _Column(explanations, "record", np.int64)
        self._label = _Column(explanations, "label", np.int32)
        self._called = _Column(explanations, "called", np.bool_)
        self._relevance = _Ragged(explanations, "relevance", "offset", np.float32)
        self._relevance_lrp = _Column(explanations, "relevance_lrp", np.float32, chunk=_FLAT_CHUNK)

    def add_records(self, names: Sequence[str], sequences: Sequence[str], predictions: NDArray[np.float32]) -> None:
        """Append records; `predictions` has shape (records, labels)."""
        self._name.extend([np.frombuffer(name.encode(), np.uint8) for name in names])
        self._sequence.extend([np.frombuffer(sequence.encode("ascii"), np.uint8) for sequence in sequences])
        self._prediction.extend(predictions)

    def add_explanations(
        self,
        records: Sequence[int],
        labels: Sequence[int],
        called: Sequence[bool],
        plrp: Sequence[NDArray[np.float32]],
        lrp: Sequence[NDArray[np.float32]],
    ) -> None:
        """Append explanations, each of output `labels[i]` of the `records[i]`-th record by two maps (l,)."""
        self._record.extend(np.asarray(records))
        self._label.extend(np.asarray(labels))
        self._called.extend(np.asarray(called))
        self._relevance.extend(plrp)
        self._relevance_lrp.extend(np.concatenate(lrp))

    def close(self) -> None:
        """Write what is still in memory."""
        for part in vars(self).values():
            part.flush()


@dataclass(frozen=True)
class StoredExplanation:
    """One explained output of one record.

    Attributes
    ----------
    record, sequence
        Name and letters of the record, of length l.
    label, score, called
        The output explained, its value, and whether that exceeds the label's threshold.
    relevance, relevance_lrp
        (l,) float32: signed relevance a base with and without pruning.
    """

    record: str
    sequence: str
    label: str
    score: float
    called: bool
    relevance: NDArray[np.float32]
    relevance_lrp: NDArray[np.float32]


class AttributionStore:
    """What a run stored, read piece by piece; made by `read_attributions`.

    ``len(store)`` is the number of explanations, ``store[i]`` is the i-th as a `StoredExplanation`, and iterating goes
    through all of them in the order of the records.

    Attributes
    ----------
    labels
        Names of the network's outputs.
    names
        Names of the annotated records.
    predictions
        (records, labels) float32, the network's outputs.
    attributes
        Everything that the store says about itself: thresholds, method, layout.
    """

    def __init__(self, group: Any) -> None:
        self.attributes: dict[str, Any] = dict(group.attrs)
        self.labels: tuple[str, ...] = tuple(self.attributes["labels"])
        self._records, self._explanations = group["records"], group["explanations"]
        offsets = self._records["name_offset"][:]
        letters = self._records["name"][:].tobytes()
        self.names = [letters[a:b].decode() for a, b in pairwise(offsets)]
        self.predictions: NDArray[np.float32] = self._records["prediction"][:]
        self._sequence_offset = self._records["sequence_offset"][:]
        self._offset = self._explanations["offset"][:]
        self._record = self._explanations["record"][:]
        self._label = self._explanations["label"][:]
        self._called = self._explanations["called"][:]

    def __len__(self) -> int:
        return len(self._record)

    def __getitem__(self, index: int) -> StoredExplanation:
        i = range(len(self))[index]
        record, label = int(self._record[i]), int(self._label[i])
        span = slice(int(self._offset[i]), int(self._offset[i + 1]))
        letters = slice(int(self._sequence_offset[record]), int(self._sequence_offset[record + 1]))
        return StoredExplanation(
            record=self.names[record],
            sequence=self._records["sequence"][letters].tobytes().decode("ascii"),
            label=self.labels[label],
            score=float(self.predictions[record, label]),
            called=bool(self._called[i]),
            relevance=self._explanations["relevance"][span],
            relevance_lrp=self._explanations["relevance_lrp"][span],
        )

    def __iter__(self) -> Iterator[StoredExplanation]:
        return (self[i] for i in range(len(self)))


def read_attributions(path: str | Path) -> AttributionStore:
    """Open the sequences, predictions and relevance that a run stored.

    Parameters
    ----------
    path
        ``attributions.zarr``, or the output folder that holds it.

    Returns
    -------
    AttributionStore
        Names and predictions are in memory, sequences and maps are read when asked for.

    Raises
    ------
    OutputError
        If there is no such store at `path`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     writer = StoreWriter(Path(folder) / "attributions.zarr", ["CTCF"], {})
    ...     writer.add_records(["peak_1"], ["ACGT"], np.array([[2.5]], np.float32))
    ...     writer.add_explanations([0], [0], [True], [np.array([0, 1, 1, 0], np.float32)], [np.ones(4, np.float32)])
    ...     writer.close()
    ...     found = read_attributions(folder)[0]
    >>> found.record, found.label, found.relevance.tolist()
    ('peak_1', 'CTCF', [0.0, 1.0, 1.0, 0.0])
    """
    inside = Path(path) / "attributions.zarr"
    chosen = inside if inside.is_dir() else Path(path)
    if not (chosen / "zarr.json").is_file():
        raise OutputError(f"{path}: no attributions.zarr there; pass the output folder of a run, or the store in it.")
    group = zarr.open_group(str(chosen), mode="r")
    if group.attrs.get("format") != FORMAT or group.attrs.get("version") != VERSION:
        raise OutputError(f"{chosen}: a Zarr group, but none that this version of genoplrp wrote.")
    return AttributionStore(group)


class _Column:
    """An array that grows along its first axis; only whole chunks are written before `flush`."""

    def __init__(self, group: Any, name: str, dtype: Any, tail: tuple[int, ...] = (), chunk: int = _ROW_CHUNK) -> None:
        # Plain, for shuffle filters make sparse maps larger; a level of 5 takes four times as long to save .5 %.
        codec = ZstdCodec(level=1)
        self._array = group.create_array(
            name=name, shape=(0, *tail), chunks=(chunk, *tail), dtype=np.dtype(dtype), compressors=codec
        )
        self._chunk, self._pending, self._size = chunk, [np.empty((0, *tail), dtype)], 0

    def extend(self, values: NDArray[Any]) -> None:
        self._pending.append(values.astype(self._pending[0].dtype, copy=False))
        self._size += len(values)
        if self._size >= self._chunk:
            self._write(self._size // self._chunk * self._chunk)

    def flush(self) -> None:
        if self._size:
            self._write(self._size)

    def _write(self, count: int) -> None:
        values = np.concatenate(self._pending)
        self._array.append(values[:count])
        self._pending, self._size = [values[count:]], len(values) - count


class _Ragged:
    """A flat column and the column of its offsets, which starts at 0."""

    def __init__(self, group: Any, name: str, offset: str, dtype: Any) -> None:
        self._flat = _Column(group, name, dtype, chunk=_FLAT_CHUNK)
        self._offset = _Column(group, offset, np.int64)
        self._end = 0
        self._offset.extend(np.zeros(1, np.int64))

    def extend(self, items: Sequence[NDArray[Any]]) -> None:
        ends = self._end + np.cumsum([len(item) for item in items])
        self._end = int(ends[-1])
        self._flat.extend(np.concatenate(items))
        self._offset.extend(ends)

    def flush(self) -> None:
        self._flat.flush()
        self._offset.flush()
