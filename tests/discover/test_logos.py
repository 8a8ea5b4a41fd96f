"""The known motif beside a pattern is drawn on its strand and in its frame."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from genoplrp.discover.logos import in_frame, plot_matches, plot_motifs
from genoplrp.discover.names import Name
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
    for figure in (plot_matches([], [], {}), plot_motifs([])):
        assert len(figure.texts) == 1


def test_dollar_signs_in_names_are_drawn_as_they_are(case):
    odd = r"$\frac{"
    known = Motif(f"{odd} of $x", "MA1", shipped_motifs()[0].counts)
    name = Name(known.name, known.matrix_id, 0.01, ())
    pattern = replace(case.found.found[0], label=odd, name=f"{odd}_pos_0")
    for figure in (
        plot_matches([pattern], [name], {known.matrix_id: known}),
        plot_motifs([(f"filter 0\n90% for {odd}, 10% for {odd}", known, name, known)]),
    ):
        for kind in ("png", "svg"):
            file = BytesIO()
            figure.savefig(file, format=kind)
            assert file.tell()
