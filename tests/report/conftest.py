"""A browser, and a report with something in each of its sections."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soundfile

from auscult.metrics import Outcomes, confusion_matrix, evaluate_outcomes, per_class
from auscult.records import Prediction
from auscult.report import DataFacts, Mistake, ModelFacts, RunReport, Spectrogram

LABELS = ("dog bark", "日本語の雨", "<script>alert('label')</script>", '$\\frac{1}{2}$ & "quotes"')


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium through Playwright; tests that need it skip where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium or google-chrome on this machine")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def spectrogram() -> Spectrogram:
    log_mel = np.random.default_rng(0).normal(size=(64, 200)).astype(np.float32)
    return Spectrogram(log_mel, band_edges_hz=np.geomspace(50, 11_000, 66), duration_s=2.0)


@pytest.fixture(scope="session")
def run_report(spectrogram: Spectrogram) -> RunReport:
    outcomes = _outcomes()
    mistake = Mistake(
        source="a/<img src=x onerror=alert(1)>\udce9.wav",
        true=(LABELS[2],),
        predicted=(LABELS[1],),
        predictions=(Prediction(LABELS[1], 0.75), Prediction(LABELS[2], 0.125)),
        spectrogram=spectrogram,
        audio=_tone(),
        media_type="audio/wav",
    )
    return RunReport(
        title="Run of <b>today</b>",
        model=ModelFacts("m</dd>", "ab" * 32, 22_050, 5.0, 4, 1_834_221, 441_022),
        data=DataFacts({"training": 30, "test": 40}, 20, 5, "cd" * 32, "official folds", CLIPS_OF_CLASSES),
        metrics=evaluate_outcomes(outcomes, n_resamples=50),
        notes=("40 clips of 20 recordings.",),
        warnings=("One class has <2 recordings.",),
        curves=tuple({"epoch": i, "train_loss": 1 / (i + 1), "learning_rate": 0.001} for i in range(5)),
        confusion=confusion_matrix(outcomes),
        labels=LABELS,
        classes=tuple(per_class(outcomes)),
        mistakes=(mistake,),
        configuration="epochs: 5\nseed: <0>\n",
        command="auscult train sounds -o run",
    )


CLIPS_OF_CLASSES = {"training": (9, 8, 7, 6), "test": (10, 10, 10, 10)}


def _outcomes() -> Outcomes:
    generator = np.random.default_rng(3)
    targets = np.eye(4, dtype=np.float32)[np.arange(40) % 4]
    scores = (0.4 * targets + 0.6 * generator.random(targets.shape)).astype(np.float32)
    groups = np.array([f"recording {i // 2}" for i in range(40)])
    return Outcomes(LABELS, targets=targets, scores=scores, groups=groups, task="single_label")


def _tone() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, 0.1 * np.sin(np.arange(8000) / 5), 8000, format="WAV", subtype="PCM_16")
    return file.getvalue()
