"""Which outputs are looked into, and in which windows: where the network calls them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from genoplrp.annotate.calibrate import RECORDS, Calibration, calibrate
from genoplrp.annotate.options import Options
from genoplrp.annotate.scorer import Scorer
from genoplrp.annotate.summary import Summary
from genoplrp.discover.maps import Place
from genoplrp.errors import OptionError
from genoplrp.models import ModelSpec

EVERYWHERE = "explain every sequence (--all-sequences)"


@dataclass(frozen=True)
class Chosen:
    """An output, and the windows in which it is explained.

    Attributes
    ----------
    label
        Index of the output.
    places
        Record and window, in order.
    records
        In how many records these are.
    """

    label: int
    places: list[Place] = field(repr=False)
    records: int


@dataclass(frozen=True, eq=False)
class Choice:
    """What is looked into, and why.

    Attributes
    ----------
    chosen
        The outputs, the one called most often beyond chance first where none were asked for.
    scores
        For each sequence the scores of its windows, (windows, labels).
    calibrated
        Gives the run's calibration, made when it is first asked for.
    warnings
        What has to be said about the outputs that are not among them.
    """

    chosen: list[Chosen]
    scores: list[NDArray[np.float32]] = field(repr=False)
    calibrated: Callable[[], Calibration] = field(repr=False)
    warnings: list[str]

    @property
    def thresholds(self) -> NDArray[np.float32]:
        """(labels,) score above which an output is called."""
        return self.calibrated().thresholds


def checked_labels(spec: ModelSpec, labels: str | Sequence[str] | None) -> list[int] | None:
    """Indices of the labels asked for.

    Raises
    ------
    OptionError
        The network has no such label.
    """
    if labels is None:
        return None
    labels = [labels] if isinstance(labels, str) else labels  # else a name's letters would be taken for names
    unknown = [label for label in labels if label not in spec.labels]
    if unknown or not labels:
        raise OptionError(
            f"the network has no output {unknown[0] if unknown else ''!r}; its labels are {', '.join(spec.labels)}"
        )
    return list(dict.fromkeys(spec.labels.index(label) for label in labels))


def choose_labels(
    scorer: Scorer, sequences: Sequence[str], options: Options, wanted: Sequence[int] | None, *, everywhere: bool
) -> Choice:
    """The outputs to look into.

    An output is explained in the windows whose score exceeds its threshold (`genoplrp.annotate.calibrate`), or in all
    windows. Unless they are `wanted`, outputs that are called no more often than on shuffled sequences are left out.
    """
    windows = [scorer.windows(len(sequence)) for sequence in sequences]
    labels = scorer.spec.labels
    calibrated = cache(lambda: calibrate(sequences[:RECORDS], scorer, options.fpr, options.seed))
    scores = scorer.scores(sequences)
    if everywhere:
        places = [(i, window) for i, own in enumerate(windows) for window in own]
        chosen = [Chosen(label, places, len(sequences)) for label in wanted or range(len(labels))]
        return Choice(chosen, scores, calibrated, [])
    calibration = calibrated()
    looked_into = _above_chance(labels, scores, calibration) if wanted is None else wanted
    found, warnings = [], []
    for label in looked_into:
        threshold = calibration.thresholds[label]
        places = [
            (i, window)
            for i, (own, rows) in enumerate(zip(windows, scores, strict=True))
            for window, score in zip(own, rows[:, label], strict=True)
            if score > threshold
        ]
        if places:
            found.append(Chosen(label, places, len({record for record, _ in places})))
        else:
            warnings.append(f"{labels[label]} is called in no sequence; {EVERYWHERE} to look into it all the same")
    if wanted is None and not found:
        warnings.append(
            "no output is called more often than on the same sequences shuffled: are these sequences of the kind that "
            f"the network was trained on? Name outputs (--labels), or {EVERYWHERE}"
        )
    return Choice(found, scores, calibrated, warnings)


def _above_chance(labels: Sequence[str], scores: Sequence[NDArray[np.float32]], calibration: Calibration) -> list[int]:
    """Outputs called at least twice as often as by chance, the one called most often beyond it first."""
    summary = Summary(labels, {}, calibration)
    summary.add_records(np.stack([rows.max(0) for rows in scores]), np.array([len(rows) for rows in scores]))
    return [list(labels).index(factor.label) for factor in summary.factors() if factor.above_chance]
