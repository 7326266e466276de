"""Sounds made by the tests: sines, noise and silence, written in every format that is read."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """A format to write: libsndfile's format and subtype, or PyAV's container and codec."""

    format: str
    subtype: str
    sample_rate: int
    n_channels: int

    @property
    def name(self) -> str:
        return f"{self.format}-{self.subtype}-{self.sample_rate}-{self.n_channels}".lower()


_PLAIN = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"]
SNDFILE_CASES = [
    *(Case("WAV", subtype, 44100, 1) for subtype in _PLAIN),
    Case("WAV", "PCM_16", 8000, 2),
    Case("WAV", "PCM_16", 384000, 1),
    Case("WAV", "PCM_24", 48000, 8),
    Case("WAV", "GSM610", 8000, 1),
    Case("WAV", "G721_32", 8000, 1),
    Case("WAVEX", "PCM_24", 48000, 2),
    Case("RF64", "PCM_16", 22050, 2),
    Case("W64", "FLOAT", 96000, 1),
    Case("FLAC", "PCM_16", 44100, 2),
    Case("FLAC", "PCM_24", 16000, 1),
    Case("OGG", "VORBIS", 44100, 1),
    Case("OGG", "VORBIS", 22050, 2),
    Case("OGG", "OPUS", 48000, 2),
    Case("OGG", "OPUS", 16000, 1),
    Case("MP3", "MPEG_LAYER_III", 44100, 2),
    Case("MP3", "MPEG_LAYER_III", 22050, 1),
    Case("MP3", "MPEG_LAYER_III", 8000, 1),
    Case("AIFF", "PCM_16", 44100, 2),
    Case("CAF", "PCM_24", 48000, 1),
    Case("CAF", "ALAC_16", 44100, 2),
    Case("AU", "ULAW", 8000, 1),
]
PYAV_CASES = [
    Case("mp4", "aac", 44100, 2),
    Case("ipod", "aac", 48000, 1),
    Case("ipod", "alac", 44100, 1),
    Case("adts", "aac", 16000, 1),
    Case("webm", "libopus", 48000, 2),
    Case("matroska", "flac", 32000, 1),
]
LOSSLESS = {"PCM_16": 2**-15, "PCM_24": 2**-23, "PCM_32": 2**-23, "FLOAT": 0.0, "DOUBLE": 0.0, "ALAC_16": 2**-15}


def make_frames(n_frames: int, n_channels: int, sample_rate: int) -> Frames:
    """Rising sines in noise that comes and goes, and a silent stretch: hard for codecs, another in each channel."""
    rng = np.random.default_rng(7)
    time_s = np.arange(n_frames) / sample_rate
    columns = []
    for channel in range(n_channels):
        tone = 0.3 * np.sin(2 * np.pi * (200 * (channel + 1) + 60 * time_s) * time_s)
        noise = 0.1 * rng.standard_normal(n_frames) * (1 + np.sin(2 * np.pi * 0.7 * time_s))
        columns.append(tone + noise)
    frames = np.stack(columns, axis=1)
    frames[int(0.45 * n_frames) : int(0.55 * n_frames)] = 0
    return np.clip(frames * 0.7, -0.99, 0.99).astype(np.float32)


def write_sndfile(path: Path, frames: Frames, case: Case) -> None:
    with soundfile.SoundFile(path, "w", case.sample_rate, frames.shape[1], case.subtype, format=case.format) as file:
        # In blocks: libsndfile crashes the process on a minute of Vorbis in one call.
        for start in range(0, len(frames), 4096):
            file.write(frames[start : start + 4096])


def write_pyav(path: Path, frames: Frames, case: Case) -> None:
    import av

    layout = {1: "mono", 2: "stereo"}[frames.shape[1]]
    with av.open(path, "w", format=case.format) as container:
        stream: Any = container.add_stream(case.subtype, rate=case.sample_rate, layout=layout)
        resampler = av.AudioResampler(format=stream.codec_context.format.name, layout=layout, rate=case.sample_rate)
        for start in range(0, len(frames), 1024):
            block = np.ascontiguousarray(frames[start : start + 1024].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = case.sample_rate, start
            for converted in resampler.resample(frame):
                container.mux(stream.encode(converted))
        for converted in resampler.resample(None):
            container.mux(stream.encode(converted))
        container.mux(stream.encode(None))


@dataclass(frozen=True)
class Written:
    case: Case
    path: Path
    frames: Frames


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Written]:
    """A file of 3 s for a case, written once; its name ends in nothing, so that only its content tells what it is."""
    folder = tmp_path_factory.mktemp("sounds")
    written: dict[Case, Written] = {}

    def get(case: Case) -> Written:
        if case not in written:
            frames = make_frames(3 * case.sample_rate, case.n_channels, case.sample_rate)
            path = folder / case.name
            (write_pyav if case in PYAV_CASES else write_sndfile)(path, frames, case)
            written[case] = Written(case, path, frames)
        return written[case]

    return get


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """Half a second of 16-bit stereo at 16 kHz."""
    path = tmp_path / "sound.wav"
    write_sndfile(path, make_frames(8000, 2, 16000), Case("WAV", "PCM_16", 16000, 2))
    return path


def wav_header(*, data_bytes: int, n_channels: int = 1, sample_rate: int = 16000, tag: int = 1) -> bytes:
    """The 44 bytes before the samples of a 16-bit WAV."""
    width = 2 * n_channels
    format_chunk = struct.pack("<HHIIHH", tag, n_channels, sample_rate, sample_rate * width % 2**32, width % 2**16, 16)
    riff_bytes = (36 + data_bytes) % 2**32
    return (
        b"RIFF"
        + struct.pack("<I", riff_bytes)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + format_chunk
        + b"data"
        + struct.pack("<I", data_bytes)
    )
