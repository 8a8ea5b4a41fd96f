"""One run at work: chunk after chunk of records is scored and explained, and recorded in the background."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from genoplrp.annotate.background import Background, Crew, torch_threads
from genoplrp.annotate.explain import Mapper
from genoplrp.annotate.recorder import Recorder
from genoplrp.annotate.scorer import batches
from genoplrp.annotate.survey import Chunk, Survey, bases_of
from genoplrp.apart import Apart, Here
from genoplrp.memory import give_back_freed_memory
from genoplrp.sequence import Record

_GROUP_BASES = 1 << 17
"""Of maps that are searched together."""

_BETWEEN_TRIMS = 8
"""Chunks after which freed memory is given back: some seconds' worth, on two cores, by the shipped network."""

_AT_WORK = 4
"""So many threads score and explain, at most: more would wait for the interpreter's lock."""


def record_all(
    records: Iterable[Record],
    mapper: Mapper,
    thresholds: NDArray[np.float32],
    recorder: Here[Recorder] | Apart[Recorder],
) -> Generator[int]:
    """Score and explain records, chunk after chunk; the number taken so far, after each.

    While a chunk is scored and explained what was found in earlier ones is recorded.
    """
    taken = 0
    with Background() as later, _crew(mapper) as crew:
        try:
            found = Survey(mapper, thresholds, crew).chunks(enumerate(records))
            for number, chunk in enumerate(found, start=1):
                later.do(_record, recorder, chunk)
                taken += chunk.whole
                if number % _BETWEEN_TRIMS == 0:
                    give_back_freed_memory()
                yield taken
        except BaseException:
            recorder.close()  # its call under way is not waited for
            raise


@contextmanager
def _crew(mapper: Mapper) -> Iterator[Crew]:
    """Who scores and explains: threads that share those of torch, or the caller where the network is for one.

    Where a rule is for one, there is one thread.

    Batches that are explained side by side, each on one thread, take less time than one after the other on all of them.
    """
    if not mapper.scorer.threads_may_share:
        with Crew(0) as nobody:
            yield nobody
        return
    usual = torch_threads.begin()
    try:
        several = mapper.threads_may_share and mapper.scorer.device.type == "cpu"
        size = min(usual, _AT_WORK) if several else 1
        with Crew(size, partial(torch.set_num_threads, usual // size)) as crew:
            yield crew
    finally:
        torch_threads.end()


def _record(recorder: Here[Recorder] | Apart[Recorder], chunk: Chunk) -> None:
    if chunk.scored:
        recorder.call(Recorder.add_records, chunk.scored)
    for group in batches(chunk.maps, _GROUP_BASES, bases_of):
        recorder.call(Recorder.add_maps, np.concatenate(group))
