"""Sounds of animals: bird, cricket, dog. A source that oscillates, and a body that shapes what it gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.demo.physics import (
    SPEED_OF_SOUND_M_S,
    Array,
    ComplexArray,
    add_at,
    at_full_scale,
    filtered,
    harmonic_tone,
    hump,
    log_uniform,
    resonance,
    slow_drift,
    time_axis,
)
from auscult.records import FloatArray


@dataclass(frozen=True)
class Syllable:
    """One note of a bird: from one pitch to another in `length_s`, over a bend, with a vibrato or none."""

    start_hz: float
    end_hz: float
    bend: float
    length_s: float
    vibrato_hz: float
    vibrato_depth: float

    @classmethod
    def draw(cls, generator: np.random.Generator, pitch_hz: float) -> Syllable:
        return cls(
            start_hz=pitch_hz * 2 ** generator.uniform(-0.5, 0.5),
            end_hz=pitch_hz * 2 ** generator.uniform(-0.5, 0.5),
            bend=generator.uniform(-0.35, 0.35),
            length_s=log_uniform(generator, 0.04, 0.26),
            vibrato_hz=generator.uniform(20, 60),
            vibrato_depth=max(0.0, generator.uniform(-0.08, 0.08)),
        )

    def pitch_hz(self, position: Array) -> Array:
        """Pitch over `position`, the part of the note that has passed, 0 to 1."""
        glide = np.log2(self.end_hz / self.start_hz) * position + self.bend * np.sin(np.pi * position)
        vibrato = np.sin(2 * np.pi * self.vibrato_hz * self.length_s * position)
        return np.asarray(np.minimum(self.start_hz * 2.0 ** (glide + self.vibrato_depth * vibrato), 7600.0))


@dataclass(frozen=True)
class Bird:
    """A songbird: a phrase of a few syllables, each repeated.

    The syrinx gives a nearly pure tone whose pitch glides fast, with a weak octave, since the vocal tract
    follows the fundamental. Source: F. Nottebohm in P. Marler and H. Slabbekoorn (eds.), Nature's Music,
    2004; N. H. Fletcher, Acoustic Systems in Biology, 1992, ch. 14.
    """

    syllables: tuple[Syllable, ...]
    gap_s: float
    octave: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Bird:
        pitch_hz = log_uniform(generator, 1700, 5200)
        return cls(
            syllables=tuple(Syllable.draw(generator, pitch_hz) for _ in range(generator.integers(1, 5))),
            gap_s=log_uniform(generator, 0.02, 0.14),
            octave=generator.uniform(0.02, 0.2),
        )

    def play(self, generator: np.random.Generator, sample_rate: int, duration_s: float) -> FloatArray:
        sound = np.zeros(round(duration_s * sample_rate))
        time_s = generator.uniform(0.0, 0.4) * duration_s
        end_s = time_s + generator.uniform(0.4, 1.0) * duration_s
        while time_s < min(end_s, 0.95 * duration_s):
            syllable = self.syllables[generator.integers(len(self.syllables))]
            for _ in range(generator.integers(1, 4)):
                note = self._note(syllable, generator.uniform(0.96, 1.04), sample_rate)
                add_at(sound, generator.uniform(0.5, 1.0) * note, time_s, sample_rate=sample_rate)
                time_s += syllable.length_s + self.gap_s * generator.uniform(0.8, 1.25)
        return at_full_scale(sound)

    def _note(self, syllable: Syllable, pitch: float, sample_rate: int) -> Array:
        n_samples = round(syllable.length_s * sample_rate)
        frequency_hz = pitch * syllable.pitch_hz(np.linspace(0, 1, n_samples))
        cycles = np.cumsum(frequency_hz) / sample_rate
        return harmonic_tone(cycles, [1.0, self.octave], sample_rate=sample_rate) * hump(n_samples, attack=0.3)


@dataclass(frozen=True)
class Cricket:
    """A field or tree cricket: chirps of a few pulses, or a trill that does not stop.

    Each closing of the wings drags a file of teeth over a scraper and drives the harp, a resonator of high Q,
    at one carrier; the pitch sinks a little within the pulse. Source: H. C. Bennet-Clark, "Songs and the
    physics of sound production", in F. Huber et al. (eds.), Cricket Behavior and Neurobiology, 1989.
    """

    carrier_hz: float
    pulses_per_s: float
    pulses_per_chirp: int
    chirps_per_s: float
    duty: float
    octave: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Cricket:
        pulses_per_s = log_uniform(generator, 18, 60)
        pulses_per_chirp = int(generator.integers(3, 9))
        # A chirp with its pause fills between 1.3 and 3 times its own length; one singer in four trills.
        trills = generator.uniform() < 0.25
        rest = 1.0 if trills else generator.uniform(1.3, 3.0)
        return cls(
            carrier_hz=log_uniform(generator, 2200, 6200),
            pulses_per_s=pulses_per_s,
            pulses_per_chirp=pulses_per_chirp,
            chirps_per_s=pulses_per_s / pulses_per_chirp / rest,
            duty=generator.uniform(0.45, 0.8),
            octave=generator.uniform(0.01, 0.1),
        )

    def play(self, generator: np.random.Generator, sample_rate: int, duration_s: float) -> FloatArray:
        sound = np.zeros(round(duration_s * sample_rate))
        pulse_s = self.duty / self.pulses_per_s
        n_samples = max(8, round(pulse_s * sample_rate))
        sinking = 1 - 0.04 * np.linspace(0, 1, n_samples)
        cycles = np.cumsum(self.carrier_hz * generator.uniform(0.985, 1.015) * sinking) / sample_rate
        tone = harmonic_tone(cycles, [1.0, self.octave], sample_rate=sample_rate)
        pulse = tone * hump(n_samples, attack=0.6)
        chirp_s = 1.0 / self.chirps_per_s
        for chirp_start_s in np.arange(-generator.uniform(0, chirp_s), duration_s, chirp_s):
            for index in range(self.pulses_per_chirp):
                # The first pulse of a chirp is the weakest: the wings are still opening.
                strength = min(1.0, 0.5 + 0.25 * index) * generator.uniform(0.9, 1.0)
                time_s = chirp_start_s + index / self.pulses_per_s
                if time_s >= 0:
                    add_at(sound, strength * pulse, time_s, sample_rate=sample_rate)
        return at_full_scale(sound)


@dataclass(frozen=True)
class Dog:
    """A dog that barks, once to four times.

    Source and filter: the vocal folds give a tone that rises and falls within a bark and is rough (its
    periods jitter, and air hisses through), and the vocal tract, a tube closed at the larynx, has formants at
    (2n - 1) c / 4L; the mouth opens and closes around each bark. Sources: G. Fant, Acoustic Theory of Speech
    Production, 1960; T. Riede and W. T. Fitch, "Vocal tract length and acoustics of vocalization in the
    domestic dog", J. Exp. Biol. 202, 1999.
    """

    pitch_hz: float
    rise: float
    tract_m: float
    roughness: float
    breath: float
    bark_s: float
    interval_s: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Dog:
        # Small dogs have short tracts and high voices.
        size = generator.uniform(0, 1)
        return cls(
            pitch_hz=900.0 * 0.3**size * generator.uniform(0.8, 1.2),
            rise=generator.uniform(0.3, 1.0),
            tract_m=0.09 * 2.4**size * generator.uniform(0.9, 1.1),
            roughness=log_uniform(generator, 0.02, 0.12),
            breath=log_uniform(generator, 0.08, 0.5),
            bark_s=log_uniform(generator, 0.09, 0.26),
            interval_s=log_uniform(generator, 0.28, 0.7),
        )

    def formants_hz(self) -> Array:
        """The first five resonances of the vocal tract."""
        return (2 * np.arange(1, 6) - 1) * SPEED_OF_SOUND_M_S / (4 * self.tract_m)

    def play(self, generator: np.random.Generator, sample_rate: int, duration_s: float) -> FloatArray:
        sound = np.zeros(round(duration_s * sample_rate))
        n_barks = int(generator.integers(1, 5))
        interval_s = min(self.interval_s, 0.85 * duration_s / n_barks) * generator.uniform(0.9, 1.1)
        start_s = generator.uniform(0.01, 0.9) * max(0.0, duration_s - n_barks * interval_s)
        for index in range(n_barks):
            bark = generator.uniform(0.6, 1.0) * self._bark(generator, sample_rate)
            add_at(sound, bark, start_s + index * interval_s, sample_rate=sample_rate)
        return at_full_scale(filtered(sound, self._tract, sample_rate=sample_rate))

    def _bark(self, generator: np.random.Generator, sample_rate: int) -> Array:
        n_samples = round(self.bark_s * generator.uniform(0.8, 1.2) * sample_rate)
        position = time_axis(n_samples, n_samples)
        arch = self.rise * np.sin(np.pi * np.minimum(1.0, 1.15 * position) ** 0.7)
        jitter = self.roughness * slow_drift(generator, 120.0, sample_rate=sample_rate, n_samples=n_samples)
        frequency_hz = self.pitch_hz * generator.uniform(0.95, 1.05) * 2.0 ** (arch - 0.3 * position + jitter)
        cycles = np.cumsum(frequency_hz) / sample_rate
        # Vocal folds give harmonics that fall by 12 dB an octave; radiation from the mouth gives 6 back.
        voice = harmonic_tone(cycles, 1.0 / np.arange(1, 25), sample_rate=sample_rate)
        voice += self.breath * generator.standard_normal(n_samples)
        return voice * hump(n_samples, attack=0.2)

    def _tract(self, frequencies_hz: Array) -> ComplexArray:
        response = np.ones(len(frequencies_hz), dtype=np.complex128)
        for formant_hz in self.formants_hz():
            response *= resonance(frequencies_hz, formant_hz, 60.0 + 0.12 * formant_hz)
        # The product of resonators falls steeply above the last one; real tracts have more formants there.
        return np.asarray(response * (1.0 + (frequencies_hz / self.formants_hz()[-1]) ** 2))
