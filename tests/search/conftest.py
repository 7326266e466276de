"""A model whose embedding is known by heart, and sounds to index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import auscult
from auscult.classifier import Classifier
from tests.tiny_models import SAMPLE_RATE, tiny_spec, write_tiny_model

CLASSES = ("a", "b", "c", "d", "e", "f")
PART = 100
WINDOW = PART * len(CLASSES)
HOP = WINDOW // 2


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedding is the mean power of each of six parts of a window of 600 samples; a window every 300."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "model.onnx", tiny_spec(CLASSES, part_samples=PART))


@pytest.fixture(scope="session")
def model(model_file: Path) -> Classifier:
    return auscult.load(model_file)


Writer = Callable[..., Path]


def sound(seed: int, n_samples: int = 3000) -> np.ndarray:
    """Noise whose level changes every part, so that each window is unlike the others."""
    generator = np.random.default_rng(seed)
    levels = np.repeat(generator.uniform(0.01, 0.9, -(-n_samples // PART)), PART)[:n_samples]
    return levels * generator.uniform(-1, 1, n_samples)


def write_sound(path: Path, seed: int, n_samples: int = 3000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound(seed, n_samples), SAMPLE_RATE, subtype="FLOAT")
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Eight recordings of 1 to 15 windows in two folders."""
    for seed in range(8):
        write_sound(tmp_path / "archive" / ("one" if seed < 4 else "two") / f"{seed}.wav", seed, 450 + 600 * seed)
    return tmp_path / "archive"
