"""Pictures of sounds: spectrograms with axes, what a model heard when, sheets of examples.

Records in, matplotlib `Figure` out; `save_figure` makes a file of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from auscult.records import FloatArray, Scores, Waveform
from auscult.report.style import (
    LIGHT,
    PLAIN,
    SMALL_POINTS,
    Theme,
    colors_of_quantity,
    dress,
    name_ticks,
    new_figure,
    printable,
    text_over,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPECTROGRAM_COLORS = "magma"
# More columns than a picture has dots across cost time and show nothing.
COLUMNS = 2000
ROUND_HZ = (31, 62, 125, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000)


@dataclass(frozen=True, eq=False)
class Spectrogram:
    """A log-mel spectrogram with what its axes need.

    Parameters
    ----------
    log_mel : float32 (mels, frames), low frequencies first, in the unit of its front end, at least one frame
    band_edges_hz : (mels + 2,), rising; band m begins at edge m, peaks at m + 1 and ends at m + 2
    duration_s : what the frames span
    """

    log_mel: FloatArray
    band_edges_hz: NDArray[np.float64]
    duration_s: float

    def __post_init__(self) -> None:
        if self.log_mel.ndim != 2 or 0 in self.log_mel.shape:
            raise ValueError(
                "The 'log_mel' parameter of Spectrogram must have axes (mels, frames), at least one of each. "
                f"Got the shape {self.log_mel.shape} instead."
            )
        if self.band_edges_hz.shape != (len(self.log_mel) + 2,):
            raise ValueError(
                f"The 'band_edges_hz' parameter of Spectrogram must have the shape (mels + 2,) = "
                f"({len(self.log_mel) + 2},). Got {self.band_edges_hz.shape} instead."
            )


def plot_spectrogram(
    spectrogram: Spectrogram,
    *,
    title: str = "",
    size_in: tuple[float, float] = (7.0, 3.0),
    theme: Theme = LIGHT,
) -> Figure:
    """One sound: time in seconds to the right, frequency in Hz upwards on the mel scale."""
    figure = new_figure(*size_in, theme=theme)
    axes = figure.add_subplot()
    dress(axes, theme, title=printable(title, limit=80), x="time (s)", y="frequency (Hz)")
    _draw_spectrogram(axes, spectrogram)
    return figure


def plot_classification(
    waveform: Waveform, spectrogram: Spectrogram, scores: Scores, *, n_labels: int = 5, theme: Theme = LIGHT
) -> Figure:
    """Waveform, spectrogram, and the scores of the `n_labels` best labels, over one axis of time in seconds.

    A label is as good as its best window. Where windows overlap, each is drawn up to where the next one
    begins.
    """
    order = np.argsort(-scores.values.max(axis=0), kind="stable")[:n_labels]
    figure = new_figure(8.0, 4.4 + 0.28 * len(order), theme=theme)
    heights = [1.1, 2.6, 0.3 + 0.28 * len(order)]
    upper, middle, lower = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": heights})
    dress(upper, theme, y="amplitude")
    _draw_waveform(upper, waveform, theme)
    dress(middle, theme, y="frequency (Hz)")
    _draw_spectrogram(middle, spectrogram)
    dress(lower, theme, x="time (s)")
    _draw_scores(lower, scores, order, theme)
    upper.set_xlim(0, waveform.duration_s)
    figure.align_ylabels([upper, middle])
    return figure


def plot_examples(examples: Sequence[tuple[str, FloatArray]], *, theme: Theme = LIGHT) -> Figure:
    """A sheet of (title, log-mel (mels, frames)), as a model gets them: for looking at a batch."""
    n_columns = min(4, max(1, len(examples)))
    n_rows = max(1, math.ceil(len(examples) / n_columns))
    figure = new_figure(2.4 * n_columns, 1.75 * n_rows, theme=theme)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes in grid.flat[len(examples) :]:
        axes.set_visible(False)
    for axes, (title, log_mel) in zip(grid.flat, examples, strict=False):
        low, high = range_of_colors(log_mel)
        axes.imshow(
            log_mel,
            origin="lower",
            aspect="auto",
            cmap=SPECTROGRAM_COLORS,
            vmin=low,
            vmax=high,
            rasterized=True,
        )
        axes.set_axis_off()
        axes.set_title(printable(title, limit=30), loc="left", fontsize=SMALL_POINTS, color=theme.ink, **PLAIN)
    return figure


def _draw_spectrogram(axes: Axes, spectrogram: Spectrogram) -> None:
    values = fewer_columns(spectrogram.log_mel)
    low, high = range_of_colors(values)
    n_mels = len(values)
    axes.imshow(
        values,
        origin="lower",
        aspect="auto",
        cmap=SPECTROGRAM_COLORS,
        vmin=low,
        vmax=high,
        extent=(0, spectrogram.duration_s, -0.5, n_mels - 0.5),
        interpolation="nearest",
    )
    marks = frequency_marks(spectrogram)
    axes.set_yticks([row for row, _ in marks], [name for _, name in marks])


def frequency_marks(spectrogram: Spectrogram) -> list[tuple[float, str]]:
    """Round frequencies in Hz, high ones first, each with the row that peaks there."""
    n_mels = len(spectrogram.log_mel)
    peaks_hz = spectrogram.band_edges_hz[1:-1]
    shown_hz = [hz for hz in ROUND_HZ if peaks_hz[0] <= hz <= peaks_hz[-1]]
    rows = np.interp(shown_hz, peaks_hz, np.arange(n_mels))
    # Low octaves lie close together on the mel scale: a mark needs a twelfth of the height to itself.
    kept: list[int] = []
    for i in reversed(range(len(rows))):
        if not kept or rows[kept[-1]] - rows[i] >= n_mels / 12:
            kept.append(i)
    return [(float(rows[i]), f"{shown_hz[i]:,}".replace(",", " ")) for i in kept]


def _draw_waveform(axes: Axes, waveform: Waveform, theme: Theme) -> None:
    samples = waveform.samples
    per_column = max(1, math.ceil(len(samples) / COLUMNS))
    starts = np.arange(0, len(samples), per_column)
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    times_s = starts / waveform.sample_rate
    axes.fill_between(times_s, low, high, color=theme.series[0], linewidth=0.5)
    peak = max(float(np.abs(samples).max()), 1e-3)
    axes.set_ylim(-1.05 * peak, 1.05 * peak)


def _draw_scores(axes: Axes, scores: Scores, order: NDArray[np.intp], theme: Theme) -> None:
    starts_s = np.array([window.start for window in scores.windows]) / scores.sample_rate
    borders_s = np.append(starts_s, scores.windows[-1].end / scores.sample_rate)
    shown = scores.values[:, order]
    axes.pcolormesh(
        borders_s,
        np.arange(len(order) + 1) - 0.5,
        shown.T,
        cmap=colors_of_quantity(theme),
        vmin=0,
        vmax=1,
        edgecolors=theme.paper,
        linewidth=1.5 if len(starts_s) <= 60 else 0,
    )
    axes.invert_yaxis()
    name_ticks(axes, [scores.labels[i].name for i in order], along="y", points=SMALL_POINTS)
    axes.tick_params(axis="y", length=0, labelcolor=theme.ink)
    axes.spines["left"].set_visible(False)
    # Narrower than this, a number runs over its cell.
    if len(starts_s) > 16:
        return
    for window, (left_s, right_s) in enumerate(pairwise(borders_s)):
        for row, score in enumerate(shown[window]):
            axes.text(
                (left_s + right_s) / 2,
                row,
                f"{score:.2f}",
                ha="center",
                va="center_baseline",
                fontsize=SMALL_POINTS,
                color=text_over(float(score), theme),
            )


def fewer_columns(log_mel: FloatArray, most: int = COLUMNS) -> FloatArray:
    """At most that many frames, each the loudest of those it stands for, so that short events stay visible."""
    per_column = math.ceil(log_mel.shape[1] / most)
    starts = np.arange(0, log_mel.shape[1], per_column)
    return np.asarray(np.maximum.reduceat(log_mel, starts, axis=1))


def range_of_colors(log_mel: FloatArray) -> tuple[float, float]:
    """The quietest twentieth is dark; one value throughout (silence) is dark as well."""
    low, high = float(np.quantile(log_mel, 0.05)), float(log_mel.max())
    return low, high if high > low else low + 1
