"""tensorflow-datasets' manners while it prepares: messages to stderr, bars on a terminal only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from genoplrp.datasets._prepared import tensorflow_datasets


@contextmanager
def messages_to_stderr() -> Iterator[None]:
    """Inside, nothing is printed to stdout, and progress bars show where stderr is a terminal."""
    from tensorflow_datasets.core.utils import tqdm_utils

    tfds = tensorflow_datasets()
    wanted = tqdm_utils._active  # what the user has set; there is no public way to ask
    tfds.display_progress_bar(wanted and sys.stderr.isatty())
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        tfds.display_progress_bar(wanted)
