"""Recordings of bursts, and a model that tells in which half of a window they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.decide import EventOptions
from tests.tiny_models import SAMPLE_RATE, write_tiny_model

OPTIONS = EventOptions(on=0.8)
Record = Callable[..., Path]


def burst(seed: int, seconds: float = 1.0) -> np.ndarray:
    """Noise that is loud for 50 ms here and there, so that events of both labels come and go."""
    generator = np.random.default_rng(seed)
    part = SAMPLE_RATE // 20
    loud = np.repeat(generator.choice([0.02, 1.0], int(seconds * 20)), part)
    return 0.3 * loud * generator.uniform(-1, 1, len(loud))


def write_recording(path: Path, *, seed: int = 0, seconds: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, burst(seed, seconds), SAMPLE_RATE)
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_model(tmp_path_factory.mktemp("model") / "model.onnx"))


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Twelve recordings in two folders, and one that is none."""
    folder = tmp_path / "sounds"
    for index in range(12):
        write_recording(folder / f"site-{index % 2}" / f"{index:02}.wav", seed=index)
    (folder / "site-0" / "bad.wav").write_text("Dear diary, today I heard an owl.\n" * 20)
    return folder


def written(folder: Path) -> dict[str, bytes]:
    """Every file that a run left for people, and its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("journal.sqlite")
    }
