"""What the page is given: the best records, the run's own maps, and maps at other amounts as `attribute` makes them."""

import numpy as np
import pytest

from genoplrp.annotate import annotate, page
from genoplrp.annotate.amounts import maps_of, settings_of
from genoplrp.annotate.explain import Explanation, Scored
from genoplrp.annotate.hits import Hit
from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import Scorer, scorer_for
from genoplrp.annotate.showcase import STRETCH, Showcase
from genoplrp.attribution import attribute
from genoplrp.lrp import NoPrune, PruneLambda, PruneM
from genoplrp.sequence import Record, Window, one_hot
from genoplrp.show.page import PageData
from tests.annotate.networks import LABELS, matrix_network
from tests.annotate.sequences import CTCF, planted, write_fasta
from tests.annotate.test_explain import explained

THRESHOLDS = np.array([5.0, 5.0], np.float32)


def shown(texts: list[str], options: Options, size: int = 500) -> tuple[Showcase, Scorer, list[Explanation]]:
    """Showcase of the records r0, r1, ... and their explanations."""
    scorer = scorer_for(matrix_network(60), 8, options.strands)
    scored = [
        Scored(i, Record(f"r{i}", t), rows) for i, (t, rows) in enumerate(zip(texts, scorer.scores(texts), strict=True))
    ]
    showcase = Showcase(size, THRESHOLDS, LABELS, 60)
    found = explained(scored, scorer, options)
    showcase.add(found, [[(1, 5)]] * len(found), [()] * len(found))
    return showcase, scorer, found


@pytest.mark.parametrize(
    "options", [Options(), Options(pruner=PruneM(0.2), strands="both"), Options(references=2, seed=3)], ids=str
)
def test_maps_at_every_amount_are_those_of_attribute(options: Options) -> None:
    texts = [record.sequence for record in planted(5, 60)]
    showcase, scorer, found = shown(texts, options)
    settings, pruners, own = settings_of(options.pruner)
    assert [setting.p for setting in settings] == [0.0, 0.05, 0.1, 0.2, 0.5]
    assert pruners[own] == options.pruner
    checked = 0
    for entry, maps in maps_of(showcase.chosen(), pruners, own, scorer, options):
        for item, full in zip(entry.shown, maps, strict=True):
            for row, pruner in zip(full, pruners, strict=True):
                expected = attribute(
                    scorer.model,
                    one_hot(texts[entry.index]),
                    target=item.label,
                    pruner=pruner,
                    strands=options.strands,
                    references=options.references or None,
                    seed=options.seed,
                )
                np.testing.assert_allclose(row, expected.per_base[0], rtol=1e-5, atol=1e-5)
                checked += 1
    assert checked == 5 * len(found) >= 25


def test_amount_put_together_from_windows_is_the_map_that_a_run_with_it_gives() -> None:
    rng = np.random.default_rng(1)
    text = "".join(rng.choice(list("ACGT"), 407))
    for place in (20, 95, 300):
        text = text[:place] + CTCF + text[place + len(CTCF) :]
    showcase, scorer, _ = shown([text, "ACGTT" + CTCF], Options())
    settings, pruners, own = settings_of(PruneLambda(0.1))
    other = next(k for k, setting in enumerate(settings) if setting.p == 0.5)
    _, _, expected = shown([text, "ACGTT" + CTCF], Options(pruner=PruneLambda(0.5)))
    by_place = {(item.scored.index, item.label): item.plrp for item in expected}
    for entry, maps in maps_of(showcase.chosen(), pruners, own, scorer, Options()):
        for item, full in zip(entry.shown, maps, strict=True):
            np.testing.assert_allclose(full[other], by_place[entry.index, item.label], rtol=1e-5, atol=1e-5)


def test_pruners_without_one_amount_have_no_slider() -> None:
    assert [setting.p for setting in settings_of(NoPrune())[0]] == [0.0]
    assert [setting.p for setting in settings_of(PruneLambda((0.1, 0.0)))[0]] == [0.0, None]
    settings, _, own = settings_of(PruneLambda(0.0))
    assert (settings[own].p, own) == (0.0, 0)


def explanations(margins: np.ndarray) -> list[Explanation]:
    """One record a row of `margins` (n, 2): every label above 0 called, best first, or the best label not called."""
    found = []
    for i, row in enumerate(margins):
        scored = Scored(i, Record(f"r{i}", "ACGT" * 15), (row + THRESHOLDS)[None].astype(np.float32))
        order = [k for k in np.argsort(-row, kind="stable") if row[k] > 0] or [int(row.argmax())]
        maps, everywhere = np.zeros((2, 60), np.float32), np.ones(60, dtype=bool)
        found += [Explanation(scored, int(k), bool(row[k] > 0), (Window(0, 60),), maps, everywhere) for k in order]
    return found


@pytest.mark.parametrize("group", [1, 7, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_showcase_keeps_the_best_records_and_of_every_label_its_best(seed: int, group: int) -> None:
    rng = np.random.default_rng(seed)
    margins = rng.normal((3.0, -1.5), size=(200, 2))
    showcase = Showcase(20, THRESHOLDS, LABELS, 60)
    found = explanations(margins)
    for first in range(0, len(found), group):
        part = found[first : first + group]
        showcase.add(part, [None] * len(part), [()] * len(part))
    chosen = [entry.index for entry in showcase.chosen()]
    each = [[i for i in np.argsort(-margins[:, k], kind="stable") if margins[i, k] > 0][:5] for k in (0, 1)]
    reserved = {int(i) for best in each for i in best}
    rest = [int(i) for i in np.argsort(-margins.max(1), kind="stable") if i not in reserved]
    expected = reserved | set(rest[: 20 - len(reserved)])
    assert set(chosen) == expected and len(chosen) == 20
    assert chosen == sorted(expected, key=lambda i: -margins[i].max())


def test_showcase_of_all_holds_every_record_and_of_none_nothing() -> None:
    margins = np.random.default_rng(0).normal(size=(30, 2))
    for size, kept in ((30, 30), (500, 30), (0, 0), (1, 1)):
        showcase = Showcase(size, THRESHOLDS, LABELS, 60)
        found = explanations(margins)
        showcase.add(found, [None] * len(found), [()] * len(found))
        assert len(showcase.chosen()) == kept


def test_long_record_is_cut_around_its_best_hit_and_keeps_its_coordinates() -> None:
    text = "A" * 30_000 + CTCF + "A" * 15_000
    scorer = scorer_for(matrix_network(60), 64, "forward")
    scored = Scored(0, Record("long", text), scorer.scores([text])[0])
    showcase = Showcase(5, THRESHOLDS, LABELS, 60)
    (explanation,) = explained([scored], scorer)
    hit = Hit(30_000, 30_019, "+", 0.9, 9.0, 1.0, 20.0)
    showcase.add([explanation], [[(10, 30), (30_000, 30_019)]], [[hit]])
    (entry,) = showcase.chosen()
    assert (len(entry.letters), entry.length) == (STRETCH, len(text))
    assert entry.letters[30_000 - entry.start :].startswith(CTCF)
    assert entry.shown[0].truth == ((30_000, 30_019),)
    ((_, (maps,)),) = maps_of([entry], [NoPrune(), PruneLambda(0.1), PruneLambda(0.3)], 1, scorer, Options())
    (again,) = explained([scored], scorer, Options(pruner=PruneLambda(0.3)))
    np.testing.assert_allclose(maps[2], again.plrp[entry.start : entry.start + STRETCH], rtol=1e-5, atol=1e-5)


def kept_data(tmp_path, monkeypatch: pytest.MonkeyPatch, **options: object) -> PageData:
    """The data of a run's page."""
    kept: list[PageData] = []
    original = page.page_data

    def spy(*args: object, **more: object) -> PageData:
        kept.append(original(*args, **more))  # type: ignore[arg-type]
        return kept[0]

    monkeypatch.setattr("genoplrp.annotate.job.page_data", spy)
    records = planted(30, 60)
    fasta = write_fasta(tmp_path / "in.fa", [(record.name, record.sequence) for record in records])
    annotate(fasta, matrix_network(60), tmp_path / "out", logos=0, **options)  # type: ignore[arg-type]
    return kept[0]


def test_patterns_are_the_matrices_with_what_the_network_reads_in_their_hits(tmp_path, monkeypatch) -> None:
    data = kept_data(tmp_path, monkeypatch)
    pattern = data.patterns[0]
    assert (pattern.name, pattern.source) == ("CTCF", "MA0139.1")
    assert pattern.pwm is not None and pattern.cwm is not None
    np.testing.assert_allclose(pattern.pwm.sum(1), 1.0)
    # Every site is the consensus, so that relevance lies on its bases alone, whatever the strand.
    assert pattern.count == 30
    consensus = one_hot(CTCF)[0].numpy().T  # (w, 4)
    assert (pattern.cwm[consensus == 0] == 0).all()
    assert np.abs(pattern.cwm).max(1).min() > 0
    truth = {record.name: record for record in planted(30, 60)}
    for site in pattern.sites:
        record = truth[data.sequences[site.sequence].name]
        assert (site.start, site.end, site.strand) == (record.start, record.end, record.strand)
    assert len(pattern.sites) == 30


def test_page_of_a_part_says_so(tmp_path, monkeypatch) -> None:
    data = kept_data(tmp_path, monkeypatch, page=4)
    assert (len(data.sequences), data.total) == (4, 30)
    assert "the best of every output" in (tmp_path / "out" / "report.html").read_text()


def test_record_whose_maps_are_not_finite_is_left_out(tmp_path, monkeypatch) -> None:
    original = page.maps_of

    def broken(*args: object) -> object:
        for i, (entry, maps) in enumerate(original(*args)):  # type: ignore[arg-type]
            yield entry, [np.full_like(part, np.nan) if i == 3 else part for part in maps]

    monkeypatch.setattr(page, "maps_of", broken)
    data = kept_data(tmp_path, monkeypatch)
    assert (len(data.sequences), data.total) == (29, 30)


def test_maps_that_would_make_the_page_too_large_are_left_out(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(page, "ROOM", 3000)
    data = kept_data(tmp_path, monkeypatch)
    assert 1 <= len(data.sequences) < 30 == data.total
