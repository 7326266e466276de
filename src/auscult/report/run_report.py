"""What a report says: records without any drawing in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from auscult.metrics import ClassFigures, Figure
from auscult.records import Prediction
from auscult.report.charts import CurveRow
from auscult.report.data_report import Lengths
from auscult.report.plots import Spectrogram


@dataclass(frozen=True)
class ModelFacts:
    """The model file: its name, SHA-256, what it listens to, and how large it is.

    `sample_rate` and `window_s` are None for a model that takes no sounds; `picture` says what pictures one takes.
    """

    name: str
    digest: str
    sample_rate: int | None
    window_s: float | None
    n_classes: int
    size_bytes: int
    n_parameters: int
    picture: str = ""


@dataclass(frozen=True)
class DataFacts:
    """The sounds: clips of each part, how many recordings (groups) and folds, and how the parts were made.

    `clips_of_classes` has for each part the clips of each class, in the order of the report's labels; it may be empty.
    `lengths` are drawn where clips differ in length.
    """

    parts: Mapping[str, int]
    n_groups: int
    n_folds: int
    digest: str
    split: str
    clips_of_classes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    lengths: Lengths | None = None


@dataclass(frozen=True, eq=False)
class Mistake:
    """A clip that was decided wrongly, with what it takes to see and hear why.

    Parameters
    ----------
    source : name of the clip
    true, predicted : labels; more than one, or none, where clips hold several classes
    predictions : labels with scores, best first, as many as are to be shown
    spectrogram : None where it could not be made
    audio : the clip as the bytes of a file that browsers play; None leaves the player out
    media_type : of `audio`, e.g. ``"audio/ogg"``
    """

    source: str
    true: tuple[str, ...]
    predicted: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    spectrogram: Spectrogram | None = None
    audio: bytes | None = None
    media_type: str = "audio/ogg"


@dataclass(frozen=True, eq=False)
class RunReport:
    """All that a report can say; what is empty is left out of it.

    Parameters
    ----------
    title : of the page
    metrics : name -> figure, the main one first
    notes : sentences that must be read with the figures ("80 clips of 61 recordings; ...")
    warnings : sentences about what may make the figures wrong
    curves : a row an epoch
    confusion : int (true, predicted), in the order of `labels`
    classes : figures of each class
    mistakes : the worst first
    configuration : text (YAML) of everything that was chosen
    command : what repeats the run
    """

    title: str
    model: ModelFacts | None = None
    data: DataFacts | None = None
    metrics: Mapping[str, Figure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    curves: tuple[CurveRow, ...] = ()
    confusion: NDArray[np.int64] | None = None
    labels: tuple[str, ...] = ()
    classes: tuple[ClassFigures, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    configuration: str = ""
    command: str = ""
