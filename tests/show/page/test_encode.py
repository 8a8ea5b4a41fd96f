"""The page's data: maps come back within half a step, texts cannot leave their place, and misfits are refused."""

import base64
import json
import re
import struct
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoplrp.errors import OptionError
from genoplrp.show.page import Explained, PageData, PageSequence, Pattern, Setting, Site, Span, page_html
from genoplrp.show.page.encode import packed, page_json
from genoplrp.show.page.html import embedded

LRP = (Setting("LRP", 0.0),)
EVIL = '</script><script>window.pwned=1</script><img src=x onerror="window.pwned=1">\'"&\u2028'


def unpacked(steps: list[float], text: str, length: int) -> list[list[float]]:
    """The maps, read number by number."""
    numbers = iter(n for (n,) in struct.iter_unpack("<h", base64.b64decode(text)))
    maps = []
    for step in steps:
        row: list[float] = []
        while len(row) < length:
            number = next(numbers)
            row += [0.0] * next(numbers) if number == -32768 else [number * step]
        assert len(row) == length
        maps.append(row)
    assert next(numbers, None) is None
    return maps


values = st.one_of(st.just(0.0), st.floats(-1e6, 1e6, width=32))


@given(st.integers(1, 40).flatmap(lambda n: st.lists(st.lists(values, min_size=n, max_size=n), min_size=1, max_size=3)))
def test_maps_come_back_within_half_a_step(rows: list[list[float]]) -> None:
    maps = np.array(rows)
    back = np.array(unpacked(*packed(maps), maps.shape[1]))
    half = np.abs(maps).max(1, keepdims=True) / 32767 / 2
    assert (np.abs(back - maps) <= half * (1 + 1e-6) + 1e-300).all()


def test_longest_runs_of_zeros_are_counted_in_parts() -> None:
    maps = np.zeros((2, 100_000))
    maps[1, [0, 99_999]] = -3.0, 1.0
    steps, text = packed(maps)
    assert len(text) < 60
    np.testing.assert_allclose(unpacked(steps, text, 100_000), maps, atol=3 / 32767 / 2)


def one(**changes: object) -> PageSequence:
    sequence = {
        "name": "a",
        "letters": "ACGTAC",
        "scores": np.array([2.0]),
        "explained": (Explained(0, True, np.ones((1, 6)), (Span(1, 3, "demo", "+", 0.5),), ((1, 3),)),),
    }
    return PageSequence(**{**sequence, **changes})  # type: ignore[arg-type]


def test_nan_and_infinite_scores_are_valid_json() -> None:
    data = PageData(("demo", "other"), LRP, 0, (one(scores=np.array([np.nan, -np.inf])),))
    assert json.loads(str(embedded(page_json(data))))["sequences"][0]["scores"] == [None, None]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: PageData(("demo",), LRP, 1, ()), "chosen must be one of 1 settings; got 1"),
        (lambda: PageData(("demo",), LRP, 0, (), thresholds=(1.0, 2.0)), "expected a threshold for each of 1 labels"),
        (lambda: PageData(("a", "b"), LRP, 0, (one(),)), "expected 2 scores"),
        (lambda: PageData(("demo",), LRP, 0, (one(explained=()),)), "there is nothing to show"),
        (lambda: PageData(("demo",), LRP, 0, (one(letters="ACG"),)), r"shape \(1, 3\); got \(1, 6\)"),
        (
            lambda: PageData(("demo",), LRP, 0, (one(explained=(Explained(0, True, np.full((1, 6), np.nan)),)),)),
            "relevance must be finite",
        ),
        (
            lambda: PageData(("demo",), LRP, 0, (one(),), (Pattern("p", "", 1, sites=(Site(1, 0, 0, 2),)),)),
            "there is no sequence 1",
        ),
        (lambda: Pattern("p", "", 1, pwm=np.ones((4, 9))), r"pwm must be finite, shape \(w, 4\); got \(4, 9\)"),
        (lambda: Span(3, 2, "x"), "a span needs"),
        (lambda: Span(2, 3, "x", "*"), "a span needs"),
    ],
)
def test_what_does_not_fit_is_refused(build: object, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        build()  # type: ignore[operator]


class Elements(HTMLParser):
    """The elements of a page and the text of its scripts, as a browser's parser cuts them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_data(self, data: str) -> None:
        if self.seen and self.seen[-1] == "script" and data.strip():
            self.texts.append(data)


def elements(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    return parser


def test_no_text_becomes_markup() -> None:
    tame = PageData(("demo",), LRP, 0, (one(),), (Pattern("p", "s", 1, "n"),), truth="t", selection="s")
    wild = PageData(
        (EVIL,),
        (Setting(EVIL, 0.0),),
        0,
        (one(name=EVIL),),
        (Pattern(EVIL, EVIL, 1, EVIL),),
        truth=EVIL,
        selection=EVIL,
    )
    pages = [elements(page_html(data, title=title)) for data, title in ((tame, "t"), (wild, EVIL))]
    assert pages[0].seen == pages[1].seen
    assert json.loads(pages[1].texts[0])["sequences"][0]["name"] == EVIL


def test_page_asks_for_nothing_beyond_itself() -> None:
    page = page_html(PageData(("demo",), LRP, 0, (one(),)), title="t")
    assert "default-src 'none'" in page
    assert not re.search(
        r"(?:src|href)=\"(?!data:)|@import|url\((?!#)|\bfetch\(|XMLHttpRequest|^import ", page, re.MULTILINE
    )


def test_500_sequences_of_2000_bases_whose_maps_are_a_tenth_full_stay_below_10_mb() -> None:
    rng = np.random.default_rng(0)
    letters = "".join(rng.choice(list("ACGT"), 2000))
    full = rng.normal(size=(5, 2000))
    full[1:] *= rng.random((4, 2000)) < 0.1
    data = PageData(
        ("demo",),
        (*LRP, *(Setting(f"PLRP p={p}", p) for p in (0.05, 0.1, 0.2, 0.5))),
        2,
        tuple(PageSequence(f"r{i}", letters, np.ones(1), (Explained(0, True, full),)) for i in range(500)),
    )
    assert len(page_html(data, title="t").encode()) < 10_000_000
