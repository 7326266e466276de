"""Sounds of the weather: rain, wind. Many small independent events, and turbulence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from auscult.demo.physics import (
    Array,
    at_full_scale,
    convolve,
    impulses,
    log_uniform,
    modal_response,
    power_law,
    shaped_noise,
    slow_drift,
)
from auscult.records import FloatArray

N_DROP_SIZES = 20
WIND_BANDS_HZ = np.array([60.0, 130.0, 280.0, 600.0, 1300.0, 2800.0])


@dataclass(frozen=True)
class Rain:
    """Rain on water and on the ground.

    Near drops fall as a Poisson process. Each clicks and leaves a bubble that rings at Minnaert's frequency
    (3.26 Hz m over its radius) and is damped faster the higher it rings; many far drops add up to a hiss.
    Sources: M. Minnaert, "On musical air-bubbles", 1933; K. van den Doel, "Physically based models for liquid
    sounds", ACM TAP 2(4), 2005.
    """

    drops_per_s: float
    bubble_hz: float
    bubble_share: float
    hiss_share: float
    hiss_slope: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Rain:
        return cls(
            drops_per_s=log_uniform(generator, 40, 900),
            bubble_hz=log_uniform(generator, 900, 3200),
            bubble_share=generator.uniform(0.2, 0.8),
            hiss_share=log_uniform(generator, 0.3, 2.0),
            hiss_slope=generator.uniform(-0.5, 0.4),
        )

    def bubbles(self) -> tuple[Array, Array]:
        """Frequency in Hz and T60 in seconds of each size of bubble: a small bubble rings high and short."""
        frequencies_hz = np.geomspace(0.6, 2.4, N_DROP_SIZES) * self.bubble_hz
        damping_per_s = 0.043 * frequencies_hz + 0.0014 * frequencies_hz**1.5
        return frequencies_hz, np.log(1000.0) / damping_per_s

    def play(self, generator: np.random.Generator, sample_rate: int, duration_s: float) -> FloatArray:
        n_samples = round(duration_s * sample_rate)
        drops = np.zeros(n_samples)
        for frequency_hz, t60_s in zip(*self.bubbles(), strict=True):
            n_drops = generator.poisson(self.drops_per_s / N_DROP_SIZES * duration_s)
            times_s = generator.uniform(0, duration_s, n_drops)
            # Distance and size make a few drops loud and most soft.
            strengths = np.exp(0.9 * generator.standard_normal(n_drops))
            hits = impulses(times_s, strengths, sample_rate=sample_rate, n_samples=n_samples)
            drops += convolve(hits, self._drop(frequency_hz, t60_s, sample_rate))
        hiss = shaped_noise(generator, power_law(self.hiss_slope), sample_rate=sample_rate, n_samples=n_samples)
        level = np.exp(0.15 * slow_drift(generator, 1.0, sample_rate=sample_rate, n_samples=n_samples))
        return at_full_scale(drops / np.sqrt(np.mean(drops**2)) + level * self.hiss_share * hiss)

    def _drop(self, frequency_hz: float, t60_s: float, sample_rate: int) -> Array:
        """Click and bubble of one drop; `bubble_share` weighs them at equal energy."""
        ring = modal_response(frequency_hz, t60_s, 1.0, sample_rate=sample_rate, n_samples=sample_rate // 20)
        drop: Array = self.bubble_share * ring / np.sqrt(np.sum(ring**2))
        drop[0] += 1 - self.bubble_share
        return drop


@dataclass(frozen=True)
class Wind:
    """Wind around a house.

    Turbulence gives noise that falls with frequency as a power law. A gust makes all of it louder, and the
    high bands most, since the spectrum moves up with the speed of the air. A wire or an edge adds an aeolian
    tone at 0.2 u / d, which follows the gust. Source: N. H. Fletcher and T. D. Rossing, The Physics of
    Musical Instruments, 1998, ch. 16 (jets, edge tones); V. Strouhal, "Ueber eine besondere Art der
    Tonerregung", 1878.
    """

    slope: float
    gust_hz: float
    gustiness: float
    whistle_hz: float
    whistle_share: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Wind:
        return cls(
            slope=generator.uniform(-1.0, -0.4),
            gust_hz=log_uniform(generator, 0.4, 1.6),
            gustiness=generator.uniform(0.15, 0.45),
            whistle_hz=log_uniform(generator, 250, 1100),
            whistle_share=max(0.0, generator.uniform(-0.3, 0.6)),
        )

    def play(self, generator: np.random.Generator, sample_rate: int, duration_s: float) -> FloatArray:
        n_samples = round(duration_s * sample_rate)
        gust = slow_drift(generator, self.gust_hz, sample_rate=sample_rate, n_samples=n_samples)
        speed = np.exp(self.gustiness * gust)
        sound = np.zeros(n_samples)
        for index, band_hz in enumerate(WIND_BANDS_HZ):
            band = shaped_noise(generator, _band(band_hz, 2.2), sample_rate=sample_rate, n_samples=n_samples)
            # Pressure grows with the square of the speed at the bottom, with its fourth power at the top.
            sound += (band_hz / 100.0) ** self.slope * speed ** (2.0 + 0.4 * index) * band
        return at_full_scale(sound + self._whistle(generator, speed, sample_rate))

    def _whistle(self, generator: np.random.Generator, speed: Array, sample_rate: int) -> Array:
        """A narrow band of noise, carried up and down with the speed of the air."""
        unsteady = slow_drift(generator, 12.0, sample_rate=sample_rate, n_samples=len(speed))
        flutter = 0.06 * slow_drift(generator, 25.0, sample_rate=sample_rate, n_samples=len(speed))
        cycles = np.cumsum(self.whistle_hz * speed * np.exp(flutter)) / sample_rate
        return self.whistle_share * speed**3 * np.abs(unsteady) * np.sin(2 * np.pi * cycles)


def _band(centre_hz: float, width_ratio: float) -> Callable[[Array], Array]:
    """A Gaussian over the logarithm of frequency, 4.3 dB down at `width_ratio` times the centre."""

    def gain(frequencies_hz: Array) -> Array:
        distance = np.log(np.maximum(frequencies_hz, 1.0) / centre_hz) / np.log(width_ratio)
        level: Array = np.exp(-0.5 * distance**2)
        return level

    return gain
