"""Maps of whole records: short ones, long ones put together from windows, and which of these are explained."""

import numpy as np
import pytest
import torch

from genoplrp.annotate.background import Crew
from genoplrp.annotate.explain import Assembly, Explanation, Mapper, Scored, to_explain, window_maps
from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import Scorer, scorer_for
from genoplrp.attribution import attribute
from genoplrp.errors import ModelError
from genoplrp.lrp import NoPrune
from genoplrp.models import ModelSpec
from genoplrp.sequence import Record, Window, one_hot, tile
from tests.annotate.networks import matrix_network
from tests.annotate.sequences import CTCF, planted

THRESHOLDS = np.array([5.0, 5.0], np.float32)


def scored(scorer, *sequences: str) -> list[Scored]:
    found = scorer.scores(sequences)
    return [Scored(i, Record(f"r{i}", text), rows) for i, (text, rows) in enumerate(zip(sequences, found, strict=True))]


def explained(
    items: list[Scored], scorer: Scorer, options: Options | None = None, thresholds: np.ndarray = THRESHOLDS
) -> list[Explanation]:
    requests = to_explain(items, scorer.spec.length, thresholds)
    assembly = Assembly(requests)
    found = window_maps(requests, Mapper(scorer, options or Options()), Crew(0))
    return [explanation for maps in found for explanation in assembly.add(maps)]


def test_short_record_is_explained_as_if_centred_in_n_and_only_its_bases_are_reported() -> None:
    network = matrix_network(60)
    scorer = scorer_for(network, 64, "forward")
    sequence = "AC" + CTCF + "GT"
    (found,) = explained(scored(scorer, sequence), scorer)
    left = (60 - len(sequence)) // 2
    padded = one_hot("N" * left + sequence + "N" * (60 - left - len(sequence)))
    expected = attribute(network, padded, target=0).per_base[0]
    np.testing.assert_allclose(found.plrp, expected[left : left + len(sequence)], rtol=1e-5, atol=1e-6)
    assert float(expected[:left].abs().sum()) == 0.0
    assert found.called and found.label == 0 and found.explained.all()


@pytest.mark.parametrize(("references", "seed"), [(0, 0), (2, 3)])
def test_record_as_long_as_the_input_equals_one_call_of_attribute(references: int, seed: int) -> None:
    network = matrix_network(60)
    scorer = scorer_for(network, 64, "forward")
    sequences = [record.sequence for record in planted(9, 60)]
    options = Options(references=references, seed=seed)
    maps = explained(scored(scorer, *sequences), scorer, options)
    for found, sequence in zip(maps, sequences, strict=True):
        for values, pruner in ((found.plrp, Options().pruner), (found.lrp, NoPrune())):
            expected = attribute(
                network, one_hot(sequence), target=0, pruner=pruner, references=references or None, seed=seed
            ).per_base[0]
            np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_long_record_takes_each_base_from_the_calling_window_in_which_it_lies_most_central() -> None:
    network = matrix_network(60)
    scorer = scorer_for(network, 4, "forward")
    rng = np.random.default_rng(5)
    sequence = "".join(rng.choice(list("ACGT"), 407))
    for place in (20, 95, 300):
        sequence = sequence[:place] + CTCF + sequence[place + len(CTCF) :]
    (item,) = scored(scorer, sequence)
    starts = [*range(0, 347, 30), 347]
    assert len(item.scores) == len(starts)
    found = explained([item], scorer)[0]
    calling = [start for start, score in zip(starts, item.scores[:, 0], strict=True) if score > 5]
    assert 3 <= len(calling) < len(starts)
    by_window = {s: attribute(network, one_hot(sequence[s : s + 60]), target=0).per_base[0].numpy() for s in calling}
    for base in range(407):
        holding = [s for s in calling if s <= base < s + 60]
        assert found.explained[base] == bool(holding)
        if holding:
            best = max(holding, key=lambda s: (min(base - s, s + 59 - base), -s))
            assert found.plrp[base] == pytest.approx(by_window[best][base - best], rel=1e-4, abs=1e-5)
        else:
            assert found.plrp[base] == found.lrp[base] == 0


def test_record_without_a_call_is_explained_for_its_best_label_in_its_best_window() -> None:
    scorer = scorer_for(matrix_network(60), 64, "forward")
    high = np.array([1000.0, 999.0], np.float32)
    (item,) = scored(scorer, planted(1, 200)[0].sequence)
    (found,) = explained([item], scorer, thresholds=high)
    assert not found.called
    assert found.label == int((item.best - high).argmax())
    assert found.explained.sum() == 60


def test_batch_size_does_not_change_maps() -> None:
    sequences = [record.sequence for record in planted(5, 150)] + ["ACGTACGT"]
    maps = []
    for size in (1, 3, 64):
        scorer = scorer_for(matrix_network(60), size, "forward")
        maps.append(explained(scored(scorer, *sequences), scorer, Options(batch_size=size)))
    for found in zip(*maps, strict=True):
        for other in found[1:]:
            assert (other.scored.index, other.label) == (found[0].scored.index, found[0].label)
            np.testing.assert_allclose(other.plrp, found[0].plrp, rtol=1e-5, atol=1e-6)


def test_both_strands_score_and_explain_a_sequence_and_its_reverse_complement_alike() -> None:
    scorer = scorer_for(matrix_network(60), 64, "both")
    record = planted(1, 60)[0]
    turned = record.sequence.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    items = scored(scorer, record.sequence, turned)
    np.testing.assert_allclose(items[0].scores, items[1].scores, rtol=1e-5)
    forward, backward = explained(items, scorer, Options(strands="both"))
    np.testing.assert_allclose(forward.plrp, backward.plrp[::-1], rtol=1e-4, atol=1e-5)


def chosen(thresholds: list[float], *rows: list[float]) -> list[tuple[int, bool]]:
    """Labels that are explained of a record with one window for each row of scores, and whether they are called."""
    record = Record("r", "ACGT" * (5 + 5 * len(rows)))
    requests = to_explain([Scored(0, record, np.array(rows, np.float32))], 40, np.array(thresholds, np.float32))
    return [(one.label, one.called) for one in requests]


def test_called_labels_come_best_first_and_a_score_on_the_threshold_is_no_call() -> None:
    assert chosen([5.0, 5.0, 5.0, 1.0], [5.0, 9.0, 2.0, 8.0]) == [(3, True), (1, True)]
    assert chosen([5.0, 5.0], [1.0, 2.0]) == [(1, False)]
    assert chosen([2.0, 3.0, 1.0], [1.0, 5.0, 0.0], [0.0, 0.0, 4.0]) == [(2, True), (1, True)]
    assert chosen([5.0, 5.0], [1.0, 1.0]) == [(0, False)]


def mixed(rng: np.random.Generator, width: int = 20) -> list[Scored]:
    """Records shorter than the windows, as long, and longer, some that call nothing and some that call everything."""
    made = []
    for index, length in enumerate(rng.choice([1, 7, 19, 20, 21, 45, 45, 70], 60).tolist()):
        scores = rng.normal(rng.choice([-4, 0, 0, 4]), 1, (len(tile(length, width)), 3))
        made.append(Scored(index, Record(f"r{index}", "A" * length), scores.astype(np.float32)))
    return made


@pytest.mark.parametrize("seed", range(3))
def test_what_is_explained_of_many_records_is_what_a_literal_version_says_of_each(seed: int) -> None:
    records, thresholds = mixed(np.random.default_rng(seed)), np.array([0.5, 0.0, -0.5], np.float32)
    expected = []
    for one in records:
        windows = tile(len(one.record.sequence), 20)
        best = one.scores.max(0).tolist()
        margins = [score - limit for score, limit in zip(best, thresholds.tolist(), strict=True)]
        labels = sorted(range(3), key=lambda label: -margins[label])
        for label in labels if any(margin > 0 for margin in margins) else labels[:1]:
            column = one.scores[:, label].tolist()
            calling = tuple(w for w, score in zip(windows, column, strict=True) if score > thresholds[label])
            if calling or margins[labels[0]] <= 0:
                strongest = windows[column.index(max(column))]
                expected.append((one.index, label, bool(calling), calling or (strongest,)))
    found = to_explain(records, 20, thresholds)
    assert [(one.scored.index, one.label, one.called, one.windows) for one in found] == expected
    assert {one.called for one in found} == {True, False}
    assert to_explain([], 20, thresholds) == []


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_maps_of_many_records_are_put_together_as_those_of_each(size: int) -> None:
    """Whatever the parts in which the windows' maps come."""
    rng = np.random.default_rng(size)
    requests = to_explain(mixed(rng), 20, np.array([0.5, 0.0, -0.5], np.float32))
    maps = rng.normal(size=(sum(len(one.windows) for one in requests), 2, 20)).astype(np.float32)
    assembly, waiting = Assembly(requests), iter(maps)
    found = [one for first in range(0, len(maps), size) for one in assembly.add(maps[first : first + size])]
    assert len(found) == len(requests) > 60
    for one, request in zip(found, requests, strict=True):
        assert (one.scored, one.label, one.called, one.windows) == (
            request.scored,
            request.label,
            request.called,
            request.windows,
        )
        literal_maps(one, [next(waiting) for _ in one.windows])


def literal_maps(one: Explanation, maps: list[np.ndarray]) -> None:
    """Each base has the value of the window in which it lies furthest from the edge."""
    placed = list(zip(one.windows, maps, strict=True))

    def edge(window: Window, base: int) -> int:
        column = base - window.start + window.offset
        return min(column, 19 - column)

    for base in range(one.length):
        holding = [(window, own) for window, own in placed if window.start <= base < window.end]
        assert one.explained[base] == bool(holding)
        expected = np.zeros(2)
        if holding:
            window, own = max(holding, key=lambda pair: edge(pair[0], base))
            expected = own[:, base - window.start + window.offset]
        np.testing.assert_array_equal(one.maps[:, base], expected)
    np.testing.assert_array_equal(one.maps, [one.plrp, one.lrp])


def test_network_in_training_mode_is_used_in_eval_mode_and_left_as_it_was() -> None:
    network = matrix_network(60)
    network.convolutions.append(torch.nn.Dropout(0.9))
    network.train()
    sequences = [record.sequence for record in planted(3, 60)]
    first, second = (scorer_for(network, 64, "forward").scores(sequences) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert all(module.training for module in network.modules())


def test_network_with_another_number_of_outputs_than_labels_is_a_clear_error() -> None:
    network = matrix_network(60)
    network.spec = ModelSpec("MotifCNN", {}, length=60, labels=("a", "b", "c"))
    with pytest.raises(ModelError, match=r"gave \(1, 2\) for 1 windows, but its spec promises outputs \(1, 3\)"):
        scorer_for(network, 64, "forward").scores(["ACGT"])


def test_network_that_gives_nan_is_a_clear_error() -> None:
    network = matrix_network(60)
    with torch.no_grad():
        network.dense[2].bias.fill_(torch.nan)
    with pytest.raises(ModelError, match="NaN or infinite scores"):
        scorer_for(network, 64, "forward").scores(["ACGT"])
