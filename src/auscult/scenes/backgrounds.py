"""What clips are laid over: noise that is made here, or files, brought to a level."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from auscult.audio import load_waveform
from auscult.errors import InputError
from auscult.records import FloatArray

Floats = NDArray[np.float64]

# Files are faded into each other over this time.
CROSSFADE_S = 0.1
# Below it, pink noise is white: what nobody hears would take most of its power.
LOWEST_PINK_HZ = 20.0


def rms(samples: Floats | FloatArray) -> float:
    """Root mean square; 0 of nothing."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def level_of(db: float) -> float:
    """
    >>> level_of(-20.0)
    0.1
    """
    return float(10 ** (db / 20))


def make_background(
    background: Sequence[str],
    n_samples: int,
    sample_rate: int,
    *,
    background_level_db: float,
    start_s: float,
    seed: int,
) -> Floats:
    """Float64 `(n_samples,)` with the level `background_level_db`, silence apart.

    Parameters
    ----------
    background : ``pink``, ``white`` or ``silence``, or files one after the other, and then from the first again
    n_samples, sample_rate : of the scene
    background_level_db : level (RMS) in dBFS
    start_s : where in the first file it begins
    seed : of noise

    Raises
    ------
    InputError : a file cannot be read, or is all silence
    """
    if background[0] == "silence":
        return np.zeros(n_samples)
    if background[0] == "white":
        samples = np.random.default_rng(seed).standard_normal(n_samples)
    elif background[0] == "pink":
        samples = pink_noise(n_samples, sample_rate, np.random.default_rng(seed))
    else:
        samples = _of_files(background, n_samples, sample_rate, start_s)
    return samples * (level_of(background_level_db) / rms(samples))


def pink_noise(n_samples: int, sample_rate: int, generator: np.random.Generator) -> Floats:
    """Noise whose power falls by 3 dB an octave, from 20 Hz on: float64 `(n_samples,)`, of no particular level."""
    spectrum = np.fft.rfft(generator.standard_normal(n_samples))
    frequencies = np.fft.rfftfreq(n_samples, 1 / sample_rate)
    spectrum /= np.sqrt(np.maximum(frequencies, LOWEST_PINK_HZ))
    spectrum[0] = 0
    # A scene of one sample has nothing but its mean.
    samples: Floats = np.fft.irfft(spectrum, n_samples) if n_samples > 1 else np.ones(n_samples)
    return samples


def _of_files(paths: Sequence[str], n_samples: int, sample_rate: int, start_s: float) -> Floats:
    """Files at one level, faded into each other at equal power, from the first again until it is long enough."""
    whole = np.zeros(n_samples)
    fade = round(CROSSFADE_S * sample_rate)
    position = 0
    for path in cycle(paths):
        needed_s = (n_samples - position) / sample_rate + 2 * CROSSFADE_S
        piece = load_waveform(path, sample_rate=sample_rate, start_s=start_s, end_s=start_s + needed_s).samples.astype(
            np.float64
        )
        start_s = 0.0
        level = rms(piece)
        if level == 0:
            raise InputError(path, "invalid", "this background is all silence", "choose another, or 'silence'")
        piece /= level
        overlap = min(fade, len(piece) // 2)
        if position:
            _fade_in(piece, overlap)
        end = min(position + len(piece), n_samples)
        whole[position:end] += piece[: end - position]
        if end == n_samples:
            return whole
        # What follows begins within the last of this one, which goes out meanwhile.
        position = end - overlap
        whole[position:end] *= np.cos(_quarter(overlap))
    return whole


def _fade_in(piece: Floats, n: int) -> None:
    piece[:n] *= np.sin(_quarter(n))


def _quarter(n: int) -> Floats:
    angles: Floats = (np.arange(n, dtype=np.float64) + 0.5) * (np.pi / 2 / max(n, 1))
    return angles
