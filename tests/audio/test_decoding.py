"""Sameness: blocks are the whole, exactly; a range is the same part of the whole within 1e-6."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.audio import decode, iter_blocks, load_waveform, probe, sound_from_array
from auscult.errors import InputError
from auscult.records import Sound, Waveform

from .conftest import LOSSLESS, PYAV_CASES, SNDFILE_CASES, Case, Written, make_frames, write_sndfile

CASES = [*SNDFILE_CASES, *PYAV_CASES]
Sounds = Callable[[Case], Written]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_probe_and_decode_agree_with_what_was_written(case: Case, sounds: Sounds) -> None:
    written = sounds(case)
    info, sound = probe(written.path), decode(written.path)
    assert (info.sample_rate, info.n_channels) == (case.sample_rate, case.n_channels)
    assert sound.sample_rate == case.sample_rate
    assert sound.samples.shape[0] == case.n_channels
    assert sound.samples.dtype == np.float32
    if info.n_frames is not None:
        assert sound.samples.shape[1] == info.n_frames
    if case.subtype in LOSSLESS:
        assert sound.samples.shape[1] == len(written.frames)
        np.testing.assert_allclose(sound.samples.T, written.frames, atol=LOSSLESS[case.subtype])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lossy_sound_is_where_it_was(case: Case, sounds: Sounds) -> None:
    written = sounds(case)
    if case.format == "adts":
        pytest.skip("bare AAC does not say how many samples the encoder put before the sound")
    decoded, expected = decode(written.path).samples[0], written.frames[:, 0]
    # Codecs with a fixed frame fill up the last one.
    assert 0 <= len(decoded) - len(expected) <= 4096
    middle = slice(case.sample_rate // 2, case.sample_rate)
    lags = range(-40, 41)
    shifted = [decoded[middle.start + lag : middle.stop + lag] for lag in lags]
    correlations = [float(np.dot(part, expected[middle])) for part in shifted]
    assert lags[int(np.argmax(correlations))] == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_blocks_and_ranges_are_the_whole(case: Case, sounds: Sounds) -> None:
    path = sounds(case).path
    whole = decode(path).samples

    @given(
        start=st.floats(0, 2.9),
        duration=st.floats(0.001, 3.5),
        block_frames=st.sampled_from([333, 1152, 4097, 65536, 1 << 20]),
    )
    @settings(deadline=None, max_examples=6, database=None)
    def check(start: float, duration: float, block_frames: int) -> None:
        end = start + duration
        expected = whole[:, round(start * case.sample_rate) : round(end * case.sample_rate)]
        part = decode(path, start_s=start, end_s=end).samples
        assert part.shape == expected.shape
        np.testing.assert_allclose(part, expected, atol=1e-6, rtol=0)
        blocks = list(iter_blocks(path, block_frames=block_frames))
        assert np.array_equal(np.concatenate(blocks, axis=1), whole)
        assert all(block.shape[1] == block_frames for block in blocks[:-1])
        blocks = list(iter_blocks(path, block_frames=block_frames, start_s=start, end_s=end))
        assert np.array_equal(np.concatenate(blocks, axis=1), part)

    check()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_resampled_ranges_are_the_whole(case: Case, sounds: Sounds) -> None:
    path = sounds(case).path
    wholes = {rate: load_waveform(path, sample_rate=rate).samples for rate in (16000, 22050, 32000)}

    @given(
        sample_rate=st.sampled_from(sorted(wholes)),
        start=st.floats(0, 2.9),
        duration=st.floats(0.001, 3.5),
    )
    @settings(deadline=None, max_examples=6, database=None)
    def check(sample_rate: int, start: float, duration: float) -> None:
        expected = wholes[sample_rate][round(start * sample_rate) : round((start + duration) * sample_rate)]
        part = load_waveform(path, sample_rate=sample_rate, start_s=start, end_s=start + duration).samples
        assert part.shape == expected.shape
        np.testing.assert_allclose(part, expected, atol=1e-6, rtol=0)

    check()


@pytest.mark.parametrize("n_frames", [132300, 132301, 40000, 3000, 342657])
def test_ranges_near_the_end_of_a_vorbis_file(n_frames: int, tmp_path: Any) -> None:
    # libsndfile's seeking arrives up to 200 samples too late in the last page.
    write_sndfile(tmp_path / "sound", make_frames(n_frames, 1, 44100), Case("OGG", "VORBIS", 44100, 1))
    whole = decode(tmp_path / "sound").samples
    for start in range(1, n_frames, n_frames // 37):
        part = decode(tmp_path / "sound", start_s=start / 44100, end_s=(start + 500) / 44100).samples
        np.testing.assert_allclose(part, whole[:, start : start + 500], atol=1e-6, rtol=0)


@pytest.mark.parametrize("subtype", ["MPEG_LAYER_III", "OPUS", "VORBIS"])
def test_ranges_after_silence_in_a_long_file(subtype: str, tmp_path: Any) -> None:
    # In silence MP3 frames are small, so that a frame behind it draws on many frames before; 1152 samples of
    # pre-roll were 0.2 off here.
    case = Case("MP3" if subtype.startswith("MPEG") else "OGG", subtype, 48000, 2)
    frames = make_frames(40 * 48000, 2, 48000)
    write_sndfile(tmp_path / "long", frames, case)
    whole = decode(tmp_path / "long").samples
    for start_s in (17.9, 18.0, 21.9, 21.99, 22.0, 22.01, 39.5):
        part = decode(tmp_path / "long", start_s=start_s, end_s=start_s + 0.25).samples
        start = round(start_s * 48000)
        np.testing.assert_allclose(part, whole[:, start : start + 12000], atol=1e-6, rtol=0)


def test_every_kind_of_source_gives_the_same(wav: Any) -> None:
    expected = decode(wav)
    sources: list[Any] = [str(wav), wav.read_bytes(), BytesIO(wav.read_bytes()), expected]
    sources.append(sound_from_array(expected.samples, 16000, channel_axis=0))
    for source in sources:
        assert np.array_equal(decode(source).samples, expected.samples)
    left = expected.samples[0]
    for mono in ({"sampling_rate": 16000, "raw": left}, {"sampling_rate": 16000, "array": left}, Waveform(left, 16000)):
        assert np.array_equal(decode(mono).samples, expected.samples[:1])
        assert np.array_equal(decode(mono, start_s=0.1).samples, expected.samples[:1, 1600:])


def test_long_sounds_grow_piece_by_piece_to_the_same(monkeypatch: pytest.MonkeyPatch, wav: Any) -> None:
    expected = decode(wav)
    for chunk in (1, 100, 7999 * 2, 8000 * 2, 8001 * 2):
        monkeypatch.setattr("auscult.audio.decoding.CHUNK_SAMPLES", chunk)
        assert np.array_equal(decode(wav).samples, expected.samples)


@pytest.mark.parametrize(
    ("start_s", "end_s", "match"),
    [
        (-0.1, None, "starts at 0 s or later"),
        (0.2, 0.2, "ends after that"),
        (0.2, 0.1, "ends after that"),
        (float("nan"), None, "starts at 0 s or later"),
        (0.0, float("nan"), "ends after that"),
        (0.5, None, "the sound ends after 0.5 s"),
        (9.0, 10.0, "the sound ends after 0.5 s"),
        (0.1, 0.10001, "at 16000 Hz it holds no sample"),
    ],
)
def test_ranges_that_are_none(wav: Any, start_s: float, end_s: float | None, match: str) -> None:
    for read in (decode, lambda *a, **k: load_waveform(*a, sample_rate=16000, **k)):
        with pytest.raises(InputError, match=match) as error:
            read(wav, start_s=start_s, end_s=end_s)
        assert error.value.kind == "invalid"


def test_an_end_beyond_the_end_is_the_end(wav: Any) -> None:
    assert decode(wav, end_s=99.0).samples.shape == (2, 8000)
    assert decode(wav, end_s=float("inf")).samples.shape == (2, 8000)
    assert load_waveform(wav, sample_rate=8000, end_s=99.0).samples.shape == (4000,)


def test_a_range_beyond_the_end_of_a_sound_of_unknown_length(sounds: Sounds) -> None:
    path = sounds(Case("webm", "libopus", 48000, 2)).path
    assert probe(path).n_frames is None
    for rate in (48000, 16000):
        with pytest.raises(InputError, match="ends before the range starts") as error:
            load_waveform(path, sample_rate=rate, start_s=100.0)
        assert error.value.kind == "invalid"


def test_block_frames_must_be_positive(wav: Any) -> None:
    with pytest.raises(ValueError, match="'block_frames' parameter must be at least 1"):
        iter_blocks(wav, block_frames=0)


def test_one_sample(tmp_path: Any) -> None:
    write_sndfile(tmp_path / "one.wav", np.full((1, 1), 0.5, np.float32), Case("WAV", "FLOAT", 16000, 1))
    assert decode(tmp_path / "one.wav").samples.tolist() == [[0.5]]
    assert load_waveform(tmp_path / "one.wav", sample_rate=16000).samples.tolist() == [0.5]
    assert len(load_waveform(tmp_path / "one.wav", sample_rate=48000).samples) == 3
    with pytest.raises(InputError, match="shorter than one sample at 1000 Hz") as error:
        load_waveform(tmp_path / "one.wav", sample_rate=1000)
    assert error.value.kind == "empty"


def test_silence_is_a_sound() -> None:
    silence = Sound(np.zeros((1, 100), np.float32), 8000)
    assert not decode(silence).samples.any()
