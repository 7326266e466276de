from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.audio import StreamResampler, resample
from auscult.audio.resampling import source_span

RATES = [(44100, 16000), (22050, 16000), (48000, 16000), (8000, 16000), (16000, 44100), (96000, 8000), (44100, 16001)]


@pytest.mark.parametrize(("from_rate", "to_rate"), RATES)
def test_a_sine_stays_the_same_sine(from_rate: int, to_rate: int) -> None:
    hz = 0.3 * min(from_rate, to_rate) / 2
    resampled = resample(_sine(hz, from_rate), from_rate, to_rate)
    expected = _sine(hz, to_rate)
    assert len(resampled) == len(expected)
    middle = slice(to_rate // 10, -to_rate // 10)
    np.testing.assert_allclose(resampled[middle], expected[middle], atol=2e-5)


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    resampled = resample(_sine(12000, 44100), 44100, 16000)
    assert np.abs(resampled[1600:-1600]).max() < 1e-5


@given(
    rates=st.sampled_from(RATES),
    n_samples=st.integers(1, 30000),
    sizes=st.lists(st.integers(0, 5000), max_size=30),
)
@settings(deadline=None, max_examples=150)
def test_blocks_give_the_bits_of_the_whole(rates: tuple[int, int], n_samples: int, sizes: list[int]) -> None:
    samples = np.random.default_rng(n_samples).uniform(-1, 1, n_samples).astype(np.float32)
    stream = StreamResampler(*rates)
    parts, position = [], 0
    for size in [*sizes, n_samples]:
        parts.append(stream.push(samples[position : position + size]))
        position += size
    parts.append(stream.finish())
    assert np.array_equal(np.concatenate(parts), resample(samples, *rates))


@given(rates=st.sampled_from(RATES), start=st.integers(0, 100_000), length=st.integers(1, 4000))
@settings(deadline=None, max_examples=100)
def test_a_span_holds_what_the_whole_holds_there(rates: tuple[int, int], start: int, length: int) -> None:
    from_rate, to_rate = rates
    samples = _noise(from_rate * 3)
    whole = resample(samples, from_rate, to_rate)
    start = start % len(whole)
    stop = min(len(whole), start + length)
    first, last, skip = source_span(from_rate, to_rate, start, stop)
    part = resample(samples[first:last], from_rate, to_rate)[skip : skip + stop - start]
    np.testing.assert_allclose(part, whole[start:stop], atol=1e-6)


def test_far_into_a_sound_an_odd_ratio_does_not_drift_from_the_whole() -> None:
    samples = _noise(44100 * 30)
    whole = resample(samples, 44100, 16001)
    first, last, skip = source_span(44100, 16001, 16001 * 29, 16001 * 29 + 100)
    part = resample(samples[first:last], 44100, 16001)[skip : skip + 100]
    np.testing.assert_allclose(part, whole[16001 * 29 : 16001 * 29 + 100], atol=1e-6)


def test_equal_rates_change_nothing() -> None:
    samples = _noise(1000)
    assert resample(samples, 16000, 16000) is samples
    stream = StreamResampler(16000, 16000)
    assert stream.push(samples) is samples
    assert len(stream.finish()) == 0


def test_no_samples() -> None:
    assert len(resample(np.empty(0, np.float32), 44100, 16000)) == 0


def test_rates_must_be_positive() -> None:
    with pytest.raises(ValueError, match="'to_rate' parameter must be a positive number of Hz"):
        resample(_noise(10), 44100, 0)
    with pytest.raises(ValueError, match="'from_rate' parameter must be a positive number of Hz"):
        StreamResampler(-1, 16000)


def _sine(hz: float, sample_rate: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(sample_rate) / sample_rate)).astype(np.float32)


def _noise(n_samples: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.7, 0.7, n_samples).astype(np.float32)
