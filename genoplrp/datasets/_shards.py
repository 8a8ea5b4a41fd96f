"""Raw records of a split's shards, by index: array_record files, and TFRecord files without TensorFlow.

tensorflow-datasets' own data source reads in threads of its own, which crash (segmentation fault) in a forked process
whose parent has read before: the first epoch of a DataLoader after one look at an example. Here records are read one by
one in the calling thread, at the same speed (9 us a record), which survives a fork.

A TFRecord record is its length (8 bytes, little endian), a checksum of the length (4), the bytes, and a checksum of
these (4). The lengths lead from record to record. The checksums (CRC-32C, which Python has no fast form of) are not
verified; a file that was cut off, or has another number of records than it should, is noticed.
"""

import bisect
import mmap
import struct
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

_LENGTH = struct.Struct("<Q")
_BEFORE, _AFTER = 12, 4


class Part(Protocol):
    """Records `skip` to `skip + take` of a file, as tensorflow-datasets names the parts of a split."""

    filename: str
    skip: int
    take: int
    examples_in_shard: int


class Shard(Protocol):
    """A file of records."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> bytes: ...


class ArrayRecordFile:
    """An array_record file, whose checksums are verified as it is read."""

    def __init__(self, path: str) -> None:
        from array_record.python.array_record_module import ArrayRecordReader

        Path(path).stat()  # which says that a file is missing; the reader would call it one without records
        # Reading ahead would be for one pass in order, and takes threads.
        self._reader: Any = ArrayRecordReader(path, options="readahead_buffer_size:0", file_reader_buffer_size=32768)

    def __len__(self) -> int:
        return int(self._reader.num_records())

    def __getitem__(self, index: int) -> bytes:
        return bytes(self._reader.read([index])[0])


class TFRecordFile:
    """A TFRecord file, with the place of each record."""

    def __init__(self, path: str) -> None:
        self._content = _mapped(Path(path))
        self._spans = _spans(self._content, path)

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, index: int) -> bytes:
        start, end = self._spans[index]
        return self._content[start:end]


FORMATS: dict[str, Callable[[str], Shard]] = {"array_record": ArrayRecordFile, "tfrecord": TFRecordFile}


class Records:
    """Records of the parts of a split, one after the other.

    A file that is missing is an OSError; one that is cut off, or has another number of records than it should, a
    ValueError; one that is damaged, array_record's RuntimeError, at the latest when the record is read.
    """

    def __init__(self, parts: Sequence[Part], file_format: str) -> None:
        self._shards: list[Shard] = [FORMATS[file_format](part.filename) for part in parts]
        self._skips = [part.skip for part in parts]
        self._ends = list(accumulate(part.take for part in parts))  # index after each part's last record
        for part, shard in zip(parts, self._shards, strict=True):
            if len(shard) != part.examples_in_shard:
                raise ValueError(f"{part.filename} has {len(shard)} records, expected {part.examples_in_shard}")

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> bytes:
        part = bisect.bisect_right(self._ends, index)
        before = self._ends[part - 1] if part else 0
        return self._shards[part][self._skips[part] + index - before]


def _mapped(path: Path) -> mmap.mmap | bytes:
    """The file's bytes, read when they are used."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


def _spans(content: mmap.mmap | bytes, name: str) -> list[tuple[int, int]]:
    """Start and end of each record."""
    spans: list[tuple[int, int]] = []
    place, size = 0, len(content)
    while place < size:
        start = place + _BEFORE
        end = start + _LENGTH.unpack_from(content, place)[0] if start <= size else start
        place = end + _AFTER
        if place > size:
            raise ValueError(f"{name} is cut off, or no TFRecord file: record {len(spans)} ends beyond its end")
        spans.append((start, end))
    return spans
