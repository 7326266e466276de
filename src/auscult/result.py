"""What a model says of one sound: `Result`, for people, for programs, and as a picture."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from auscult.audio import load_waveform
from auscult.decide import LabelSummary, Shortlist
from auscult.errors import UsageError
from auscult.features import FeatureSpec, log_mel, preset
from auscult.features.mel import band_edges_hz
from auscult.models.modelspec import ModelSpec
from auscult.models.pictures import open_picture
from auscult.records import FloatArray, Prediction, Scores, Window

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from auscult.audio import Source


@dataclass(frozen=True)
class Excerpt:
    """A part of a sound, in seconds from its start; accepted wherever a source is. `end_s` None: to the end.

    Times in a result count from the start of the excerpt.

    Raises
    ------
    UsageError : a time that is no number
    """

    source: Source
    start_s: float = 0.0
    end_s: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("start_s", self.start_s), ("end_s", 0.0 if self.end_s is None else self.end_s)):
            if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
                raise UsageError(
                    f"The {name!r} parameter of Excerpt must be a number of seconds. Got {value!r} instead."
                )


@dataclass(frozen=True)
class ModelId:
    """Which model it was: its name, the SHA-256 of its file, and of several heads the one that was asked."""

    name: str
    digest: str
    head: str | None = None

    def to_dict(self) -> dict[str, str]:
        """For JSON; the head only where there is a choice."""
        named = {"name": self.name, "digest": self.digest}
        return named if self.head is None else {**named, "head": self.head}


@dataclass(frozen=True)
class WindowPredictions:
    """What a model says of one window; padding after the end of the sound is not counted in `end_s`."""

    start_s: float
    end_s: float
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, eq=False)
class WindowValues:
    """What a model gives for some windows of a sound, in order of time: float32 (windows, columns)."""

    source: str
    windows: tuple[Window, ...]
    values: FloatArray = field(repr=False)


@dataclass(frozen=True)
class Heard:
    """A sound has been heard to its end: how long it is, and in how many windows.

    Attributes
    ----------
    labels : where it was searched for events, those labels that have any and those that `allow` names, summed up, in
        the order of the model's
    """

    source: str
    duration_s: float
    n_windows: int
    labels: tuple[LabelSummary, ...] = ()


@dataclass(frozen=True, eq=False)
class Result:
    """What a model says of one sound.

    Attributes
    ----------
    source : name of the sound
    duration_s : of what was classified; None for a picture of which it is not known what sound it is made of, whose
        windows then count its columns
    sample_rate : Hz, of the model; `scores.windows` counts in its samples
    model : which model it was
    scores : of each window, all labels; not where `classify_many` was told not to keep them
    sound_scores : of the whole sound, float32 (classes,), in the order of `scores.labels`
    shortlist : which labels `predictions` and `windows` name; the scores hold all
    """

    source: str
    duration_s: float | None
    sample_rate: int
    model: ModelId
    sound_scores: FloatArray = field(repr=False)
    shortlist: Shortlist = field(repr=False)
    _scores: Scores | None = field(repr=False)
    _excerpt: Excerpt = field(repr=False)
    _spec: ModelSpec = field(repr=False)

    @property
    def scores(self) -> Scores:
        """What the model says of each window.

        Raises
        ------
        UsageError : they were not kept
        """
        if self._scores is None:
            raise UsageError(
                f"{self.source}: the scores of its windows were not kept; classify it with keep_windows=True."
            )
        return self._scores

    @cached_property
    def predictions(self) -> tuple[Prediction, ...]:
        """What is heard in the whole sound, best first, as far as the selection of labels names it."""
        return self.shortlist.rank(self.sound_scores)

    @cached_property
    def windows(self) -> tuple[WindowPredictions, ...]:
        """What the model says of each window, in order of time, chosen like `predictions`."""
        return tuple(
            WindowPredictions(
                start_s=window.start / self.sample_rate,
                end_s=window.end / self.sample_rate,
                predictions=self.shortlist.rank(values),
            )
            for window, values in zip(self.scores.windows, self.scores.values, strict=True)
        )

    def to_dict(self, *, windows: bool = False) -> dict[str, Any]:
        """What `auscult classify --json` prints; with `windows`, what is heard when as well."""
        record: dict[str, Any] = {
            "source": self.source,
            "duration_s": self.duration_s,
            "model": self.model.to_dict(),
            "predictions": [prediction.to_dict() for prediction in self.predictions],
        }
        if windows:
            record["windows"] = [
                {
                    "start_s": window.start_s,
                    "end_s": window.end_s,
                    "predictions": [prediction.to_dict() for prediction in window.predictions],
                }
                for window in self.windows
            ]
        return record

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw waveform, log-mel as the model sees it, and scores over time. Reads the sound again, whole.

        Where it is not known how the model looks at sound, the log-mel is that of the preset "auscult". Scores
        are of the labels that the selection allows.

        Parameters
        ----------
        path : where to save the picture, too; it is a PNG, whatever its ending

        Raises
        ------
        MissingExtraError : without the extra `plot`
        UsageError : where the sound came from an open file, which has been read
        InputError : where the sound is no longer there
        """
        from auscult.report.plots import Spectrogram, plot_classification
        from auscult.report.style import save_figure

        excerpt = self._excerpt
        if hasattr(excerpt.source, "read"):
            raise UsageError(
                f"{self.source}: a plot reads the sound again, and this one came from an open file that has "
                "been read; classify its path or its bytes instead."
            )
        if self._spec.picture is not None and open_picture(excerpt.source, self.source) is not None:
            raise UsageError(
                f"{self.source}: a plot draws the sound, and this is a picture; look at the picture itself."
            )
        waveform = load_waveform(
            excerpt.source,
            sample_rate=self.sample_rate,
            mono=self._spec.mono,
            start_s=excerpt.start_s,
            end_s=excerpt.end_s,
        )
        features = _front_end(self._spec)
        spectrogram = Spectrogram(log_mel(waveform.samples, features), band_edges_hz(features), waveform.duration_s)
        columns = list(self.shortlist.columns)
        named = Scores(
            tuple(self.scores.labels[column] for column in columns),
            self.scores.windows,
            self.scores.values[:, columns],
            self.sample_rate,
        )
        figure = plot_classification(waveform, spectrogram, named, n_labels=self.shortlist.top_k or 5)
        if path is not None:
            save_figure(figure, os.fspath(path))
        return figure


def _front_end(spec: ModelSpec) -> FeatureSpec:
    if spec.features is None:
        return preset("auscult", sample_rate=spec.sample_rate)
    return FeatureSpec.from_dict(spec.features)
