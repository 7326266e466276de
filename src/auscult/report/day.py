"""The picture of a recording, from seconds to days: what it sounds like, what the model makes of it, what was found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from auscult.records import FloatArray
from auscult.report.plots import SPECTROGRAM_COLORS, Spectrogram, frequency_marks
from auscult.report.style import (
    LIGHT,
    PLAIN,
    SMALL_POINTS,
    TEXT_POINTS,
    Theme,
    colors_of_quantity,
    dress,
    new_figure,
    printable,
    shown_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN = 10.0
_SPECTROGRAM_IN = 2.4
#: Wide letters that fit above the spectrogram where names of labels are long.
_HEAD_LETTERS = 61
_ROW_IN = 0.23
#: Of what is loudest: what is quieter nobody hears beside it.
_SHOWN_DB = 75.0
#: From one mark of the axis of time to the next, in seconds.
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_MOST_MARKS = 12
#: An event of a second is a tenth of a dot of a day: no mark is narrower than this part of the width.
_NARROWEST = 1 / 700


@dataclass(frozen=True, eq=False)
class Day:
    """One recording, as far as its picture needs it.

    Parameters
    ----------
    title : what to call it
    spectrogram : levels in dB, any number of columns, over its whole length
    labels : names of the rows of `scores`, the most important first; there may be none
    scores : float32 (labels, columns) in [0, 1]
    borders_s : of the columns of `scores`, (columns + 1,), rising
    spans_s : for each label its events, float64 (events, 2), start and end
    n_more : labels with events that have no row
    started_at : when it was recorded, for the axis of time; None: time counts from its beginning
    """

    title: str
    spectrogram: Spectrogram
    labels: tuple[str, ...]
    scores: FloatArray
    borders_s: NDArray[np.float64]
    spans_s: tuple[NDArray[np.float64], ...]
    n_more: int = 0
    started_at: datetime | None = None

    def __post_init__(self) -> None:
        expected = (len(self.labels), max(0, len(self.borders_s) - 1))
        if self.scores.shape != expected or len(self.spans_s) != len(self.labels):
            raise ValueError(
                f"The 'scores' parameter of Day must have the shape (labels, columns) = {expected}, and 'spans_s' an "
                f"entry for each label. Got {self.scores.shape} and {len(self.spans_s)} instead."
            )


def plot_day(day: Day, *, theme: Theme = LIGHT) -> Figure:
    """Spectrogram, and below it for each label its scores as a band, with its events marked on it.

    Time runs to the right, by the clock where it is known when the recording began.
    """
    n_rows = len(day.labels)
    figure = new_figure(WIDTH_IN, _SPECTROGRAM_IN + 0.95 + _ROW_IN * max(1, n_rows), theme=theme)
    upper, lower = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [_SPECTROGRAM_IN, _ROW_IN * max(1, n_rows)]}
    )
    dress(upper, theme, y="frequency (Hz)")
    _head(upper, day, theme)
    _draw_levels(upper, day.spectrogram)
    dress(lower, theme)
    if n_rows:
        _draw_band(lower, day, theme)
    else:
        lower.set_yticks([])
        lower.text(0.5, 0.5, "nothing scored", transform=lower.transAxes, ha="center", va="center", color=theme.muted)
    _mark_time(lower, day, theme)
    lower.set_xlim(0, day.spectrogram.duration_s)
    upper.tick_params(axis="x", length=0)
    return figure


def _head(axes: Axes, day: Day, theme: Theme) -> None:
    parts = [length_in_words(day.spectrogram.duration_s)]
    if day.started_at is not None:
        zone = day.started_at.strftime("%z")
        offset = f" UTC{zone[:3]}:{zone[3:5]}" if zone else ""
        parts.insert(0, f"{day.started_at:%Y-%m-%d %H:%M:%S}{offset}")
    right = "   ".join(parts)
    # Both stand on one line, the smaller letters on the right.
    title = printable(day.title, limit=_HEAD_LETTERS - round(0.75 * len(right)))
    axes.set_title(title, loc="left", fontsize=TEXT_POINTS + 1, color=theme.ink, pad=7, **PLAIN)
    axes.set_title(right, loc="right", fontsize=SMALL_POINTS, color=theme.muted, pad=7, **PLAIN)


def _draw_levels(axes: Axes, spectrogram: Spectrogram) -> None:
    levels = spectrogram.log_mel
    # A click or two may be as loud as they like.
    high = float(np.quantile(levels, 0.9995))
    low = max(float(np.quantile(levels, 0.02)), high - _SHOWN_DB)
    n_mels = len(levels)
    axes.imshow(
        levels,
        origin="lower",
        aspect="auto",
        cmap=SPECTROGRAM_COLORS,
        vmin=low,
        vmax=high if high > low else low + 1,
        extent=(0, spectrogram.duration_s, -0.5, n_mels - 0.5),
        interpolation="antialiased",
        interpolation_stage="data",
    )
    marks = frequency_marks(spectrogram)
    axes.set_yticks([row for row, _ in marks], [name for _, name in marks])


def _draw_band(axes: Axes, day: Day, theme: Theme) -> None:
    n_rows = len(day.labels)
    for row in range(n_rows):
        # A little paper between rows, and room for the marks of events at the bottom of each.
        axes.pcolormesh(
            day.borders_s,
            [row - 0.42, row + 0.22],
            day.scores[row : row + 1],
            cmap=colors_of_quantity(theme),
            vmin=0,
            vmax=1,
            rasterized=True,
            antialiased=False,
        )
        spans = shown_spans(day.spans_s[row], day.spectrogram.duration_s)
        axes.broken_barh(
            [(start, end - start) for start, end in spans], (row + 0.24, 0.16), color=theme.series[1], lw=0
        )
    axes.set_ylim(n_rows - 0.5, -0.5)
    axes.set_yticks(range(n_rows), shown_names(day.labels), fontsize=SMALL_POINTS, **PLAIN)
    axes.tick_params(axis="y", length=0, labelcolor=theme.ink)
    axes.spines["left"].set_visible(False)
    for row, spans_s in enumerate(day.spans_s):
        axes.annotate(
            events_in_words(spans_s),
            (1.0, row),
            (5, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            fontsize=SMALL_POINTS - 1,
            color=theme.muted,
            va="center",
            annotation_clip=False,
        )


def _mark_time(axes: Axes, day: Day, theme: Theme) -> None:
    duration_s = day.spectrogram.duration_s
    marks = time_marks(duration_s, day.started_at)
    axes.set_xticks([min(at_s, duration_s) for at_s, _ in marks], [text for _, text in marks])
    axes.tick_params(axis="x", pad=3)
    more = "" if not day.n_more else f"; {day.n_more} more labels have events"
    words = f"blue: scores from 0 to 1, the highest of each moment; orange: events{more}"
    axes.set_xlabel(words if day.labels else "", fontsize=SMALL_POINTS - 1, color=theme.muted, loc="left")


def time_marks(duration_s: float, started_at: datetime | None) -> list[tuple[float, str]]:
    """Round times with their texts: by the clock where the beginning is known, else from the beginning.

    Examples
    --------
    >>> time_marks(10800, None)[:4]
    [(0.0, '0:00'), (900.0, '0:15'), (1800.0, '0:30'), (2700.0, '0:45')]
    >>> [text for _, text in time_marks(5, None)]
    ['0 s', '0.5', '1.0', '1.5', '2.0', '2.5', '3.0', '3.5', '4.0', '4.5', '5.0']
    >>> time_marks(4 * 3600, datetime(2026, 5, 1, 22, 50))[:3]
    [(600.0, '23:00'), (2400.0, '23:30'), (4200.0, '2 May')]
    """
    step_s = next((step for step in _STEPS_S if duration_s / step <= _MOST_MARKS), duration_s / _MOST_MARKS)
    # A sample that lacks at the end must not cost the last mark.
    until_s = duration_s + step_s / 100
    if started_at is None:
        count = int(until_s / step_s) + 1
        return [(float(k * step_s), _from_beginning(k * step_s, step_s)) for k in range(count)]
    midnight = started_at.replace(hour=0, minute=0, second=0, microsecond=0)
    since_s = (started_at - midnight).total_seconds()
    first, last = int(np.ceil(since_s / step_s - 1e-9)), int((since_s + until_s) / step_s)
    return [(k * step_s - since_s, _by_clock(midnight, k * step_s, step_s)) for k in range(first, last + 1)]


def _from_beginning(at_s: float, step_s: float) -> str:
    if step_s < 60 and at_s < 60:
        unit = " s" if at_s == 0 else ""
        return f"{at_s:.1f}{unit}" if step_s < 1 and at_s else f"{at_s:.0f}{unit}"
    hours, minutes, seconds = int(at_s) // 3600, int(at_s) // 60 % 60, int(at_s) % 60
    if step_s >= 60:
        return f"{hours}:{minutes:02d}"
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _by_clock(midnight: datetime, since_s: float, step_s: float) -> str:
    at = midnight + timedelta(seconds=since_s)
    if since_s and since_s % 86400 == 0:
        return f"{at.day} {at:%b}"
    if step_s < 1:
        return f"{at:%H:%M:%S}.{at.microsecond // 100_000}"
    return f"{at:%H:%M:%S}" if step_s < 60 else f"{at:%H:%M}"


def length_in_words(duration_s: float) -> str:
    """
    >>> length_in_words(5), length_in_words(83), length_in_words(86400)
    ('5.0 s', '1 min 23 s', '24 h 0 min')
    """
    if duration_s < 59.95:
        return f"{duration_s:.1f} s"
    minutes, seconds = divmod(round(duration_s), 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def events_in_words(spans_s: NDArray[np.float64]) -> str:
    """How many events, and how long together.

    >>> events_in_words(np.array([[1.0, 2.5], [3.0, 4.0]])), events_in_words(np.empty((0, 2)))
    ('2 events, 2.5 s', '')
    """
    n_events = len(spans_s)
    if n_events == 0:
        return ""
    total_s = float((spans_s[:, 1] - spans_s[:, 0]).sum())
    return f"{n_events:,} event{'s' if n_events > 1 else ''}, {length_in_words(total_s)}"


def shown_spans(spans_s: NDArray[np.float64], duration_s: float) -> list[tuple[float, float]]:
    """Events as marks that one sees: none narrower than a dot or two, those that would touch in one.

    >>> shown_spans(np.array([[10.0, 11.0], [10.5, 30.0], [69_999.0, 70_000.0]]), 70_000.0)
    [(10.0, 110.5), (69900.0, 70000.0)]
    """
    narrowest_s = duration_s * _NARROWEST
    shown: list[tuple[float, float]] = []
    for start_s, end_s in sorted(map(tuple, spans_s.tolist())):
        start = max(0.0, min(start_s, duration_s - narrowest_s))
        end = min(duration_s, max(end_s, start + narrowest_s))
        if shown and start <= shown[-1][1]:
            shown[-1] = (shown[-1][0], max(end, shown[-1][1]))
        else:
            shown.append((start, end))
    return shown
