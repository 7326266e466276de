"""Every sound obeys the same rules, and each has the physics that its docstring names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.demo.sounds import SOUNDS
from auscult.demo.sounds.animals import Bird, Cricket, Dog, Syllable
from auscult.demo.sounds.machines import Engine, Siren
from auscult.demo.sounds.struck import BELL_RATIOS, Bell, Clock, Knock
from auscult.demo.sounds.weather import Rain, Wind

RATE = 16_000
Floats = NDArray[np.floating]


def power(sound: Floats) -> tuple[Floats, Floats]:
    """Frequencies in Hz and power of a whole sound."""
    windowed = sound.astype(np.float64) * np.hanning(len(sound))
    return np.fft.rfftfreq(len(sound), 1 / RATE), np.abs(np.fft.rfft(windowed)) ** 2


def strongest_hz(sound: Floats, low_hz: float, high_hz: float) -> float:
    hz, strength = power(sound)
    return float(hz[np.argmax(np.where((hz >= low_hz) & (hz <= high_hz), strength, 0))])


def levels(sound: Floats, frame_s: float) -> Floats:
    """Root mean square of each frame."""
    length = round(frame_s * RATE)
    frames = sound[: len(sound) // length * length].astype(np.float64).reshape(-1, length)
    return np.sqrt(np.mean(frames**2, axis=1))


def onsets(sound: Floats, frame_s: float = 0.01, faintest: float = 0.1) -> Floats:
    """Frames where the level jumps to four times the lowest of the last five; from `faintest` of the top."""
    level = np.concatenate([np.zeros(5), levels(sound, frame_s)])
    before = np.min(np.lib.stride_tricks.sliding_window_view(level, 5)[:-1], axis=1)
    jump = (level[5:] > faintest * level.max()) & (level[5:] > 4 * before)
    return np.flatnonzero(jump & ~np.concatenate([[False], jump[:-1]]))


def flatness(sound: Floats) -> float:
    """Spectral flatness over bands of 100 Hz: 1 for white noise, near 0 for a tone."""
    _, strength = power(sound)
    bands = strength[1 : len(strength) // 80 * 80 + 1].reshape(80, -1).mean(axis=1)
    return float(np.exp(np.mean(np.log(bands))) / np.mean(bands))


@pytest.mark.parametrize("label", SOUNDS)
class TestEverySound:
    @pytest.mark.parametrize("seed", range(6))
    def test_is_whole_and_finite_with_a_peak_of_one(self, label: str, seed: int) -> None:
        generator = np.random.default_rng(seed)
        sound = SOUNDS[label](generator).play(generator, RATE, 2.0)
        assert sound.dtype == np.float32
        assert sound.shape == (2 * RATE,)
        assert np.all(np.isfinite(sound))
        assert np.max(np.abs(sound)) == 1.0
        assert np.max(levels(sound, 0.05)) > 0.01

    @pytest.mark.parametrize("sample_rate", [22_050, 44_100])
    def test_has_the_length_asked_for_at_other_rates(self, label: str, sample_rate: int) -> None:
        generator = np.random.default_rng(3)
        sound = SOUNDS[label](generator).play(generator, sample_rate, 1.5)
        assert sound.shape == (round(1.5 * sample_rate),)
        assert np.all(np.isfinite(sound))

    def test_one_seed_gives_one_sound_and_another_seed_another(self, label: str) -> None:
        sounds = []
        for seed in (11, 11, 12):
            generator = np.random.default_rng(seed)
            sounds.append(SOUNDS[label](generator).play(generator, RATE, 2.0))
        np.testing.assert_array_equal(sounds[0], sounds[1])
        assert np.max(np.abs(sounds[0] - sounds[2])) > 0.01

    def test_two_takes_of_one_source_differ(self, label: str) -> None:
        generator = np.random.default_rng(5)
        source = SOUNDS[label](generator)
        first, second = source.play(generator, RATE, 2.0), source.play(generator, RATE, 2.0)
        assert np.max(np.abs(first - second)) > 0.01


BELL = Bell(400.0, BELL_RATIOS, np.ones(len(BELL_RATIOS)), t60_s=4.0, split=0.0, contact_s=0.0002)


def test_a_bell_rings_at_the_partials_of_a_church_bell() -> None:
    sound = BELL.play(np.random.default_rng(0), RATE, 2.0)
    for ratio in (0.5, 1.0, 1.183, 1.506, 2.0):
        assert strongest_hz(sound, 370 * ratio, 430 * ratio) == pytest.approx(400 * ratio, abs=3)


def test_a_bells_partials_decay_each_with_its_own_time() -> None:
    # The last of at most three strikes comes before 0.35 * 10 + 2 * 0.9 = 5.3 s: the rest decays freely.
    bell = replace(BELL, t60_s=10.0)
    sound = bell.play(np.random.default_rng(1), RATE, 10.0)[round(5.5 * RATE) :].astype(np.float64)
    early, late = sound[: RATE // 2], sound[RATE : RATE + RATE // 2]
    frequencies_hz, t60_s = bell.partials()
    for frequency_hz, partial_t60_s in list(zip(frequencies_hz, t60_s, strict=True))[:5]:
        around = frequency_hz - 20, frequency_hz + 20
        fall_db = 10 * np.log10(band_power(early, *around) / band_power(late, *around))
        assert fall_db == pytest.approx(60 / partial_t60_s, rel=0.1)
    assert np.all(np.diff(t60_s) < 0)


def band_power(sound: Floats, low_hz: float, high_hz: float) -> float:
    hz, strength = power(sound)
    return float(strength[(hz >= low_hz) & (hz < high_hz)].sum())


def test_a_bell_that_is_not_round_beats() -> None:
    sound = replace(BELL, t60_s=20.0, split=0.01, ratios=np.array([1.0]), amplitudes=np.ones(1)).play(
        np.random.default_rng(1), RATE, 10.0
    )[round(5.5 * RATE) :]
    # Two partials 4 Hz apart, one 0.6 of the other: the level swings four times a second.
    level = np.log(levels(sound, 0.01))
    swing = np.abs(np.fft.rfft(level - np.polyval(np.polyfit(range(len(level)), level, 1), range(len(level)))))
    assert np.argmax(swing) * RATE / len(sound) == pytest.approx(4.0, abs=0.3)


KNOCK = Knock(200.0, 1.5, 0.16, np.ones(25), contact_s=0.001, interval_s=0.3)


def test_a_knock_has_two_to_six_even_blows() -> None:
    counts = set()
    for seed in range(12):
        blows = onsets(KNOCK.play(np.random.default_rng(seed), RATE, 3.0))
        counts.add(len(blows))
        gaps_s = np.diff(blows) * 0.01
        assert 2 <= len(blows) <= 6
        np.testing.assert_allclose(gaps_s, gaps_s.mean(), atol=0.09)
        assert gaps_s.mean() == pytest.approx(0.3, rel=0.2)
    assert len(counts) >= 3


def test_wood_is_damped_in_proportion_to_frequency() -> None:
    # 2.2 / (0.16 * 200) = 69 ms for the lowest mode; the body falls no slower than that.
    body = KNOCK.body(RATE, RATE // 2)
    level_db = 20 * np.log10(levels(body[:1440], 0.01))
    assert level_db[7] - level_db[1] == pytest.approx(-60 * 0.06 / 0.069, abs=8)
    assert strongest_hz(body, 50, 8000) == pytest.approx(200, abs=10)


def test_a_clock_keeps_its_beat() -> None:
    generator = np.random.default_rng(4)
    clock = replace(Clock.draw(generator), beats_per_s=4.0, part_t60_s=0.01, case_t60_s=0.03)
    beats = onsets(clock.play(generator, RATE, 4.0), frame_s=0.005)
    strong_s = beats[np.diff(np.concatenate([[-100], beats])) > 10] * 0.005
    assert len(strong_s) in (15, 16)
    np.testing.assert_allclose(np.diff(strong_s), 0.25, atol=0.02)


def test_tick_is_not_tock() -> None:
    clock = replace(Clock.draw(np.random.default_rng(4)), tock_pitch=1.15)
    tick, tock = clock.beat(1.0, RATE), clock.beat(clock.tock_pitch, RATE)
    assert np.corrcoef(tick, tock)[0, 1] < 0.9


def test_a_birds_notes_glide_between_their_two_pitches() -> None:
    note = Syllable(2000.0, 4000.0, bend=0.0, length_s=0.2, vibrato_hz=0.0, vibrato_depth=0.0)
    sound = Bird((note,), gap_s=0.05, octave=0.0).play(np.random.default_rng(0), RATE, 2.0)
    hz, strength = power(sound)
    inside = (hz > 2000 * 0.95) & (hz < 4000 * 1.05)
    assert strength[inside].sum() > 0.99 * strength.sum()
    # The halves of the octave, in equal times: 2000 to 2828 Hz and on to 4000 Hz.
    np.testing.assert_allclose(note.pitch_hz(np.array([0.0, 0.5, 1.0])), [2000, 2828.4, 4000], rtol=1e-4)


def test_a_cricket_pulses_at_its_rate_on_its_carrier() -> None:
    trill = Cricket(4500.0, pulses_per_s=30.0, pulses_per_chirp=5, chirps_per_s=6.0, duty=0.5, octave=0.05)
    sound = trill.play(np.random.default_rng(0), RATE, 2.0)
    assert strongest_hz(sound, 100, 8000) == pytest.approx(4500, rel=0.06)
    level = levels(sound, 0.002)
    rhythm = np.abs(np.fft.rfft(level - level.mean()))
    rate_hz = np.fft.rfftfreq(len(level), 0.002)
    assert rate_hz[np.argmax(np.where(rate_hz > 10, rhythm, 0))] == pytest.approx(30.0, abs=0.6)


def test_a_dogs_formants_are_those_of_a_tube_closed_at_one_end() -> None:
    # The textbook's 17 cm tract: about 500, 1500, 2500 Hz.
    dog = replace(Dog.draw(np.random.default_rng(0)), tract_m=0.1715)
    np.testing.assert_allclose(dog.formants_hz(), [500, 1500, 2500, 3500, 4500], rtol=1e-3)


def test_a_bark_is_voiced_within_its_range_and_short() -> None:
    dog = Dog(400.0, rise=0.5, tract_m=0.17, roughness=0.0, breath=0.0, bark_s=0.2, interval_s=0.6)
    sound = dog.play(np.random.default_rng(2), RATE, 2.5)
    lowest_hz, highest_hz = 400 * 0.95 * 2**-0.3, 400 * 1.05 * 2**0.5
    assert band_power(sound, 0, 0.85 * lowest_hz) < 0.01 * band_power(sound, lowest_hz, highest_hz)
    sounding_s = 0.01 * np.sum(levels(sound, 0.01) > 0.05)
    assert 0.05 <= sounding_s <= 4 * 1.2 * 0.2


def test_rain_is_flat_where_a_siren_is_not() -> None:
    for seed in range(5):
        generator = np.random.default_rng(seed)
        rain = Rain.draw(generator).play(generator, RATE, 2.0)
        siren = replace(Siren.draw(generator), pattern="two_tone").play(generator, RATE, 2.0)
        assert flatness(rain) > 0.15
        assert flatness(rain) > 4 * flatness(siren)


def test_drops_fall_as_often_as_said_and_bubbles_ring_where_said() -> None:
    rain = Rain(drops_per_s=10.0, bubble_hz=2000.0, bubble_share=1.0, hiss_share=0.0, hiss_slope=0.0)
    frequencies_hz, t60_s = rain.bubbles()
    sound = rain.play(np.random.default_rng(1), RATE, 20.0)
    assert band_power(sound, 1000, 5500) > 0.9 * band_power(sound, 0, 8000)
    assert frequencies_hz[0] == pytest.approx(1200.0)
    assert np.all(np.diff(t60_s) < 0)
    # 200 drops are expected, standard deviation 14; each is longer than a frame, and some fall together.
    assert 100 < len(onsets(sound, frame_s=0.002, faintest=0.005)) <= 245


def test_wind_falls_with_frequency_and_a_gust_lifts_the_top_most() -> None:
    wind = Wind(slope=-0.8, gust_hz=0.5, gustiness=0.4, whistle_hz=500.0, whistle_share=0.0)
    sound = wind.play(np.random.default_rng(0), RATE, 20.0)
    bands = [band_power(sound, low, 1.2 * low) / low for low in (130.0, 600.0, 2800.0)]
    assert bands[0] > 3 * bands[1] > 9 * bands[2]
    frames = np.abs(np.fft.rfft(sound[: 40 * 8000].reshape(40, 8000), axis=1)) ** 2
    low, high = np.log(frames[:, 50:150].sum(axis=1)), np.log(frames[:, 1000:2000].sum(axis=1))
    assert np.corrcoef(low, high)[0, 1] > 0.6
    assert high.std() > 1.3 * low.std()


def test_a_whistle_stands_at_the_pitch_that_the_air_gives_it() -> None:
    wind = Wind(slope=-1.0, gust_hz=0.5, gustiness=0.01, whistle_hz=700.0, whistle_share=3.0)
    sound = wind.play(np.random.default_rng(0), RATE, 2.0)
    assert strongest_hz(sound, 400, 1400) == pytest.approx(700, rel=0.1)


@pytest.mark.parametrize("pattern", ["wail", "yelp", "two_tone"])
def test_a_siren_sweeps_its_range_in_its_period(pattern: str) -> None:
    siren = replace(Siren.draw(np.random.default_rng(0)), pattern=pattern, low_hz=500.0, high_hz=1000.0, period_s=0.5)
    time_s = np.arange(RATE) / RATE
    pitch_hz = siren.pitch_hz(time_s)
    assert pitch_hz.min() == pytest.approx(500, rel=0.01)
    assert pitch_hz.max() == pytest.approx(1000, rel=0.01)
    np.testing.assert_allclose(pitch_hz[: RATE // 2], pitch_hz[RATE // 2 :], rtol=1e-6)


def test_a_siren_is_heard_within_its_range_but_for_doppler() -> None:
    for seed in range(5):
        siren = Siren("yelp", 600.0, 1000.0, period_s=0.35, brightness=9.0, horn_hz=1000.0)
        hz, strength = power(siren.play(np.random.default_rng(seed), RATE, 2.0))
        # 22 m/s shift by 1 / (1 - 22 / 343) at most, 7 %.
        inside = (hz > 600 * 0.92) & (hz < 1000 * 1.08)
        assert strength[inside].sum() > 0.98 * strength.sum()
        assert 0.02 < strength[(hz > 900) & inside].sum() / strength.sum() < 0.9


EVEN_ENGINE = Engine(
    rpm=1800.0, n_cylinders=4, imbalance=np.zeros(4), pipe_m=1.0, pulse_s=0.001, rush=0.0, drift=0.0, rev=0.0
)


def test_an_engine_fires_each_cylinder_every_second_turn() -> None:
    # 1800 / 60 * 4 / 2 = 60 a second; a car that drives past at 20 m/s shifts that by 6 % at most.
    assert EVEN_ENGINE.firing_rate_hz(1800.0) == 60.0
    for seed in range(5):
        sound = EVEN_ENGINE.play(np.random.default_rng(seed), RATE, 2.0)
        assert strongest_hz(sound, 40, 80) == pytest.approx(60.0, rel=0.065)


def test_unequal_cylinders_add_half_orders() -> None:
    uneven = replace(EVEN_ENGINE, imbalance=np.array([0.5, -0.2, 0.1, -0.4]))
    for seed in range(3):
        shares = []
        for engine in (EVEN_ENGINE, uneven):
            sound = engine.play(np.random.default_rng(seed), RATE, 2.0)
            # A turn of the cam shaft is 15 Hz: what lies between 60 and 120 Hz besides the firing.
            shares.append(band_power(sound, 68, 112) / band_power(sound, 40, 68))
        assert shares[1] > 3 * shares[0]
