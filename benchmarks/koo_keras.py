"""Is it the same task as Koo and Ploenzke's? Their dist networks built and trained by Keras, on this project's data.

The study trains the networks in torch. This script asks whether the trainer makes a difference: same sequences and
scores, but the authors' framework, and Keras' own AUROC (of 200 thresholds) as what the rate and the end of training
follow. Initial weights are those of the authors' last layer code (it names none, which Keras takes for glorot_uniform)
or of an earlier one (he_normal).

    python benchmarks/koo_keras.py data FOLDER                # sequences and true bases, into FOLDER/data.npz
    KERAS/bin/python benchmarks/koo_keras.py train FOLDER dist-relu glorot_uniform 0 1   # ten minutes a network
    python benchmarks/koo_keras.py score FOLDER               # AUROC of gradient x input, into FOLDER/koo_keras.csv

KERAS is an environment of its own with `pip install "tensorflow-cpu==2.15.*"`; `train` needs nothing else. Networks
whose file is there already are not trained again.
"""

import os
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

EXPLAINED = 500
FIRST = {"dist-relu": "relu", "dist-exp": "exponential"}
"""Keras' name of each kind's first activation."""
INITIAL = ("glorot_uniform", "he_normal")


def data(folder: Path) -> None:
    """Write the three parts, bases last, and the first 500 test positives with their true bases."""
    from genoplrp.studies.koo.data import koo_data

    parts = koo_data()
    arrays = {}
    for name, part in parts.items():
        arrays[f"{name}_x"], arrays[f"{name}_y"] = part.x.numpy().transpose(0, 2, 1), part.y.numpy()
    explained = parts["test"].positives(EXPLAINED)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "data.npz", x=explained.x.numpy().transpose(0, 2, 1), mask=explained.mask, **arrays)


def network(kind: str, initial: str) -> Any:
    """cnn-dist with the first activation of `kind`, as the authors build it."""
    from tensorflow import keras

    layers, penalty = keras.layers, keras.regularizers.l2(1e-6)

    def normed(h: Any, activation: str, dropout: float) -> Any:
        h = layers.Activation(activation)(layers.BatchNormalization()(h))
        return layers.Dropout(dropout)(h)

    weights = {"use_bias": False, "kernel_initializer": initial, "kernel_regularizer": penalty}

    def conv(filters: int, width: int, padding: str) -> Any:
        return layers.Conv1D(filters, width, padding=padding, **weights)

    sequence = layers.Input((200, 4))
    h = normed(conv(24, 19, "same")(sequence), FIRST[kind], 0.1)
    h = layers.MaxPool1D(4)(normed(conv(32, 7, "same")(h), "relu", 0.2))
    h = layers.MaxPool1D(4)(normed(conv(48, 7, "valid")(h), "relu", 0.3))
    h = layers.MaxPool1D(3, padding="same")(normed(conv(64, 3, "valid")(h), "relu", 0.4))
    h = layers.Dense(96, **weights)(layers.Flatten()(h))
    return keras.Model(sequence, layers.Activation("sigmoid")(layers.Dense(1)(normed(h, "relu", 0.5))))


def train(folder: Path, kind: str, initial: str, seeds: list[int]) -> None:
    """Train one network a seed on one thread; write its gradient x input, (500, 200), and how training went."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    arrays = {name: array.astype(np.float32) for name, array in np.load(folder / "data.npz").items()}
    for seed in seeds:
        file = folder / f"{kind}-{initial}-{seed}.npz"
        if not file.exists():
            tf.keras.backend.clear_session()
            tf.keras.utils.set_random_seed(seed)
            model = network(kind, initial)
            went = fitted(model, arrays)
            unfinished = folder / f"unfinished_{file.name}"  # a file that is there is whole
            np.savez(unfinished, saliency=saliency(model, arrays["x"]), **went)
            unfinished.rename(file)


def fitted(model: Any, arrays: dict[str, np.ndarray]) -> dict[str, float]:
    """Train by the authors' recipe; the last weights stay. Returns epochs, best validation AUROC and test AUROC."""
    from tensorflow import keras

    auroc = keras.metrics.AUC(curve="ROC", name="auroc")
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(), metrics=["accuracy", auroc])
    callbacks = [
        keras.callbacks.EarlyStopping("val_auroc", patience=20, mode="max"),
        keras.callbacks.ReduceLROnPlateau("val_auroc", factor=0.2, patience=5, min_lr=1e-7, mode="max"),
    ]
    pairs = {part: (arrays[f"{part}_x"], arrays[f"{part}_y"]) for part in ("train", "valid", "test")}
    options = {"epochs": 100, "batch_size": 100, "shuffle": True, "verbose": 0}
    history = model.fit(*pairs["train"], validation_data=pairs["valid"], callbacks=callbacks, **options).history
    test = model.evaluate(*pairs["test"], verbose=0, return_dict=True)["auroc"]
    return {"epochs": len(history["loss"]), "valid": max(history["val_auroc"]), "test": test}


def saliency(model: Any, x: np.ndarray) -> np.ndarray:
    """Gradient of the probability times the sequence, (n, 200)."""
    import tensorflow as tf

    given = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        probability = model(given, training=False)
    return np.asarray((tape.gradient(probability, given).numpy() * x).sum(axis=-1))


def score(folder: Path) -> None:
    """Print and write each network's mean AUROC over the 500 positives, and each kind's mean and deviation."""
    import pandas as pd
    from koo_saliency import report

    from genoplrp.evaluate import auroc

    mask = np.load(folder / "data.npz")["mask"]
    rows = []
    for kind, initial in product(FIRST, INITIAL):
        for file in sorted(folder.glob(f"{kind}-{initial}-*.npz"), key=_seed):
            with np.load(file) as network:
                went = {name: float(network[name]) for name in ("epochs", "valid", "test")}
                values = auroc(network["saliency"], mask)
            rows.append({"network": kind, "initial": initial, "seed": _seed(file), "auroc": values.mean()} | went)
    if not rows:
        sys.exit(f"{folder} holds no networks: train some first")
    report(pd.DataFrame(rows), folder / "koo_keras.csv")


def _seed(file: Path) -> int:
    return int(file.stem.split("-")[-1])


def main() -> None:
    """Run the step that the command line names."""
    match sys.argv[1:]:
        case ["data", folder]:
            data(Path(folder))
        case ["train", folder, kind, initial, *seeds] if kind in FIRST and initial in INITIAL and seeds:
            train(Path(folder), kind, initial, [int(seed) for seed in seeds])
        case ["score", folder]:
            score(Path(folder))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
