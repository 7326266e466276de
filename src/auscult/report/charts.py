"""Pictures of figures: confusion matrices, learning curves.

Records in, matplotlib `Figure` out; `save_figure` makes a file of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auscult.metrics import normalise_rows
from auscult.report.style import (
    LIGHT,
    SMALL_POINTS,
    TEXT_POINTS,
    Theme,
    colors_of_quantity,
    dress,
    name_ticks,
    new_figure,
    shown_names,
    text_ems,
    text_over,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CurveRow = Mapping[str, float | None]
"""An epoch: `epoch`, and any of `train_loss`, `learning_rate`, `val_loss` and other `val_...`; None is a
gap."""

# A hundred classes; beyond, a matrix shows its pattern without names and numbers, and memory stays bounded.
LONGEST_SIDE_IN = 26.0
MOST_NAMED_CLASSES = 100


def plot_confusions(matrix: NDArray[np.int64], labels: Sequence[str], *, theme: Theme = LIGHT) -> Figure:
    """Which class was taken for which: a row a true class, a column a decision.

    On the left in clips, on the right in percent of the true class; a class without clips has an empty row.

    Parameters
    ----------
    matrix : int (true, predicted), clips
    labels : names of the classes, in the order of the matrix
    """
    side_in = _side_in(len(labels))
    names = shown_names(labels) if len(labels) <= MOST_NAMED_CLASSES else []
    names_in = _name_points(len(labels)) / 72 * max(map(text_ems, names), default=0.0)
    # Everything has its place before anything is drawn: to find one, matplotlib would draw all of it once more.
    left_in = 0.45 + names_in
    bottom_in = 0.45 + names_in * math.sin(math.radians(turn_of_names(len(labels))))
    width_in, height_in = 2 * (left_in + side_in + 0.15), bottom_in + side_in + 0.4
    figure = new_figure(width_in, height_in, theme=theme, arranged=False)
    for x_in, normalised in ((left_in, False), (left_in + width_in / 2, True)):
        place = (x_in / width_in, bottom_in / height_in, side_in / width_in, side_in / height_in)
        _draw_confusion(figure.add_axes(place), matrix, labels, normalised=normalised, theme=theme)
    return figure


def plot_learning_curves(rows: Sequence[CurveRow], *, theme: Theme = LIGHT) -> Figure:
    """Loss, whatever was measured on the validation part, and learning rate over the epochs.

    Panels for which no row has a number are left out.
    """
    others = dict.fromkeys(key for row in rows for key in row if key.startswith("val_") and key != "val_loss")
    panels = [
        ("Loss", {"train_loss": "training", "val_loss": "validation"}),
        ("Validation", {key: key.removeprefix("val_").replace("_", " ") for key in others}),
        ("Learning rate", {"learning_rate": "rate"}),
    ]
    drawn = [(title, lines) for title, lines in panels if any(_points(rows, key)[0] for key in lines)]
    figure = new_figure(3.6 * max(1, len(drawn)), 2.8, theme=theme)
    for index, (title, lines) in enumerate(drawn):
        axes = figure.add_subplot(1, len(drawn), index + 1)
        dress(axes, theme, title=title, x="epoch")
        _draw_lines(axes, rows, lines, theme)
    return figure


def _side_in(n_classes: int) -> float:
    # A cell must hold three digits: 0.45 inch for the few, 0.26 at the smallest readable text for the many.
    return min(max(2.4, n_classes * (0.45 if n_classes <= 16 else 0.26)), LONGEST_SIDE_IN)


def turn_of_names(n_classes: int) -> float:
    """Degrees by which the names below a matrix rise, so that neighbours have room."""
    return 40.0 if n_classes <= 16 else 90.0


def _name_points(n_classes: int) -> float:
    return SMALL_POINTS if n_classes <= 16 else 6.0


def _draw_confusion(
    axes: Axes, matrix: NDArray[np.int64], labels: Sequence[str], *, normalised: bool, theme: Theme
) -> None:
    shares = normalise_rows(matrix)
    # Colour is the share of the true class in both: a rare class is as visible as a frequent one.
    axes.imshow(shares, cmap=colors_of_quantity(theme), vmin=0, vmax=1)
    title = "Percent of the true class" if normalised else "Clips"
    dress(axes, theme, title=title, x="decided", y="true")
    if len(labels) > MOST_NAMED_CLASSES:
        axes.set(xticks=[], yticks=[])
        return
    points = _name_points(len(labels))
    name_ticks(axes, labels, along="y", points=points)
    name_ticks(axes, labels, along="x", points=points, turn=turn_of_names(len(labels)))
    axes.tick_params(length=0, labelcolor=theme.ink)
    for spine in axes.spines.values():
        spine.set_visible(False)
    borders = np.arange(len(labels) + 1) - 0.5
    # A collection each: a hundred minor ticks would take longer than all the rest.
    for lines in (axes.hlines, axes.vlines):
        lines(borders, borders[0], borders[-1], color=theme.line, linewidth=0.6)
    # Zeros are left blank: the eye finds what is there.
    for row, column in np.argwhere(matrix > 0):
        share = float(shares[row, column])
        axes.text(
            column,
            row,
            percent(share) if normalised else str(matrix[row, column]),
            ha="center",
            va="center_baseline",
            fontsize=points,
            color=text_over(share, theme),
        )


def percent(share: float) -> str:
    """A share that is not 0, in whole percent.

    >>> percent(0.875), percent(0.001)
    ('88', '<1')
    """
    return "<1" if share < 0.005 else f"{100 * share:.0f}"


def _points(rows: Sequence[CurveRow], key: str) -> tuple[list[float], list[float]]:
    pairs = [(row["epoch"], row.get(key)) for row in rows]
    known = [(x, y) for x, y in pairs if x is not None and y is not None and math.isfinite(y)]
    return [x for x, _ in known], [y for _, y in known]


def _draw_lines(axes: Axes, rows: Sequence[CurveRow], lines: Mapping[str, str], theme: Theme) -> None:
    for index, (key, name) in enumerate(lines.items()):
        x, y = _points(rows, key)
        if not x:
            continue
        # A line through one point is invisible.
        mark: dict[str, Any] = {"marker": "o", "markersize": 4} if len(x) < 3 else {}
        style = ("-", (0, (4, 1.5)), (0, (1, 1.2)))[index % 3]
        axes.plot(x, y, color=theme.series[index % 3], linestyle=style, linewidth=1.5, label=name, **mark)
    axes.grid(axis="y", color=theme.line, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", integer=True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if "learning_rate" not in lines:
        axes.legend(frameon=False, fontsize=TEXT_POINTS - 1, labelcolor=theme.ink, handlelength=1.8)
