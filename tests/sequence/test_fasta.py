"""Reading FASTA: every packing and layout gives the same records; every broken file says what is broken."""

import gzip
import io
import os
import re
import sys
import tracemalloc
from random import Random
from types import SimpleNamespace

import pytest
from Bio import bgzf
from hypothesis import given, settings
from hypothesis import strategies as st

from genoplrp.errors import SequenceError
from genoplrp.sequence import Record, read_fasta

FASTA = b">one first peak\nACGT\nacgtn\n>two\nUURYN\n>three\nTTTT\n"
RECORDS = [Record("one", "ACGTacgtn", "first peak"), Record("two", "UURYN"), Record("three", "TTTT")]


def bgzip(data: bytes, block: int = 20) -> bytes:
    """Several bgzip blocks and the empty one that ends the file."""
    packed = io.BytesIO()
    writer = bgzf.BgzfWriter(fileobj=packed)
    for start in range(0, len(data), block):
        writer.write(data[start : start + block])
        writer.flush()
    handle = writer._handle
    handle.close = lambda: None
    writer.close()
    return packed.getvalue()


PACKINGS = {
    "plain": FASTA,
    "gzip": gzip.compress(FASTA),
    "gzip of several members": gzip.compress(FASTA[:30]) + gzip.compress(FASTA[30:]),
    "bgzip": bgzip(FASTA),
    "concatenated bgzip files": bgzip(FASTA[:30]) + bgzip(FASTA[30:]),
    "windows": FASTA.replace(b"\n", b"\r\n"),
    "old mac": FASTA.replace(b"\n", b"\r"),
    "byte order mark": b"\xef\xbb\xbf" + FASTA,
    "blank lines": b"\n  \n" + FASTA.replace(b"\n", b"\n\n"),
    "no newline at the end": FASTA.rstrip(),
    "spaces": FASTA.replace(b"ACGT\n", b"AC GT \n").replace(b">two", b"> two"),
}


@pytest.fixture
def write(tmp_path):
    def _write(data: bytes, name: str = "reads.fa"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return _write


def feed_stdin(monkeypatch, data: bytes) -> io.BytesIO:
    stream = io.BytesIO(data)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    return stream


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("name", ["reads.fa", "reads.fa.gz"])
def test_every_packing_gives_the_same_records_whatever_the_name(write, packing, name):
    assert list(read_fasta(write(PACKINGS[packing], name))) == RECORDS


@pytest.mark.parametrize("packing", PACKINGS)
def test_standard_input_reads_like_a_file_and_stays_open(monkeypatch, packing):
    stream = feed_stdin(monkeypatch, PACKINGS[packing])
    assert list(read_fasta("-")) == RECORDS
    assert not stream.closed


def test_a_pipe_that_gives_few_bytes_at_a_time_is_read_whole(monkeypatch):
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=os.fdopen(reading, "rb")))
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        for byte in PACKINGS["bgzip"]:
            pipe.write(bytes([byte]))
    with sys.stdin.buffer:
        assert list(read_fasta("-")) == RECORDS


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.from_regex(r"[A-Za-z0-9_:|.-]{1,12}", fullmatch=True), st.text("ACGTUNacgtun", max_size=50))),
    st.integers(1, 60),
)
def test_any_wrapping_gives_the_records_that_were_written(tmp_path_factory, records, width):
    lines = [f">{name}\n" + re.sub(f"(.{{{width}}})", r"\1\n", sequence) + "\n" for name, sequence in records]
    path = tmp_path_factory.getbasetemp() / "wrapped.fa"
    path.write_text("".join(lines) or ">none\n")
    assert [(r.name, r.sequence) for r in read_fasta(path)] == (records or [("none", "")])


def test_letters_are_not_judged_by_the_reader(write):
    assert [r.sequence for r in read_fasta(write(b">p\nMKEF*\n>n\nNNNN\n"))] == ["MKEF*", "NNNN"]


def test_a_header_without_sequence_is_a_record_of_no_letters(write):
    assert list(read_fasta(write(b">a\nAC\n>cut"))) == [Record("a", "AC"), Record("cut", "")]


def test_duplicate_names_are_given_as_they_are(write):
    assert [r.name for r in read_fasta(write(b">a\nAC\n>a\nGT\n"))] == ["a", "a"]


def test_an_empty_header_gives_an_empty_name(write):
    assert list(read_fasta(write(b">a\nAC\n>\nGT\n> \nGG\n")))[1:] == [Record("", "GT"), Record("", "GG")]


def test_the_name_is_the_first_word_whatever_the_white_space(write):
    assert next(read_fasta(write(b"> a\tb  c \nAC\n"))) == Record("a", "AC", "b  c")


def test_a_header_that_is_no_utf8_is_read_all_the_same(write):
    assert next(read_fasta(write(b">a caf\xe9\nAC\n"))) == Record("a", "AC", "caf\ufffd")


@pytest.mark.parametrize(
    "data", [b"", b"\n \r\n", gzip.compress(b""), bgzip(b"")], ids=["no", "lines", "gzip", "bgzip"]
)
def test_an_empty_file_says_so(write, data):
    path = write(data)
    with pytest.raises(SequenceError, match=f"^{re.escape(str(path))} is empty; expected FASTA"):
        next(read_fasta(path))


BINARIES = {
    "zeros": bytes(5000),
    "machine code": b"\x7fELF\x02\x01\x01" + bytes(9),
    "bam": bgzip(b"BAM\x01\x00\x00\x00\x00"),
    "packed twice": gzip.compress(gzip.compress(FASTA)),
    "utf-16": FASTA.decode().encode("utf-16"),
    "utf-16 without mark": FASTA.decode().encode("utf-16-le"),
    "noise": b"\x89PNG\r\n\x1a\n",
}


@pytest.mark.parametrize("kind", BINARIES)
def test_a_binary_file_says_so(write, kind):
    with pytest.raises(SequenceError, match="is a binary file; expected FASTA text"):
        next(read_fasta(write(BINARIES[kind])))


@pytest.mark.parametrize(
    ("data", "archive"),
    [(b"PK\x03\x04....", "zip"), (b"BZh91AY", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd..", "zstd")],
)
def test_other_archives_are_named(write, data, archive):
    with pytest.raises(SequenceError, match=f"is a {archive} archive; unpack it"):
        next(read_fasta(write(data)))


def test_text_before_the_first_header_is_an_error_and_not_skipped(write):
    path = write(b"ACGTACGT\n>a\nAC\n")
    with pytest.raises(SequenceError) as caught:
        next(read_fasta(path))
    assert str(caught.value) == f"{path} is not FASTA: it begins with 'ACGTACGT', expected a '>' line."


def test_fastq_gets_advice(write):
    with pytest.raises(SequenceError, match=r"begins with '@r1', expected a '>' line\. This looks like FASTQ"):
        next(read_fasta(write(b"@r1\nACGT\n+\nIIII\n")))


def many_records(n: int = 300) -> bytes:
    random = Random(0)
    return b"".join(b">r%d\n%s\n" % (k, "".join(random.choices("ACGT", k=80)).encode()) for k in range(n))


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: bgzip(data, 500)], ids=["gzip", "bgzip"])
@pytest.mark.parametrize("share", [0.0001, 0.3, 0.99, 0.9999])
def test_a_gzip_that_ends_early_gives_what_is_whole_and_then_says_so(write, pack, share):
    data = many_records()
    packed = pack(data)
    path = write(packed[: max(3, int(len(packed) * share))])
    records = []
    with pytest.raises(SequenceError, match="the gzip stream ends early") as caught:
        iter_into(records, path)
    assert b"".join(b">%s\n%s\n" % (r.name.encode(), r.sequence.encode()) for r in records) == data[: whole(records)]
    if records:
        assert str(caught.value).endswith(f"Last whole record: '{records[-1].name}', number {len(records)}.")


def iter_into(records: list[Record], path) -> None:
    for record in read_fasta(path):
        records.append(record)


def whole(records: list[Record]) -> int:
    return sum(len(r.name) + len(r.sequence) + 3 for r in records)


def test_a_bgzip_cut_between_two_blocks_is_noticed(write):
    whole_file = bgzip(FASTA, 10)
    cut = b"".join(re.split(b"(?=\x1f\x8b\x08\x04)", whole_file)[:4])
    assert gzip.decompress(cut) == FASTA[:30]  # valid gzip: only the missing end block shows the loss
    records = []
    with pytest.raises(SequenceError, match=r"reads\.fa: the gzip stream ends early"):
        iter_into(records, write(cut))
    assert records == RECORDS[:1]  # the second record is there in part and is not given


@pytest.mark.parametrize("damaged", [10, -6], ids=["first deflate block", "checksum"])
def test_a_damaged_gzip_says_so(write, damaged):
    packed = bytearray(gzip.compress(many_records()))
    packed[damaged] ^= 0xFE
    with pytest.raises(SequenceError, match=r"reads\.fa: the gzip stream is corrupt"):
        list(read_fasta(write(bytes(packed))))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(SequenceError, match=r"nowhere\.fa: no such file\.$"):
        next(read_fasta(tmp_path / "nowhere.fa"))
    with pytest.raises(SequenceError, match="is a folder; name a file in it"):
        next(read_fasta(tmp_path))


def test_a_reader_given_up_halfway_closes_its_file(write):
    records = read_fasta(write(bgzip(FASTA)))
    assert next(records) == RECORDS[0]
    records.close()  # an open file would be a ResourceWarning, which is an error here


class Generated(io.RawIOBase):
    """A FASTA of n records that never exists as a whole."""

    def __init__(self, n: int) -> None:
        self._blocks = (b">r%d\n" % k + b"ACGT" * 50 + b"\n" for k in range(n))
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while len(self._rest) < len(buffer) and (block := next(self._blocks, b"")):
            self._rest += block
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def test_memory_does_not_grow_with_the_number_of_records(monkeypatch):
    peaks = []
    for n in (2_000, 40_000):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(Generated(n))))
        tracemalloc.start()
        assert sum(len(record.sequence) for record in read_fasta("-")) == 200 * n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000  # the longer stream is 8 MB
