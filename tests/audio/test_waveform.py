from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.audio import decode, decoding_version, find_audio_files, iter_waveform, load_waveform, resample, to_mono
from auscult.errors import InputError
from auscult.records import Sound

from .conftest import PYAV_CASES, SNDFILE_CASES, Case, Written, wav_header

Sounds = Callable[[Case], Written]


@pytest.mark.parametrize("case", [*SNDFILE_CASES, *PYAV_CASES], ids=lambda case: case.name)
def test_blocks_are_the_whole_bit_for_bit(case: Case, sounds: Sounds, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sounds(case).path

    @given(
        sample_rate=st.sampled_from([8000, 16000, 22050, 44100, 16001]),
        mono=st.sampled_from(["mean", 0, case.n_channels - 1]),
        block=st.sampled_from([1 << 12, 9999, 1 << 18]),
        start=st.sampled_from([0.0, 0.7]),
        end=st.sampled_from([None, 2.3]),
    )
    @settings(deadline=None, max_examples=5, database=None)
    def check(sample_rate: int, mono: Any, block: int, start: float, end: float | None) -> None:
        options: dict[str, Any] = {"sample_rate": sample_rate, "mono": mono, "start_s": start, "end_s": end}
        whole = load_waveform(path, **options)
        with monkeypatch.context() as patch:
            patch.setattr("auscult.audio.waveform._BLOCK_SAMPLES", block)
            assert np.array_equal(np.concatenate(list(iter_waveform(path, **options))), whole.samples)
            patch.setattr("auscult.audio.waveform.CHUNK_SAMPLES", 1)
            assert np.array_equal(load_waveform(path, **options).samples, whole.samples)
        assert whole.sample_rate == sample_rate
        assert whole.samples.flags.c_contiguous

    check()


def test_it_is_decode_then_mono_then_resample(wav: Path) -> None:
    sound = decode(wav)
    for mono in ("mean", 0, 1):
        expected = resample(to_mono(sound.samples, mono), 16000, 11025)  # type: ignore[arg-type]
        assert np.array_equal(load_waveform(wav, sample_rate=11025, mono=mono).samples, expected)  # type: ignore[arg-type]


def test_real_clips_are_what_soundfile_and_soxr_give(shared_data: Path) -> None:
    for path in find_audio_files(shared_data / "esc10" / "audio")[:10]:
        samples, rate = soundfile.read(path, dtype="float32")
        expected = soxr.resample(samples, rate, 16000, quality="HQ")
        assert np.array_equal(load_waveform(path, sample_rate=16000).samples, expected)


MEASURE = """
import resource, sys
from auscult.audio import iter_waveform
n = sum(len(block) for block in iter_waveform(sys.argv[1], sample_rate=16000))
print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_long_sound_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    def measure(seconds: int) -> tuple[int, int]:
        path = tmp_path / f"{seconds}.wav"
        n_bytes = seconds * 44100 * 4
        path.write_bytes(wav_header(data_bytes=n_bytes, n_channels=2, sample_rate=44100))
        with open(path, "r+b") as file:
            file.truncate(44 + n_bytes)  # silence that takes no room on the disk
        run = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True, timeout=120
        )
        n_samples, kilobytes = map(int, run.stdout.split())
        assert n_samples == seconds * 16000
        return n_samples, kilobytes

    # Half an hour is 318 MB in the file and 635 MB in float32.
    assert measure(1800)[1] - measure(30)[1] < 8 * 1024


@pytest.mark.parametrize("channels", [1, 3])
def test_blocks_are_short_before_and_after_resampling(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auscult.audio.waveform._BLOCK_SAMPLES", 3000)
    monkeypatch.setattr("auscult.audio.waveform.CHUNK_SAMPLES", 50_000)
    samples = np.random.default_rng(3).uniform(-0.5, 0.5, (channels, 5000)).astype(np.float32)
    sound = Sound(samples, 200)
    blocks = list(iter_waveform(sound, sample_rate=16000))
    assert sum(map(len, blocks)) == 5000 * 80
    # soxr holds back some 700 samples of the input, and gives what comes of them at once.
    assert max(map(len, blocks)) <= 3000 + 700 * 80
    assert np.array_equal(np.concatenate(blocks), load_waveform(sound, sample_rate=16000).samples)


def test_importing_brings_in_nothing_heavy() -> None:
    heavy = ("av", "ssl", "urllib.request", "importlib.metadata", "torch")
    code = f"import sys, auscult.audio; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


def test_options_are_checked_at_the_call(wav: Path) -> None:
    with pytest.raises(ValueError, match=r"'sample_rate' parameter must be a positive whole number of Hz\. Got 0"):
        iter_waveform(wav, sample_rate=0)
    with pytest.raises(ValueError, match=r"must be a positive whole number of Hz\. Got '8000'"):
        load_waveform(wav, sample_rate="8000")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'mono' parameter"):
        load_waveform(wav, sample_rate=16000, mono="left")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="channel 2 was asked for"):
        load_waveform(wav, sample_rate=16000, mono=2)


def test_version_names_what_samples_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    version = decoding_version(16000)
    assert f"libsndfile-{soundfile.__libsndfile_version__}" in version
    assert f"soxr-{soxr.__version__}" in version
    assert version != decoding_version(22050)
