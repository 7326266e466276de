from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from auscult.report import Spectrogram
from auscult.report.drawings import draw_class_bars, draw_confusion, draw_spectrogram

MATRIX = np.array([[3, 1, 0], [0, 0, 0], [1, 1, 398]])


def picture(html: str) -> ElementTree.Element:
    """The drawing within its frame; that it can be parsed says that it is well formed."""
    drawn = ElementTree.fromstring(html).find("svg")
    assert drawn is not None
    assert drawn.get("role") == "img"
    return drawn


def words(drawn: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in drawn.iter("text")]


@pytest.mark.parametrize(
    ("normalised", "cells"), [(False, ["3", "1", "1", "1", "398"]), (True, ["75", "25", "<1", "<1", "100"])]
)
def test_cells_are_where_clips_are(normalised: bool, cells: list[str]) -> None:
    drawn = picture(draw_confusion(MATRIX, ["a", "<b>", "c"], normalised=normalised, alt="A matrix."))
    assert drawn.get("aria-label") == "A matrix."
    assert words(drawn)[3:] == ["a", "a", "<b>", "<b>", "c", "c", *cells]
    squares = list(drawn.iter("rect"))
    corner = squares[0]
    places = [
        tuple(round((float(s.get(axis, 0)) - float(corner.get(axis, 0))) / float(s.get("width", 0))) for axis in "yx")
        for s in squares
    ]
    assert places == [tuple(place) for place in np.argwhere(MATRIX > 0)]
    # Shares of the true class, but for a least that can be seen.
    assert [float(s.get("fill-opacity", 0)) for s in squares] == [0.75, 0.25, 0.03, 0.03, 0.995]


@pytest.mark.parametrize("n_classes", [1, 16, 17, 100, 521])
def test_a_matrix_of_any_size_is_as_large_as_what_is_in_it(n_classes: int) -> None:
    labels = [f"класс_{'ü' * 40} {i} 音\n" for i in range(n_classes)]
    drawn = picture(draw_confusion(np.eye(n_classes, dtype=int), labels, normalised=False, alt="A matrix."))
    _, _, width, height = map(float, drawn.get("viewBox", "").split())
    for cell in drawn.iter("rect"):
        assert float(cell.get("x", 0)) + float(cell.get("width", 0)) <= width
        assert float(cell.get("y", 0)) + float(cell.get("height", 0)) <= height
    assert len(words(drawn)) == (3 + 3 * n_classes if n_classes <= 100 else 3)
    assert len(list(drawn.iter("rect"))) == n_classes


def test_the_title_of_a_small_matrix_is_not_cut_off() -> None:
    drawn = picture(draw_confusion(np.eye(2, dtype=int), ["a", "b"], normalised=True, alt="A matrix."))
    _, _, width, _ = map(float, drawn.get("viewBox", "").split())
    title = next(drawn.iter("text"))
    # Most letters are about half as wide as their size.
    assert float(title.get("x", 0)) + 0.55 * 13 * len(title.text or "") <= width


def test_bars_hold_the_parts_and_end_with_their_sum() -> None:
    drawn = picture(draw_class_bars(["雨", "b$"], {"training": [3, 4], "test": [1, 0]}, alt="Bars."))
    assert words(drawn) == ["training", "test", "雨", "4", "b$", "4"]
    _, _, *bars = drawn.iter("rect")  # after those of the legend
    assert [float(bar.get("width", 0)) for bar in bars] == pytest.approx([315, 105, 420, 0])


def test_one_part_needs_no_legend() -> None:
    assert words(picture(draw_class_bars(["a"], {"test": [0]}, alt="Bars."))) == ["a", "0"]


def test_marks_of_a_spectrogram_stand_where_they_belong(spectrogram: Spectrogram) -> None:
    """Bands that peak at 0, 250, 500, ... Hz over 2 s: 1000 Hz is in the middle of row 4, and 1 s in the middle."""
    shown = Spectrogram(np.zeros((34, 10), np.float32), np.arange(-250.0, 8501, 250), duration_s=2.0)
    drawn = picture(draw_spectrogram(shown, alt="A sound."))
    (image,) = drawn.iter("image")
    assert re.match("data:image/webp;base64,", image.get("href", ""))
    left, top, width, height = (float(image.get(name, 0)) for name in ("x", "y", "width", "height"))
    places = {text.text: (float(text.get("x", 0)), float(text.get("y", 0))) for text in drawn.iter("text")}
    assert places["1"][0] == pytest.approx(left + width / 2)
    assert places["2"][0] == pytest.approx(left + width)
    assert places["1 000"][1] == pytest.approx(top + height * (1 - 4.5 / 34), abs=5)


def test_silence_of_a_moment_is_drawn(spectrogram: Spectrogram) -> None:
    silent = Spectrogram(np.zeros((64, 1), np.float32), spectrogram.band_edges_hz, duration_s=0.01)
    assert "0.01" in words(picture(draw_spectrogram(silent, alt="Nothing.")))
