"""The example of docs/datasets.md runs as printed, and finds what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")


def test_the_example_runs_as_printed_and_explains_the_sites(tmp_path):
    (snippet,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    environment = {**os.environ, "TFDS_DATA_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", snippet], env=environment, capture_output=True, text=True, check=True)
    interactions, share = done.stdout.splitlines()
    assert f"print(train.interactions)  # {interactions}\n" in snippet
    # Sites of the one motif cover a tenth of these sequences: uniform relevance would have a share of .1.
    assert float(share) > 0.75


def test_the_table_of_configurations_is_that_of_the_builder():
    from genoplrp.datasets.motif_grammar import MotifGrammar

    rows = [
        (config.name, f"{config.length:,}", f"{config.train:,} / {config.validation:,} / {config.test:,}")
        for config in MotifGrammar.builder_configs.values()
    ]
    assert re.findall(r"^\| `(\w+_\w+)` \| ([\d,]+) \| ([\d,/ ]+) \|", TEXT, re.MULTILINE) == rows
