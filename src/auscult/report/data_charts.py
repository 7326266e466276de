"""Pictures of a dataset for files: clips of each class, lengths of clips, examples.

Records in, matplotlib `Figure` out; `save_figure` makes a file of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from auscult.report.data_report import ExampleSheet, Lengths
from auscult.report.plots import COLUMNS, SPECTROGRAM_COLORS, fewer_columns, frequency_marks
from auscult.report.style import (
    LIGHT,
    PLAIN,
    SMALL_POINTS,
    TEXT_POINTS,
    Theme,
    dress,
    name_ticks,
    new_figure,
    printable,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Beyond, a picture would be longer than what opens it can show.
MOST_ROWS = 100


def plot_class_histogram(labels: Sequence[str], counts: Mapping[str, Sequence[int]], *, theme: Theme = LIGHT) -> Figure:
    """How many clips each class has, the parts of the data (training, test, ...) one after another in a bar.

    Parameters
    ----------
    labels : names of the classes
    counts : name of the part -> clips of each class, in the order of `labels`
    """
    figure = new_figure(7.0, 1.0 + 0.2 * max(3, len(labels)), theme=theme)
    axes = figure.add_subplot()
    dress(axes, theme, x="clips")
    done = np.zeros(len(labels), dtype=np.int64)
    for index, (part, of_part) in enumerate(counts.items()):
        color = theme.series[index % 3]
        axes.barh(
            range(len(labels)),
            of_part,
            left=done,
            height=0.7,
            color=color,
            edgecolor=theme.paper,
            label=printable(part),
        )
        done += np.asarray(of_part)
    for row, total in enumerate(done):
        _say(axes, str(total), (float(total), row), theme, beside=(4, 0))
    name_ticks(axes, labels, along="y", points=SMALL_POINTS)
    axes.invert_yaxis()
    axes.margins(x=0.08, y=0.01)
    axes.tick_params(axis="y", length=0, labelcolor=theme.ink)
    axes.spines["left"].set_visible(False)
    if len(counts) > 1:
        # Bars fill the whole axes: the legend stands above them.
        axes.legend(
            frameon=False,
            fontsize=TEXT_POINTS - 1,
            labelcolor=theme.ink,
            handlelength=1.8,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=len(counts),
            borderaxespad=0.2,
        )
    return figure


def plot_lengths(lengths: Lengths, *, theme: Theme = LIGHT) -> Figure:
    """How many clips have which length; bars have one width each, whatever they span."""
    figure = new_figure(7.0, 2.8, theme=theme)
    axes = figure.add_subplot()
    dress(axes, theme, x="length (s)", y="clips")
    n = len(lengths.counts)
    places = np.arange(n)
    axes.bar(places, lengths.counts, width=0.92 if n > 1 else 0.2, color=theme.series[0], align="center")
    for place, count in enumerate(lengths.counts):
        if count:
            _say(axes, str(count), (place, count), theme, beside=(0, 3))
    names = lengths.names()
    if n == 1:
        axes.set_xticks([0], names[:1])
        axes.set_xlim(-1, 1)
    else:
        every = max(1, -(-len(names) // 12))
        axes.set_xticks((np.arange(n + 1) - 0.5)[::every], names[::every])
    axes.margins(y=0.12)
    axes.locator_params(axis="y", integer=True)
    return figure


def plot_example_sheet(sheet: ExampleSheet, *, theme: Theme = LIGHT) -> Figure:
    """A row a class: a few clips of it, each over its own length, all on one scale of colours."""
    rows = sheet.rows[:MOST_ROWS]
    n_columns = max(len(examples) for _, examples in rows)
    figure = new_figure(0.7 + 2.5 * n_columns, 0.5 + 1.55 * len(rows), theme=theme)
    grid = figure.subplots(len(rows), n_columns, squeeze=False)
    image = None
    for axes_row, (label, examples) in zip(grid, rows, strict=True):
        for axes in axes_row[len(examples) :]:
            axes.set_visible(False)
        for column, (axes, example) in enumerate(zip(axes_row, examples, strict=False)):
            dress(axes, theme)
            values = fewer_columns(example.spectrogram.log_mel, COLUMNS // 4)
            image = axes.imshow(
                values,
                origin="lower",
                aspect="auto",
                cmap=SPECTROGRAM_COLORS,
                vmin=sheet.low_db,
                vmax=sheet.high_db,
                extent=(0, example.spectrogram.duration_s, -0.5, len(values) - 0.5),
                interpolation="nearest",
            )
            title = printable(label, limit=28) if column == 0 else ""
            axes.set_title(title, loc="left", fontsize=TEXT_POINTS + 1, color=theme.ink, **PLAIN)
            named = f"{printable(example.name, limit=34)}, {example.duration_s:.3g} s"
            axes.set_xlabel(named, fontsize=SMALL_POINTS - 1.5, color=theme.muted, **PLAIN)
            marks = frequency_marks(example.spectrogram)[::2] if column == 0 else []
            axes.set_yticks([row for row, _ in marks], [f"{name} Hz" for _, name in marks])
            axes.tick_params(labelsize=SMALL_POINTS - 1.5)
    if image is not None:
        bar = figure.colorbar(image, ax=grid, location="bottom", shrink=0.4, aspect=40, pad=0.02)
        bar.set_label("dB below the loudest moment of all", fontsize=SMALL_POINTS, color=theme.muted)
        bar.ax.tick_params(colors=theme.muted, labelsize=SMALL_POINTS)
        bar.outline.set_visible(False)
    return figure


def _say(axes: Axes, text: str, place: tuple[float, float], theme: Theme, *, beside: tuple[int, int]) -> None:
    """A number beside the end of its bar: to the right of it, or above."""
    across: dict[str, Any] = {"va": "center"} if beside[0] else {"ha": "center"}
    axes.annotate(
        text, place, xytext=beside, textcoords="offset points", fontsize=SMALL_POINTS, color=theme.muted, **across
    )
