"""BED in and out: what is written is read back, and a bad line is named."""

import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoplrp.errors import OutputError, SequenceError
from genoplrp.sequence import Interval, read_bed, write_bed

names = st.from_regex(r"[A-Za-z0-9_:|.-]{1,12}", fullmatch=True)
spans = st.tuples(st.integers(0, 10**9), st.integers(0, 10**5))
numbers = st.one_of(st.integers(0, 1000), st.floats(allow_nan=False, allow_infinity=False))


@st.composite
def intervals(draw) -> Interval:
    start, width = draw(spans)
    name = draw(st.one_of(st.just("."), names, st.just("two words")))
    return Interval(draw(names), start, start + width, name, draw(numbers), draw(st.sampled_from("+-.")))


@settings(deadline=None)
@given(st.lists(intervals(), max_size=5))
def test_reading_gives_back_what_was_written(tmp_path_factory, written):
    path = tmp_path_factory.getbasetemp() / "hits.bed"
    write_bed(written, path, header="track name=x\nmade by a test")
    assert read_bed(path) == written


def test_every_common_layout_is_read(tmp_path):
    path = tmp_path / "peaks.bed.gz"
    text = (
        "# made by hand\r\nbrowser position chr1\r\ntrack name=peaks\r\n\r\n"
        "chr1\t0\t10\r\nchr1\t5\t5\tp\r\nchr2 3 9 name\r\nchr2\t3\t9\tq\t.\r\n"
        "tracker\t1\t2\tr\t7\t-\t1.5\t2.5\t3.5\t4\r\n"
    )
    path.write_bytes(gzip.compress(text.encode()))
    assert read_bed(path) == [
        Interval("chr1", 0, 10),
        Interval("chr1", 5, 5, "p"),
        Interval("chr2", 3, 9, "name"),
        Interval("chr2", 3, 9, "q", 0),
        Interval("tracker", 1, 2, "r", 7, "-"),
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("chr1\t5", "expected at least chrom, start and end, separated by tabs; got 'chr1\\t5'."),
        ("chr1\tfive\t9", "start must be a whole number from 0 on; got 'five'."),
        ("chr1\t-1\t9", "start must be a whole number from 0 on; got '-1'."),
        ("chr1\t1\t9.5", "end must be a whole number from 0 on; got '9.5'."),
        ("chr1\t9\t1", "expected 0 <= start <= end; got start 9 and end 1."),
        ("chr1\t1\t9\tx\thigh", "score must be a number or '.'; got 'high'."),
        ("chr1\t1\t9\tx\tnan", "score must be a finite number; got nan."),
        ("chr1\t1\t9\tx\t1\tplus", "strand must be '+', '-' or '.'; got 'plus'."),
        (">chr1", "expected at least chrom, start and end, separated by tabs; got '>chr1'."),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, fault):
    path = tmp_path / "bad.bed"
    path.write_text(f"# first\nchr1\t1\t2\n{line}\n")
    with pytest.raises(SequenceError) as caught:
        read_bed(path)
    assert str(caught.value) == f"{path}, line 3: {fault}"


@pytest.mark.parametrize(("start", "end", "strand"), [(-1, 5, "."), (6, 5, "."), (1, 5, "*")])
def test_an_interval_is_checked_when_made(start, end, strand):
    with pytest.raises(SequenceError, match=r"expected 0 <= start|strand must be"):
        Interval("chr1", start, end, strand=strand)


def test_columns_are_tabs_and_comments_are_marked():
    stream = io.StringIO()
    write_bed([Interval("chr1", 1, 5, "", 2.5, "+")], stream, header="two\n# lines")
    assert stream.getvalue() == "# two\n# lines\nchr1\t1\t5\t.\t2.5\t+\n"


@pytest.mark.parametrize(
    "bad", [Interval("a\tb", 0, 1), Interval("a", 0, 1, "x\n"), Interval("#a", 0, 1), Interval("", 0, 1)]
)
def test_names_that_bed_cannot_carry_are_refused_and_leave_the_old_file(tmp_path, bad):
    path = tmp_path / "hits.bed"
    path.write_text("old")
    with pytest.raises(SequenceError, match="which BED cannot carry"):
        write_bed([Interval("a", 0, 1), bad], path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["hits.bed"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "nowhere" / "hits.bed", tmp_path / "file" / "hits.bed"):
        with pytest.raises(OutputError, match=r"hits\.bed cannot be written"):
            write_bed([], path)
