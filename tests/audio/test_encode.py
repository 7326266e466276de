"""Sound as bytes of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.audio import NamedPath, decode, encode_wav, probe, source_name
from auscult.errors import InputError
from auscult.records import Sound


@pytest.mark.parametrize("n_channels", [1, 2, 5])
def test_a_wav_holds_every_bit(n_channels: int) -> None:
    samples = np.random.default_rng(n_channels).normal(0, 0.5, (n_channels, 1001)).astype(np.float32)
    wav = encode_wav(Sound(samples, 22050))
    assert (probe(wav).sample_rate, probe(wav).n_frames, probe(wav).subtype) == (22050, 1001, "FLOAT")
    assert decode(wav).samples.tobytes() == samples.tobytes()


def test_equal_sounds_give_equal_bytes() -> None:
    samples = np.linspace(-1, 1, 100, dtype=np.float32)[np.newaxis]
    assert encode_wav(Sound(samples, 8000)) == encode_wav(Sound(samples.copy(), 8000))


def test_a_named_path_is_opened_by_its_path_and_called_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "0a1b"
    path.write_bytes(encode_wav(Sound(np.zeros((1, 10), np.float32), 8000)))
    named = NamedPath(str(path), "birds@3: dog.wav")
    assert source_name(named) == "birds@3: dog.wav"
    assert probe(named).n_frames == 10
    with pytest.raises(InputError, match=r"birds@3: cat\.wav: there is no such file"):
        probe(NamedPath(str(path) + "x", "birds@3: cat.wav"))
