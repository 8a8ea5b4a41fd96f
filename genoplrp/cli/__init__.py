"""The command line: ``genoplrp annotate``, ``compare``, ``demo``, ``inspect``.

One file a command. Nothing here imports torch, pandas or matplotlib before a command needs it, so that ``--help``
answers at once. Exit codes: 0 all done, 1 some records were rejected, 2 unusable input or options, 130 interrupted.
"""

from genoplrp.cli.app import main

__all__ = ["main"]
