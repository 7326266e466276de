"""Sounds of machines that may drive past: siren, engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.demo.physics import (
    Array,
    ComplexArray,
    at_full_scale,
    filtered,
    harmonic_tone,
    impulses,
    log_uniform,
    pass_by,
    resonance,
    slow_drift,
    time_axis,
)
from auscult.records import FloatArray

# Sound is faster in hot exhaust gas than in air: about 500 m/s at 350 degrees Celsius.
SPEED_IN_EXHAUST_M_S = 500.0


@dataclass(frozen=True)
class Siren:
    """The siren of an emergency vehicle: a wail (slow sweep), a yelp (fast sweep) or two tones.

    The driver gives a tone rich in harmonics between `low_hz` and `high_hz`, a horn favours the middle, and
    the vehicle may drive past (Doppler). Source: SAE J1849, Emergency Vehicle Sirens (wail 10 to 30, yelp 150
    to 250 cycles a minute), and DIN 14610 for two tones a fourth apart.
    """

    pattern: Literal["wail", "yelp", "two_tone"]
    low_hz: float
    high_hz: float
    period_s: float
    brightness: float
    horn_hz: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Siren:
        pattern: Literal["wail", "yelp", "two_tone"]
        pattern = ("wail", "yelp", "two_tone")[generator.integers(3)]
        low_hz = log_uniform(generator, 360, 850)
        periods_s = {"wail": (2.0, 6.0), "yelp": (0.24, 0.4), "two_tone": (0.7, 1.6)}
        return cls(
            pattern=pattern,
            low_hz=low_hz,
            high_hz=low_hz * (4 / 3 if pattern == "two_tone" else generator.uniform(1.5, 2.4)),
            period_s=log_uniform(generator, *periods_s[pattern]),
            brightness=generator.uniform(0.8, 2.0),
            horn_hz=log_uniform(generator, 700, 2000),
        )

    def pitch_hz(self, time_s: Array) -> Array:
        """Pitch that the siren sends at each time, from `low_hz` to `high_hz`."""
        turn = (time_s / self.period_s) % 1.0
        if self.pattern == "two_tone":
            # The change takes about 10 ms, not no time at all.
            position = 0.5 - 0.5 * np.tanh(np.sin(2 * np.pi * turn) * self.period_s / 0.03)
        else:
            position = 1 - np.abs(2 * turn - 1)
        return np.asarray(self.low_hz * (self.high_hz / self.low_hz) ** position)

    def play(self, generator: np.random.Generator, sample_rate: int, duration_s: float) -> FloatArray:
        n_samples = round(duration_s * sample_rate)
        emission_s, gain = pass_by(
            generator.uniform(0, 22),
            generator.uniform(8, 40),
            generator.uniform(-0.5, 1.5) * duration_s,
            sample_rate=sample_rate,
            n_samples=n_samples,
        )
        grid_s = emission_s[0] + np.arange(round(1.2 * n_samples)) / sample_rate
        sent_cycles = np.cumsum(self.pitch_hz(grid_s + generator.uniform(0, self.period_s))) / sample_rate
        cycles = np.interp(emission_s, grid_s, sent_cycles)
        tone = harmonic_tone(cycles, np.arange(1, 13) ** -self.brightness, sample_rate=sample_rate)
        horn = filtered(tone, lambda hz: 0.4 + resonance(hz, self.horn_hz, self.horn_hz), sample_rate=sample_rate)
        return at_full_scale(gain * horn)


@dataclass(frozen=True)
class Engine:
    """A four-stroke engine, idling, revving or driving past.

    Each cylinder fires every second turn, so pulses come at rpm / 60 * cylinders / 2 a second; cylinders are
    not quite equal, which adds half orders. Exhaust pipe and silencer, a tube with one end closed, ring at
    odd multiples of c / 4L. Gas rushing through adds noise in time with the firing. Source: N. H. Fletcher
    and T. D. Rossing, The Physics of Musical Instruments, 1998, ch. 8 (pipes); C. F. Taylor, The
    Internal-Combustion Engine, vol. 2, 1985.
    """

    rpm: float
    n_cylinders: int
    imbalance: Array
    pipe_m: float
    pulse_s: float
    rush: float
    drift: float
    rev: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Engine:
        n_cylinders = int(generator.choice([1, 2, 3, 4, 6, 8]))
        return cls(
            rpm=log_uniform(generator, 750, 5000),
            n_cylinders=n_cylinders,
            imbalance=generator.uniform(0.05, 0.3) * generator.standard_normal(n_cylinders),
            pipe_m=log_uniform(generator, 0.35, 2.5),
            pulse_s=log_uniform(generator, 0.0004, 0.003),
            rush=log_uniform(generator, 0.02, 0.4),
            drift=log_uniform(generator, 0.005, 0.04),
            rev=max(0.0, generator.uniform(-0.5, 0.5)),
        )

    def firing_rate_hz(self, rpm: float) -> float:
        """How often any cylinder fires at `rpm` turns a minute."""
        return rpm / 60 * self.n_cylinders / 2

    def play(self, generator: np.random.Generator, sample_rate: int, duration_s: float) -> FloatArray:
        n_samples = round(duration_s * sample_rate)
        emission_s, gain = pass_by(
            max(0.0, generator.uniform(-20, 20)),
            generator.uniform(3, 15),
            generator.uniform(-0.3, 1.3) * duration_s,
            sample_rate=sample_rate,
            n_samples=n_samples,
        )
        # Doppler's shift stretches the time that the engine's turns are counted in.
        turning = self._speed(generator, sample_rate, n_samples) * np.gradient(emission_s) * sample_rate
        firings = self.firing_rate_hz(1.0) * np.cumsum(turning) / sample_rate
        pulses = self._pulses(generator, firings, sample_rate)
        rush = generator.standard_normal(n_samples) * (0.5 + 0.5 * np.cos(2 * np.pi * firings))
        pulses += self.rush * rush * np.sqrt(np.mean(pulses**2))
        return at_full_scale(gain * filtered(pulses, self._exhaust, sample_rate=sample_rate))

    def _speed(self, generator: np.random.Generator, sample_rate: int, n_samples: int) -> Array:
        """Turns a minute at each sample: a slow drift, and for some engines a push on the pedal."""
        drift = self.drift * slow_drift(generator, 3.0, sample_rate=sample_rate, n_samples=n_samples)
        push = self.rev * slow_drift(generator, 0.6, sample_rate=sample_rate, n_samples=n_samples)
        return self.rpm * np.exp(drift + push)

    def _pulses(self, generator: np.random.Generator, firings: Array, sample_rate: int) -> Array:
        """An impulse whenever the count of firings passes a whole number, each as strong as its cylinder."""
        order = np.arange(np.ceil(firings[0]), firings[-1])
        times_s = np.interp(order, firings, time_axis(sample_rate, len(firings)))
        cylinder = order.astype(np.int64) % self.n_cylinders
        strengths = 1 + self.imbalance[cylinder] + 0.06 * generator.standard_normal(len(order))
        return impulses(times_s, strengths, sample_rate=sample_rate, n_samples=len(firings))

    def _exhaust(self, frequencies_hz: Array) -> ComplexArray:
        pulse = resonance(frequencies_hz, 1 / (2 * np.pi * self.pulse_s), 2 / (2 * np.pi * self.pulse_s))
        quarter_wave_hz = SPEED_IN_EXHAUST_M_S / (4 * self.pipe_m)
        pipe = np.full(len(frequencies_hz), 0.3, dtype=np.complex128)
        for order in (1, 3, 5, 7):
            pipe += resonance(frequencies_hz, order * quarter_wave_hz, 0.35 * order * quarter_wave_hz) / order
        # An open end radiates in proportion to the frequency, up to a wavelength of the pipe's width.
        radiation = 1j * frequencies_hz / (300.0 + 1j * frequencies_hz)
        return pulse * pipe * radiation
