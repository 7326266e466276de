"""The place a sound is recorded in: how it reverberates, what else is heard there, how loud it arrives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.demo.physics import (
    NEPERS_PER_60_DB,
    Array,
    convolve,
    log_uniform,
    power_law,
    shaped_noise,
    time_axis,
)
from auscult.records import FloatArray


@dataclass(frozen=True)
class Room:
    """A room or a street with a microphone in it.

    Reverberation is Gaussian noise that decays exponentially, the statistical model of a diffuse field: J. A.
    Moorer, "About this reverberation business", Computer Music Journal 3(2), 1979. Air and walls take the
    high frequencies first. The background is noise that falls (or not) with frequency, with a hum of the
    mains in some rooms.
    """

    t60_s: float
    reverberation_db: float
    absorption: float
    noise_slope: float
    hum_hz: float
    hum_share: float
    snr_db: float
    peak_dbfs: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Room:
        return cls(
            t60_s=log_uniform(generator, 0.08, 1.2),
            reverberation_db=generator.uniform(-24, -3),
            absorption=generator.uniform(-0.6, 0.0),
            noise_slope=generator.uniform(-1.2, 0.0),
            hum_hz=(50.0, 60.0)[generator.integers(2)],
            hum_share=max(0.0, generator.uniform(-1.0, 1.0)),
            snr_db=generator.uniform(12, 40),
            peak_dbfs=generator.uniform(-20, -2),
        )

    def record(self, generator: np.random.Generator, dry: FloatArray, sample_rate: int) -> FloatArray:
        """What the microphone gives for the sound `dry`: float32 `(samples,)`, with a peak under 1.

        The signal-to-noise ratio and the level differ a little from take to take. The ratio is that of the
        loudest 50 ms, so that a short sound is heard as well as a long one.
        """
        n_samples = len(dry)
        wet = convolve(dry.astype(np.float64), self._impulse_response(generator, sample_rate))
        noise = shaped_noise(generator, power_law(self.noise_slope), sample_rate=sample_rate, n_samples=n_samples)
        hum = np.sin(2 * np.pi * (self.hum_hz * time_axis(sample_rate, n_samples) + generator.uniform()))
        snr_db = self.snr_db + generator.uniform(-2, 2)
        background = (noise + self.hum_share * hum) * _loudest_rms(wet, sample_rate) / 10 ** (snr_db / 20)
        sound = wet + background
        peak = 10 ** (min(self.peak_dbfs + generator.uniform(-3, 3), -0.5) / 20)
        recorded: FloatArray = (sound * peak / np.max(np.abs(sound))).astype(np.float32)
        return recorded

    def _impulse_response(self, generator: np.random.Generator, sample_rate: int) -> Array:
        n_samples = round(self.t60_s * sample_rate)
        decay = np.exp(-NEPERS_PER_60_DB / self.t60_s * time_axis(sample_rate, n_samples))
        air = power_law(self.absorption)
        tail = decay * shaped_noise(generator, air, sample_rate=sample_rate, n_samples=n_samples)
        response: Array = tail * 10 ** (self.reverberation_db / 20) / np.sqrt(np.sum(tail**2))
        response[0] += 1.0
        return response


def _loudest_rms(sound: Array, sample_rate: int) -> float:
    """Root mean square of the loudest of the 50 ms frames."""
    length = round(0.05 * sample_rate)
    frames = sound[: len(sound) // length * length].reshape(-1, length)
    return float(np.sqrt(np.max(np.mean(frames**2, axis=1))))
