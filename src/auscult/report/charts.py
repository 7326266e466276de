"""Pictures of figures: confusion matrices, learning curves, how many clips a class has.

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
    text_over,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CurveRow = Mapping[str, float | None]
"""An epoch: `epoch`, and any of `train_loss`, `learning_rate`, `val_loss` and other `val_...`; None is a
gap."""

INCHES_OF_LONGEST_LABEL = 1.6
# A hundred classes; beyond, a matrix shows its pattern without names and numbers, and memory stays bounded.
LONGEST_SIDE_IN = 26.0
MOST_NAMED_CLASSES = 100


def plot_confusion(
    matrix: NDArray[np.int64], labels: Sequence[str], *, normalised: bool, theme: Theme = LIGHT
) -> Figure:
    """Which class was taken for which: a row a true class, a column a decision.

    Parameters
    ----------
    matrix : int (true, predicted), clips
    labels : names of the classes, in the order of the matrix
    normalised : percent of the true class instead of clips; a class without clips has an empty row
    """
    side_in = _side_in(len(labels))
    figure = new_figure(side_in + INCHES_OF_LONGEST_LABEL, side_in + INCHES_OF_LONGEST_LABEL, theme=theme)
    _draw_confusion(figure.add_subplot(), matrix, labels, normalised=normalised, theme=theme)
    return figure


def plot_confusions(matrix: NDArray[np.int64], labels: Sequence[str], *, theme: Theme = LIGHT) -> Figure:
    """The same in counts and, beside it, normalised."""
    side_in = _side_in(len(labels))
    figure = new_figure(2 * side_in + 3.4, side_in + INCHES_OF_LONGEST_LABEL + 0.3, theme=theme)
    for axes, normalised in zip(figure.subplots(1, 2), (False, True), strict=True):
        _draw_confusion(axes, matrix, labels, normalised=normalised, theme=theme)
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
        axes.barh(
            range(len(labels)),
            of_part,
            left=done,
            height=0.7,
            color=theme.series[index % 3],
            edgecolor=theme.paper,
            label=part,
        )
        done += np.asarray(of_part)
    for row, total in enumerate(done):
        axes.annotate(
            str(total),
            (total, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL_POINTS,
            color=theme.muted,
        )
    name_ticks(axes, labels, along="y", points=SMALL_POINTS)
    axes.invert_yaxis()
    axes.margins(x=0.08, y=0.01)
    axes.tick_params(axis="y", length=0, labelcolor=theme.ink)
    axes.spines["left"].set_visible(False)
    if len(counts) > 1:
        # Bars fill the whole axes: the legend stands above them.
        _legend(axes, theme, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(counts), borderaxespad=0.2)
    return figure


def _side_in(n_classes: int) -> float:
    # A cell must hold three digits: 0.45 inch for the few, 0.26 at the smallest readable text for the many.
    return min(max(2.4, n_classes * (0.45 if n_classes <= 16 else 0.26)), LONGEST_SIDE_IN)


def _draw_confusion(
    axes: Axes, matrix: NDArray[np.int64], labels: Sequence[str], *, normalised: bool, theme: Theme
) -> None:
    shares = normalise_rows(matrix)
    # Colour is the share of the true class in both: a rare class is as visible as a frequent one.
    axes.imshow(shares, cmap=colors_of_quantity(theme), vmin=0, vmax=1)
    title = "Percent of the true class" if normalised else "Clips"
    dress(axes, theme, title=title, x="decided", y="true")
    if len(labels) > MOST_NAMED_CLASSES:
        return
    points = SMALL_POINTS if len(labels) <= 16 else 6.0
    name_ticks(axes, labels, along="y", points=points)
    name_ticks(axes, labels, along="x", points=points, upright=len(labels) > 16)
    axes.tick_params(length=0, labelcolor=theme.ink)
    for spine in axes.spines.values():
        spine.set_visible(False)
    borders = np.arange(len(labels) + 1) - 0.5
    axes.set_xticks(borders, minor=True)
    axes.set_yticks(borders, minor=True)
    axes.grid(which="minor", color=theme.line, linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    # Zeros are left blank: the eye finds what is there.
    for row, column in np.argwhere(matrix > 0):
        share = float(shares[row, column])
        axes.text(
            column,
            row,
            _percent(share) if normalised else str(matrix[row, column]),
            ha="center",
            va="center_baseline",
            fontsize=points,
            color=text_over(share, theme),
        )


def _percent(share: float) -> str:
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
        _legend(axes, theme)


def _legend(axes: Axes, theme: Theme, **place: Any) -> None:
    axes.legend(frameon=False, fontsize=TEXT_POINTS - 1, labelcolor=theme.ink, handlelength=1.8, **place)
