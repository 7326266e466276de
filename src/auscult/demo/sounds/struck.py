"""Sounds of things that are struck: bell, knock, clock. A force acts on a body; the body's modes ring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.demo.physics import (
    Array,
    add_at,
    at_full_scale,
    contact_force,
    convolve,
    log_uniform,
    modal_response,
)
from auscult.records import FloatArray

# Partials of a church bell over its strike note: hum, prime, tierce, quint, nominal, deciem, eleventh,
# twelfth, double octave and two more. Fletcher and Rossing, table 21.1.
BELL_RATIOS = np.array([0.5, 1.0, 1.183, 1.506, 2.0, 2.514, 2.662, 3.011, 4.166, 5.433, 6.796])


@dataclass(frozen=True)
class Bell:
    """A church or hand bell.

    Its partials are inharmonic, and each is a pair a little apart, because no bell is quite round: they beat.
    High partials die first. Source: N. H. Fletcher and T. D. Rossing, The Physics of Musical Instruments,
    1998, ch. 21.
    """

    strike_note_hz: float
    ratios: Array
    amplitudes: Array
    t60_s: float
    split: float
    contact_s: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Bell:
        n_partials = len(BELL_RATIOS)
        return cls(
            strike_note_hz=log_uniform(generator, 280, 1500),
            ratios=BELL_RATIOS * (1 + 0.008 * generator.standard_normal(n_partials)),
            amplitudes=np.exp(0.5 * generator.standard_normal(n_partials)),
            t60_s=log_uniform(generator, 0.7, 5.0),
            split=generator.uniform(0.0005, 0.004),
            contact_s=log_uniform(generator, 0.0001, 0.0006),
        )

    def partials(self) -> tuple[Array, Array]:
        """Frequency in Hz and T60 in seconds of each partial: the T60 is `t60_s` at the strike note."""
        return self.strike_note_hz * self.ratios, self.t60_s / self.ratios**0.9

    def play(self, generator: np.random.Generator, sample_rate: int, duration_s: float) -> FloatArray:
        n_samples = round(duration_s * sample_rate)
        frequencies_hz, t60_s = self.partials()
        body = modal_response(
            np.concatenate([frequencies_hz, frequencies_hz * (1 + self.split)]),
            np.tile(t60_s, 2),
            np.concatenate([self.amplitudes, 0.6 * self.amplitudes]),
            sample_rate=sample_rate,
            n_samples=n_samples,
        )
        n_strikes = int(generator.integers(1, 4))
        times_s = generator.uniform(0.02, 0.35) * duration_s + np.arange(n_strikes) * generator.uniform(0.3, 0.9)
        force = contact_force(
            times_s,
            generator.uniform(0.5, 1.0, n_strikes),
            self.contact_s * generator.uniform(0.8, 1.25),
            sample_rate=sample_rate,
            n_samples=n_samples,
        )
        return at_full_scale(convolve(force, body))


@dataclass(frozen=True)
class Knock:
    """Knuckles on a wooden door, two to six times.

    The door is a plate held at its edges, f(m, n) = f0 (m^2 + (n / aspect)^2) / (1 + aspect^-2), and wood
    damps each mode in proportion to its frequency: T60 = 2.2 / (loss * f). Soft knuckles stay 1 to 4 ms, so
    that high modes are weak. Sources: Fletcher and Rossing, ch. 3 (plates) and ch. 22 (wood's loss factor,
    0.01 to 0.04).
    """

    fundamental_hz: float
    aspect: float
    loss: float
    amplitudes: Array
    contact_s: float
    interval_s: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Knock:
        return cls(
            fundamental_hz=log_uniform(generator, 80, 380),
            aspect=generator.uniform(1.2, 2.4),
            loss=log_uniform(generator, 0.05, 0.16),
            amplitudes=generator.uniform(0.2, 1.0, 25),
            contact_s=log_uniform(generator, 0.0003, 0.0015),
            interval_s=log_uniform(generator, 0.13, 0.36),
        )

    def body(self, sample_rate: int, n_samples: int) -> Array:
        """How the door answers an impulse."""
        order = np.arange(1, 6)
        plate = order[:, None] ** 2 + (order[None, :] / self.aspect) ** 2
        frequencies_hz = self.fundamental_hz * (plate / plate[0, 0]).ravel()
        t60_s = 2.2 / (self.loss * frequencies_hz)
        return modal_response(frequencies_hz, t60_s, self.amplitudes, sample_rate=sample_rate, n_samples=n_samples)

    def play(self, generator: np.random.Generator, sample_rate: int, duration_s: float) -> FloatArray:
        n_samples = round(duration_s * sample_rate)
        n_hits = int(generator.integers(2, 7))
        # A phrase that would run past the end is knocked faster, so that every blow is heard.
        interval_s = min(self.interval_s * generator.uniform(0.9, 1.1), 0.8 * duration_s / n_hits)
        start_s = generator.uniform(0.01, 0.95) * (duration_s - n_hits * interval_s)
        times_s = start_s + interval_s * (np.arange(n_hits) + 0.06 * generator.standard_normal(n_hits))
        force = contact_force(
            np.maximum(times_s, 0.005),
            generator.uniform(0.55, 1.0, n_hits),
            self.contact_s * generator.uniform(0.8, 1.25),
            sample_rate=sample_rate,
            n_samples=n_samples,
        )
        return at_full_scale(convolve(force, self.body(sample_rate, n_samples)))


@dataclass(frozen=True)
class Clock:
    """A clock with an escapement: tick, tock.

    Each beat is three clicks within 5 to 25 ms (unlocking, impulse, drop) that excite small stiff parts and,
    through them, the case. The two pallets differ, so tick is not tock. Beats come as steadily as the balance
    swings, 2 to 5 a second. Source: A. L. Rawlings, The Science of Clocks and Watches, 3rd ed., 1993 (anchor
    and lever escapements).
    """

    beats_per_s: float
    part_modes_hz: Array
    part_t60_s: float
    case_modes_hz: Array
    case_t60_s: float
    case_share: float
    click_gaps_s: Array
    click_strengths: Array
    tock_pitch: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Clock:
        case_hz = log_uniform(generator, 180, 900)
        return cls(
            beats_per_s=log_uniform(generator, 1.8, 5.2),
            part_modes_hz=np.sort(np.exp(generator.uniform(np.log(1200), np.log(7000), 6))),
            part_t60_s=log_uniform(generator, 0.008, 0.05),
            case_modes_hz=case_hz * np.array([1.0, 1.9, 2.7, 4.1]) * generator.uniform(0.93, 1.07, 4),
            case_t60_s=log_uniform(generator, 0.03, 0.12),
            case_share=log_uniform(generator, 0.15, 1.2),
            click_gaps_s=np.cumsum(generator.uniform(0.003, 0.012, 3)),
            click_strengths=np.array([0.35, 0.7, 1.0]) * generator.uniform(0.6, 1.2, 3),
            tock_pitch=generator.uniform(0.8, 1.2),
        )

    def beat(self, pitch: float, sample_rate: int) -> Array:
        """One tick, with the parts' modes at `pitch` times their own frequencies."""
        n_samples = round(0.2 * sample_rate)
        parts = modal_response(
            pitch * self.part_modes_hz, self.part_t60_s, 1.0, sample_rate=sample_rate, n_samples=n_samples
        )
        case = modal_response(
            self.case_modes_hz, self.case_t60_s, self.case_share, sample_rate=sample_rate, n_samples=n_samples
        )
        clicks = contact_force(
            self.click_gaps_s, self.click_strengths, 0.0002, sample_rate=sample_rate, n_samples=n_samples
        )
        return convolve(clicks, parts + case)

    def play(self, generator: np.random.Generator, sample_rate: int, duration_s: float) -> FloatArray:
        sound = np.zeros(round(duration_s * sample_rate))
        beats = (self.beat(1.0, sample_rate), self.beat(self.tock_pitch, sample_rate))
        period_s = 1.0 / self.beats_per_s
        start_s = generator.uniform(0, min(period_s, 0.5 * duration_s))
        for index, time_s in enumerate(np.arange(start_s, duration_s, period_s)):
            strength = generator.uniform(0.85, 1.0) * (1.0 if index % 2 else 0.8)
            add_at(sound, strength * beats[index % 2], time_s, sample_rate=sample_rate)
        return at_full_scale(sound)
