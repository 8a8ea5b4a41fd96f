"""The known motif beside a pattern is drawn on its strand and in its frame."""

import numpy as np
import pytest

from genoplrp.discover.logos import in_frame, plot_motifs, plot_patterns
from genoplrp.motifs import Motif, shipped_motifs


@pytest.mark.parametrize("motif", shipped_motifs(), ids=lambda motif: motif.name)
def test_a_shifted_reverse_complement_is_turned_and_moved_back(motif):
    flank = np.full((4, 4), 25.0)
    turned = motif.reverse_complement()
    padded = Motif("p", "p", np.concatenate([flank, 100 * turned.probabilities(0.0), flank[:, :2]], axis=1))
    shown = in_frame(padded, motif)
    assert shown[:, 4 : 4 + motif.width] == pytest.approx(turned.probabilities(0.0) * turned.information)
    assert not shown[:, :4].any() and not shown[:, 4 + motif.width :].any()


def test_figures_of_nothing_say_so():
    for figure in (plot_patterns([], [], {}), plot_motifs([])):
        assert len(figure.texts) == 1
