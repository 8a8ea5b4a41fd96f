"""Training: what is learnt, what is reproducible, and what must stay untouched."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from genoplrp.errors import ModelError, OptionError
from genoplrp.models import CNNConfig, MotifCNN, TrainingCard, auroc, masked_cross_entropy, predict, train

CONFIG = CNNConfig(length=40, outputs=1, filters=(8,), widths=(7,), pools=(2,), dense=(), head="max", dropout=0.1)


def task(n: int = 300, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Sequences (n, 4, 40), every second one with GATTACA at a random place."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, 40))
    for row in codes[::2]:
        start = rng.integers(0, 34)
        row[start : start + 7] = [2, 0, 3, 3, 0, 1, 0]
    x = torch.eye(4, dtype=torch.uint8)[torch.from_numpy(codes)].transpose(1, 2)
    y = torch.zeros(n, 1)
    y[::2] = 1
    return x, y


def run(model: nn.Module, seed: int = 0, epochs: int = 2) -> TrainingCard:
    return train(model, *task(), epochs=epochs, batch_size=64, lr=1e-2, seed=seed)


def test_a_planted_word_is_learnt_on_both_strands() -> None:
    model = MotifCNN(CONFIG)
    card = train(model, *task(1200), epochs=12, batch_size=50, lr=3e-2)
    x, y = task(400, seed=1)
    # Chance occurrences of the word: 2 strands x 34 places / 4^7 = 0.4 %, so a perfect network reaches 0.998.
    assert auroc(predict(model, x), y).item() > 0.97
    assert auroc(predict(model, x.flip(1, 2)), y).item() > 0.97
    assert not model.training
    assert card.train_size == 1080


def test_same_seed_gives_same_weights_and_another_seed_others() -> None:
    models = [MotifCNN(CONFIG) for _ in range(3)]
    cards = [run(model, seed) for model, seed in zip(models, (1, 1, 2), strict=True)]
    first, same, other = (torch.cat([p.flatten() for p in model.parameters()]) for model in models)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert cards[0].validation_loss == cards[1].validation_loss


def test_global_random_state_is_neither_read_nor_changed() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second = MotifCNN(CONFIG), MotifCNN(CONFIG)
    run(first)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    run(second)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_weights_of_the_best_epoch_are_kept() -> None:
    (x, y), held_out = task(), task(200, seed=1)
    model = MotifCNN(CONFIG)
    # A rate this high overshoots, so that the last epoch is not the best one.
    card = train(model, x, y, epochs=12, batch_size=64, lr=0.5, patience=3, validation=held_out)
    reached = masked_cross_entropy(predict(model, held_out[0]), held_out[1]).item()
    assert reached == pytest.approx(min(card.validation_loss), rel=1e-5)
    assert card.best_epoch == 1 + int(np.argmin(card.validation_loss))


def test_training_stops_after_patience_epochs_without_a_better_one() -> None:
    x, y = task()
    # The held-out targets are the wrong way round: whatever is learnt makes them worse.
    card = train(MotifCNN(CONFIG), x, y, epochs=40, batch_size=64, lr=2e-2, patience=2, validation=(x, 1 - y))
    assert card.stopped_early
    assert len(card.validation_loss) == card.best_epoch + 2


def test_unknown_targets_count_for_nothing() -> None:
    logits = torch.tensor([[0.3, -2.0], [1.5, 0.1]], requires_grad=True)
    targets = torch.tensor([[1.0, math.nan], [math.nan, 0.0]])
    loss = masked_cross_entropy(logits, targets)
    expected = (math.log1p(math.exp(-0.3)) + math.log1p(math.exp(0.1))) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.isfinite().all()
    assert torch.equal(gradient == 0, targets.isnan())


def test_all_targets_unknown_gives_zero_loss() -> None:
    assert masked_cross_entropy(torch.ones(2, 2), torch.full((2, 2), math.nan)).item() == 0


class _Spy(nn.Module):
    """Keeps the sequences that it is shown in training."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(1))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen.append(x)
        return x.sum((1, 2))[:, None] * self.scale


@pytest.mark.parametrize("wanted", [True, False])
def test_each_sequence_is_shown_once_an_epoch_on_one_of_its_strands(wanted: bool) -> None:
    spy, (x, y) = _Spy(), task(50)
    train(spy, x, y, epochs=1, batch_size=16, validation=(x, y), reverse_complement=wanted)
    seen = {tuple(row.flatten().int().tolist()) for row in torch.cat(spy.seen)}
    forward = {tuple(row.flatten().tolist()) for row in x}
    reverse = {tuple(row.flip(0, 1).flatten().tolist()) for row in x}
    assert sum(map(len, spy.seen)) == len(x)
    assert seen <= forward | reverse
    assert bool(seen & (reverse - forward)) is wanted


def test_network_is_in_eval_mode_after_an_exception() -> None:
    model, (x, y) = MotifCNN(CONFIG), task()

    def fails(_logits: Tensor, _targets: Tensor) -> Tensor:
        raise RuntimeError("lost")

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="lost"):
        train(model, x, y, loss=fails)
    assert not model.training
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_is_printed_off_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    run(MotifCNN(CONFIG))
    assert capfd.readouterr() == ("", "")


def test_diverging_loss_is_an_error() -> None:
    x, y = task(50)
    with pytest.raises(ModelError, match="the loss became nan: lower lr, or look for NaN or infinite values"):
        train(MotifCNN(CONFIG), x * math.nan, y, epochs=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be greater than 0, got 0"),
        ({"batch_size": 0}, "batch_size must be greater than 0, got 0"),
        ({"patience": -1}, "patience must be greater than 0, got -1"),
        ({"lr": 0.0}, "lr must be greater than 0, got 0.0"),
        ({"validation": 0.0}, "validation=0.0 of 50 sequences leaves one part empty"),
        ({"validation": 1.0}, "validation=1.0 of 50 sequences leaves one part empty"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    x, y = task(50)
    with pytest.raises(OptionError, match=message):
        train(MotifCNN(CONFIG), x, y, **options)  # type: ignore[arg-type]


def test_x_and_y_of_different_length_are_refused() -> None:
    x, y = task(50)
    with pytest.raises(OptionError, match="x and y must have one row a sequence, got 50 and 49"):
        train(MotifCNN(CONFIG), x, y[1:])


def test_auroc_equals_sklearn_with_ties_and_unknown_labels() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 12, (300, 4)) / 4  # many ties
    labels = rng.integers(0, 2, (300, 4)).astype(float)
    labels[rng.random((300, 4)) < 0.2] = np.nan
    known = ~np.isnan(labels)
    expected = [roc_auc_score(labels[k, j], scores[k, j]) for j, k in enumerate(known.T)]
    np.testing.assert_allclose(auroc(torch.from_numpy(scores), torch.from_numpy(labels)).numpy(), expected, rtol=1e-12)


def test_auroc_without_positives_is_nan() -> None:
    assert auroc(torch.rand(5, 1), torch.zeros(5, 1)).isnan().all()


def test_batch_size_does_not_change_predictions() -> None:
    model, (x, _) = MotifCNN(CONFIG).eval(), task(50)
    torch.testing.assert_close(predict(model, x, batch_size=7), predict(model, x, batch_size=50))
