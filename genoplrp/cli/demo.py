"""``genoplrp demo``: the main job on the sequences that come with the package."""

from pathlib import Path

from genoplrp.cli import options as o
from genoplrp.cli.annotate import annotate
from genoplrp.resources import example_file


def demo(
    out: o.Out = Path("genoplrp_demo"),
    overwrite: o.Overwrite = False,
) -> None:
    """Annotate 500 real CTCF ChIP-seq peaks with the shipped network vertebrate20."""
    annotate(str(example_file()), model="vertebrate20", out=out, overwrite=overwrite)
