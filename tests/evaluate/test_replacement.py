"""Replacements: what each fill keeps, and that a row's fill is its own business."""

from collections import Counter
from itertools import pairwise

import pytest
import torch

from genoplrp import decode, one_hot
from genoplrp.errors import OptionError
from genoplrp.evaluate import replacements

SEQUENCES = ["ACGTTGCAACGTNNACGTGACCTGA", "TTGACGTCAATTGGCCAATCGGATC", "NNNNNNNNNNNNNNNNNNNNNNNNN"]


def test_shuffle_keeps_dinucleotides_and_ns():
    stack = replacements(one_hot(SEQUENCES), "shuffle", draws=4, seed=3)
    assert stack.shape == (4, 3, 4, 25)
    for draw in stack:
        for before, after in zip(SEQUENCES, decode(draw), strict=True):
            assert [i for i, base in enumerate(before) if base == "N"] == [i for i, b in enumerate(after) if b == "N"]
            assert Counter(pairwise(before)) == Counter(pairwise(after))
    assert len({tuple(decode(draw)) for draw in stack}) == 4


def test_other_draws_the_three_other_bases_alike_and_never_the_same():
    x = one_hot(["ACGTN" * 60] * 2)
    rows = [row for draw in replacements(x, "other", draws=10) for row in decode(draw)]
    pairs = Counter((before, after) for row in rows for before, after in zip("ACGTN" * 60, row, strict=True))
    assert pairs.pop(("N", "N")) == 20 * 60
    assert len(pairs) == 12
    assert all(before != after for before, after in pairs)
    # 1200 draws a base, a third each: standard deviation 16.3; five of them.
    assert all(abs(count - 400) < 82 for count in pairs.values())


def test_fills_without_randomness_are_their_formula():
    x = one_hot(["AACN"])
    assert replacements(x, "zero").count_nonzero() == 0
    assert replacements(x, "quarter")[0, 0].tolist() == [[0.25, 0.25, 0.25, 0]] * 4
    assert replacements(x, "mean")[0, 0].tolist() == [[0.5] * 4, [0.25] * 4, [0] * 4, [0] * 4]
    image = torch.rand(2, 3, 4, 5, dtype=torch.float64)
    expected = torch.stack([torch.stack([channel.mean().expand(4, 5) for channel in row]) for row in image])
    torch.testing.assert_close(replacements(image, "mean")[0], expected)
    assert len(replacements(x, "mean", draws=7)) == 1


@pytest.mark.parametrize("fill", ["shuffle", "other"])
def test_a_row_does_not_depend_on_the_rows_after_it(fill):
    x = one_hot(SEQUENCES)
    assert torch.equal(replacements(x, fill, seed=5)[:, :1], replacements(x[:1], fill, seed=5))
    assert not torch.equal(replacements(x, fill, seed=5), replacements(x, fill, seed=6))


def test_a_given_tensor_is_taken_as_one_fill_or_as_several():
    x = one_hot(SEQUENCES)
    assert torch.equal(replacements(x, x.flip(2)), x.flip(2)[None])
    assert torch.equal(replacements(x, torch.stack([x, x.flip(2)])), torch.stack([x, x.flip(2)]))


def test_wrong_fills_are_refused_with_the_way_out():
    x = one_hot(SEQUENCES)
    with pytest.raises(OptionError, match="fill must be one of shuffle, other, quarter, zero, mean, or a tensor"):
        replacements(x, "black")
    with pytest.raises(OptionError, match=r'fill="shuffle" needs one-hot DNA, .* use "zero", "mean" or a tensor'):
        replacements(torch.rand(2, 3, 4, 4))
    with pytest.raises(OptionError, match=r"shape of x, \(3, 4, 25\), or \(draws, \*that\); got \(4, 25\)"):
        replacements(x, x[0])
    with pytest.raises(OptionError, match="draws must be at least 1; got 0"):
        replacements(x, "other", draws=0)
