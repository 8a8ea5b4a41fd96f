"""torch Datasets over prepared data sets: one-hot sequences, labels and masks, as a DataLoader wants them.

Items are named tuples of tensors, which torch's own collation stacks: a batch has the item's fields, each with a first
axis of the batch's size.
"""

import os
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils.data import Dataset

from genoplrp.datasets._prepared import Example, PreparedSplit
from genoplrp.errors import DatasetError, SequenceError
from genoplrp.sequence import one_hot

Item = TypeVar("Item", bound=NamedTuple)


class PreparedDataset(Dataset[Item], Generic[Item]):
    """Random access to one split of a prepared data set, by index; works with any number of DataLoader workers.

    Examples are read from disk when they are asked for. The object holds no open file that a worker could inherit, and
    can be pickled.

    Parameters
    ----------
    folder
        Where the prepared data set lies: the folder with ``dataset_info.json``.
    split
        Name of a split, or a part of one as tensorflow-datasets writes it: ``"train[:80%]"``.
    dtype
        Of the one-hot sequences; ``torch.int8`` is a quarter of the default float32.

    Raises
    ------
    DatasetError
        If the folder holds no such data set, or (when an example is read) a shard is missing or damaged.
    OptionError
        If there is no such split, or tensorflow-datasets is not installed.
    """

    features: tuple[str, ...] = ()

    def __init__(
        self, folder: str | os.PathLike[str], split: str = "train", *, dtype: torch.dtype = torch.float32
    ) -> None:
        self._examples = PreparedSplit(folder, split, self.features)
        self.dtype = dtype

    @property
    def folder(self) -> Path:
        """Where the prepared data set lies."""
        return self._examples.folder

    @property
    def info(self) -> Any:
        """tensorflow-datasets' DatasetInfo: description, citation, features, splits."""
        return self._examples.info

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Item:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """Several items, read at once; torch's DataLoader calls it with a batch's indices."""
        indices = [index + len(self) if index < 0 else index for index in indices]
        return self._items(indices, self._examples.examples(indices))

    @abstractmethod
    def _items(self, indices: Sequence[int], examples: list[Example]) -> list[Item]:
        """What the examples at these indices are to torch."""

    def _one_hot(self, indices: Sequence[int], sequences: list[bytes]) -> Tensor:
        """The sequences, (n, 4, l), or an error that names the example."""
        texts = [sequence.decode("ascii", "replace") for sequence in sequences]
        try:
            return one_hot(texts).to(self.dtype)
        except SequenceError:
            for index, text in zip(indices, texts, strict=True):
                self._check(index, text)
            raise

    def _check(self, index: int, text: str) -> None:
        try:
            one_hot(text)
        except SequenceError as error:
            raise DatasetError(f"{self.folder}, split {self._examples.split}, example {index}: {error}") from error
