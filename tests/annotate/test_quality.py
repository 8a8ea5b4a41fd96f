"""Quality of many explanations at once against a slow literal version of each alone."""

import math

import numpy as np
import pytest

from genoplrp.annotate.explain import Explanation, Scored
from genoplrp.annotate.quality import METRICS, measure
from genoplrp.annotate.truth import Spans
from genoplrp.sequence import Record, Window


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def literal(values: list[float], sites: list[tuple[int, int]]) -> list[float]:
    """`METRICS` of one map over its explained bases."""
    n, inside = len(values), {base for start, end in sites for base in range(start, end)}
    positive, mass = [max(value, 0.0) for value in values], [abs(value) for value in values]
    rma = ratio(math.fsum(positive[base] for base in inside), math.fsum(positive)) if inside else math.nan
    gini = ratio(math.fsum(abs(a - b) for a in mass for b in mass), 2 * n * math.fsum(mass))
    shares = [share / math.fsum(mass) for share in mass if share]
    entropy = -math.fsum(share * math.log(share) for share in shares) if shares else math.nan
    gained = 0.0
    for base in inside:
        above = [other for other in range(n) if values[other] >= values[base]]
        gained += sum(other in inside for other in above) / len(above)
    found = [math.fsum(positive[a:b]) >= (b - a) / n * math.fsum(positive) * (1 - 1e-9) for a, b in sites]
    recall = ratio(sum(found), len(sites)) if any(positive) else math.nan
    return [rma, gini, entropy, ratio(gained, len(inside)), recall]


def explanation(rng: np.random.Generator, length: int, windows: tuple[Window, ...], kind: str) -> Explanation:
    """Maps of few distinct values, so that bases tie; `kind` "zero" or "negative" leaves metrics without a meaning."""
    explained = np.zeros(length, dtype=bool)
    for window in windows:
        explained[window.start : window.end] = True
    maps = rng.integers(-4, 9, (2, length)).astype(np.float32) * {"zero": 0, "negative": -0.1, "mixed": 0.3}[kind]
    if kind == "negative":
        maps = -np.abs(maps)
    scored = Scored(0, Record("r", "A" * length), np.zeros((1, 1), np.float32))
    return Explanation(scored, 0, True, windows, np.where(explained, maps, 0).astype(np.float32), explained)


def case(rng: np.random.Generator) -> tuple[Explanation, Spans | None]:
    """A record shorter than the windows of 20 bases, or some windows of a longer one, and spans in and around them."""
    length, windows = [
        (7, (Window(0, 7, 6),)),
        (20, (Window(0, 20),)),
        (45, (Window(10, 30),)),
        (45, (Window(0, 20), Window(25, 45))),
        (30, (Window(0, 20), Window(10, 30))),
    ][rng.integers(5)]
    starts = rng.integers(0, length - 3, rng.integers(0, 4)).tolist()
    spans = sorted({(start, start + int(rng.integers(1, 4))) for start in starts})
    kind = str(rng.choice(["mixed", "mixed", "mixed", "zero", "negative"]))
    return explanation(rng, length, windows, kind), spans if rng.random() < 0.9 else None


@pytest.mark.parametrize("seed", range(3))
def test_quality_of_many_is_the_literal_one_of_each(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cases = [case(rng) for _ in range(120)]
    found = measure(*zip(*cases, strict=True))
    assert found.metrics.shape == (120, 2, len(METRICS))
    for k, (one, spans) in enumerate(cases):
        bases = np.flatnonzero(one.explained).tolist()
        own = [(a, b) for a, b in spans or [] if set(range(a, b)) <= set(bases)]
        sites = [(bases.index(a), bases.index(b - 1) + 1) for a, b in own]
        expected = [literal(values[one.explained].tolist(), sites) for values in (one.lrp, one.plrp)]
        np.testing.assert_allclose(found.metrics[k], expected, rtol=1e-9, atol=1e-12)
        assert (found.bases[k], found.instances[k]) == (len(bases), len(sites))
    undefined = np.isnan(found.metrics).any(axis=(0, 1))
    assert undefined.all() and not np.isnan(found.metrics).all(axis=(0, 1)).any()


def test_quality_does_not_depend_on_what_is_measured_beside() -> None:
    rng = np.random.default_rng(7)
    cases = [case(rng) for _ in range(50)]
    together = measure(*zip(*cases, strict=True)).metrics
    alone = [measure([one], [spans]).metrics[0] for one, spans in cases]
    np.testing.assert_array_equal(together, np.stack(alone))


def test_nothing_to_measure() -> None:
    found = measure([], [])
    assert found.metrics.shape == (0, 2, len(METRICS)) and not len(found.bases)
