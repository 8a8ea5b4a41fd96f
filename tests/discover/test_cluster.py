"""Alignment against a slow literal version; groups against planted ones."""

import numpy as np
import pytest

from genoplrp.discover.align import align
from genoplrp.discover.cluster import cluster, oriented


def turned(track: np.ndarray) -> np.ndarray:
    return track[::-1, ::-1]


def moved(track: np.ndarray, by: int) -> np.ndarray:
    """To the right, zeros coming in."""
    out = np.zeros_like(track)
    width = track.shape[1]
    for i in range(width):
        if 0 <= i - by < width:
            out[:, i] = track[:, i - by]
    return out


def literal(query: np.ndarray, target: np.ndarray, reach: int) -> tuple[float, int, bool]:
    core = query[:, reach : query.shape[1] - reach].ravel()
    best = (-np.inf, 0, False)
    for reverse in (False, True):
        read = turned(target) if reverse else target
        for shift in range(-reach, reach + 1):
            other = read[:, reach + shift : query.shape[1] - reach + shift].ravel()
            length = np.linalg.norm(core) * np.linalg.norm(other)
            best = max(best, (core @ other / length if length else 0.0, shift, reverse), key=lambda found: found[0])
    return best


def test_alignment_equals_the_literal_one():
    rng = np.random.default_rng(0)
    tracks = rng.normal(size=(6, 4, 14)).astype(np.float32)
    found = align(tracks[:3], tracks, 3)
    for i in range(3):
        for j in range(6):
            similarity, shift, reverse = literal(tracks[i], tracks[j], 3)
            assert found.similarity[i, j] == pytest.approx(similarity, abs=1e-5)
            assert (found.shift[i, j], found.reverse[i, j]) == (shift, reverse)


def test_oriented_tracks_lie_in_the_frame_of_the_query():
    rng = np.random.default_rng(1)
    track = np.zeros((4, 30), np.float32)
    track[:, 11:19] = rng.normal(size=(4, 8))
    variants = np.stack([track, moved(track, 3), turned(track), turned(moved(track, -4))])
    found = align(track[None], variants, 6)
    back = oriented(variants, found.shift[0], found.reverse[0])
    assert back == pytest.approx(np.broadcast_to(track, back.shape))


@pytest.fixture(scope="module")
def planted():
    """Three unrelated motifs, noisy, shifted, on either strand, and tracks that are none of them."""
    rng = np.random.default_rng(2)
    motifs = rng.normal(size=(3, 4, 12)) * 2
    tracks, truth = [], []
    for _ in range(240):
        kind = int(rng.integers(4))
        track = np.zeros((4, 50))
        track[:, 19:31] = (motifs[kind] if kind < 3 else rng.normal(size=(4, 12)) * 2) + rng.normal(size=(4, 12)) * 0.7
        track = moved(track, int(rng.integers(-4, 5)))
        tracks.append(turned(track) if rng.random() < 0.5 else track)
        truth.append(kind)
    return np.array(tracks, np.float32), np.array(truth)


def test_groups_are_the_planted_ones(planted):
    tracks, truth = planted
    groups = cluster(tracks, reach=10, least=15)
    assert len(groups) == 3
    for group in groups:
        kinds = truth[group.members]
        kind = kinds[0]
        assert kind < 3 and (kinds == kind).all()
        assert len(group.members) == (truth == kind).sum()


def test_strand_of_the_input_does_not_change_the_groups(planted):
    tracks, _ = planted
    flip = np.random.default_rng(3).random(len(tracks)) < 0.5
    other = np.where(flip[:, None, None], tracks[:, ::-1, ::-1], tracks)
    one, two = (
        {frozenset(group.members.tolist()) for group in cluster(each, reach=10, least=15)} for each in (tracks, other)
    )
    assert one == two


def test_too_few_alike_make_no_group(planted):
    tracks, truth = planted
    assert cluster(tracks[truth == 3], reach=10, least=15) == []
    assert cluster(tracks[:0], reach=10, least=2) == []
