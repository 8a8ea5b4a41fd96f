"""``python -m genoplrp.studies.images OUT``: run the study into a folder."""

import argparse
from pathlib import Path

from genoplrp.studies.images.study import run


def main(arguments: list[str] | None = None) -> None:
    """Run the study and print what was written."""
    parser = argparse.ArgumentParser(prog="python -m genoplrp.studies.images", description=run.__doc__)
    parser.add_argument("out", type=Path, help="folder of tables, figures and trained networks")
    parser.add_argument("--small", action="store_true", help="the same at a size for tests")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="networks are trained from each")
    options = parser.parse_args(arguments)
    for path in run(options.out, small=options.small, seeds=options.seeds):
        print(path)


if __name__ == "__main__":
    main()
