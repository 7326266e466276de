"""The building blocks against textbook results: Fourier pairs, decay by definition, Doppler's formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.demo.physics import (
    SPEED_OF_SOUND_M_S,
    Array,
    add_at,
    contact_force,
    convolve,
    filtered,
    harmonic_tone,
    hump,
    impulses,
    modal_response,
    pass_by,
    power_law,
    resonance,
    shaped_noise,
    slow_drift,
    time_axis,
)

RATE = 16_000


def spectrum(sound: Array) -> Array:
    return np.abs(np.fft.rfft(sound * np.hanning(len(sound))))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_convolution_is_the_direct_sum(n_signal: int, n_kernel: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    signal, kernel = generator.standard_normal(n_signal), generator.standard_normal(n_kernel)
    np.testing.assert_allclose(convolve(signal, kernel), np.convolve(signal, kernel)[:n_signal], atol=1e-9)


def test_a_delay_as_a_filter_moves_the_signal_and_does_not_wrap() -> None:
    signal = np.random.default_rng(0).standard_normal(1000)
    moved = filtered(signal, lambda hz: np.exp(-2j * np.pi * hz * 30 / RATE), sample_rate=RATE)
    np.testing.assert_allclose(moved[30:], signal[:-30], atol=1e-9)
    np.testing.assert_allclose(moved[:30], 0, atol=1e-9)


def test_a_resonance_is_one_at_rest_and_its_quality_at_the_centre() -> None:
    response = np.abs(resonance(np.array([0.0, 500.0, 50_000.0]), 500.0, 50.0))
    np.testing.assert_allclose(response, [1.0, 10.0, 1e-4], rtol=1e-3)


def test_a_mode_falls_by_60_db_in_its_t60() -> None:
    ring = modal_response(1000.0, 0.5, 1.0, sample_rate=RATE, n_samples=RATE)
    period = RATE // 1000
    first, later = np.max(np.abs(ring[:period])), np.max(np.abs(ring[RATE // 2 : RATE // 2 + period]))
    assert 20 * np.log10(later / first) == pytest.approx(-60, abs=0.2)


def test_modes_sound_at_their_frequencies_and_not_beyond_half_the_rate() -> None:
    ring = modal_response([440.0, 8100.0], 2.0, [1.0, 1.0], sample_rate=RATE, n_samples=RATE)
    alone = modal_response(440.0, 2.0, 1.0, sample_rate=RATE, n_samples=RATE)
    assert int(np.argmax(spectrum(ring))) == 440
    np.testing.assert_array_equal(ring, alone)


def test_a_blow_has_its_strength_and_the_first_zero_of_a_half_sine() -> None:
    contact_s = 0.004
    force = contact_force([0.1], [3.0], contact_s, sample_rate=RATE, n_samples=RATE)
    assert force.sum() == pytest.approx(3.0)
    # The Fourier transform of half a sine of length T is zero first at 1.5 / T.
    gain = np.abs(np.fft.rfft(force))
    assert gain[round(1.5 / contact_s)] < 0.003 * gain[0]
    assert gain[round(0.7 / contact_s)] > 0.3 * gain[0]


@given(st.floats(0.0, 0.9), st.floats(0.1, 10.0))
def test_an_impulse_keeps_its_strength_and_its_moment(time_s: float, strength: float) -> None:
    train = impulses([time_s], [strength], sample_rate=1000, n_samples=1000)
    assert train.sum() == pytest.approx(strength)
    assert np.sum(train * time_axis(1000, 1000)) / strength == pytest.approx(time_s, abs=1e-9)


def test_impulses_outside_the_clip_are_left_out() -> None:
    train = impulses([-0.1, 0.5, 2.0], [1.0, 2.0, 4.0], sample_rate=1000, n_samples=1000)
    assert train.sum() == pytest.approx(2.0)


@pytest.mark.parametrize(("exponent", "db_per_octave"), [(0.0, 0.0), (-0.5, -3.01), (-1.0, -6.02)])
def test_noise_has_the_slope_of_its_power_law(exponent: float, db_per_octave: float) -> None:
    noise = shaped_noise(np.random.default_rng(1), power_law(exponent), sample_rate=RATE, n_samples=20 * RATE)
    power = np.abs(np.fft.rfft(noise)) ** 2
    hz = np.fft.rfftfreq(len(noise), 1 / RATE)
    bands = [power[(hz >= low) & (hz < 1.1 * low)].mean() for low in (250.0, 500.0, 1000.0, 2000.0)]
    assert np.mean(noise**2) == pytest.approx(1.0)
    np.testing.assert_allclose(np.diff(10 * np.log10(bands)), db_per_octave, atol=0.5)


def test_drift_has_unit_spread_and_moves_as_slowly_as_its_band() -> None:
    generator = np.random.default_rng(2)
    walks = np.array([slow_drift(generator, 5.0, sample_rate=1000, n_samples=2000) for _ in range(300)])
    assert abs(walks.mean()) < 0.1
    assert walks.std() == pytest.approx(1.0, abs=0.08)
    # For a flat band up to f the slope's root mean square is 2 pi f / sqrt(3) (Rice).
    slope_per_s = np.diff(walks, axis=1).std() * 1000
    assert slope_per_s == pytest.approx(2 * np.pi * 5.0 / np.sqrt(3), rel=0.12)


def test_a_harmonic_tone_is_the_sum_of_its_sines() -> None:
    cycles = 100.0 * time_axis(RATE, RATE)
    expected = sum(a * np.sin(2 * np.pi * k * cycles) for k, a in ((1, 1.0), (2, 0.5), (3, 0.25)))
    np.testing.assert_allclose(harmonic_tone(cycles, [1.0, 0.5, 0.25], sample_rate=RATE), expected, atol=1e-9)


def test_a_harmonic_beyond_half_the_rate_does_not_fold_back() -> None:
    cycles = 5000.0 * time_axis(RATE, RATE)
    power = spectrum(harmonic_tone(cycles, [1.0, 1.0, 1.0], sample_rate=RATE)) ** 2
    assert power[4990:5011].sum() > 0.999999 * power.sum()


@pytest.mark.parametrize(("passing_s", "sign"), [(60.0, -1), (-58.0, +1)])
def test_far_from_the_passing_the_pitch_is_shifted_by_dopplers_formula(passing_s: float, sign: int) -> None:
    speed_m_s = 20.0
    emission_s, _ = pass_by(speed_m_s, 5.0, passing_s, sample_rate=RATE, n_samples=2 * RATE)
    shift = (emission_s[-1] - emission_s[0]) / (len(emission_s) - 1) * RATE
    assert shift == pytest.approx(1 / (1 + sign * speed_m_s / SPEED_OF_SOUND_M_S), rel=2e-3)


def test_what_stands_still_is_not_shifted_and_what_passes_is_loudest_then() -> None:
    emission_s, gain = pass_by(0.0, 10.0, 1.0, sample_rate=RATE, n_samples=RATE)
    np.testing.assert_allclose(emission_s, time_axis(RATE, RATE), atol=1e-9)
    np.testing.assert_array_equal(gain, 1.0)
    _, gain = pass_by(10.0, 5.0, 0.5, sample_rate=RATE, n_samples=RATE)
    assert np.argmax(gain) == pytest.approx(RATE / 2, abs=RATE / 100)
    assert gain[-1] == pytest.approx(5.0 / np.hypot(5.0, 5.0), rel=0.02)


@given(st.integers(1, 500), st.floats(0.1, 0.9))
def test_a_hump_stays_between_nothing_and_all(n_samples: int, attack: float) -> None:
    envelope = hump(n_samples, attack=attack)
    assert len(envelope) == n_samples
    assert envelope.min() >= 0
    assert envelope.max() <= 1


def test_a_hump_has_its_top_where_the_attack_ends() -> None:
    assert np.argmax(hump(1000, attack=0.2)) == pytest.approx(200, abs=1)


def test_an_event_is_cut_at_the_end_and_one_beyond_it_is_left_out() -> None:
    target = np.zeros(10)
    add_at(target, np.ones(6), 0.7, sample_rate=10)
    add_at(target, np.ones(6), 1.5, sample_rate=10)
    assert target.tolist() == [0.0] * 7 + [1.0] * 3
