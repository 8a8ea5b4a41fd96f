"""Koo and Ploenzke's task: the simulation against literal versions, the networks' shapes, a small run of everything."""

import json

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from genoplrp.errors import ModelError, OptionError
from genoplrp.studies.koo import run
from genoplrp.studies.koo.data import COUNTS, LENGTH, WEIGHTS, koo_data, koo_motifs
from genoplrp.studies.koo.fitting import trained_koo
from genoplrp.studies.koo.methods import explainers, on_both_strands
from genoplrp.studies.koo.networks import NETWORKS, koo_network
from genoplrp.studies.koo.published import AUROC, integrated_gradients, mutagenesis, saliency

MOTIFS = koo_motifs()
PARTS = koo_data(1000)


def wholes():
    return [(name, part) for name, part in PARTS.items()]


def literal_information(motif):
    columns = []
    for counts in motif.counts.T:
        shares = [count / sum(counts) for count in counts]
        columns.append(2 + sum(share * np.log2(share) for share in shares if share > 0))
    return np.array(columns)


def literal_draw(n, seed):
    """The first sequences as letters, drawn base by base as the paper describes."""
    random, tables = np.random.RandomState(seed), []
    for motif in MOTIFS:
        table = motif.counts / motif.counts.sum(axis=0)
        tables += [table, table[::-1, ::-1]]
    random.permutation(519)
    sequences = []
    for index in range(n):
        pool = tables[:10] if index < n // 2 else tables
        count = 3 + int(np.searchsorted([0.5, 0.75, 0.92, 0.97], random.rand()))
        chosen = [pool[k] for k in random.randint(len(pool), size=count)]
        free = LENGTH - sum(table.shape[1] for table in chosen)
        gaps = []
        while sum(gaps) != free:
            shares = random.uniform(0, 2, size=count + 1)
            gaps = [round(share / sum(shares) * free) for share in shares]
        columns = [np.full((4, gap), 0.25) for gap in gaps]
        whole = np.hstack([part for pair in zip(columns, [*chosen, np.ones((4, 0))], strict=True) for part in pair])
        draws = random.uniform(0, 1, LENGTH)
        letters = [next(b for b in range(4) if draw < whole[: b + 1, i].sum()) for i, draw in enumerate(draws)]
        sequences.append(letters)
    return np.array(sequences), random.permutation(n)


def test_sequences_equal_a_literal_draw_base_by_base():
    letters, order = literal_draw(60, seed=22)
    parts = koo_data(60)
    drawn = torch.cat([part.x for part in parts.values()]).float().argmax(1).numpy()
    np.testing.assert_array_equal(drawn, letters[order])


def test_half_are_positive_and_the_parts_have_their_shares():
    assert {name: len(part.x) for name, part in wholes()} == {"train": 700, "valid": 100, "test": 200}
    assert sum(int(part.y.sum()) for _, part in wholes()) == 500
    for _, part in wholes():
        assert torch.equal(part.x.sum(1), torch.ones(len(part.x), LENGTH, dtype=torch.int64))


def test_positives_hold_core_motifs_only_and_negatives_any():
    core, other = set(), set()
    for _, part in wholes():
        for site in part.sites:
            (core if part.y[site.sequence, 0] == 1 else other).add(site.motif)
    assert core == set(range(5))
    assert set(range(5)) < other and len(other) > 50


def test_number_of_motifs_follows_its_weights():
    assert sum(WEIGHTS) == pytest.approx(1)
    counts = np.concatenate([np.bincount([s.sequence for s in part.sites]) for _, part in wholes()])
    assert set(counts) <= set(COUNTS)
    for count, weight in zip(COUNTS, WEIGHTS, strict=True):
        assert np.mean(counts == count) == pytest.approx(weight, abs=5 * np.sqrt(weight * (1 - weight) / 1000))


def test_masks_are_the_planted_positions_of_more_than_a_hundredth_of_a_bit():
    part = PARTS["test"]
    expected = np.zeros_like(part.mask)
    for site in part.sites:
        informative = literal_information(MOTIFS[site.motif]) > 0.01
        expected[site.sequence, site.start : site.end] = informative if site.strand == "+" else informative[::-1]
    np.testing.assert_array_equal(part.mask, expected)


def test_sites_do_not_overlap_and_are_as_wide_as_their_motifs():
    for _, part in wholes():
        for one, other in zip(part.sites, part.sites[1:], strict=False):
            assert one.end - one.start == MOTIFS[one.motif].width
            assert one.sequence < other.sequence or one.end <= other.start


def test_planted_bases_follow_the_counts():
    """The consensus base of the most certain position is there as often as its column says."""
    motif = MOTIFS[1]
    place = int(motif.information.argmax())
    base, share = int(motif.counts[:, place].argmax()), motif.probabilities(0.0)[:, place].max()
    seen = []
    for _, part in wholes():
        for site in part.sites:
            if site.motif == 1:
                at = site.start + place if site.strand == "+" else site.end - 1 - place
                seen.append(bool(part.x[site.sequence, base if site.strand == "+" else 3 - base, at]))
    assert np.mean(seen) == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / len(seen)) + 1e-9)


def test_first_positives_keep_their_ground_truth():
    part, first = PARTS["test"], PARTS["test"].positives(5)
    rows = np.flatnonzero(part.y[:, 0].numpy())[:5]
    assert torch.equal(first.x, part.x[rows])
    np.testing.assert_array_equal(first.mask, part.mask[rows])
    assert [site.sequence for site in first.sites] == sorted(site.sequence for site in first.sites)
    for new, old in enumerate(rows):
        mine = [site._replace(sequence=0) for site in first.sites if site.sequence == new]
        assert mine == [site._replace(sequence=0) for site in part.sites if site.sequence == old]


LOCAL_WEIGHTS = 24 * 4 * 19 + 48 * 24 * 3 + 96 * 2 * 48 + 96
DIST_WEIGHTS = 24 * 4 * 19 + 32 * 24 * 7 + 48 * 32 * 7 + 64 * 48 * 3 + 96 * 3 * 64 + 96


@pytest.mark.parametrize(("name", "features", "weights"), [("local", 96, LOCAL_WEIGHTS), ("dist", 192, DIST_WEIGHTS)])
def test_networks_have_the_published_shapes(name, features, weights):
    network = koo_network(f"{name}-relu")
    assert network.dense.in_features == features
    counted = sum(p.numel() for label, p in network.named_parameters() if label.endswith("weight") and p.ndim > 1)
    assert counted == weights
    assert network.eval()(torch.zeros(1, 4, LENGTH)).shape == (1, 1)


def test_exponential_networks_differ_in_the_first_activation_only():
    relu, exponential = koo_network("dist-relu", seed=1).eval(), koo_network("dist-exp", seed=1).eval()
    x = PARTS["test"].x[:3].float()
    assert torch.equal(relu.norm1(relu.conv1(x)), exponential.norm1(exponential.conv1(x)))
    torch.testing.assert_close(exponential[:3](x), relu[:2](x).exp())
    assert [type(a) for a in relu[3:]] == [type(b) for b in exponential[3:]]


def test_he_normal_is_cut_at_two_deviations_of_the_uncut_and_has_the_variance_of_two_over_inputs():
    """He et al. (2015), equation 10; the normal is cut at two of its own deviations and then has .87962 of them."""
    weight = koo_network("dist-relu", seed=2, initial="he_normal").dense.weight.detach()
    assert weight.square().mean() == pytest.approx(2 / 192, rel=5 * (2 / weight.numel()) ** 0.5)
    assert 0.99 < weight.abs().max() / (2 * (2 / 192) ** 0.5 / 0.87962566) <= 1


def test_unknown_initial_weights_are_refused():
    with pytest.raises(OptionError, match="no initial weights 'zeros'; choose he_normal or glorot_uniform"):
        koo_network("local-exp", initial="zeros")


def test_glorots_initial_weights_are_uniform():
    """Glorot and Bengio (2010), equation 16: within the root of 6 / (inputs + outputs), all values as likely."""
    shapes = {"conv1": (4 * 19, 24 * 19), "conv2": (24 * 7, 32 * 7), "conv4": (48 * 3, 64 * 3), "dense": (192, 96)}
    network = koo_network("dist-exp", seed=3)
    for label, (inputs, outputs) in shapes.items():
        weight, limit = network.get_submodule(label).weight.detach(), (6 / (inputs + outputs)) ** 0.5
        assert limit * 0.99 < weight.abs().max() <= limit
        error = 1 / (5 * weight.numel()) ** 0.5  # of a uniform variable's mean square, relative: sqrt(4 / 5n)
        assert weight.square().mean() == pytest.approx(limit**2 / 3, rel=5 * 2 * error)
    assert not network.logit.bias.any()


def test_an_unknown_network_is_refused_with_the_choices():
    with pytest.raises(OptionError, match="no network 'cnn'; choose one of local-relu, local-exp, dist-relu, dist-exp"):
        koo_network("cnn")


def test_a_network_made_otherwise_is_refused_and_says_what_differs(tmp_path):
    path, parts = tmp_path / "a.safetensors", koo_data(20)
    first = trained_koo(path, "local-relu", parts, seed=0, epochs=1, facts={"n": 20})
    again = trained_koo(path, "local-relu", {}, seed=0, epochs=1, facts={"n": 20})
    for one, other in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(ModelError, match=r"made with n = 20, this study wants 30: delete the file"):
        trained_koo(path, "local-relu", {}, seed=0, epochs=1, facts={"n": 30})


def test_a_network_that_does_not_name_its_initial_weights_has_he_normal(tmp_path):
    path, network = tmp_path / "old.safetensors", koo_network("local-relu", initial="he_normal")
    facts = {"network": "local-relu", "seed": 0, "epochs": 1, "n": 20}
    safetensors.torch.save_file(network.state_dict(), path, metadata={"facts": json.dumps(facts)})
    found = trained_koo(path, "local-relu", {}, seed=0, epochs=1, facts={"n": 20}, initial="he_normal")
    assert torch.equal(found.conv1.weight, network.conv1.weight)
    with pytest.raises(ModelError, match=r"made with initial = 'he_normal', this study wants 'glorot_uniform'"):
        trained_koo(path, "local-relu", {}, seed=0, epochs=1, facts={"n": 20})


class Linear(torch.nn.Module):
    """A logit that is linear in the sequence, of which every method's map is known."""

    def __init__(self, length):
        super().__init__()
        weight = torch.randn(4, length, generator=torch.Generator().manual_seed(0))
        self.weight = torch.nn.Parameter(weight)

    def forward(self, x):
        return (x * self.weight).sum((1, 2))[:, None]


def test_published_definitions_on_a_linear_logit():
    model, x = Linear(LENGTH), PARTS["test"].x[:2].float()
    with torch.no_grad():
        logit = model(x)[:, 0]
        slope = (logit.sigmoid() * (1 - logit.sigmoid()))[:, None]
        torch.testing.assert_close(saliency(model, x), slope * (x * model.weight).sum(1))
        own = (x * model.weight).sum(1, keepdim=True)
        moved = (logit[:, None, None] + model.weight - own).sigmoid() - logit.sigmoid()[:, None, None]
        torch.testing.assert_close(mutagenesis(model, x), moved.square().sum(1).sqrt(), atol=1e-6, rtol=1e-4)
    path = integrated_gradients(model, x)
    # The averaged slope scales all bases of a sequence alike.
    ratio = path / (x * model.weight).sum(1)
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), atol=1e-5, rtol=1e-3)
    assert (ratio > 0).all()


def test_maps_on_both_strands_turn_with_the_sequence():
    explain = on_both_strands(explainers()["gradient x input"])
    network, x = koo_network("local-exp").eval(), PARTS["test"].x[:2].float()
    torch.testing.assert_close(explain(network, x.flip(1, 2)), explain(network, x).flip(1))


def test_small_run_writes_every_table_and_goes_on_where_it_stopped(tmp_path):
    written = run(tmp_path, small=True, seeds=(0,), progress=False)
    assert all(path.exists() for path in written)
    tables = {path.stem: pd.read_csv(path) for path in written if path.suffix == ".csv"}
    assert set(tables["koo"]["method"]) == set(explainers())
    assert set(tables["koo_summary"]["network"]) == set(NETWORKS)
    published = tables["koo_published"].set_index(["network", "method"])
    for network, methods in AUROC.items():
        for method, (mean, _) in methods.items():
            row = published.loc[(network, method)]
            assert row["published"] == mean
            assert row["difference"] == pytest.approx(row["ours"] - mean, abs=2e-5)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    contents = {path: path.read_bytes() for path in written if path.suffix == ".csv"}
    (tmp_path / "scores" / "dist-exp_0_2.csv").unlink()
    run(tmp_path, small=True, seeds=(0,), progress=False)
    assert {path: path.read_bytes() for path in contents} == contents
    changed = {path.name for path, when in before.items() if path.stat().st_mtime_ns != when}
    assert changed == {"dist-exp_0_2.csv"}
