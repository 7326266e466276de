"""What the demo's sounds are built from: struck modes, shaped noise, slow drift, resonances, things that pass
by.

Everything is vectorised numpy in float64, axes `(samples,)`, times in seconds from the beginning of the clip.
Randomness comes from the generator passed in, so that one seed gives one sound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auscult.records import FloatArray

Array = NDArray[np.floating[Any]]
ComplexArray = NDArray[np.complexfloating[Any, Any]]

SPEED_OF_SOUND_M_S = 343.0
# An amplitude that falls by 60 dB falls to a thousandth: exp(-6.908).
NEPERS_PER_60_DB = float(np.log(1000.0))


def log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    """A number in [low, high) whose logarithm is uniform: pitch, size and rate are heard in ratios."""
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


def time_axis(sample_rate: int, n_samples: int) -> Array:
    """The time of each sample in seconds."""
    return np.arange(n_samples) / sample_rate


def convolve(signal: Array, kernel: Array) -> Array:
    """Linear convolution through the FFT, as long as `signal`; the tail beyond its end is cut.

    Examples
    --------
    >>> convolve(np.array([1.0, 1.0, 0.0]), np.array([3.0, 2.0])).round(6).tolist()
    [3.0, 5.0, 2.0]
    """
    size = _fft_size(len(signal) + len(kernel))
    spectrum = np.fft.rfft(signal, size) * np.fft.rfft(kernel, size)
    return np.fft.irfft(spectrum, size)[: len(signal)]


def filtered(signal: Array, response: Callable[[Array], Array | ComplexArray], *, sample_rate: int) -> Array:
    """`signal` through a filter given by its frequency response, a function of Hz; as long as `signal`."""
    size = _fft_size(2 * len(signal))
    frequencies_hz = np.fft.rfftfreq(size, 1 / sample_rate)
    return np.fft.irfft(np.fft.rfft(signal, size) * response(frequencies_hz), size)[: len(signal)]


def resonance(frequencies_hz: Array, centre_hz: float, bandwidth_hz: float) -> ComplexArray:
    """Response of a damped resonator (a tube's mode, say): 1 at 0 Hz, centre / bandwidth at its peak."""
    ratio = frequencies_hz / centre_hz
    damping: ComplexArray = 1j * ratio * bandwidth_hz / centre_hz
    return 1.0 / (1.0 - ratio**2 + damping)


def modal_response(
    frequencies_hz: ArrayLike, t60_s: ArrayLike, amplitudes: ArrayLike, *, sample_rate: int, n_samples: int
) -> Array:
    """What a struck body rings with: a sum of exponentially decaying sines, one a mode.

    `t60_s` is the time in which a mode falls by 60 dB. Modes at or above half the sample rate are left out.
    Source: K. van den Doel and D. K. Pai, "The sounds of physical shapes", Presence 7(4), 1998.
    """
    time_s = time_axis(sample_rate, n_samples)
    sound = np.zeros(n_samples)
    modes = np.broadcast_arrays(np.atleast_1d(frequencies_hz), t60_s, amplitudes)
    for frequency_hz, mode_t60_s, amplitude in zip(*modes, strict=True):
        if frequency_hz < sample_rate / 2:
            # After 1.5 times its T60 a mode is 90 dB down: under the last bit of a 16-bit file.
            until = min(n_samples, int(1.5 * mode_t60_s * sample_rate) + 1)
            decay = np.exp(-NEPERS_PER_60_DB / mode_t60_s * time_s[:until])
            sound[:until] += amplitude * decay * np.sin(2 * np.pi * frequency_hz * time_s[:until])
    return sound


def contact_force(
    times_s: ArrayLike, strengths: ArrayLike, contact_s: float, *, sample_rate: int, n_samples: int
) -> Array:
    """Force of blows: a half sine of `contact_s` each. A harder striker stays shorter and so excites higher
    modes.

    Source: N. H. Fletcher and T. D. Rossing, The Physics of Musical Instruments, 2nd ed., 1998, ch. 19
    (mallets).
    """
    width = max(2, round(contact_s * sample_rate))
    pulse = np.sin(np.pi * (np.arange(width) + 0.5) / width)
    return convolve(impulses(times_s, strengths, sample_rate=sample_rate, n_samples=n_samples), pulse / pulse.sum())


def impulses(times_s: ArrayLike, strengths: ArrayLike, *, sample_rate: int, n_samples: int) -> Array:
    """Impulses, each shared between the two samples nearest to it; those outside the clip are left out."""
    position = np.atleast_1d(np.asarray(times_s, dtype=np.float64)) * sample_rate
    strength = np.broadcast_to(np.asarray(strengths, dtype=np.float64), position.shape)
    inside = (position >= 0) & (position < n_samples - 1)
    position, strength = position[inside], strength[inside]
    before = position.astype(np.int64)
    share = position - before
    train: Array = np.bincount(before, strength * (1 - share), minlength=n_samples).astype(np.float64)
    return train + np.bincount(before + 1, strength * share, minlength=n_samples)


def shaped_noise(
    generator: np.random.Generator,
    gain: Callable[[Array], Array | ComplexArray],
    *,
    sample_rate: int,
    n_samples: int,
) -> Array:
    """Gaussian noise with a root mean square of 1 and the spectrum `gain`, amplitude as a function of Hz."""
    spectrum = np.fft.rfft(generator.standard_normal(n_samples))
    noise: Array = np.fft.irfft(spectrum * gain(np.fft.rfftfreq(n_samples, 1 / sample_rate)), n_samples)
    return noise / float(np.sqrt(np.mean(noise**2)))


def power_law(exponent: float) -> Callable[[Array], Array]:
    """A gain of (f / 1 kHz) ** exponent, level under 30 Hz. 0 is white, -0.5 pink, -1 brown noise."""
    return lambda frequencies_hz: (np.maximum(frequencies_hz, 30.0) / 1000.0) ** exponent


def slow_drift(generator: np.random.Generator, cutoff_hz: float, *, sample_rate: int, n_samples: int) -> Array:
    """Smooth random motion with nothing above `cutoff_hz`; over many draws mean 0, standard deviation 1."""
    # Twice the length, so that the end of the clip does not lead back to its beginning.
    size = 2 * n_samples
    n_waves = max(1, int(cutoff_hz * size / sample_rate))
    spectrum = np.zeros(n_samples + 1, dtype=np.complex128)
    waves = generator.standard_normal(n_waves) + 1j * generator.standard_normal(n_waves)
    spectrum[1 : n_waves + 1] = waves * size / (2 * np.sqrt(n_waves))
    return np.fft.irfft(spectrum, size)[:n_samples]


def harmonic_tone(cycles: Array, amplitudes: Sequence[float] | Array, *, sample_rate: int) -> Array:
    """A tone with harmonics: sum of amplitudes[k - 1] * sin(2 pi k cycles), `cycles` being the phase in
    turns.

    A harmonic fades out as it nears half the sample rate, so that a sweep does not fold back.
    """
    frequency_hz = np.gradient(cycles) * sample_rate
    angle = 2 * np.pi * cycles
    earlier, current, twice_cosine = np.zeros_like(angle), np.sin(angle), 2 * np.cos(angle)
    tone = np.zeros_like(angle)
    for order, amplitude in enumerate(amplitudes, start=1):
        room_left = np.clip(10 * (1 - 2 * order * frequency_hz / sample_rate), 0, 1)
        tone += amplitude * room_left * current
        earlier, current = current, twice_cosine * current - earlier
    return tone


def pass_by(
    speed_m_s: float, nearest_m: float, passing_s: float, *, sample_rate: int, n_samples: int
) -> tuple[Array, Array]:
    """A source that drives past on a straight line: when it sent what is heard now, and how loud that
    arrives.

    Returns the emission time of each sample, in seconds, and the gain (1 at the nearest point, falling as 1 /
    distance). What is heard at t was sent at s with t = s + distance(s) / c: Doppler's shift is the slope of
    s over t.
    """
    time_s = time_axis(sample_rate, n_samples)
    # Far enough on both sides that every moment of the clip has its emission.
    margin_s = 0.1 + 2 * speed_m_s * (time_s[-1] + abs(passing_s)) / SPEED_OF_SOUND_M_S
    sent_s = np.linspace(time_s[0] - margin_s, time_s[-1] + margin_s, 512)
    delay_s = np.hypot(nearest_m, speed_m_s * (sent_s - passing_s)) / SPEED_OF_SOUND_M_S
    # Without the delay of the nearest point the clip would begin before its source.
    emission_s = np.interp(time_s, sent_s + delay_s - nearest_m / SPEED_OF_SOUND_M_S, sent_s)
    return emission_s, nearest_m / np.hypot(nearest_m, speed_m_s * (emission_s - passing_s))


def add_at(target: Array, event: Array, start_s: float, *, sample_rate: int) -> None:
    """Add `event` to `target` in place, from `start_s` on; what reaches beyond the end is cut."""
    start = round(start_s * sample_rate)
    length = min(len(event), len(target) - start)
    if length > 0:
        target[start : start + length] += event[:length]


def hump(n_samples: int, *, attack: float = 0.5) -> Array:
    """An envelope from 0 over 1 to 0, half a cosine each way; `attack` is the part before the top."""
    position = (np.arange(n_samples) + 0.5) / max(1, n_samples)
    warped = np.where(position < attack, 0.5 * position / attack, 0.5 + 0.5 * (position - attack) / (1 - attack))
    return np.sin(np.pi * warped) ** 2


def at_full_scale(sound: Array) -> FloatArray:
    """float32 with a peak of 1."""
    scaled: FloatArray = (sound / np.max(np.abs(sound))).astype(np.float32)
    return scaled


def _fft_size(n_samples: int) -> int:
    """The smallest 2^a 3^b 5^c that holds `n_samples`: lengths at which the FFT is fast."""
    odd_parts: list[int] = [3**b * 5**c for b in range(12) for c in range(8)]
    return min(odd << max(0, (-(-n_samples // odd) - 1).bit_length()) for odd in odd_parts)
