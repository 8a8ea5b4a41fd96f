"""The histogram of scores against numpy's."""

import numpy as np

from genoplrp.show.histogram import histogram


def test_bars_are_shares_of_each_set_on_one_scale() -> None:
    rng = np.random.default_rng(0)
    real, null = rng.normal(3, 1, 500).astype(np.float32), rng.normal(0, 1, 2000).astype(np.float32)
    drawn = histogram(real, null, 2.0)
    edges = np.linspace(min(real.min(), null.min()), max(real.max(), null.max()), 45)
    shares = [np.histogram(values, edges)[0] / len(values) for values in (real, null)]
    top = max(share.max() for share in shares)
    for bars, share in zip((drawn.real, drawn.null), shares, strict=True):
        np.testing.assert_allclose([bar.height for bar in bars], 100 * share[share > 0] / top)
        np.testing.assert_allclose([bar.y + bar.height for bar in bars], 100)
    assert max(bar.height for bar in drawn.real + drawn.null) == 100
    assert 0 < drawn.threshold < 100


def test_scores_that_are_all_alike_can_be_drawn() -> None:
    alike = np.zeros(5, np.float32)
    drawn = histogram(alike, alike, 7.0)
    assert (drawn.low, drawn.high, drawn.threshold) == (0.0, 1.0, 100.0)
