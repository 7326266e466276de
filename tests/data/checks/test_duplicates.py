"""Near duplicates: changed copies are found, other sounds are not, and it depends on the sounds alone."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.audio import load_waveform, resample
from auscult.data.checks import duplicates
from auscult.data.checks.duplicates import find_duplicates
from auscult.data.checks.fingerprint import FINGERPRINT_RATE as RATE
from auscult.data.checks.fingerprint import Fingerprint, fingerprint
from auscult.records import FloatArray


def noise(seconds: float, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def bursts(seed: int) -> FloatArray:
    """Four seconds of short sounds with silence between, some of them alike."""
    generator = np.random.default_rng(seed)
    sound = generator.normal(0, 1e-4, 4 * RATE)
    for start_s in np.sort(generator.uniform(0, 3.5, 5)):
        n, start = round(0.3 * RATE), round(start_s * RATE)
        tone = np.sin(2 * np.pi * generator.uniform(300, 2000) * np.arange(n) / RATE)
        sound[start : start + n] += (0.3 * tone + generator.normal(0, 0.05, n)) * np.exp(-np.arange(n) / (0.1 * RATE))
    return sound.astype(np.float32)


def pairs(*sounds: FloatArray) -> list[tuple[int, int]]:
    return [(pair.first, pair.second) for pair in find_duplicates([fingerprint(sound) for sound in sounds])]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    shift=st.integers(0, RATE),
    gain_db=st.floats(-30, 12),
    kept=st.floats(0.4, 1.0),
    steady=st.booleans(),
)
def test_a_shifted_cut_and_quieter_copy_is_found(
    seed: int, shift: int, gain_db: float, kept: float, steady: bool
) -> None:
    sound = noise(4.0, seed) if steady else np.concatenate([bursts(seed), bursts(seed + 1)])
    copy = sound[shift : shift + round(kept * (len(sound) - shift))] * np.float32(10 ** (gain_db / 20))
    (found,) = find_duplicates([fingerprint(sound), fingerprint(noise(4.0, seed + 5000)), fingerprint(copy)])
    assert (found.first, found.second) == (0, 2)
    assert abs(found.offset_s - shift / RATE) <= 0.016
    assert found.similarity > 0.8


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_other_noise_is_not_found(seed: int) -> None:
    steady = [noise(4.0, 10 * seed + i) for i in range(5)]
    coloured = [np.convolve(noise(4.0, 7000 + 10 * seed + i), np.ones(8) / 8, "same") for i in range(5)]
    assert pairs(*steady, *[sound.astype(np.float32) for sound in coloured]) == []


def test_padding_on_both_sides_is_found() -> None:
    sound = noise(1.5)
    padded = np.concatenate([np.zeros(RATE, np.float32), sound, np.zeros(2 * RATE, np.float32)])
    (found,) = find_duplicates([fingerprint(sound), fingerprint(padded)])
    assert found.offset_s == pytest.approx(-1.0, abs=0.016)
    assert found.share > 0.8


def test_a_repeated_sound_is_found() -> None:
    assert pairs(noise(1.0), np.tile(noise(1.0), 4)) == [(0, 1)]


@pytest.mark.parametrize(
    "how",
    [
        {"format": "MP3", "subtype": "MPEG_LAYER_III", "compression_level": 0.9},
        {"format": "OGG", "subtype": "VORBIS", "compression_level": 1.0},
    ],
    ids=["mp3", "vorbis"],
)
def test_a_copy_with_a_low_bit_rate_is_found(how: dict[str, object]) -> None:
    sound = bursts(1)
    buffer = io.BytesIO()
    soundfile.write(buffer, resample(sound, RATE, 32000), 32000, **how)
    buffer.seek(0)
    coded, rate = soundfile.read(buffer, dtype="float32")
    assert pairs(sound, resample(coded, rate, RATE), bursts(2)) == [(0, 1)]


def test_steady_tones_and_silence_are_not_found() -> None:
    time_s = np.arange(4 * RATE) / RATE
    tones = [(0.3 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32) for hz in (440, 440, 600)]
    assert pairs(*tones, np.zeros(4 * RATE, np.float32), np.zeros(4 * RATE, np.float32)) == []


def test_clicks_of_two_clocks_are_not_found() -> None:
    """Regular events of the same shape in other noise: what repeats is short, and the noise between is another."""
    clocks = []
    for seed in range(2):
        sound = noise(4.0, seed) * np.float32(0.1)
        sound[:: RATE // 2] += 0.8
        clocks.append(sound)
    assert pairs(*clocks) == []


def test_half_a_second_in_common_is_too_little() -> None:
    shared = noise(0.4, 99)
    one, other = noise(4.0, 1), noise(4.0, 2)
    one[8000 : 8000 + len(shared)] = shared
    other[16000 : 16000 + len(shared)] = shared
    assert pairs(one, other) == []


def test_a_second_in_common_is_enough() -> None:
    shared = noise(1.2, 99)
    one, other = noise(4.0, 1), noise(4.0, 2)
    one[8000 : 8000 + len(shared)] = shared
    other[16000 : 16000 + len(shared)] = shared
    (found,) = find_duplicates([fingerprint(one), fingerprint(other)])
    assert found.offset_s == pytest.approx(-1.0, abs=0.016)
    assert found.common_s == pytest.approx(1.2, abs=0.3)


def test_sounds_that_are_left_out_keep_their_numbers() -> None:
    prints: list[Fingerprint | None] = [None, fingerprint(noise(2.0)), None, fingerprint(noise(2.0))]
    assert [(pair.first, pair.second) for pair in find_duplicates(prints)] == [(1, 3)]
    assert find_duplicates([None, fingerprint(noise(2.0))]) == []
    assert find_duplicates([]) == []


def test_the_size_of_the_chunks_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    prints = [fingerprint(sound) for i in range(4) for sound in (noise(2.0, i), noise(2.0, i)[4000:])]
    whole = find_duplicates(prints)
    monkeypatch.setattr(duplicates, "QUERIES_AT_A_TIME", 1)
    assert find_duplicates(prints) == whole
    assert len(whole) == 4


def test_a_code_that_very_many_patches_share_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a limit, a thousand copies would need the work of a million pairs for each of their codes."""
    prints = [fingerprint(noise(1.0)) for _ in range(4)]
    monkeypatch.setattr(duplicates, "MOST_ALIKE", 3)
    assert find_duplicates(prints) == []


def test_planted_copies_of_real_clips_are_found(shared_data: Path) -> None:
    files = sorted((shared_data / "esc10" / "audio").glob("1-*.ogg"))[:30]
    sounds = [load_waveform(file, sample_rate=RATE).samples for file in files]
    plants = [0.7 * sound[2400:] for sound in sounds]
    found = find_duplicates([fingerprint(sound) for sound in [*sounds, *plants]])
    recordings = [file.name.split("-")[1] for file in files]
    hit = {pair.first for pair in found if pair.second == pair.first + len(sounds)}
    assert len(hit) >= 28
    assert all(recordings[pair.first % 30] == recordings[pair.second % 30] for pair in found)


def test_the_copies_that_esc_10_holds_are_found(shared_data: Path) -> None:
    """Two recordings by name in folds 3 and 5, and one fire under two names; their waveforms agree too."""
    names = ("3-151080-A-20", "5-151085-A-20", "2-28314-A-12", "2-30322-A-12", "1-17150-A-12", "1-187207-A-20")
    folder = shared_data / "esc10" / "audio"
    sounds = [load_waveform(folder / f"{name}.ogg", sample_rate=RATE).samples for name in names]
    assert pairs(*sounds) == [(0, 1), (2, 3)]
