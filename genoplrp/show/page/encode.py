"""The data of a page as JSON: maps as 16-bit numbers in which runs of zeros are counted, all else as it is.

A map is stored in steps of its largest absolute value / 32767, so that what the page shows and writes differs from the
original by at most half a step. Pruned maps are mostly zeros: a run of them is the number -32768 and then their count.
"""

from base64 import b64encode
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoplrp.show.page.data import Explained, PageData, PageSequence, Pattern, Span

STEPS = 32767
RUN = -32768
_SHORTEST = 3  # zeros in a row that are cheaper counted
_LONGEST = 32767
_DIGITS = 6


def page_json(data: PageData) -> dict[str, Any]:
    """`data` as JSON types, which ``assets/decode.js`` reads."""
    return {
        "labels": list(data.labels),
        "settings": [{"name": setting.name, "p": setting.p} for setting in data.settings],
        "chosen": data.chosen,
        "thresholds": [_short(value) for value in data.thresholds],
        "truthName": data.truth_name,
        "total": data.total,
        "selection": data.selection,
        "truth": data.truth,
        "opens": data.opens,
        "sequences": [_sequence(sequence) for sequence in data.sequences],
        "patterns": [_pattern(pattern) for pattern in data.patterns],
    }


def packed(relevance: NDArray[np.floating[Any]]) -> tuple[list[float], str]:
    """Steps (k,) and the base64 text of k maps (k, l), one behind the other.

    Examples
    --------
    >>> steps, text = packed(np.array([[0.0, 0.0, 0.0, 0.0, 2.0, -2.0]]))
    >>> [round(step * STEPS, 4) for step in steps], text
    ([2.0], 'AIAEAP9/AYA=')
    """
    values = np.asarray(relevance, dtype=np.float64)
    largest = np.abs(values).max(1)
    steps = [float(f"{value / STEPS:.9g}") for value in largest]
    whole = np.zeros(values.shape, dtype=np.int64)
    for row, step, given in zip(whole, steps, values, strict=True):
        if step > 0:
            row[:] = np.clip(np.rint(given / step), -STEPS, STEPS)
    stream = np.concatenate([_counted(row) for row in whole]).astype("<i2")
    return steps, b64encode(stream.tobytes()).decode("ascii")


def _counted(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row with each run of zeros replaced by `RUN` and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], row == 0, [False]]).astype(np.int8)))
    parts, done = [], 0
    for start, end in edges.reshape(-1, 2).tolist():
        if end - start < _SHORTEST:
            continue
        parts.append(row[done:start])
        whole, rest = divmod(end - start, _LONGEST)
        parts.append(np.array([RUN, _LONGEST] * whole + ([RUN, rest] if rest else [])))
        done = end
    return np.concatenate([*parts, row[done:]])


def _sequence(sequence: PageSequence) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": sequence.name,
        "letters": sequence.letters,
        "start": sequence.start,
        "length": sequence.length or len(sequence.letters),
        "scores": [_short(value) for value in sequence.scores.tolist()],
        "explained": [_explained(explained) for explained in sequence.explained],
    }
    if sequence.locus is not None:
        body["locus"] = list(sequence.locus)
    return body


def _explained(explained: Explained) -> dict[str, Any]:
    steps, maps = packed(explained.relevance)
    return {
        "label": explained.label,
        "called": explained.called,
        "steps": steps,
        "maps": maps,
        "hits": [_span(hit) for hit in explained.hits],
        "truth": None if explained.truth is None else [list(span) for span in explained.truth],
    }


def _span(span: Span) -> list[Any]:
    return [span.start, span.end, span.name, span.strand, _short(span.share)]


def _pattern(pattern: Pattern) -> dict[str, Any]:
    matrices = {
        name: None if matrix is None else [[_short(value) for value in row] for row in np.asarray(matrix).tolist()]
        for name, matrix in (("pwm", pattern.pwm), ("cwm", pattern.cwm), ("known", pattern.known))
    }
    return {
        "name": pattern.name,
        "source": pattern.source,
        "count": pattern.count,
        "note": pattern.note,
        **matrices,
        "sites": [[site.sequence, site.label, site.start, site.end, site.strand] for site in pattern.sites],
    }


def _short(value: float) -> float | None:
    """Six digits: JSON knows no NaN."""
    return float(f"{value:.{_DIGITS}g}") if isfinite(value) else None
