"""The study's networks, what they learnt, and the held-out sequences that it is measured on.

One network has all interactions as outputs: four filters suffice for both core motifs, and all explanations are then of
one and the same network.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from genoplrp.models import MotifCNN
from genoplrp.models.training import auroc, predict
from genoplrp.motifs import INTERACTIONS, MotifGrammar, simulate_grammar
from genoplrp.sequence import one_hot
from genoplrp.studies.motifs.design import Design
from genoplrp.studies.networks import trained

HELD_OUT_SEED = 1_000_003
"""Of the held-out sequences; training sequences of the network of seed s have the seed s."""

CONTRASTS = {"additive": "xor", "and": "or", "xor": "or", "spacing": "and", "order": "and"}
"""Among which sequences an interaction is hard to tell: those positive for the interaction named."""


def network(folder: Path, design: Design, filters: int, seed: int, *, progress: bool) -> MotifCNN:
    """The network of these filters and seed, trained first where `folder` does not have it."""

    def data() -> tuple[Tensor, Tensor]:
        made = simulate_grammar(design.train, seed=seed)
        return encoded(made), torch.from_numpy(made.labels).float()

    # Order and spacing are those of the forward strand: a reverse complement has another label.
    return trained(
        folder / f"filters{filters}_seed{seed}.safetensors",
        design.network(filters),
        data,
        labels=tuple(INTERACTIONS),
        seed=seed,
        facts={"train": design.train, "data_seed": seed},
        epochs=design.epochs,
        reverse_complement=False,
        progress=progress,
        **dict(design.options),
    )


def held_out(design: Design) -> MotifGrammar:
    """Held-out sequences: `block` for each interaction, one block after the other."""
    return simulate_grammar(design.block * len(INTERACTIONS), seed=HELD_OUT_SEED)


def encoded(made: MotifGrammar) -> Tensor:
    """One-hot sequences (n, 4, l), uint8."""
    return one_hot(made.sequences).to(torch.uint8)


def accuracies(model: MotifCNN, made: MotifGrammar, design: Design) -> pd.DataFrame:
    """What a network learnt, a row an interaction.

    ``auroc`` over all held-out sequences; ``contrast_auroc`` among those of the ``contrast``, where having both motifs,
    or any, does not give the label away; ``accuracy`` of calling positive what has a probability above .5; ``learnt``.
    """
    outputs = predict(model, encoded(made))
    rows = []
    for index, name in enumerate(made.interactions):
        label, scores = made.label(name), outputs[:, index]
        contrast = CONTRASTS.get(name, "all")
        among = made.label(contrast) == 1 if contrast in made.interactions else np.ones(len(label), dtype=bool)
        over_all, over_contrast = (_auroc(scores, label, rows_) for rows_ in (np.ones_like(among), among))
        row: dict[str, Any] = {
            "interaction": name,
            "positive": label.mean(),
            "accuracy": float(((scores > 0).numpy() == label).mean()),
            "auroc": over_all,
            "contrast": contrast,
            "contrast_auroc": over_contrast,
            "learnt": over_all >= design.least_auroc and over_contrast >= design.least_contrast,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _auroc(scores: Tensor, label: NDArray[np.uint8], rows: NDArray[np.bool_]) -> float:
    return float(auroc(scores[rows][:, None], torch.from_numpy(label[rows])[:, None]))
