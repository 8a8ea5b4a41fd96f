"""The tensorflow-datasets builder ``motif_grammar``: sequences with motif interactions, labels, and masks as features.

Importing this module makes the builder known, as tensorflow-datasets wants it: ``tfds.builder("motif_grammar/all_250",
file_format="array_record").download_and_prepare()`` simulates the data on the spot, without network and without
TensorFlow. Sequences come from `genoplrp.motifs.simulate_grammar`; reading them into torch is in
`grammar_dataset`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from genoplrp.datasets._prepared import tensorflow_datasets
from genoplrp.errors import OptionError
from genoplrp.motifs.grammar import INTERACTIONS, simulate_grammar
from genoplrp.motifs.grammar import MotifGrammar as Grammar

tensorflow_datasets()  # which says what to install where the import below would not
import tensorflow_datasets as tfds  # noqa: E402 - after that check

SITE_COLUMNS = ("start", "end", "motif", "strand")
SPLITS = ("train", "validation", "test")

_DESCRIPTION = """
Simulated DNA with two core motifs (TAL1::TCF3 and YY1) and decoys, planted at known places, for measuring explanations
of networks. Every sequence has a label for each way in which the core motifs can interact (single, additive, and, or,
xor, spacing-dependent, order-dependent), and for each label the mask of the bases that it depends on. Decoys are motifs
that no label depends on.

For each example, the features are:
  sequence: A, C, G and T.
  labels: 0 or 1 for each interaction, in the order of `interactions` in the metadata.
  masks: for each interaction, True at the bases of the sites that make the label 1; all False where it is 0.
  planted: True at the bases of all planted sites, decoys among them.
  sites: one row a planted site: start, end (0-based, half-open), motif (its place in `motifs` in the metadata), and
    strand (1 or -1).
"""

_CITATION = """
@article{yanezsarmiento2024sparse,
  title={Sparse Explanations of Neural Networks Using Pruned Layer-Wise Relevance Propagation},
  author={Yanez Sarmiento, Paulo and Witzke, Simon and Klein, Nadja and Renard, Bernhard Y.},
  journal={arXiv preprint arXiv:2404.14271},
  year={2024}
}
"""


@dataclass(kw_only=True)
class MotifGrammarConfig(tfds.core.BuilderConfig):  # type: ignore[misc]
    """What is simulated. A name stands for one set of values: give your own a name of its own.

    Attributes
    ----------
    length : int
        Bases in a sequence.
    train, validation, test : int
        Sequences in each split.
    interactions : tuple of str
        Which labels, keys of `genoplrp.motifs.grammar.INTERACTIONS`. The sequences do not depend on it.
    spacing : (low, high)
        Bases between the two core motifs that make ``spacing`` positive.
    strands : {"forward", "both", "reverse"}
        Strands of the planted instances.
    seed : int
        Splits have seeds ``3 seed``, ``3 seed + 1``, ``3 seed + 2``: no two splits of any seed share one.

    Raises
    ------
    OptionError
        If there is no such interaction, or the values do not fit together.
    """

    length: int = 250
    train: int = 20_000
    validation: int = 2_000
    test: int = 2_000
    interactions: tuple[str, ...] = tuple(INTERACTIONS)
    spacing: tuple[int, int] = (2, 20)
    strands: str = "forward"
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.interactions) - set(INTERACTIONS))
        if unknown or not self.interactions:
            named = f", got {unknown[0]!r}" if unknown else ""
            raise OptionError(f"interactions must be one or more of {', '.join(INTERACTIONS)}{named}")
        for split in SPLITS:
            if getattr(self, split) < 1:
                raise OptionError(f"{split} must be at least 1 sequence, got {getattr(self, split)}")
        self.metadata()  # which raises where values do not fit together

    def simulate(self, split: str) -> Grammar:
        """The sequences of a split."""
        return simulate_grammar(
            getattr(self, split),
            length=self.length,
            spacing=self.spacing,
            strands=self.strands,
            seed=len(SPLITS) * self.seed + SPLITS.index(split),
        )

    def metadata(self) -> dict[str, Any]:
        """What is stored beside the examples, of JSON types: the values above, and the motifs."""
        motifs = simulate_grammar(0, length=self.length, spacing=self.spacing, strands=self.strands).motifs
        return {
            "interactions": list(self.interactions),
            "motifs": [motif.name for motif in motifs],
            "matrices": [motif.matrix_id for motif in motifs],
            "length": self.length,
            "sizes": {split: getattr(self, split) for split in SPLITS},
            "spacing": list(self.spacing),
            "strands": self.strands,
            "seed": self.seed,
        }


class MotifGrammar(tfds.core.GeneratorBasedBuilder):  # type: ignore[misc]
    """Builder of ``motif_grammar``."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    BUILDER_CONFIGS: ClassVar = [
        MotifGrammarConfig(name="all_250", description="250 bases, every interaction."),
        MotifGrammarConfig(
            name="all_250_small",
            description="A tenth of all_250, for trying out.",
            train=2_000,
            validation=500,
            test=500,
            seed=1,
        ),
        MotifGrammarConfig(
            name="all_250_both", description="As all_250, sites on either strand.", strands="both", seed=2
        ),
        MotifGrammarConfig(name="all_1000", description="1,000 bases, every interaction.", length=1_000, seed=3),
        MotifGrammarConfig(
            name="presence_250",
            description="250 bases; what is there decides, not where it is.",
            interactions=("single", "additive", "and", "or", "xor"),
            seed=4,
        ),
        MotifGrammarConfig(
            name="places_250",
            description="250 bases; where the motifs lie to each other decides.",
            interactions=("spacing", "order"),
            seed=5,
        ),
    ]

    def _info(self) -> Any:
        config, features = self.builder_config, tfds.features
        k, length = len(config.interactions), config.length
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=features.FeaturesDict(
                {
                    # Text, as genomics_ood has it: as small and as fast as an array of codes, and one can read it.
                    "sequence": features.Text(),
                    # Raw bytes: tf.Example would store each number as a 64-bit integer.
                    "labels": features.Tensor(shape=(k,), dtype=np.uint8, encoding="bytes"),
                    "masks": features.Tensor(shape=(k, length), dtype=np.bool_, encoding="bytes"),
                    "planted": features.Tensor(shape=(length,), dtype=np.bool_, encoding="bytes"),
                    "sites": features.Tensor(shape=(None, len(SITE_COLUMNS)), dtype=np.int32),
                }
            ),
            supervised_keys=("sequence", "labels"),
            citation=_CITATION,
            license="Sequences: MIT. Motif matrices: JASPAR, CC BY 4.0.",
            metadata=tfds.core.MetadataDict(config.metadata()),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        grammar = self.builder_config.simulate(split)
        columns = [grammar.interactions.index(name) for name in self.builder_config.interactions]
        planted, sites = grammar.simulation.masks.any(axis=1), _site_tables(grammar)
        for i, sequence in enumerate(grammar.sequences):
            yield (
                i,
                {
                    "sequence": sequence,
                    "labels": grammar.labels[i, columns],
                    "masks": grammar.masks[i, columns],
                    "planted": planted[i],
                    "sites": sites[i],
                },
            )


def _site_tables(grammar: Grammar) -> list[np.ndarray]:
    """A table (sites, 4) of each sequence's sites."""
    rows: list[list[tuple[int, int, int, int]]] = [[] for _ in grammar.sequences]
    for site in grammar.simulation.sites:
        rows[site.sequence].append((site.start, site.end, site.motif, 1 if site.strand == "+" else -1))
    return [np.array(table, dtype=np.int32).reshape(-1, len(SITE_COLUMNS)) for table in rows]
