"""Training as Koo and Ploenzke (2021) trained, a file a network, found again.

Adam at 1e-3, batches of 100, L2 of 1e-6 on hidden weights; the rate falls to a fifth where the validation AUROC has not
risen by 1e-4 for 5 epochs, training ends where it has not risen for 20 (or after 100), and the last weights stay.
`genoplrp.models.train` (cosine rate, best weights by loss) would give other networks, and the published figures belong
to these.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from genoplrp.models import auroc, predict
from genoplrp.studies.files import written
from genoplrp.studies.koo.data import Part
from genoplrp.studies.koo.networks import GLOROT, HE, koo_network
from genoplrp.studies.networks import check_made_with

BATCH, RATE, L2 = 100, 1e-3, 1e-6
PATIENCE, RATE_PATIENCE, RATE_FACTOR, LEAST_RISE, LEAST_RATE = 20, 5, 0.2, 1e-4, 1e-7


def trained_koo(
    path: Path,
    name: str,
    parts: Mapping[str, Part],
    *,
    seed: int,
    epochs: int = 100,
    facts: Mapping[str, Any],
    initial: str = GLOROT,
) -> nn.Sequential:
    """The network of this file in eval mode, trained and saved first where the file is not there.

    Parameters
    ----------
    path
        ``NAME.safetensors``; its header holds the history and what decided the result.
    name
        See `koo_network`.
    parts
        "train" and "valid".
    seed, epochs
        Of weights, batches and dropout; most epochs.
    facts
        What else decides the result, such as the data's seed: a file made with others is an error.
    initial
        See `koo_network`; a file that does not say has ``"he_normal"``.

    Raises
    ------
    ModelError
        The file holds a network made otherwise; the message says which fact differs.
    """
    wanted = {"network": name, "initial": initial, "seed": seed, "epochs": epochs, **facts}
    network = koo_network(name, seed=seed, initial=initial)
    if not path.exists():
        history = fit(network, parts["train"], parts["valid"], seed=seed, epochs=epochs)
        header = {"facts": json.dumps(wanted), "validation_auroc": json.dumps(history)}
        written(path, lambda aside: safetensors.torch.save_file(network.state_dict(), aside, metadata=header))
    with safetensors.safe_open(path, framework="pt") as file:
        found = {"initial": HE, **json.loads((file.metadata() or {}).get("facts", "{}"))}
        check_made_with(path, found, wanted)
        network.load_state_dict({key: file.get_tensor(key) for key in file.keys()})
    return network.eval()


def fit(network: nn.Sequential, train: Part, valid: Part, *, seed: int, epochs: int) -> list[float]:
    """Validation AUROC after each epoch; the network is trained in place and left in eval mode."""
    optimiser = torch.optim.Adam(_groups(network), lr=RATE)
    generator = torch.Generator().manual_seed(seed)
    history: list[float] = []
    best, waited = 0.0, 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        while len(history) < epochs and _since_best(history) < PATIENCE:
            _epoch(network, train.x, train.y, optimiser, generator)
            network.eval()
            history.append(float(auroc(predict(network, valid.x.float()), valid.y)))
            risen = history[-1] > best + LEAST_RISE
            best, waited = (history[-1], 0) if risen else (best, waited + 1)
            if waited >= RATE_PATIENCE:
                waited = 0
                for group in optimiser.param_groups:
                    group["lr"] = max(LEAST_RATE, group["lr"] * RATE_FACTOR)
    network.eval()
    return history


def _groups(network: nn.Sequential) -> list[dict[str, Any]]:
    """Parameters with L2 (hidden weights; its gradient is twice the factor) and without."""
    hidden = [layer.weight for label, layer in network.named_children() if label.startswith("conv") or label == "dense"]
    chosen = {id(weight) for weight in hidden}
    others = [parameter for parameter in network.parameters() if id(parameter) not in chosen]
    return [{"params": hidden, "weight_decay": 2 * L2}, {"params": others}]


def _epoch(
    network: nn.Sequential, x: Tensor, y: Tensor, optimiser: torch.optim.Optimizer, generator: torch.Generator
) -> None:
    network.train()
    for rows in torch.split(torch.randperm(len(x), generator=generator), BATCH):
        loss = nn.functional.binary_cross_entropy_with_logits(network(x[rows].float()), y[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def _since_best(history: list[float]) -> int:
    """Epochs since the highest value."""
    return len(history) - 1 - history.index(max(history)) if history else 0
