"""What the page of a discovery is given: maps as `attribute` makes them, the instances, and the patterns as found."""

from dataclasses import replace

import numpy as np
import pytest

from genoplrp.attribution import attribute
from genoplrp.discover import Name, discover, write
from genoplrp.discover.page import arrow_names
from genoplrp.lrp import NoPrune, PruneLambda
from genoplrp.sequence import one_hot
from tests.annotate.sequences import write_fasta
from tests.discover.conftest import LENGTH
from tests.discover.test_job import long_records


def shown(case, out, fasta=None, **options):
    """A discovery and the data of its page."""
    kept = []
    original = write.discovery_page

    def spy(*args, **more):
        kept.append(original(*args, **more))
        return kept[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "discovery_page", spy)
        found = discover(case.network, fasta or case.fasta, out, **options)
    return found, kept[0]


@pytest.fixture(scope="module")
def whole(case, tmp_path_factory):
    return shown(case, tmp_path_factory.mktemp("page") / "out", page=500)


def test_maps_are_those_of_attribute_from_the_same_references(case, whole):
    _, data = whole
    assert [setting.p for setting in data.settings] == [0, 0.1, 0.5] and data.chosen == 1
    for sequence in data.sequences[:4]:
        for explained in sequence.explained:
            for row, pruner in zip(explained.relevance, (NoPrune(), PruneLambda(0.1), PruneLambda(0.5)), strict=True):
                expected = attribute(
                    case.network, one_hot(sequence.letters), target=explained.label, pruner=pruner, references=5, seed=0
                )
                np.testing.assert_allclose(row, expected.per_base[0], rtol=1e-4, atol=1e-4)


def test_hits_are_the_instances_and_scores_the_networks(case, whole):
    found, data = whole
    hits = {
        (sequence.name, data.labels[explained.label], hit.start, hit.end, hit.strand, hit.name)
        for sequence in data.sequences
        for explained in sequence.explained
        for hit in explained.hits
    }
    columns = ["record", "label", "start", "end", "strand", "match"]
    assert hits == set(found.instances[columns].itertuples(index=False, name=None))
    for sequence in data.sequences[:5]:
        output = case.network(one_hot(sequence.letters))[0].detach().numpy()
        np.testing.assert_allclose(sequence.scores, output, rtol=1e-4)
        called = {explained.label for explained in sequence.explained if explained.called}
        assert called == set(np.flatnonzero(output > data.thresholds))


def test_patterns_are_those_found_with_examples_of_as_many_sequences_as_there_are(whole):
    found, data = whole
    for pattern, row, own in zip(data.patterns, found.patterns.itertuples(), found.found, strict=True):
        assert (pattern.name, pattern.count) == (f"{row.match} ({row.name})", row.instances)
        assert f"{row.seqlets} seqlets in {row.sequences} sequences" in pattern.note
        start, end = own.core
        np.testing.assert_allclose(pattern.cwm.sum(1), own.cwm[:, start:end].sum(0))
        np.testing.assert_allclose(pattern.pwm.sum(1), 1)
        assert pattern.known.shape == pattern.pwm.shape
        where = {(data.sequences[site.sequence].name, site.start, site.end, site.strand) for site in pattern.sites}
        places = found.instances[found.instances["pattern"] == row.name]
        assert where < set(places[["record", "start", "end", "strand"]].itertuples(index=False, name=None))
        assert len(where) == len({name for name, *_ in where}) == 30


def test_page_of_a_part_holds_the_best_and_says_so(case, whole, tmp_path):
    found, data = shown(case, tmp_path / "out", page=6)
    margins = {
        item.name: max(item.scores[e.label] - data.thresholds[e.label] for e in item.explained)
        for item in whole[1].sequences
    }
    names = [item.name for item in data.sequences]
    assert len(names) == 6 and data.total == 160
    assert names == sorted(names, key=lambda name: -margins[name])
    assert {e.label for item in data.sequences for e in item.explained} == {0, 1}
    assert "the best of every output" in (tmp_path / "out" / "report.html").read_text()
    assert found.instances.equals(whole[0].instances)


def test_page_without_sequences_has_its_patterns(case, tmp_path):
    _, data = shown(case, tmp_path / "out", page=0)
    assert not data.sequences and len(data.patterns) == 2 and not data.patterns[0].sites


def test_long_records_have_their_own_coordinates(case, tmp_path):
    records, places = long_records(case)
    fasta = write_fasta(tmp_path / "long.fa", records)
    found, data = shown(case, tmp_path / "out", fasta, labels=["CTCF"], everywhere=True, references=0)
    texts = dict(records)
    near = 0
    for sequence in data.sequences:
        assert texts[sequence.name][sequence.start :].startswith(sequence.letters)
        (explained,) = sequence.explained
        own = found.instances[found.instances["record"] == sequence.name]
        assert sorted((hit.start, hit.end) for hit in explained.hits) == list(
            zip(own["start"], own["end"], strict=True)
        )
        for record, start in places:
            on_site = explained.relevance[1, start : start + 19].sum() if record == sequence.name else 0
            near += on_site > LENGTH / 4 * np.abs(explained.relevance[1]).mean()
    assert near >= 0.9 * len(places)


def test_names_on_arrows_tell_the_patterns_of_an_output_apart(case):
    first = case.found.found[0]
    given = [("a_pos_0", "a", 1), ("a_pos_1", "a", 1), ("a_neg_0", "a", -1), ("b_pos_0", "b", 1), ("b_pos_1", "b", 1)]
    patterns = [replace(first, name=name, label=label, sign=sign) for name, label, sign in given]
    names = [Name("SP1", "MA1", 0.01, ())] * 4 + [Name("no_known_match", "", 0.5, ())]
    assert arrow_names(patterns, names) == {
        "a_pos_0": "a_pos_0",
        "a_pos_1": "a_pos_1",
        "a_neg_0": "SP1 (against)",
        "b_pos_0": "SP1",
        "b_pos_1": "b_pos_1",
    }
