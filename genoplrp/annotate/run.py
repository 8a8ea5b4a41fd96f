"""One run at work: chunk after chunk of records is scored and explained, and recorded in the background."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from genoplrp.annotate.background import Background, Crew, torch_threads
from genoplrp.annotate.explain import Mapper, Request, Scored, to_explain, window_maps
from genoplrp.annotate.recorder import Recorder
from genoplrp.annotate.scorer import in_stretches
from genoplrp.apart import Apart, Here
from genoplrp.memory import give_back_freed_memory
from genoplrp.sequence import Record

_CHUNK_BASES, _GROUP_BASES = 1 << 19, 1 << 17
"""Of records that are scored together, and of maps that are searched together; two such chunks and four such groups are
in memory, and one of each where they are recorded."""

_BETWEEN_TRIMS = 8
"""Chunks after which freed memory is given back: ten seconds' worth, on two cores, by the shipped network."""

_EXPLAINING = 4
"""So many threads explain, at most: more would wait for the interpreter's lock."""


def record_all(
    records: Iterable[Record],
    mapper: Mapper,
    thresholds: NDArray[np.float32],
    recorder: Here[Recorder] | Apart[Recorder],
) -> Generator[int]:
    """Score and explain records, chunk after chunk; the number taken so far, after each.

    While a chunk is explained the next one is scored, where the network can do several things at once, and what was
    found in earlier ones is recorded.
    """
    scorer = mapper.scorer

    def prepared(
        numbered: Sequence[tuple[int, Record]], given_up: Callable[[], bool]
    ) -> tuple[list[Scored], list[Request]]:
        found = scorer.scores([record.sequence for _, record in numbered], given_up)
        chunk = [Scored(index, record, rows) for (index, record), rows in zip(numbered, found, strict=True)]
        return chunk, to_explain(chunk, scorer.spec.length, thresholds)

    taken = 0
    with Background() as later, _crews(mapper) as (scoring, explaining):
        try:
            for number, (_, (chunk, requests)) in enumerate(scoring.ahead(prepared, chunks(records)), start=1):
                later.do(recorder.call, Recorder.add_records, chunk)
                for group in in_stretches(window_maps(requests, mapper, explaining), _GROUP_BASES, _bases):
                    later.do(recorder.call, Recorder.add_maps, np.concatenate(group))
                taken += len(chunk)
                if number % _BETWEEN_TRIMS == 0:
                    give_back_freed_memory()
                yield taken
        except BaseException:
            recorder.close()  # its call under way is not waited for
            raise


@contextmanager
def _crews(mapper: Mapper) -> Iterator[tuple[Crew, Crew]]:
    """Who scores and who explains: threads that share those of torch, or the caller where the network is for one.

    Where a rule is for one, one thread explains.

    Batches that are explained side by side, each on one thread, take less time than one after the other on all of them.
    """
    if not mapper.scorer.threads_may_share:
        with Crew(0) as nobody:
            yield nobody, nobody
        return
    usual = torch_threads.begin()
    try:
        several = mapper.threads_may_share and mapper.scorer.device.type == "cpu"
        explaining = min(usual, _EXPLAINING) if several else 1
        begin = partial(torch.set_num_threads, usual // explaining)
        with Crew(1, begin) as one, Crew(explaining, begin) as other:
            yield one, other
    finally:
        torch_threads.end()


def _bases(maps: NDArray[np.float32]) -> int:
    """In windows whose maps these are (n, 2, width)."""
    windows, _, width = maps.shape
    return int(windows * width)


def chunks(records: Iterable[Record]) -> Iterator[list[tuple[int, Record]]]:
    """Numbered records in lists of about half a million bases; a longer record is alone or ends its list."""
    return in_stretches(enumerate(records), _CHUNK_BASES, lambda numbered: len(numbered[1].sequence))
