"""Log-mel spectrograms in numpy: the reference that the torch module and every exported graph are held
against.

Computed in float64, returned as float32. Axes are `(mels, frames)`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.features.mel import Float64Array, mel_filter_bank
from auscult.features.spec import FeatureSpec
from auscult.records import FloatArray

# Frames that are transformed at a time: an hour of sound needs no more working memory than a minute (50 MB).
_BLOCK_FRAMES = 2048


def mel_energies(samples: NDArray[np.floating], spec: FeatureSpec) -> FloatArray:
    """Energy in each mel band over time, before the logarithm.

    Parameters
    ----------
    samples : `(samples,)` floating point, at least one, finite, at `spec.sample_rate`, nominally in [-1, 1]
    spec : the front end

    Returns
    -------
    float32 `(mels, frames)`, 0 or more: magnitude or power of the spectrum, as `spec.spectrum` says,
    weighted by `mel_filter_bank(spec)`

    Raises
    ------
    ValueError : when `samples` has another shape or type, holds nothing, or holds NaN or infinity

    See Also
    --------
    log_mel : the same with the logarithm

    Examples
    --------
    >>> import numpy as np
    >>> from auscult.features import preset
    >>> spec = preset("auscult")
    >>> sine = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050)
    >>> energies = mel_energies(sine, spec)
    >>> energies.shape, int(energies.mean(axis=1).argmax())  # 19th of the 64 bands
    ((64, 51), 18)
    """
    return _energies(samples, spec).astype(np.float32)


def log_mel(samples: NDArray[np.floating], spec: FeatureSpec) -> FloatArray:
    """Log-mel spectrogram of a sound.

    Parameters, axes and errors are those of `mel_energies`.

    Returns
    -------
    float32 `(mels, frames)`: natural logarithm or dB, as `spec.log` says

    Examples
    --------
    >>> import numpy as np
    >>> from auscult.features import preset
    >>> log_mel(np.zeros(22050, np.float32), preset("clearml")).max()
    np.float32(-100.0)
    """
    energies = _energies(samples, spec)
    level = (np.maximum(energies, spec.log_floor) + spec.log_offset) / spec.log_reference
    return np.asarray(spec.log_scale * np.log(level), dtype=np.float32)


def hann_window(n_samples: int) -> Float64Array:
    """Periodic Hann window, `(n_samples,)` in [0, 1]: one period of a raised cosine, the first sample 0.

    Examples
    --------
    >>> [round(float(weight), 6) for weight in hann_window(4)]
    [0.0, 0.5, 1.0, 0.5]
    """
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_samples) / n_samples)


def _energies(samples: NDArray[np.floating], spec: FeatureSpec) -> Float64Array:
    _check_samples(samples)
    bank = mel_filter_bank(spec).astype(np.float64)
    window = hann_window(spec.frame_samples)
    frames = _frames(samples, spec)
    energies = np.empty((spec.n_mels, len(frames)))
    for start in range(0, len(frames), _BLOCK_FRAMES):
        block = frames[start : start + _BLOCK_FRAMES] * window
        magnitude = np.abs(np.fft.rfft(block, n=spec.n_fft))
        spectrum = magnitude if spec.spectrum == "magnitude" else magnitude**2
        energies[:, start : start + len(block)] = bank @ spectrum.T
    return energies


def _frames(samples: NDArray[np.floating], spec: FeatureSpec) -> NDArray[np.floating]:
    """The frames as a read-only view `(frames, frame_samples)` of the padded sound."""
    n_frames = spec.n_frames(len(samples))
    n_padded = (n_frames - 1) * spec.hop_samples + spec.frame_samples
    padded = np.zeros(max(n_padded, spec.lead_samples + len(samples)), dtype=samples.dtype)
    padded[spec.lead_samples : spec.lead_samples + len(samples)] = samples
    windows = np.lib.stride_tricks.sliding_window_view(padded, spec.frame_samples)
    return windows[:: spec.hop_samples][:n_frames]


def _check_samples(samples: NDArray[np.floating]) -> None:
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating) or not len(samples):
        raise ValueError(
            "The 'samples' parameter must be floating point with axes (samples,) and at least one sample. "
            f"Got {samples.dtype} of shape {samples.shape} instead."
        )
    if not np.isfinite(samples).all():
        raise ValueError("The 'samples' parameter must be finite. Got NaN or infinity instead.")
