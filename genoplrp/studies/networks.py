"""Networks that a study trains once and finds again, a file a network: a study can be stopped and gone on with."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from genoplrp.errors import ModelError
from genoplrp.models import CNNConfig, MotifCNN, load_model, save_model, train

Data = Callable[[], tuple[Tensor, Tensor]]


def trained(
    path: Path,
    config: CNNConfig,
    data: Data,
    *,
    labels: tuple[str, ...],
    seed: int,
    facts: Mapping[str, Any] | None = None,
    progress: bool = True,
    **options: Any,
) -> MotifCNN:
    """The network of this file, trained and saved first where the file is not there.

    Parameters
    ----------
    path
        ``NAME.safetensors``; ``NAME.json`` beside it holds the configuration and the training facts.
    config
        Shape of the network.
    data
        Called only if the network has to be trained: one-hot sequences (n, 4, l) and targets (n, outputs).
    labels
        Names of the outputs.
    seed
        Of the initial weights and of the training.
    facts
        What else decides the result (the data's seed and size): a file made with other facts is an error, not a result.
    progress
        Whether to show a bar on stderr, where that is a terminal.
    **options
        Others of `genoplrp.models.train`; they count as facts.

    Raises
    ------
    ModelError
        The file holds a network made otherwise; the message says which fact differs.
    """
    made_with = {"study_seed": seed, **{key: str(value) for key, value in {**(facts or {}), **options}.items()}}
    if not path.exists():
        made = MotifCNN(config, seed=seed)
        card = train(made, *data(), seed=seed, progress=progress, **options)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_model(made, path, made.describe(labels, training={**card.to_dict(), **made_with}))
    model = load_model(path)
    _check_same(path, model, config, made_with)
    return cast(MotifCNN, model)


def _check_same(path: Path, model: Any, config: CNNConfig, made_with: Mapping[str, Any]) -> None:
    """Refuse a file of another configuration, seed or data."""
    # Through the configuration: a file written before an option was there has its default.
    found = {**CNNConfig.from_dict(model.spec.config).to_dict(), **model.spec.training}
    check_made_with(path, found, {**config.to_dict(), **made_with})


def check_made_with(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse a file whose network was made otherwise.

    Raises
    ------
    ModelError
        A wanted fact differs from the one found; the message says which.
    """
    differing = [name for name, value in wanted.items() if found.get(name) != value]
    if differing:
        name = differing[0]
        raise ModelError(
            f"{path} holds a network made with {name} = {found.get(name)!r}, this study wants {wanted[name]!r}: "
            "delete the file or choose another folder"
        )
