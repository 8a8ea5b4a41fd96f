"""Short records scored and explained by one run of the network, and long ones by turns, come to the same."""

from collections import deque

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genoplrp.annotate import survey
from genoplrp.annotate.background import Crew
from genoplrp.annotate.explain import Mapper, Scored, to_explain
from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import scorer_for
from genoplrp.annotate.survey import Chunk, Survey
from genoplrp.attribution import attribute
from genoplrp.errors import ModelError
from genoplrp.lrp import NoPrune
from genoplrp.sequence import Record, one_hot, place, tile
from tests.annotate.networks import matrix_network
from tests.annotate.sequences import planted

LENGTHS = [30, 60, 90, 400, 61, 1000, 150, 20, 60, 180]
RECORDS = [Record(f"r{k}", planted(1, length, seed=k)[0].sequence) for k, length in enumerate(LENGTHS)]
THRESHOLDS = np.array([5.0, -2.0], np.float32)


class Reader(nn.Module):
    """A network that notes how many windows it reads; the engine runs a copy, which shares a deque."""

    def __init__(self, by_samples: bool = False) -> None:
        super().__init__()
        self.network, self.by_samples, self.seen = matrix_network(60), by_samples, deque[int]()
        self.spec = self.network.spec
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        return self.network(x.view(len(x), -1).view(len(x), 4, 60) if self.by_samples else x)


def surveyed(
    network: nn.Module,
    records: list[Record],
    options: Options | None = None,
    *,
    batch_size: int = 8,
    thresholds: np.ndarray = THRESHOLDS,
    crew: int = 2,
) -> list[Chunk]:
    options = options or Options()
    mapper = Mapper(scorer_for(network, batch_size, options.strands), options)
    with Crew(crew) as threads:
        return list(Survey(mapper, thresholds, threads).chunks(enumerate(records)))


def assert_right(
    chunks: list[Chunk], records: list[Record], options: Options | None = None, thresholds: np.ndarray = THRESHOLDS
) -> None:
    """Every record's scores and maps, in order, are what one call for each window gives."""
    network, options = matrix_network(60), options or Options()
    scored = [one for chunk in chunks for one in chunk.scored]
    assert [(one.index, one.record) for one in scored] == list(enumerate(records))
    expected = scorer_for(network, 1, options.strands).scores([record.sequence for record in records])
    for one, rows in zip(scored, expected, strict=True):
        np.testing.assert_allclose(one.scores, rows, rtol=1e-5, atol=1e-5)
    maps = iter(np.concatenate([own for chunk in chunks for own in chunk.maps]))
    for request in to_explain(scored, 60, thresholds):
        for window in request.windows:
            x = one_hot(place(request.scored.record.sequence, window, 60))
            for found, pruner in zip(next(maps), (options.pruner, NoPrune()), strict=True):
                own = {"references": options.references or None, "strands": options.strands, "pruner": pruner}
                wanted = attribute(network, x, target=request.label, **own).per_base[0]
                np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert next(maps, None) is None


@pytest.mark.parametrize("crew", [0, 2])
@pytest.mark.parametrize("batch_size", [1, 5, 8, 100])
def test_records_of_any_length_in_batches_of_any_size(batch_size: int, crew: int) -> None:
    assert_right(surveyed(matrix_network(60), RECORDS, batch_size=batch_size, crew=crew), RECORDS)


@pytest.mark.parametrize(
    "options", [Options(strands="both"), Options(references=2)], ids=["both strands", "references"]
)
def test_other_ways_of_explaining(options: Options) -> None:
    assert_right(surveyed(matrix_network(60), RECORDS, options), RECORDS, options)


@pytest.mark.parametrize("most", [1, 8])
def test_records_with_many_outputs_called(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """More outputs a window than are held are explained one batch after the other, the records in order."""
    monkeypatch.setattr(survey, "_MOST_OUTPUTS", most)
    low = np.array([-10.0, -10.0], np.float32)
    chunks = surveyed(matrix_network(60), RECORDS, thresholds=low)
    assert_right(chunks, RECORDS, thresholds=low)


def test_network_whose_runs_cannot_be_kept() -> None:
    assert_right(surveyed(Reader(by_samples=True), RECORDS), RECORDS)


@pytest.mark.parametrize(("by_samples", "times"), [(False, 1), (True, 2)])
def test_windows_of_short_records_are_read_once_where_a_run_can_be_kept(by_samples: bool, times: int) -> None:
    network = Reader(by_samples)
    surveyed(network, RECORDS[:3])  # finds out how it lays out its samples
    network.seen.clear()
    short = [Record(f"r{k}", one.sequence) for k, one in enumerate(planted(32, 90))]
    surveyed(network, short, thresholds=np.array([-10.0, 100.0], np.float32))
    # The engine looks at how a network lays out its samples by runs of three at most.
    assert sum(n for n in network.seen if n > 3) == times * 32 * len(tile(90, 60))


def test_records_a_little_longer_than_a_batch_share_batches() -> None:
    network = Reader()
    records = [Record(f"r{k}", one.sequence) for k, one in enumerate(planted(30, 330))]
    surveyed(network, records, thresholds=np.array([100.0, 100.0], np.float32))  # one window of each is explained
    windows = len(tile(330, 60))
    assert windows == 10 and [n for n in network.seen if n > 3] == [8] * 37 + [4] + [8] * 3 + [6]


@pytest.mark.parametrize(("returned", "words"), [(None, "seven is bad"), ((1, 2), "gave tuple for 7 windows")])
def test_what_fails_with_one_number_of_windows_only_is_a_clear_error(returned: object, words: str) -> None:
    class Seven(Reader):
        def forward(self, x: Tensor) -> Tensor:
            if len(x) == 7 and returned is None:
                raise RuntimeError("seven is bad")
            return returned if len(x) == 7 else super().forward(x)

    with pytest.raises(ModelError, match=words) as caught:
        surveyed(Seven(), RECORDS[1:2] * 7)
    assert returned or "An exported network must take any number of sequences" in str(caught.value)


def test_long_records_come_in_chunks_and_short_ones_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held does not grow with a record's windows, or with the number of records."""
    monkeypatch.setattr(survey, "_CHUNK_BASES", 600)
    records = [Record(f"r{k}", one.sequence) for k, one in enumerate([*planted(50, 60), *planted(2, 3000)])]
    low = np.array([-10.0, -10.0], np.float32)
    chunks = surveyed(matrix_network(60), records, thresholds=low, batch_size=4)
    assert_right(chunks, records, thresholds=low)
    assert len(chunks) > 20
    for chunk in chunks:
        assert sum(len(own) for own in chunk.maps) * 60 <= 4 * (600 + 8 * 60)
        assert len(chunk.scored) <= 14
    assert sum(not chunk.scored for chunk in chunks) > 10  # more maps of the record before
    assert sum(chunk.whole for chunk in chunks) == len(records)


def test_scores_that_are_not_finite_are_a_clear_error() -> None:
    network = matrix_network(60)
    with torch.no_grad():
        network.dense[2].bias.fill_(torch.nan)
    with pytest.raises(ModelError, match="NaN or infinite scores"):
        surveyed(network, RECORDS[:2])


def test_no_records_no_chunks() -> None:
    assert surveyed(matrix_network(60), []) == []


def test_a_chunk_is_full_by_its_records_or_by_its_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "_CHUNK_BASES", 100)
    record = Record("r", "A" * 50)
    scored = Scored(0, record, np.zeros((1, 1), np.float32))
    for windows in (2, 4):
        chunk = Chunk()
        full = []
        for _ in range(2):
            chunk.add([scored], np.zeros((windows, 2, 100), np.float32))
            full.append(chunk.is_full)
        assert full == [windows == 4, True]
