"""What gradient x input finds on Koo and Ploenzke's task, over all 500 positives, by the networks' initial weights.

    python benchmarks/koo_saliency.py FOLDER --initial glorot_uniform [--networks dist-relu] [--seeds 0 1 2 3 4]

The authors' repository has layer code that asks for he_normal, and a later version that names no initial weights, which
Keras takes for glorot_uniform; which of them trained the published networks it does not say. FOLDER gets the networks
that are missing (dist: some ten minutes each on a core, local: two) and ``koo_saliency.csv``, a line for every network
that lies there. Beside it `koo_keras.py` asks whether the trainer makes a difference.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pandas as pd
import safetensors
import torch

from genoplrp.evaluate import auroc
from genoplrp.models import auroc as prediction_auroc
from genoplrp.models import predict
from genoplrp.studies.koo.data import Part, data_facts, koo_data
from genoplrp.studies.koo.fitting import trained_koo
from genoplrp.studies.koo.networks import GLOROT, HE, NETWORKS
from genoplrp.studies.koo.published import AUROC, SALIENCY, saliency

EXPLAINED = 500
FACTS = data_facts(20_000)


def line(path: Path, parts: Mapping[str, Part]) -> dict[str, object]:
    """How training of the network in this file went, and what gradient x input finds."""
    with safetensors.safe_open(path, framework="pt") as file:
        facts = {"initial": HE, **json.loads(file.metadata()["facts"])}  # a file that does not say has these
        history = json.loads(file.metadata()["validation_auroc"])
    made = {name: facts[name] for name in ("network", "initial", "seed")}
    model = trained_koo(path, made["network"], parts, seed=made["seed"], facts=FACTS, initial=made["initial"])
    explained, test = parts["test"].positives(EXPLAINED), parts["test"]
    found = auroc(saliency(model, explained.x.float()).detach(), explained.mask).mean()
    right = float(prediction_auroc(predict(model, test.x.float()), test.y))
    return made | {"auroc": found, "epochs": len(history), "valid": max(history), "test": right}


def report(table: pd.DataFrame, path: Path) -> None:
    """Write and print the table, a line a network; print the mean AUROC of each kind beside the published one."""
    table.to_csv(path, index=False, float_format="%.4f")
    print(table.round(4).to_string(index=False))
    for (name, initial), own in table.groupby(["network", "initial"]).auroc:
        mean, deviation = AUROC[name][SALIENCY]
        found = f"{own.mean():.3f} ± {own.std():.3f} of {len(own)}"
        print(f"{name}, {initial}: {found}, published {mean:.3f} ± {deviation:.3f} of 10")


def main() -> None:
    """Train what is missing, measure all, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--initial", nargs="+", choices=(HE, GLOROT), default=[])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=range(5))
    options = parser.parse_args()
    torch.set_num_threads(1)  # two networks train beside each other in less time than one after the other on two cores
    parts = koo_data()
    for seed, initial, name in product(options.seeds, options.initial, options.networks):
        path = options.folder / f"{name}-{initial}-{seed}.safetensors"
        trained_koo(path, name, parts, seed=seed, facts=FACTS, initial=initial)
    table = pd.DataFrame([line(path, parts) for path in options.folder.glob("*.safetensors")])
    if table.empty:
        sys.exit(f"{options.folder} holds no networks: train some by --initial")
    report(table.sort_values(["network", "initial", "seed"]), options.folder / "koo_saliency.csv")


if __name__ == "__main__":
    main()
