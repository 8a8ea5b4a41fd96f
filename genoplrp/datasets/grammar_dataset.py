"""motif_grammar as a torch Dataset: one-hot sequences with labels, masks and sites."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from genoplrp.datasets._prepared import Example, described, tensorflow_datasets
from genoplrp.datasets._quiet import messages_to_stderr
from genoplrp.datasets.torch_data import PreparedDataset
from genoplrp.errors import DatasetError, OptionError
from genoplrp.motifs import Site

if TYPE_CHECKING:
    from genoplrp.datasets.motif_grammar import MotifGrammarConfig


class GrammarExample(NamedTuple):
    """One sequence, of k interactions and l bases.

    Attributes
    ----------
    x : (4, l)
        One-hot sequence.
    labels : (k,), float32
        0 or 1 for each of `MotifGrammarDataset.interactions`.
    masks : (k, l), bool
        For each interaction, True at the bases that make its label 1; all False where it is 0.
    planted : (l,), bool
        True at the bases of all planted sites, decoys among them.
    """

    x: Tensor
    labels: Tensor
    masks: Tensor
    planted: Tensor


class MotifGrammarDataset(PreparedDataset[GrammarExample]):
    """A split of ``motif_grammar`` as a torch Dataset of `GrammarExample`, simulated when it is first used.

    Two core motifs and decoys are planted in random sequences, and a label for every way in which the core motifs can
    interact comes with the bases that it depends on: see `genoplrp.motifs.simulate_grammar`. The first use of a
    configuration simulates it (seconds, no network) and stores it where tensorflow-datasets keeps its data sets.

    Parameters
    ----------
    split
        ``"train"``, ``"validation"``, ``"test"``, or a part such as ``"test[:100]"``.
    config
        ``"all_250"``, ``"all_250_small"``, ``"all_250_both"`` (strands), ``"all_1000"``, ``"presence_250"``,
        ``"places_250"``, or a `genoplrp.datasets.motif_grammar.MotifGrammarConfig` with a name of its own.
    data_dir
        Where to keep it; None for tensorflow-datasets' own default, ``~/tensorflow_datasets``.
    dtype
        Of the one-hot sequences.

    Raises
    ------
    OptionError
        If there is no such configuration or split, its values do not fit together, or tensorflow-datasets is not
        installed.
    DatasetError
        If what is there is damaged, or was made with other values under the same name.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> test = MotifGrammarDataset("test", config="all_250_small", data_dir=folder.name)
    >>> len(test), test[0].x.shape, test[0].masks.shape
    (500, torch.Size([4, 250]), torch.Size([7, 250]))
    >>> test.interactions
    ('single', 'additive', 'and', 'or', 'xor', 'spacing', 'order')
    >>> folder.cleanup()
    """

    features = ("sequence", "labels", "masks", "planted", "sites")

    def __init__(
        self,
        split: str = "train",
        *,
        config: "str | MotifGrammarConfig" = "all_250",
        data_dir: str | os.PathLike[str] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(_prepared(config, data_dir), split, dtype=dtype)

    @property
    def interactions(self) -> tuple[str, ...]:
        """Names of the k labels, in order."""
        return tuple(self.info.metadata["interactions"])

    @property
    def motifs(self) -> tuple[str, ...]:
        """Names of the planted motifs: the two core motifs, then the decoys; `Site.motif` counts in here."""
        return tuple(self.info.metadata["motifs"])

    def sites(self, indices: Sequence[int], interaction: str | None = None) -> list[Site]:
        """Planted sites of several sequences, as `genoplrp.evaluate.motif_recall` takes them.

        Parameters
        ----------
        indices
            Which sequences; `Site.sequence` counts in here.
        interaction
            Only the sites that make this interaction's label 1; None for all, decoys among them.

        Returns
        -------
        list of Site
            By sequence and start; 0-based, half-open.
        """
        if interaction is not None and interaction not in self.interactions:
            raise OptionError(f"interaction must be one of {', '.join(self.interactions)}; got {interaction!r}")
        found = []
        for row, example in enumerate(self._examples.examples(indices)):
            column = None if interaction is None else self.interactions.index(interaction)
            for start, end, motif, strand in example["sites"].tolist():
                if column is None or example["masks"][column, start]:
                    found.append(Site(row, start, end, motif, "+" if strand > 0 else "-"))
        return found

    def _items(self, indices: Sequence[int], examples: list[Example]) -> list[GrammarExample]:
        x = self._one_hot(indices, [example["sequence"] for example in examples])
        labels, masks, planted = (
            torch.from_numpy(np.stack([example[name] for example in examples]))
            for name in ("labels", "masks", "planted")
        )
        return [GrammarExample(*rows) for rows in zip(x, labels.float(), masks, planted, strict=True)]


def _prepared(config: Any, data_dir: str | os.PathLike[str] | None) -> Path:
    """Folder of the configuration, which is simulated if it is not there."""
    tensorflow_datasets()
    from genoplrp.datasets.motif_grammar import MotifGrammar

    known = MotifGrammar.builder_configs
    if isinstance(config, str) and config not in known:
        raise OptionError(f"config must be one of {', '.join(known)}, or a MotifGrammarConfig; got {config!r}")
    if not isinstance(config, str) and known.get(config.name, config) is not config:
        raise OptionError(f"{config.name!r} is the name of another configuration; give yours a name of its own")
    with described(data_dir or "the default data_dir"):
        builder = MotifGrammar(config=config, data_dir=data_dir, file_format="array_record")
    wanted = builder.builder_config.metadata()
    with messages_to_stderr():
        builder.download_and_prepare()
    if dict(builder.info.metadata) != wanted:
        raise DatasetError(
            f"{builder.data_dir} was made with other values than this configuration's; give it a name of its own"
        )
    return Path(builder.data_dir)
