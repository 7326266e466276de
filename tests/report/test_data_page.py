"""The page about a dataset and its pictures: well formed, bounded, and safe whatever a name holds."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.report import Spectrogram, save_figure
from auscult.report.data_charts import plot_class_histogram, plot_example_sheet, plot_lengths
from auscult.report.data_drawings import draw_example_sheet, draw_lengths
from auscult.report.data_page import data_page_html
from auscult.report.data_report import (
    MOST_BARS,
    DataFinding,
    DataReport,
    Example,
    ExampleSheet,
    Lengths,
    SamePair,
)
from auscult.report.style import DARK, LIGHT

LABELS = ("dog", "<b>$x$</b>", "雨")


@pytest.fixture
def sheet(spectrogram: Spectrogram) -> ExampleSheet:
    example = Example("a/<i>\udce9.wav", 2.0, spectrogram)
    return ExampleSheet(tuple((label, (example,) * n) for n, label in zip((3, 1, 2), LABELS, strict=True)), -80.0, 0.0)


@given(st.lists(st.floats(0.01, 5000), min_size=1, max_size=50))
def test_every_clip_is_in_a_bar(durations_s: list[float]) -> None:
    lengths = Lengths.of(durations_s)
    assert sum(lengths.counts) == len(durations_s)
    assert 1 <= len(lengths.counts) <= MOST_BARS + 2
    assert list(lengths.edges_s) == sorted(lengths.edges_s)
    assert len(lengths.edges_s) == len(lengths.counts) + 1


@pytest.mark.parametrize("durations_s", [[4.0], [0.1, 5.0, 5.0], [0.05, 1.0, 3600.0]])
def test_bars_of_lengths_lie_inside_the_picture(durations_s: list[float]) -> None:
    drawn = ElementTree.fromstring(draw_lengths(Lengths.of(durations_s))).find("svg")
    assert drawn is not None
    _, _, width, height = map(float, drawn.get("viewBox", "").split())
    bars = list(drawn.iter("rect"))
    for bar in bars:
        assert float(bar.get("x", 0)) + float(bar.get("width", 0)) <= width
        assert float(bar.get("y", 0)) + float(bar.get("height", 0)) <= height
    assert sum(float(bar.get("height", 0)) > 0 for bar in bars) == len(set(durations_s))


def test_a_sheet_has_a_picture_for_each_example_and_one_for_the_scale(sheet: ExampleSheet) -> None:
    drawn = ElementTree.fromstring(draw_example_sheet(sheet)).find("svg")
    assert drawn is not None
    assert len(list(drawn.iter("image"))) == 6 + 1
    said = [text.text or "" for text in drawn.iter("text")]
    assert [text for text in said if text in LABELS] == list(LABELS)
    assert "-80 dB" in said


def test_a_page_has_what_there_is_and_escapes_it(sheet: ExampleSheet) -> None:
    report = DataReport(
        title="<script>alert(1)</script>",
        facts={"Clips": "3"},
        findings=(DataFinding("1 pair <leaks>", True), DataFinding("a note", False)),
        labels=LABELS,
        clips_of_classes={"train": (1, 2, 3), "test": (0, 1, 0)},
        lengths=Lengths.of([1.0, 2.0]),
        sheet=sheet,
        pairs=tuple(SamePair(f"{i}.wav", "b", "train and test", 1.2, 0.9) for i in range(300)),
        unreadable=(("c.wav", "it is empty"),),
    )
    page = data_page_html(report)
    assert "<script" not in page
    assert "<leaks>" not in page
    assert 'class="warning"' in page
    for heading in (
        "Data",
        "What was found",
        "The same sound twice",
        "Cannot be used",
        "Classes",
        "Lengths",
        "Examples",
    ):
        assert f">{heading}</h2>" in page
    assert "199.wav" in page
    assert "200.wav" not in page
    assert "the first 200 of 300" in page


def test_a_page_about_nothing_has_no_empty_sections() -> None:
    page = data_page_html(DataReport(title="none", facts={"Clips": "0"}))
    assert page.count("<h2") == 1


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_pictures_can_be_written(sheet: ExampleSheet, theme: object, tmp_path: object) -> None:
    from pathlib import Path

    from auscult.report.style import Theme

    assert isinstance(theme, Theme)
    figures = {
        "classes.png": plot_class_histogram(LABELS, {"train": (1, 2, 3), "test": (0, 1, 0)}, theme=theme),
        "lengths.png": plot_lengths(Lengths.of([0.1, 5.0, 5.0]), theme=theme),
        "one.png": plot_lengths(Lengths.of([4.0]), theme=theme),
        "sheet.png": plot_example_sheet(sheet, theme=theme),
    }
    for name, figure in figures.items():
        path = Path(str(tmp_path)) / name
        save_figure(figure, path)
        assert np.asarray(_image(path.read_bytes())).std() > 1


def _image(content: bytes) -> object:
    from matplotlib.image import imread

    return 255 * imread(io.BytesIO(content))
