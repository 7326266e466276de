from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.report import plot_confusions, plot_learning_curves, save_figure

MATRIX = np.array([[3, 1, 0], [0, 0, 0], [1, 1, 398]])


def texts(axes: object) -> dict[tuple[float, float], str]:
    return {t.get_position()[::-1]: t.get_text() for t in axes.texts}  # type: ignore[attr-defined]


def test_cells_hold_clips_or_percent_and_zeros_are_blank() -> None:
    labels = ["a", "b", "c"]
    counts, percent = plot_confusions(MATRIX, labels).axes
    assert texts(counts) == {(0, 0): "3", (0, 1): "1", (2, 0): "1", (2, 1): "1", (2, 2): "398"}
    assert texts(percent) == {(0, 0): "75", (0, 1): "25", (2, 0): "<1", (2, 1): "<1", (2, 2): "100"}


@pytest.mark.parametrize("n_classes", [2, 16, 50, 200])
def test_any_number_of_classes_with_any_names(tmp_path: Path, n_classes: int) -> None:
    labels = [f"класс_{'ü' * 40} $\\bad {i} 音\n" for i in range(n_classes)]
    figure = plot_confusions(np.eye(n_classes, dtype=int), labels)
    save_figure(figure, tmp_path / "confusion.png")
    axes = figure.axes[1]
    # A name and a number need 6 points of height and the cell is as high as that, or they are left out.
    named = n_classes <= 100
    assert len(axes.texts) == (n_classes if named else 0)
    cell_points = 72 * axes.get_position().height * figure.get_figheight() / n_classes
    assert cell_points > 8 or not named
    # Cells are squares, and nothing is cut off.
    assert axes.get_position().width * figure.get_figwidth() == pytest.approx(cell_points / 72 * n_classes)
    figure.canvas.draw()
    box = figure.get_tightbbox()
    assert box.x0 > 0
    assert box.y0 > 0
    assert box.x1 < figure.get_figwidth()
    assert box.y1 < figure.get_figheight()


def test_panels_without_numbers_are_left_out() -> None:
    rows = [{"epoch": i, "train_loss": 1.0 / (i + 1), "learning_rate": 0.001} for i in range(4)]
    assert [axes.get_title(loc="left") for axes in plot_learning_curves(rows).axes] == [
        "Loss",
        "Learning rate",
    ]
    validated = [{**row, "val_loss": 0.5, "val_accuracy": 0.75} for row in rows]
    titles = [axes.get_title(loc="left") for axes in plot_learning_curves(validated).axes]
    assert titles == ["Loss", "Validation", "Learning rate"]
    assert plot_learning_curves([{"epoch": 0, "train_loss": None}]).axes == []


def test_gaps_are_left_out_and_one_epoch_is_a_dot(tmp_path: Path) -> None:
    rows = [
        {"epoch": 0, "train_loss": 1.0},
        {"epoch": 1, "train_loss": float("nan")},
        {"epoch": 2, "train_loss": 0.5},
    ]
    (line,) = plot_learning_curves(rows).axes[0].lines
    assert line.get_xydata().tolist() == [[0, 1], [2, 0.5]]
    figure = plot_learning_curves(rows[:1])
    assert figure.axes[0].lines[0].get_marker() == "o"
    save_figure(figure, tmp_path / "curves.png")
