"""A room's reverberation time, noise and level are the ones it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.demo.room import Room

RATE = 16_000
QUIET = Room(
    t60_s=0.4,
    reverberation_db=-6.0,
    absorption=0.0,
    noise_slope=0.0,
    hum_hz=50.0,
    hum_share=0.0,
    snr_db=90.0,
    peak_dbfs=-6.0,
)


def click(position: int = 800) -> NDArray[np.float32]:
    dry = np.zeros(2 * RATE, dtype=np.float32)
    dry[position] = 1.0
    return dry


def test_reverberation_decays_by_60_db_in_its_time() -> None:
    # M. R. Schroeder's backward integration, 1965, read off between -5 and -35 dB.
    tail = QUIET.record(np.random.default_rng(0), click(), RATE)[801 : 801 + 6400].astype(np.float64)
    decay_db = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2))
    start, stop = np.argmax(decay_db < -5), np.argmax(decay_db < -35)
    assert 2 * (stop - start) / RATE == pytest.approx(QUIET.t60_s, rel=0.1)


def test_the_tail_holds_its_share_of_the_energy() -> None:
    recorded = QUIET.record(np.random.default_rng(1), click(), RATE).astype(np.float64)
    share_db = 10 * np.log10(np.sum(recorded[801:] ** 2) / recorded[800] ** 2)
    assert share_db == pytest.approx(QUIET.reverberation_db, abs=0.7)


@pytest.mark.parametrize("snr_db", [5.0, 20.0, 40.0])
def test_the_noise_lies_under_the_loudest_part_by_the_ratio(snr_db: float) -> None:
    dry = np.zeros(2 * RATE, dtype=np.float32)
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE // 2) / RATE)
    dry[RATE : RATE + len(tone)] = tone
    noisy = replace(QUIET, snr_db=snr_db, reverberation_db=-90.0)
    recorded = noisy.record(np.random.default_rng(2), dry, RATE).astype(np.float64)
    noise_power = np.mean(recorded[: RATE - 100] ** 2)
    tone_power = np.mean(recorded[RATE : RATE + len(tone)] ** 2) - noise_power
    # Within the 2 dB by which takes differ.
    assert 10 * np.log10(tone_power / noise_power) == pytest.approx(snr_db, abs=2.5)


def test_a_hum_is_a_line_at_the_mains_frequency() -> None:
    humming = replace(QUIET, snr_db=0.0, hum_share=3.0, hum_hz=60.0)
    power = np.abs(np.fft.rfft(humming.record(np.random.default_rng(3), click(), RATE))) ** 2
    assert np.argmax(power) == 2 * 60


@pytest.mark.parametrize("seed", range(20))
def test_no_room_clips_and_every_level_is_near_its_own(seed: int) -> None:
    generator = np.random.default_rng(seed)
    room = Room.draw(generator)
    recorded = room.record(generator, click(), RATE)
    peak_dbfs = 20 * np.log10(np.max(np.abs(recorded)))
    assert recorded.dtype == np.float32
    assert recorded.shape == (2 * RATE,)
    assert peak_dbfs == pytest.approx(room.peak_dbfs, abs=3.01)
    assert peak_dbfs <= -0.49
