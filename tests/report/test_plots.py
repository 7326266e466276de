from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.image import AxesImage

from auscult.records import Label, Scores, Waveform, Window
from auscult.report import Spectrogram, plot_classification, plot_examples, plot_spectrogram, save_figure

RATE = 8000


def scores_of(n_windows: int, n_labels: int) -> Scores:
    values = np.random.default_rng(1).random((n_windows, n_labels)).astype(np.float32)
    return Scores(
        labels=tuple(Label(f"id {i}", f"名前 $ {i}") for i in range(n_labels)),
        windows=tuple(Window(i, i * RATE // 2, RATE, RATE) for i in range(n_windows)),
        values=values,
        sample_rate=RATE,
    )


def waveform_of(duration_s: float) -> Waveform:
    samples = 0.5 * np.sin(np.arange(round(duration_s * RATE)) / 3)
    return Waveform(samples.astype(np.float32), RATE)


@pytest.mark.parametrize("n_windows", [1, 5, 80])
def test_three_panels_share_the_axis_of_time(spectrogram: Spectrogram, tmp_path: Path, n_windows: int) -> None:
    duration_s = (n_windows - 1) * 0.5 + 1
    figure = plot_classification(waveform_of(duration_s), spectrogram, scores_of(n_windows, 8), n_labels=3)
    assert [axes.get_xlim() for axes in figure.axes] == [(0, duration_s)] * 3
    lower = figure.axes[2]
    assert len(lower.get_yticklabels()) == 3
    save_figure(figure, tmp_path / "picture.png")
    assert matplotlib.image.imread(tmp_path / "picture.png").shape[:2] == (
        round(figure.get_figheight() * 160),
        round(figure.get_figwidth() * 160),
    )


def test_the_best_labels_are_those_with_the_best_window(spectrogram: Spectrogram) -> None:
    scores = scores_of(4, 6)
    figure = plot_classification(waveform_of(2.5), spectrogram, scores, n_labels=2)
    best = np.argsort(-scores.values.max(axis=0))[:2]
    assert [text.get_text() for text in figure.axes[2].get_yticklabels()] == [f"名前 $ {i}" for i in best]
    shown = sorted(text.get_text() for text in figure.axes[2].texts)
    assert shown == sorted(f"{score:.2f}" for score in scores.values[:, best].flat)


def test_marks_of_frequency_stand_at_the_bands_that_peak_there() -> None:
    """Bands that peak at 0, 250, 500, ... Hz: the mark of 1000 Hz belongs to row 4."""
    spectrogram = Spectrogram(np.zeros((34, 10), np.float32), np.arange(-250.0, 8501, 250), duration_s=1.0)
    axes = plot_spectrogram(spectrogram).axes[0]
    marks = dict(zip([t.get_text() for t in axes.get_yticklabels()], axes.get_yticks(), strict=True))
    assert marks["1 000"] == pytest.approx(4)
    assert marks["8 000"] == pytest.approx(32)
    assert "31" not in marks


def test_an_hour_keeps_its_short_events(spectrogram: Spectrogram) -> None:
    log_mel = np.zeros((64, 100_000), dtype=np.float32)
    log_mel[10, 54_321] = 1
    figure = plot_spectrogram(Spectrogram(log_mel, spectrogram.band_edges_hz, duration_s=3600.0))
    (image,) = (child for child in figure.axes[0].get_children() if isinstance(child, AxesImage))
    drawn = image.get_array()
    assert drawn is not None
    assert drawn.shape[1] <= 2000
    assert drawn.max() == 1
    assert np.argmax(drawn[10]) / drawn.shape[1] == pytest.approx(0.54321, abs=1e-3)


def test_silence_and_an_empty_title_are_drawn(tmp_path: Path, spectrogram: Spectrogram) -> None:
    silent = Spectrogram(np.zeros((64, 3), np.float32), spectrogram.band_edges_hz, duration_s=0.1)
    save_figure(plot_spectrogram(silent), tmp_path / "silent.png")
    silence = Waveform(np.zeros(RATE, np.float32), RATE)
    save_figure(plot_classification(silence, silent, scores_of(1, 2)), tmp_path / "silence.png")
    assert {path.name for path in tmp_path.iterdir()} == {"silent.png", "silence.png"}


@pytest.mark.parametrize("n_examples", [1, 3, 9])
def test_a_sheet_has_a_place_for_each(spectrogram: Spectrogram, tmp_path: Path, n_examples: int) -> None:
    figure = plot_examples([(f"雨 $ {i}", spectrogram.log_mel) for i in range(n_examples)])
    assert sum(axes.get_visible() for axes in figure.axes) == n_examples
    save_figure(figure, tmp_path / "sheet.png")


def test_a_spectrogram_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match=r"\(mels, frames\).*\(4, 0\)"):
        Spectrogram(np.zeros((4, 0), np.float32), np.arange(6.0), duration_s=1.0)
    with pytest.raises(ValueError, match=r"'band_edges_hz'.*\(6,\).*\(4,\)"):
        Spectrogram(np.zeros((4, 2), np.float32), np.arange(4.0), duration_s=1.0)
