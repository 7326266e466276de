"""A recording drawn with what a model makes of it: the sound, scores over time, events."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from auscult.audio import iter_waveform, probe, source_name
from auscult.classifier import Classifier
from auscult.decide import NOT_GIVEN, Names
from auscult.errors import InputError
from auscult.features import FeatureSpec, band_edges_hz, preset
from auscult.features.pooling import MelStream, PooledColumns
from auscult.records import Event, FloatArray
from auscult.report.day import Day, plot_day
from auscult.report.plots import Spectrogram
from auscult.report.style import save_figure
from auscult.result import Heard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from auscult.audio import Source
    from auscult.audio.mono import MonoPolicy

#: More columns than a picture has dots across cost time and show nothing.
COLUMNS = 2000
MOST_LABELS = 12
LEAST_LABELS = 3
_RATES_HZ = (4000, 32000)
_SILENCE = 1e-12


def draw_day(
    classifier: Classifier,
    source: Source,
    events: Iterable[Event],
    path: str | os.PathLike[str] | None = None,
    *,
    started_at: datetime | None = None,
    allow: Names = NOT_GIVEN,
    deny: Names = NOT_GIVEN,
    n_labels: int = MOST_LABELS,
    workers: int | None = None,
) -> Figure:
    """Draw a recording, of seconds or of days: spectrogram, a band of scores for each label below it, events marked.

    It is read and scored once more for that, in constant memory: the picture costs as much time as `detect`, and the
    spectrogram about as much again where the model is small.

    Parameters
    ----------
    source : the recording
    events : what was found in it
    path : where to save the picture, a PNG; None: nowhere
    started_at : when it was recorded, for the axis of time; see `audio.recorded`
    allow, deny : as the events were found with, see `Classifier.detect`
    n_labels : rows at most: labels with events, those that are heard longest first, and where there are fewer than
        three, those that score best among the labels that may be events
    workers : as for `classify_many`

    Raises
    ------
    InputError : it cannot be read
    UsageError : `allow` or `deny` names a label that the model does not have
    MissingExtraError : without the extra `plot`
    OutputError : the picture cannot be saved
    """
    candidates = classifier.event_columns(allow=allow, deny=deny)
    scores, borders_s, duration_s = _scores(classifier, source, workers)
    levels = day_spectrogram(source, mono=classifier.spec.mono, duration_s=duration_s)
    columns, spans_s, n_more = _rows(classifier, list(events), candidates, scores, n_labels)
    day = Day(
        title=Path(source_name(source)).name or source_name(source),
        spectrogram=levels,
        labels=tuple(classifier.labels[column].name for column in columns),
        scores=scores[columns],
        borders_s=borders_s,
        spans_s=tuple(spans_s),
        n_more=n_more,
        started_at=started_at,
    )
    figure = plot_day(day)
    if path is not None:
        save_figure(figure, os.fspath(path))
    return figure


def day_spectrogram(
    source: Source, *, duration_s: float | None = None, mono: MonoPolicy = "mean", columns: int = COLUMNS
) -> Spectrogram:
    """The levels of a recording in dB, in at most so many columns: halfway between mean and peak of each.

    The mean alone hides what is short, the peak alone shows nothing else in a long recording.

    Parameters
    ----------
    duration_s : about how long it is, None: as its header says; it decides how close frames lie
    """
    info = probe(source)
    expected_s = duration_s or info.duration_s or 0.0
    rate = min(max(info.sample_rate, _RATES_HZ[0]), _RATES_HZ[1])
    spec = front_end(rate, expected_s / columns)
    stream = MelStream(spec)
    mean = PooledColumns(spec.n_mels, most=columns, mean=True)
    peak = PooledColumns(spec.n_mels, most=columns)
    for block in iter_waveform(source, sample_rate=rate, mono=mono):
        _pool(stream.push(block), mean, peak)
    _pool(stream.finish(), mean, peak)
    levels = (mean.values() + peak.values()) / 2
    # A frame stands for what lies from its start to the start of the next.
    length_s = levels.shape[1] * mean.frames_per_column * spec.hop_samples / rate
    shown = max(1, round(levels.shape[1] * min(1.0, (duration_s or length_s) / length_s)))
    return Spectrogram(np.ascontiguousarray(levels[:, :shown]), band_edges_hz(spec), duration_s or length_s)


def _pool(energies: FloatArray, mean: PooledColumns, peak: PooledColumns) -> None:
    if energies.shape[1]:
        level_db = 10 * np.log10(np.maximum(energies, _SILENCE))
        mean.push(level_db)
        peak.push(level_db)


def front_end(sample_rate: int, column_s: float) -> FeatureSpec:
    """Our own preset, with frames as far apart as columns are, from 5 ms to a frame after the other."""
    own = preset("auscult", sample_rate=sample_rate)
    hop = min(max(round(column_s * sample_rate), round(0.005 * sample_rate)), own.frame_samples)
    return replace(own, centered=False, hop_samples=hop)


def _scores(
    classifier: Classifier, source: Source, workers: int | None
) -> tuple[FloatArray, NDArray[np.float64], float]:
    """Scores of all labels (labels, columns), the borders of the columns in seconds, and the length of the sound."""
    spec = classifier.spec
    pooled = PooledColumns(len(classifier.labels), most=COLUMNS)
    duration_s = 0.0
    for part in classifier.window_scores([source], workers=workers):
        if isinstance(part, InputError):
            raise part
        if isinstance(part, Heard):
            duration_s = part.duration_s
        else:
            pooled.push(part.values.T)
    values = pooled.values()
    # As in events, a window speaks for the hop-long middle of it, the first and the last also for all beyond.
    step_s = pooled.frames_per_column * spec.hop_samples / spec.sample_rate
    margin_s = (spec.window_samples - spec.hop_samples) / 2 / spec.sample_rate
    borders_s = margin_s + step_s * np.arange(values.shape[1] + 1)
    borders_s[0], borders_s[-1] = 0.0, duration_s
    return values, np.maximum.accumulate(np.minimum(borders_s, duration_s)), duration_s


def _rows(
    classifier: Classifier, events: list[Event], candidates: Sequence[int], scores: FloatArray, n_labels: int
) -> tuple[list[int], list[NDArray[np.float64]], int]:
    """Which labels are shown, their events, and how many labels with events are not."""
    total_s: Counter[str] = Counter()
    spans: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        total_s[event.label] += event.end_s - event.start_s  # type: ignore[assignment]
        spans.setdefault(event.label, []).append((event.start_s, event.end_s))
    column_of = {label.id: column for column, label in enumerate(classifier.labels)}
    heard = [column_of[label] for label, _ in total_s.most_common() if label in column_of]
    highest = scores.max(axis=1, initial=0.0)
    best = sorted(candidates, key=lambda column: -highest[column])
    columns = list(dict.fromkeys([*heard, *best]))[: min(n_labels, max(len(heard), LEAST_LABELS))]
    shown = [spans.get(classifier.labels[column].id, []) for column in columns]
    arrays = [np.array(each, dtype=np.float64).reshape(-1, 2) for each in shown]
    return columns, arrays, max(0, len(heard) - n_labels)
