"""Tiny sounds for the tests of this room."""

from __future__ import annotations

import itertools
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

WriteSound = Callable[..., Path]


@pytest.fixture
def write_sound() -> WriteSound:
    """Write a WAV of 80 samples; another `content` each time unless one is given."""
    counter = itertools.count(1)

    def write(path: Path, content: int | None = None, *, samples: int = 80) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        value = next(counter) if content is None else 10_000 + content
        # The standard library's writer: libsndfile takes milliseconds a file, and some tests write thousands.
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, samples, "NONE", ""))
            file.writeframes(np.full(samples, value, "<i2").tobytes())
        return path

    return write


@pytest.fixture
def sounds(tmp_path: Path, write_sound: WriteSound) -> Path:
    """A folder per class: two cats, three dogs."""
    root = tmp_path / "sounds"
    for name in ("cat/1.wav", "cat/2.wav", "dog/1.wav", "dog/2.wav", "dog/3.wav"):
        write_sound(root / name)
    return root
