"""``python -m genoplrp.studies.koo OUT``: run the study into a folder."""

import argparse
from pathlib import Path

from genoplrp.studies.koo.study import run


def main(arguments: list[str] | None = None) -> None:
    """Run the study and print what was written."""
    parser = argparse.ArgumentParser(prog="python -m genoplrp.studies.koo", description="Koo and Ploenzke's task 3.")
    parser.add_argument("out", type=Path, help="folder of tables, figure, scores and trained networks")
    parser.add_argument("--small", action="store_true", help="the same at a size for tests")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="networks are trained from each")
    parser.add_argument("--explained", type=int, default=500, help="test positives explained (the paper: 500)")
    options = parser.parse_args(arguments)
    for path in run(options.out, small=options.small, seeds=options.seeds, explained=options.explained):
        print(path)


if __name__ == "__main__":
    main()
