"""genomics_ood: 250-bp reads of 130 genera of bacteria (Ren et al., NeurIPS 2019), for those who can download them.

Ten genera are in-distribution, with reads for training; 60 others are out of distribution in validation, 60 more in
test. The builder is tensorflow-datasets' own; its download needs TensorFlow, so `prepare_genomics_ood` takes the
downloaded archive from there.
"""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genoplrp.datasets._prepared import Example, described, tensorflow_datasets
from genoplrp.datasets._quiet import messages_to_stderr
from genoplrp.datasets.torch_data import PreparedDataset
from genoplrp.errors import DatasetError

READ_LENGTH = 250
ARCHIVE = "https://storage.googleapis.com/tfds-data/downloads/genomics_ood/genomics_ood.zip"
FILES = {
    "train": "before_2011_in_tr.txt",
    "validation": "between_2011-2016_in_val.txt",
    "test": "after_2016_in_test.txt",
    "validation_ood": "between_2011-2016_ood_val.txt",
    "test_ood": "after_2016_ood_test.txt",
}


class LabelledRead(NamedTuple):
    """One read.

    Attributes
    ----------
    x : (4, 250)
        One-hot sequence.
    label : scalar, int64
        Genus, 0 to 129; 0 to 9 are the in-distribution genera. `GenomicsOODDataset.label_names` has the names.
    out_of_distribution : scalar, bool
        Whether the genus is none of the first ten.
    """

    x: Tensor
    label: Tensor
    out_of_distribution: Tensor


class GenomicsOODDataset(PreparedDataset[LabelledRead]):
    """A split of genomics_ood that has been prepared on this machine, as a torch Dataset of `LabelledRead`.

    Reads what `prepare_genomics_ood` or tensorflow-datasets itself prepared, array_record as well as TFRecord;
    nothing is downloaded, and TensorFlow is not needed.

    Parameters
    ----------
    split
        ``"train"``, ``"validation"``, ``"test"`` (10 genera, in distribution), ``"validation_ood"`` or ``"test_ood"``
        (60 genera each, not in training), or a part such as ``"train[:10%]"``.
    data_dir
        Where tensorflow-datasets keeps its data sets; None for its own default, ``~/tensorflow_datasets``.
    dtype
        Of the one-hot sequences.

    Raises
    ------
    DatasetError
        If it is not prepared there (the message has the commands), or is damaged.
    OptionError
        If there is no such split, or tensorflow-datasets is not installed.

    References
    ----------
    Ren et al., Likelihood Ratios for Out-of-Distribution Detection, NeurIPS 2019, 14707-14718.

    Examples
    --------
    >>> GenomicsOODDataset("test_ood", data_dir="nowhere")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    genoplrp.errors.DatasetError: genomics_ood is not prepared in nowhere/genomics_ood/0.0.1. ...
    """

    features = ("seq", "label", "domain")

    def __init__(
        self,
        split: str = "train",
        *,
        data_dir: str | os.PathLike[str] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        folder = Path(_builder(None, data_dir).data_dir)
        if not (folder / "dataset_info.json").exists():
            where = "" if data_dir is None else f", data_dir={os.fspath(data_dir)!r}"
            raise DatasetError(
                f"genomics_ood is not prepared in {folder}. Download it once (needs network):\n"
                f"    curl -O {ARCHIVE}\n"
                f'    python -c "from genoplrp.datasets import prepare_genomics_ood as prepare; '
                f"prepare('genomics_ood.zip'{where})\""
            )
        super().__init__(folder, split, dtype=dtype)

    @property
    def label_names(self) -> list[str]:
        """The 130 genera, in-distribution ones first."""
        return list(self.info.features["label"].names)

    def _items(self, indices: Sequence[int], examples: list[Example]) -> list[LabelledRead]:
        for index, example in zip(indices, examples, strict=True):
            if len(example["seq"]) != READ_LENGTH:
                raise DatasetError(
                    f"{self.folder}, example {index}: a read of {READ_LENGTH} bases was expected, got "
                    f"{len(example['seq'])}; the data set is damaged or another one"
                )
        x = self._one_hot(indices, [example["seq"] for example in examples])
        return [
            LabelledRead(row, torch.tensor(int(example["label"])), torch.tensor(example["domain"] == b"ood"))
            for row, example in zip(x, examples, strict=True)
        ]


def prepare_genomics_ood(source: str | os.PathLike[str], *, data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Folder of genomics_ood prepared from the downloaded release, as tensorflow-datasets would, without TensorFlow.

    A data set that is already prepared there is left as it is. One that is half done never appears.

    Parameters
    ----------
    source
        ``genomics_ood.zip``, or a folder with its five text files (tab-separated columns seq, label, seq_info, domain):
        ``before_2011_in_tr.txt``, ``between_2011-2016_in_val.txt``, ``between_2011-2016_ood_val.txt``,
        ``after_2016_in_test.txt``, ``after_2016_ood_test.txt``.
    data_dir
        Where tensorflow-datasets keeps its data sets; None for its own default.

    Returns
    -------
    Path
        ``DATA_DIR/genomics_ood/0.0.1``, in array_record format.

    Raises
    ------
    DatasetError
        If a file is missing, or a row is not what it should be.
    OptionError
        If tensorflow-datasets is not installed.
    """
    with _texts(Path(source)) as folder:
        builder = _builder(folder, data_dir)
        try:
            with messages_to_stderr():
                builder.download_and_prepare()
        except (RuntimeError, KeyError, ValueError, TypeError) as error:  # the rows, by way of tensorflow-datasets
            raise DatasetError(f"{source} is not the release of genomics_ood, or damaged: {error}") from error
    return Path(builder.data_dir)


def _builder(source: Path | None, data_dir: str | os.PathLike[str] | None) -> Any:
    """tensorflow-datasets' builder, which finds its text files in `source`."""
    tensorflow_datasets()
    from tensorflow_datasets.structured import genomics_ood as theirs

    class Local(theirs.GenomicsOod, skip_registration=True):  # type: ignore[misc, call-arg]
        name = "genomics_ood"

        def _split_generators(self, dl_manager: Any) -> Any:
            return super()._split_generators(SimpleNamespace(extract=lambda url: source))

    with described(data_dir or "the default data_dir"):  # what is prepared there is read at once
        return Local(data_dir=data_dir, file_format="array_record" if source else None)


@contextmanager
def _texts(source: Path) -> Iterator[Path]:
    """A folder with the five text files: `source`, or what is in it if it is an archive."""
    if source.is_dir():
        _check_names(source, {path.name for path in source.iterdir()})
        yield source
        return
    if not zipfile.is_zipfile(source):
        raise DatasetError(f"{source} is neither a folder nor a zip archive; download it again from {ARCHIVE}")
    with zipfile.ZipFile(source) as archive, tempfile.TemporaryDirectory() as folder:
        members = {Path(name).name: name for name in archive.namelist()}
        _check_names(source, set(members))
        for name in FILES.values():
            with archive.open(members[name]) as packed, (Path(folder) / name).open("wb") as text:
                shutil.copyfileobj(packed, text)
        yield Path(folder)


def _check_names(source: Path, names: set[str]) -> None:
    if missing := sorted(set(FILES.values()) - names):
        raise DatasetError(f"{source} is not the release of genomics_ood: it has no {', '.join(missing)}")
