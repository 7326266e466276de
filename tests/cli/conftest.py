"""A small world for the command line: sounds, a model file, and one real, tiny training that all tests share."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from auscult.cli.app import run
from tests.tiny_models import SAMPLE_RATE, write_tiny_model

CLASSES = {"high": 1600, "low": 400}
N_CLIPS = 6


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code, and what it wrote to stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """Every line of stdout as JSON: a line that is not fails the test."""
        return [json.loads(line) for line in self.out.splitlines()]


Auscult = Callable[..., Done]


def tone(label: str, index: int, *, seconds: float = 0.3, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng((CLASSES[label], index, seed))
    time_s = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    frequency_hz = CLASSES[label] * generator.uniform(0.9, 1.1)
    return 0.3 * np.sin(2 * np.pi * frequency_hz * time_s) + generator.normal(0, 0.05, len(time_s))


def write_tones(folder: Path, *, clips: int = N_CLIPS, seed: int = 0) -> Path:
    """A folder per class."""
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for index in range(clips):
            soundfile.write(folder / label / f"{index}.wav", tone(label, index, seed=seed), SAMPLE_RATE)
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Decoded clips go to a folder of the tests' own; so do those of the processes that they start."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUSCULT_HOME", str(home))
        patch.setenv("COLUMNS", "80")
        yield home


@pytest.fixture
def auscult(capsys: pytest.CaptureFixture[str]) -> Auscult:
    """Run a command in this process."""

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        written = capsys.readouterr()
        return Done(code, written.out, written.err)

    return call


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the shared run was trained and tested on: `high/` and `low/`."""
    return write_tones(tmp_path_factory.mktemp("corpus") / "sounds")


@pytest.fixture(scope="session")
def new_sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same classes, heard by no model."""
    return write_tones(tmp_path_factory.mktemp("new") / "sounds", clips=3, seed=1)


@dataclass(frozen=True)
class TrainedRun:
    folder: Path
    done: Done


@pytest.fixture(scope="session")
def trained(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    folder = tmp_path_factory.mktemp("trained") / "run"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        options = ["--backbone", "scratch", "--size", "tiny", "--epochs", "1", "--json"]
        code = run(["train", str(sounds), "-o", str(folder), *options])
    return TrainedRun(folder, Done(code, out.getvalue(), err.getvalue()))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """One good sound of 0.3 s."""
    path = tmp_path / "good.wav"
    soundfile.write(path, tone("high", 0), SAMPLE_RATE)
    return path
