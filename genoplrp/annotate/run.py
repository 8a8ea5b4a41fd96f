"""One run at work: chunk after chunk of records is scored and explained, and recorded in the background."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.background import Background, ahead, in_turn
from genoplrp.annotate.explain import Mapper, Request, Scored, to_explain, window_maps
from genoplrp.annotate.recorder import Recorder
from genoplrp.apart import Apart, Here
from genoplrp.sequence import Record

T = TypeVar("T")

_CHUNK_BASES, _GROUP_BASES = 1 << 19, 1 << 17
"""Of records that are scored together, and of maps that are searched together; two such chunks and four such groups are
in memory, and one of each where they are recorded."""


def record_all(
    records: Iterable[Record],
    mapper: Mapper,
    thresholds: NDArray[np.float32],
    recorder: Here[Recorder] | Apart[Recorder],
) -> Generator[int]:
    """Score and explain records, chunk after chunk; the number taken so far, after each.

    While a chunk is explained the next one is scored, where the network can do both at once, and what was found in
    earlier ones is recorded.
    """
    scorer = mapper.scorer

    def prepared(
        numbered: Sequence[tuple[int, Record]], given_up: Callable[[], bool]
    ) -> tuple[list[Scored], list[Request]]:
        found = scorer.scores([record.sequence for _, record in numbered], given_up)
        chunk = [Scored(index, record, rows) for (index, record), rows in zip(numbered, found, strict=True)]
        return chunk, to_explain(chunk, scorer.spec.length, thresholds)

    following = ahead if scorer.threads_may_share else in_turn
    taken = 0
    with Background() as later, closing(following(prepared, chunks(records))) as made:
        try:
            for _, (chunk, requests) in made:
                later.do(recorder.call, Recorder.add_records, chunk)
                for group in in_stretches(window_maps(requests, mapper), _GROUP_BASES, _bases):
                    later.do(recorder.call, Recorder.add_maps, np.concatenate(group))
                taken += len(chunk)
                yield taken
        except BaseException:
            recorder.close()  # its call under way is not waited for
            raise


def _bases(maps: NDArray[np.float32]) -> int:
    """In windows whose maps these are (n, 2, width)."""
    windows, _, width = maps.shape
    return int(windows * width)


def chunks(records: Iterable[Record]) -> Iterator[list[tuple[int, Record]]]:
    """Numbered records in lists of about half a million bases; a longer record is alone or ends its list."""
    return in_stretches(enumerate(records), _CHUNK_BASES, lambda numbered: len(numbered[1].sequence))


def in_stretches(items: Iterable[T], bases: int, length: Callable[[T], int]) -> Iterator[list[T]]:
    """Items in lists of so many bases or a few more.

    Examples
    --------
    >>> list(in_stretches(["AC", "G", "ACGT", "T"], 3, len))
    [['AC', 'G'], ['ACGT'], ['T']]
    """
    group: list[T] = []
    total = 0
    for item in items:
        group.append(item)
        total += length(item)
        if total >= bases:
            yield group
            group, total = [], 0
    if group:
        yield group
