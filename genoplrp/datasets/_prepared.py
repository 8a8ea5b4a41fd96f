"""One split of a data set that tensorflow-datasets has prepared: random access to its examples, without TensorFlow.

What a folder of tensorflow-datasets holds is read from the folder itself (`features.json`, `dataset_info.json`, and
the shards), so the code that made it is not needed.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from genoplrp.datasets._shards import FORMATS, Records
from genoplrp.errors import DatasetError, OptionError

Example = dict[str, Any]


def tensorflow_datasets() -> ModuleType:
    """The module, imported when it is first needed."""
    try:
        # It needs these two and does not ask for them everywhere: see the extra in pyproject.toml.
        import array_record  # noqa: F401 - only whether it is there
        import importlib_resources  # noqa: F401 - likewise
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise OptionError(
            f'genoplrp.datasets needs tensorflow-datasets ({error}); install it with: pip install "genoplrp[tfds]"'
        ) from error
    module: ModuleType = tfds
    return module


@contextmanager
def described(place: str | os.PathLike[str]) -> Iterator[None]:
    """Inside, whatever tensorflow-datasets raises when it reads the description of a data set is a DatasetError."""
    try:
        yield
    except Exception as error:  # protobuf, JSON and file errors of all kinds, which mean the same here
        raise DatasetError(f"{place} is no data set of tensorflow-datasets, or damaged: {error}") from error


class PreparedSplit:
    """Examples of one split, by index. A pickled one opens its files again.

    Parameters
    ----------
    folder
        Where ``dataset_info.json`` lies.
    split
        As in tensorflow-datasets: ``"train"``, ``"train[:80%]"``, ``"train+test"``.
    features
        Names that the examples must have.
    """

    def __init__(self, folder: str | os.PathLike[str], split: str, features: Iterable[str]) -> None:
        self.folder, self.split = Path(folder), split
        if missing := sorted(set(features) - set(self.info.features or ())):
            raise DatasetError(f"{self.folder} holds another data set: its examples have no {', '.join(missing)}")
        len(self)  # a damaged data set is refused here, not in the middle of an epoch

    @cached_property
    def info(self) -> Any:
        """tensorflow-datasets' DatasetInfo."""
        tfds = tensorflow_datasets()
        with described(self.folder):
            return tfds.builder_from_directory(self.folder).info

    @cached_property
    def _records(self) -> Records:
        file_format = self.info.file_format.value
        if file_format not in FORMATS:
            raise DatasetError(f"{self.folder} is prepared as {file_format}; {' and '.join(FORMATS)} can be read")
        try:
            parts = self.info.splits[self.split].file_instructions
        except (ValueError, KeyError) as error:
            raise OptionError(
                f"split must be one of {', '.join(self.info.splits)}, or a part of one; got {self.split!r}"
            ) from error
        try:
            return Records(parts, file_format)
        except (RuntimeError, OSError, ValueError) as error:
            raise self._damaged(error) from error

    def __len__(self) -> int:
        return len(self._records)

    def examples(self, indices: Sequence[int]) -> list[Example]:
        """The examples at these indices, in this order; text is bytes, as tensorflow-datasets gives it."""
        for index in indices:
            if not 0 <= index < len(self):
                raise IndexError(f"index {index} is out of range for {len(self)} examples")
        try:
            return [self.info.features.deserialize_example_np(self._records[index]) for index in indices]
        except Exception as error:  # array_record's RuntimeError, protobuf's DecodeError, the features' own
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DatasetError:
        return DatasetError(
            f"{self.folder}, split {self.split}: a file is missing or damaged ({error}). Delete the folder and prepare "
            "the data set again"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "split": self.split}
