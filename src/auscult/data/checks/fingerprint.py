"""Fingerprints of sounds: what stays when a sound is re-encoded, shifted, made quieter, cut, resampled or padded.

Two things are kept of a sound. A *code* of 28 bits for each 16 ms says how the energy of a quarter of a second is
spread over time and frequency: the signs of its low cosine coefficients. Equal codes lead to candidates, as in
J. Haitsma and T. Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002), where signs of differences between
neighbouring bands and frames are the code; cosines over patches are nearer to Y. Ke, D. Hoiem and R. Sukthankar,
"Computer Vision for Music Identification" (CVPR 2005). And the *structure*, the log-mel without its slow part, decides
whether a candidate is the same sound. `duplicates.py` compares.

Only 150 to 3600 Hz are looked at, which a telephone or a low bit rate leaves standing. Steady tones have no structure,
and so no fingerprint; steady noise has plenty, for no two moments of it are alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from auscult.features import FeatureSpec, mel_filter_bank
from auscult.features.logmel import hann_window
from auscult.records import FloatArray

FINGERPRINT_RATE = 8000
"""Hz; what `fingerprint` takes."""
FRAME_SAMPLES, HOP_SAMPLES = 512, 128
FRAME_S = HOP_SAMPLES / FINGERPRINT_RATE
N_BANDS = 24
# Of longer sounds the beginning stands for all: it bounds what is kept of a clip to 1.1 MB.
LONGEST_S = 600.0
# Levels are kept in steps of half a dB from here on: a byte reaches to +7.5 dB.
LOWEST_DB, STEPS_PER_DB = -120.0, 2
# What is so far below the loudest moment of a clip is as good as silent: codecs leave it out.
DEPTH_DB = 50.0

PATCH_FRAMES = 16  # 256 ms
# Cosine orders of a code. In time none for the mean (a filter, a louder copy); more than four turn with half a frame of
# shift. In frequency the first for the level of all bands together.
TIME_ORDERS, BAND_ORDERS = range(1, 5), range(7)
N_BITS = len(TIME_ORDERS) * len(BAND_ORDERS)
NO_CODE = np.uint32(0xFFFFFFFF)
# A patch whose coefficients lie below this (root mean square, dB) is too plain: its signs are those of noise.
PLAIN_DB = 2.0
# Each fourth patch is searched for, its weakest bits either way; all patches can be found.
QUERY_FRAMES = 4
N_WEAK = 5
MEAN_FRAMES = 32  # half a second: what is slower than that is not structure


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What is compared of a sound.

    Parameters
    ----------
    structure : int8 `(frames, bands)`, a frame each `FRAME_S`: log-mel less its mean over `MEAN_FRAMES` and over the
        bands, in steps of half a dB
    codes : uint32 `(patches,)`, the code of the patch that begins at each frame, `NO_CODE` where there is none
    weakest : uint32 `(queries,)`, for each `QUERY_FRAMES`-th patch its `N_WEAK` least certain bits, five bits for each
    """

    structure: NDArray[np.int8]
    codes: NDArray[np.uint32]
    weakest: NDArray[np.uint32]


class Fingerprinter:
    """Takes a sound in blocks, of which it keeps a byte for each band and frame.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    >>> fingerprinter = Fingerprinter()
    >>> fingerprinter.push(noise[:5000])
    >>> fingerprinter.push(noise[5000:])
    >>> whole = fingerprint(noise)
    >>> bool((fingerprinter.finish().codes == whole.codes).all()), whole.structure.shape
    (True, (122, 24))
    """

    def __init__(self) -> None:
        self._waiting = np.empty(0, np.float32)
        self._levels: list[NDArray[np.uint8]] = []
        self._n_left = round(LONGEST_S * FINGERPRINT_RATE)

    @property
    def is_full(self) -> bool:
        """Whether `LONGEST_S` were taken: what comes next is not looked at."""
        return self._n_left == 0

    def push(self, block: FloatArray) -> None:
        """Take the next samples, float32 `(samples,)` at `FINGERPRINT_RATE`."""
        block = block[: self._n_left]
        self._n_left -= len(block)
        self._waiting = np.concatenate([self._waiting, block])
        n_frames = 1 + (len(self._waiting) - FRAME_SAMPLES) // HOP_SAMPLES
        if n_frames > 0:
            self._levels.append(_levels(self._waiting))
            self._waiting = self._waiting[n_frames * HOP_SAMPLES :]

    def finish(self) -> Fingerprint:
        """What is known of the sound; to be called once."""
        if sum(map(len, self._levels)) < PATCH_FRAMES:  # a sound shorter than a patch ends in silence
            self.push(np.zeros(FRAME_SAMPLES + PATCH_FRAMES * HOP_SAMPLES, np.float32))
        return _fingerprint(np.concatenate(self._levels))


def fingerprint(samples: FloatArray) -> Fingerprint:
    """The fingerprint of a sound: float32 `(samples,)`, nominally in [-1, 1], at `FINGERPRINT_RATE`."""
    fingerprinter = Fingerprinter()
    fingerprinter.push(samples)
    return fingerprinter.finish()


def _levels(samples: FloatArray) -> NDArray[np.uint8]:
    """Level of each band, `(frames, bands)`, in steps above `LOWEST_DB`; a sine at full scale has about 0 dB."""
    window, bank = _front_end()
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)[::HOP_SAMPLES]
    levels = np.empty((len(frames), N_BANDS), np.uint8)
    for start in range(0, len(frames), 1024):  # a few megabytes at a time, however long the block
        spectrum = np.fft.rfft(frames[start : start + 1024] * window)
        power = spectrum.real**2 + spectrum.imag**2
        level_db = 10 * np.log10(power @ bank + 1e-12)
        levels[start : start + 1024] = np.rint(np.clip(STEPS_PER_DB * (level_db - LOWEST_DB), 0, 255))
    return levels


@cache
def _front_end() -> tuple[FloatArray, FloatArray]:
    """Window `(FRAME_SAMPLES,)`, scaled so that a sine at full scale has a power of 1, and bank `(bins, bands)`."""
    spec = FeatureSpec(
        sample_rate=FINGERPRINT_RATE,
        n_fft=FRAME_SAMPLES,
        frame_samples=FRAME_SAMPLES,
        hop_samples=HOP_SAMPLES,
        centered=False,
        spectrum="power",
        n_mels=N_BANDS,
        f_min_hz=150.0,
        f_max_hz=3600.0,
        mel_scale="htk",
        triangles_linear_in="hz",
        mel_norm="peak",
        log="db",
        log_floor=1e-12,
        log_offset=0.0,
        log_reference=1.0,
    )
    window = hann_window(FRAME_SAMPLES)
    return (window * 2 / window.sum()).astype(np.float32), mel_filter_bank(spec).T.astype(np.float32)


def _fingerprint(levels: NDArray[np.uint8]) -> Fingerprint:
    level_db = levels.astype(np.float32) / STEPS_PER_DB
    level_db = np.maximum(level_db, level_db.max() - DEPTH_DB)
    coefficients = _coefficients(level_db)
    plain = np.sqrt(np.mean(coefficients**2, axis=1)) < PLAIN_DB
    bits = (coefficients > 0) @ (np.uint32(1) << np.arange(N_BITS, dtype=np.uint32))
    codes = np.where(plain, NO_CODE, bits).astype(np.uint32)
    queries = np.abs(coefficients[::QUERY_FRAMES])
    weakest = np.argsort(queries, axis=1, kind="stable")[:, :N_WEAK].astype(np.uint32)
    packed = (weakest << (5 * np.arange(N_WEAK, dtype=np.uint32))).sum(axis=1, dtype=np.uint32)
    return Fingerprint(_structure(level_db), codes, packed)


def _coefficients(level_db: FloatArray) -> FloatArray:
    """The low cosine coefficients of the patch that begins at each frame, float32 `(patches, N_BITS)`."""
    along_bands = level_db @ _cosines(N_BANDS, BAND_ORDERS)
    patches = np.lib.stride_tricks.sliding_window_view(along_bands, PATCH_FRAMES, axis=0)
    coefficients: FloatArray = (patches @ _cosines(PATCH_FRAMES, TIME_ORDERS)).reshape(len(patches), N_BITS)
    return coefficients


@cache
def _cosines(n: int, orders: Iterable[int]) -> FloatArray:
    """Orthonormal cosines (DCT-II) of these orders over `n` points, float32 `(n, orders)`."""
    points = (np.arange(n) + 0.5) / n
    columns = [np.cos(np.pi * order * points) * np.sqrt((1 if order == 0 else 2) / n) for order in orders]
    return np.stack(columns, axis=1).astype(np.float32)


def _structure(level_db: FloatArray) -> NDArray[np.int8]:
    """Levels less their mean over time around each frame, less the mean of the bands."""
    n_frames = len(level_db)
    sums = np.concatenate([np.zeros((1, N_BANDS)), np.cumsum(level_db, axis=0, dtype=np.float64)])
    frames = np.arange(n_frames)
    first, last = np.maximum(0, frames - MEAN_FRAMES // 2), np.minimum(n_frames, frames + MEAN_FRAMES // 2)
    structure = level_db - (sums[last] - sums[first]) / (last - first)[:, np.newaxis]
    structure -= structure.mean(axis=1, keepdims=True)
    return np.asarray(np.rint(np.clip(STEPS_PER_DB * structure, -127, 127)), dtype=np.int8)
