"""Augmentation of waveforms: what a sound may undergo and still be the same sound.

Each is a small class: options in, then called with one sound, float32 `(samples,)`, and the generator that all its
randomness comes from; it returns a new array and leaves the old one as it was. `share` is the chance that a sound is
touched, in [0, 1].
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from auscult.audio import resample
from auscult.records import FloatArray

# The rates that a resampling by a ratio is told to the resampler in.
RATIO_STEPS = 1000


class WaveformTransform(Protocol):
    def __call__(self, sound: FloatArray, generator: np.random.Generator) -> FloatArray: ...


class RandomResampling:
    """Play a sound faster or slower by up to `max_ratio`: pitch and length change together, as on a tape.

    The ratio is drawn evenly on a logarithmic scale. The result is shorter or longer than what went in.
    """

    def __init__(self, share: float, max_ratio: float = 1.25) -> None:
        self.share = share
        self.max_ratio = max_ratio

    def __call__(self, sound: FloatArray, generator: np.random.Generator) -> FloatArray:
        if generator.random() >= self.share:
            return sound
        span = math.log(self.max_ratio)
        return play_at(sound, math.exp(generator.uniform(-span, span)))


def play_at(sound: FloatArray, ratio: float) -> FloatArray:
    """A tone of f Hz comes out with f * ratio Hz, and the sound with 1 / ratio of its length."""
    played = resample(sound, round(ratio * RATIO_STEPS), RATIO_STEPS)
    return played if len(played) else sound


class CircularShift:
    """Turn a sound round by any number of samples; what leaves at the end enters at the start."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, sound: FloatArray, generator: np.random.Generator) -> FloatArray:
        if generator.random() >= self.share:
            return sound
        return np.roll(sound, int(generator.integers(len(sound))))


class RandomPolarity:
    """Turn half of the sounds upside down: no ear can tell, and no microphone keeps to one sign."""

    def __call__(self, sound: FloatArray, generator: np.random.Generator) -> FloatArray:
        return -sound if generator.random() < 0.5 else sound


class RandomGain:
    """Make a sound louder or quieter by up to `max_db` decibels, evenly in decibels."""

    def __init__(self, max_db: float) -> None:
        self.max_db = max_db

    def __call__(self, sound: FloatArray, generator: np.random.Generator) -> FloatArray:
        gain_db = generator.uniform(-self.max_db, self.max_db)
        return sound * np.float32(10.0 ** (gain_db / 20.0))


class BandNoise:
    """Add noise of a random band, `min_snr_db` to `max_snr_db` below the sound's own level."""

    def __init__(self, share: float, min_snr_db: float = 10.0, max_snr_db: float = 40.0) -> None:
        self.share = share
        self.min_snr_db = min_snr_db
        self.max_snr_db = max_snr_db

    def __call__(self, sound: FloatArray, generator: np.random.Generator) -> FloatArray:
        if generator.random() >= self.share:
            return sound
        snr_db = generator.uniform(self.min_snr_db, self.max_snr_db)
        level = math.sqrt(float(np.mean(np.square(sound))))
        return sound + band_noise(len(sound), generator) * np.float32(level * 10.0 ** (-snr_db / 20.0))


def band_noise(n_samples: int, generator: np.random.Generator) -> FloatArray:
    """Gaussian noise `(n_samples,)` of unit level, within a band at least a tenth of all frequencies wide."""
    # Made in the frequency domain, at a length that the transform is fast for.
    n_fft = 2 ** math.ceil(math.log2(max(n_samples, 16)))
    n_bins = n_fft // 2 + 1
    width = max(1, int(generator.uniform(0.1, 1.0) * n_bins))
    low = int(generator.uniform(0.0, 1.0) * (n_bins - width))
    spectrum = np.zeros(n_bins, np.complex64)
    parts = generator.standard_normal((2, width), dtype=np.float32)
    spectrum[low : low + width] = parts[0] + 1j * parts[1]
    noise = np.fft.irfft(spectrum, n=n_fft)[:n_samples].astype(np.float32)
    level = math.sqrt(float(np.mean(np.square(noise)))) or 1.0
    return noise / np.float32(level)
