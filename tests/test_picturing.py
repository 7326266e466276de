"""Recordings drawn with what a model makes of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

import auscult
from auscult.classifier import Classifier
from auscult.errors import InputError
from auscult.picturing import COLUMNS, day_spectrogram, draw_day
from auscult.records import Event
from tests.tiny_models import SAMPLE_RATE, write_tiny_model


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return auscult.load(write_tiny_model(tmp_path_factory.mktemp("model") / "model.onnx"))


def tone(path: Path, seconds: float, *, rate: int = SAMPLE_RATE, from_s: float = 0.0, hz: float = 1000.0) -> Path:
    times_s = np.arange(round(seconds * rate)) / rate
    soundfile.write(path, np.where(times_s >= from_s, 0.5 * np.sin(2 * np.pi * hz * times_s), 0.0), rate)
    return path


def test_a_recording_is_drawn(classifier: Classifier, tmp_path: Path) -> None:
    source = tone(tmp_path / "SM_20260501_193000.wav", 5)
    events = [Event(str(source), 1.0, 2.0, "late", 0.9)]
    figure = draw_day(classifier, source, events, tmp_path / "day.png", started_at=datetime(2026, 5, 1, 19, 30))
    assert (tmp_path / "day.png").read_bytes().startswith(b"\x89PNG")
    upper, lower = figure.axes
    assert upper.get_title(loc="left") == "SM_20260501_193000.wav"
    # The label with an event first, then the other, since there are fewer than three.
    assert [text.get_text() for text in lower.get_yticklabels()] == ["late", "early"]
    assert [text.get_text() for text in lower.texts] == ["1 event, 1.0 s", ""]


@pytest.mark.parametrize("seconds", [0.01, 0.3, 5.0, 400.0])
def test_the_spectrogram_shows_what_is_when(seconds: float, tmp_path: Path) -> None:
    """Of a tone that begins in the middle: the loudest band is its own, and from the middle on."""
    source = tone(tmp_path / "x.wav", seconds, from_s=seconds / 2, rate=16000)
    drawn = day_spectrogram(source)
    n_columns = drawn.log_mel.shape[1]
    assert 1 <= n_columns <= COLUMNS
    assert drawn.duration_s == pytest.approx(seconds, rel=0.02, abs=0.1)
    loudest = drawn.band_edges_hz[1 + int(drawn.log_mel[:, -2:].max(axis=1).argmax())]
    assert loudest == pytest.approx(1000, rel=0.1)
    if seconds >= 5:
        level = drawn.log_mel.max(axis=0)
        loud = np.flatnonzero(level > level.max() - 20)
        assert loud[0] / n_columns == pytest.approx(0.5, abs=0.02)
        assert loud[-1] >= n_columns - 2


def test_scores_stand_where_they_were_heard(classifier: Classifier, tmp_path: Path) -> None:
    source = tone(tmp_path / "x.wav", 20)
    figure = draw_day(classifier, source, [])
    band = figure.axes[1].collections[0].get_array()
    assert band.shape == (1, 20 * SAMPLE_RATE // 400 - 1)
    borders = figure.axes[1].collections[0].get_coordinates()[0, :, 0]
    assert (borders[0], borders[-1]) == (0.0, 20.0)
    assert borders[1] == pytest.approx(0.075)  # windows of 0.1 s every 0.05 s: the first speaks up to here


def test_what_cannot_be_read_is_said(classifier: Classifier, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        draw_day(classifier, tmp_path / "gone.wav", [])


@pytest.mark.parametrize(("named", "shown"), [({"deny": ["early"]}, ["late"]), ({"allow": ["early"]}, ["early"])])
def test_labels_that_cannot_be_events_have_no_row(
    classifier: Classifier, tmp_path: Path, named: dict[str, list[str]], shown: list[str]
) -> None:
    source = tone(tmp_path / "x.wav", 2)
    figure = draw_day(classifier, source, [], **named)
    assert [text.get_text() for text in figure.axes[1].get_yticklabels()] == shown
