"""Levels against theory, and that blocks make no difference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.data.checks.levels import LevelMeter, Levels
from auscult.records import FloatArray

RATE = 8000


def levels(samples: FloatArray, *, borders: list[int] | None = None, rate: int = RATE) -> Levels:
    meter = LevelMeter(n_channels=len(samples), sample_rate=rate)
    for block in np.split(samples, sorted(borders or []), axis=1):
        meter.push(block)
    return meter.levels()


def sine(amplitude: float, seconds: float = 1.0) -> FloatArray:
    samples = amplitude * np.sin(2 * np.pi * 500 * (np.arange(round(seconds * RATE)) + 0.5) / RATE)
    return samples.astype(np.float32)[np.newaxis]


def test_a_sine_at_full_scale_has_a_level_of_minus_3_dbfs() -> None:
    found = levels(sine(0.999))
    assert found.rms_dbfs == pytest.approx(-3.01, abs=0.02)
    assert found.duration_s == 1.0
    assert found.clipped_share == 0
    assert found.silent_share == 0
    assert abs(found.dc_offset) < 1e-6


def test_half_the_amplitude_is_6_db_less() -> None:
    loud, quiet = levels(sine(0.8)), levels(sine(0.4))
    assert loud.peak_dbfs is not None
    assert quiet.peak_dbfs is not None
    assert loud.peak_dbfs - quiet.peak_dbfs == pytest.approx(6.02, abs=0.01)


def test_digital_silence_has_no_level() -> None:
    found = levels(np.zeros((2, 1000), np.float32))
    assert (found.peak_dbfs, found.rms_dbfs, found.silent_share) == (None, None, 1.0)
    assert found.to_dict()["peak_dbfs"] is None


def test_silence_is_counted_in_frames_of_20_ms() -> None:
    found = levels(np.concatenate([sine(0.5, 0.5), sine(1e-4, 1.5)], axis=1))
    assert found.silent_share == pytest.approx(0.75)


def test_a_last_short_frame_counts() -> None:
    assert levels(sine(1e-4, 0.021)).silent_share == 1.0


def test_the_third_sample_in_a_row_at_full_scale_is_clipped() -> None:
    samples = np.zeros((1, 100), np.float32)
    samples[0, 10:12] = 1.0
    assert levels(samples).clipped_share == 0
    samples[0, 50:55] = -1.0
    assert levels(samples).clipped_share == pytest.approx(3 / 100)


def test_a_clipped_sine_is_found() -> None:
    clipped = np.clip(sine(2.0), -1, 1)
    # Flat above half of the amplitude: 2/3 of the time, less two samples of each of 1000 tops.
    assert levels(clipped).clipped_share > 0.3


def test_dc_offset_is_that_of_the_worst_channel() -> None:
    samples = np.stack([sine(0.1)[0], sine(0.1)[0] - 0.05])
    assert levels(samples).dc_offset == pytest.approx(0.05, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.lists(st.integers(0, 1500), max_size=8), st.integers(0, 100))
def test_blocks_make_no_difference(n_channels: int, borders: list[int], seed: int) -> None:
    samples = np.random.default_rng(seed).normal(0, 0.5, (n_channels, 1500)).clip(-1, 1).astype(np.float32)
    samples[:, 700:900] = 0
    whole, parts = levels(samples), levels(samples, borders=borders)
    assert parts.clipped_share == whole.clipped_share
    assert parts.silent_share == whole.silent_share
    assert parts.rms_dbfs == pytest.approx(whole.rms_dbfs, abs=1e-9)
    assert parts.dc_offset == pytest.approx(whole.dc_offset, abs=1e-9)


def test_no_samples_have_no_levels() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        LevelMeter(n_channels=1, sample_rate=RATE).levels()
