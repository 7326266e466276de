"""Each augmentation against what theory says that it does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Generator

from auscult.training.augment import (
    BandNoise,
    CircularShift,
    EnergyMix,
    RandomGain,
    RandomPolarity,
    RandomResampling,
    SpecMask,
)
from auscult.training.augment.mixing import first_weight, loudest_frame_db, mix
from auscult.training.augment.waveforms import band_noise, play_at

SAMPLE_RATE = 8000
MANY = 3000


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(*shape: int) -> np.ndarray:
    return rng(99).standard_normal(shape, dtype=np.float32)


def tone(frequency_hz: float, *, n_samples: int = SAMPLE_RATE, amplitude: float = 0.5) -> np.ndarray:
    time_s = np.arange(n_samples) / SAMPLE_RATE
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def peak_hz(sound: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(sound)).argmax() * SAMPLE_RATE / len(sound))


def share_touched(transform, sound: np.ndarray) -> float:
    generator = rng()
    return float(np.mean([transform(sound, generator) is not sound for _ in range(MANY)]))


WAVEFORM_TRANSFORMS = [
    RandomGain(6.0),
    RandomPolarity(),
    CircularShift(1.0),
    RandomResampling(1.0),
    BandNoise(1.0),
]


@pytest.mark.parametrize("transform", WAVEFORM_TRANSFORMS, ids=lambda t: type(t).__name__)
class TestEveryWaveformTransform:
    def test_same_generator_same_result_and_input_untouched(self, transform):
        sound = noise(1000)
        before = sound.copy()
        assert np.array_equal(transform(sound, rng(5)), transform(sound, rng(5)))
        assert np.array_equal(sound, before)

    def test_takes_a_read_only_sound_and_gives_float32(self, transform):
        sound = noise(1000)
        sound.flags.writeable = False
        assert transform(sound, rng(5)).dtype == np.float32

    def test_results_differ_from_draw_to_draw(self, transform):
        generator, sound = rng(), noise(1000)
        results = {transform(sound, generator).tobytes() for _ in range(20)}
        assert len(results) >= 2

    def test_silence_stays_silence(self, transform):
        assert not transform(np.zeros(500, np.float32), rng()).any()

    def test_a_single_sample_passes(self, transform):
        generator = rng()
        for _ in range(20):
            assert len(transform(np.ones(1, np.float32), generator)) >= 1


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("kind", [CircularShift, RandomResampling, BandNoise])
def test_share_of_sounds_that_are_touched(kind, share):
    assert share_touched(kind(share), noise(40)) == pytest.approx(share, abs=0.03)


def test_gain_stays_within_its_decibels_and_reaches_both_ends():
    generator, one = rng(), np.ones(1, np.float32)
    gains_db = [20 * np.log10(RandomGain(6.0)(one, generator)[0]) for _ in range(MANY)]
    assert min(gains_db) == pytest.approx(-6, abs=0.1)
    assert max(gains_db) == pytest.approx(6, abs=0.1)
    assert np.mean(gains_db) == pytest.approx(0, abs=0.3)


def test_polarity_turns_half_of_the_sounds():
    generator, one = rng(), np.ones(1, np.float32)
    turned = [RandomPolarity()(one, generator)[0] == -1 for _ in range(MANY)]
    assert np.mean(turned) == pytest.approx(0.5, abs=0.03)


def test_circular_shift_keeps_every_sample_and_their_order():
    generator, sound = rng(), np.arange(50, dtype=np.float32)
    starts = set()
    for _ in range(100):
        shifted = CircularShift(1.0)(sound, generator)
        start = int(np.flatnonzero(shifted == 0)[0])
        starts.add(start)
        assert np.array_equal(np.roll(shifted, -start), sound)
    assert len(starts) > 30


@pytest.mark.parametrize("ratio", [0.8, 0.93, 1.0, 1.25])
def test_resampling_moves_a_tone_by_its_ratio_and_its_length_by_the_inverse(ratio):
    played = play_at(tone(500), ratio)
    assert peak_hz(played) == pytest.approx(500 * ratio, abs=2)
    assert len(played) == pytest.approx(SAMPLE_RATE / ratio, abs=1)


def test_resampling_does_not_fold_high_tones_down():
    """A tone that would come to lie over half the rate is gone, not somewhere else."""
    played = play_at(tone(3800), 1.25)[200:-200]
    assert np.sqrt(np.mean(played**2)) < 0.01


def test_random_resampling_stays_within_its_ratio_and_reaches_both_ends():
    generator, sound = rng(), noise(1000)
    lengths = [len(RandomResampling(1.0, max_ratio=1.25)(sound, generator)) for _ in range(400)]
    assert 799 <= min(lengths) < 815
    assert 1235 < max(lengths) <= 1251


def test_noise_has_the_wanted_distance_to_the_sound():
    sound = tone(440)
    added = BandNoise(1.0, min_snr_db=20, max_snr_db=20)(sound, rng()) - sound
    assert 10 * np.log10(np.mean(sound**2) / np.mean(added**2)) == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_noise_lies_within_one_band(seed):
    spectrum = np.abs(np.fft.rfft(band_noise(4096, rng(seed))))
    inside = np.flatnonzero(spectrum > 1e-3 * spectrum.max())
    assert 0.09 * len(spectrum) <= inside[-1] - inside[0] + 1 <= len(spectrum)
    outside = np.delete(spectrum, np.arange(inside[0], inside[-1] + 1))
    assert (outside < 1e-3 * spectrum.max()).all()


class TestEnergyMix:
    @pytest.mark.parametrize(("ratio", "expected"), [(0.2, 0.25), (0.5, 1.0), (0.75, 3.0)])
    @pytest.mark.parametrize("amplitudes", [(0.8, 0.05), (0.3, 0.6)])
    def test_levels_stand_as_the_ratio_says(self, ratio, expected, amplitudes):
        first, second = tone(500, amplitude=amplitudes[0]), tone(1500, amplitude=amplitudes[1])
        difference_db = loudest_frame_db(first, 800) - loudest_frame_db(second, 800)
        mixed = mix(first, second, first_weight(ratio, difference_db))
        spectrum = np.abs(np.fft.rfft(mixed))
        assert spectrum[500] / spectrum[1500] == pytest.approx(expected, rel=0.02)

    def test_unrelated_sounds_of_one_level_keep_that_level(self):
        first, second = noise(2, 80000)
        mixed = mix(first, second, first_weight(0.3, 0.0))
        assert np.mean(mixed**2) == pytest.approx(1.0, abs=0.02)

    def test_targets_add_up_to_one_and_name_both_sounds(self):
        _, targets = EnergyMix(1.0, SAMPLE_RATE)(noise(8, 4000), np.eye(8, dtype=np.float32), rng())
        assert targets.sum(axis=1) == pytest.approx([1.0] * 8)
        assert ((targets > 0).sum(axis=1) <= 2).all()
        assert targets.dtype == np.float32
        assert (targets < 1).any()

    def test_union_of_labels_for_sounds_with_many(self):
        _, targets = EnergyMix(1.0, SAMPLE_RATE, union=True)(noise(6, 400), np.eye(6, dtype=np.float32), rng())
        assert np.array_equal(targets.diagonal(), np.ones(6))
        assert set(targets.ravel().tolist()) == {0.0, 1.0}
        assert targets.sum() > 6

    def test_silence_mixes_without_a_nan(self):
        mixed, _ = EnergyMix(1.0, SAMPLE_RATE)(np.zeros((4, 4000), np.float32), np.eye(4, dtype=np.float32), rng())
        assert np.isfinite(mixed).all()

    def test_share_of_rows_and_input_untouched(self):
        waveforms, targets = noise(MANY, 8), np.zeros((MANY, 2), np.float32)
        before = waveforms.copy()
        mixed, _ = EnergyMix(0.3, SAMPLE_RATE)(waveforms, targets, rng())
        assert (mixed != waveforms).any(axis=1).mean() == pytest.approx(0.3, abs=0.03)
        assert np.array_equal(waveforms, before)


def test_level_is_that_of_the_loudest_frame():
    sound = np.zeros(1000, np.float32)
    sound[300:400] = 0.1
    assert loudest_frame_db(sound, 100) == pytest.approx(-20.0, abs=1e-4)
    assert loudest_frame_db(sound[:50], 100) == pytest.approx(-80.0)


def masked(share: float, **shares) -> tuple[torch.Tensor, torch.Tensor]:
    log_mels = torch.randn(200, 64, 100, generator=Generator().manual_seed(1))
    return log_mels, SpecMask(share, **shares)(log_mels, Generator().manual_seed(2))


def test_mask_covers_at_most_its_shares_with_the_mean():
    for before, after in zip(*masked(1.0, max_mels=0.25, max_frames=0.1), strict=True):
        covered = after != before
        assert torch.allclose(after[covered], before.mean().expand_as(after[covered]), atol=1e-6)
        assert int(covered.all(dim=1).sum()) <= 16
        assert int(covered.all(dim=0).sum()) <= 10


def test_mask_reaches_its_shares():
    before, after = masked(1.0, max_mels=0.25, max_frames=0.1)
    covered = after != before
    assert int(covered.all(dim=2).sum(dim=1).max()) >= 14
    assert int(covered.all(dim=1).sum(dim=1).max()) >= 8


def test_mask_of_share_zero_changes_nothing():
    before, after = masked(0.0)
    assert torch.equal(before, after)
