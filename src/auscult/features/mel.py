"""Mel scales and the triangular filter bank that turns a spectrum into mel bands.

Two scales are in use. *HTK*: `mel = 2595 log10(1 + f / 700)` (S. Young et al., The HTK Book, 5.4), after the
pitch measurements of Stevens, Volkmann and Newman (JASA 8, 1937). *Slaney*: straight up to 1 kHz,
logarithmic above (M. Slaney, Auditory Toolbox, Interval Research report 1998-010). Frequencies are in Hz.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from auscult.features.spec import FeatureSpec
    from auscult.records import FloatArray

Float64Array = NDArray[np.float64]
MelScale = Literal["htk", "slaney"]

_HTK_CORNER_HZ = 700.0
_HTK_MELS_PER_DECADE = 2595.0
_SLANEY_HZ_PER_MEL = 200.0 / 3.0
_SLANEY_CORNER_HZ = 1000.0
_SLANEY_CORNER_MEL = _SLANEY_CORNER_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = np.log(6.4) / 27.0  # 27 steps from 1 kHz to 6.4 kHz


def hz_to_mel(frequency_hz: ArrayLike, *, scale: MelScale) -> Float64Array:
    """Frequencies in Hz as mels, of the same shape.

    Parameters
    ----------
    frequency_hz : any shape, 0 or more, Hz
    scale : "htk" or "slaney"

    Examples
    --------
    >>> round(float(hz_to_mel(1000.0, scale="htk")))
    1000
    >>> round(float(hz_to_mel(1000.0, scale="slaney")), 6)
    15.0
    """
    hz = np.asarray(frequency_hz, dtype=np.float64)
    if scale == "htk":
        return np.asarray(_HTK_MELS_PER_DECADE * np.log10(1.0 + hz / _HTK_CORNER_HZ))
    above = _SLANEY_CORNER_MEL + np.log(np.maximum(hz, _SLANEY_CORNER_HZ) / _SLANEY_CORNER_HZ) / _SLANEY_LOG_STEP
    return np.where(hz < _SLANEY_CORNER_HZ, hz / _SLANEY_HZ_PER_MEL, above)


def mel_to_hz(mel: ArrayLike, *, scale: MelScale) -> Float64Array:
    """Mels as frequencies in Hz, of the same shape: the inverse of `hz_to_mel`.

    Examples
    --------
    >>> round(float(mel_to_hz(42.0, scale="slaney")), 6)
    6400.0
    """
    mels = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return np.asarray(_HTK_CORNER_HZ * (10.0 ** (mels / _HTK_MELS_PER_DECADE) - 1.0))
    above = _SLANEY_CORNER_HZ * np.exp(_SLANEY_LOG_STEP * (np.maximum(mels, _SLANEY_CORNER_MEL) - _SLANEY_CORNER_MEL))
    return np.where(mels < _SLANEY_CORNER_MEL, mels * _SLANEY_HZ_PER_MEL, above)


def band_edges_hz(spec: FeatureSpec) -> Float64Array:
    """The `(n_mels + 2,)` corner frequencies in Hz, equally far apart in mel.

    Band `m` rises from edge `m`, peaks at edge `m + 1` and ends at edge `m + 2`.

    Examples
    --------
    >>> from auscult.features import preset
    >>> edges = band_edges_hz(preset("yamnet"))
    >>> edges.shape, round(float(edges[0])), round(float(edges[-1]))
    ((66,), 125, 7500)
    """
    low, high = hz_to_mel([spec.f_min_hz, spec.f_max_hz], scale=spec.mel_scale)
    return mel_to_hz(np.linspace(low, high, spec.n_mels + 2), scale=spec.mel_scale)


@lru_cache(maxsize=16)
def mel_filter_bank(spec: FeatureSpec) -> FloatArray:
    """The weights with which the bins of a spectrum enter the mel bands.

    Parameters
    ----------
    spec : the front end; `n_mels`, `f_min_hz`, `f_max_hz`, `mel_scale`, `triangles_linear_in` and `mel_norm`
        shape it

    Returns
    -------
    float32 `(mels, bins)` with `bins = n_fft // 2 + 1`, read-only, 0 or more. Bin `k` lies at
    `k * sample_rate / n_fft` Hz. With `triangles_linear_in="hz"` these are librosa's filters, with "mel"
    those of TensorFlow and YAMNet (Gemmeke et al., Audio Set, ICASSP 2017, and its VGGish and YAMNet code).

    Examples
    --------
    >>> from auscult.features import preset
    >>> mel_filter_bank(preset("yamnet")).shape
    (64, 257)
    """
    edges = band_edges_hz(spec)
    bins = np.arange(spec.n_bins, dtype=np.float64) * (spec.sample_rate / spec.n_fft)
    weights = _triangles(edges, bins, spec)
    if spec.mel_norm == "area":
        weights = weights * (2.0 / (edges[2:] - edges[:-2]))[:, np.newaxis]
    elif spec.mel_norm == "sum":
        # A band without any bin stays zero here; the gate of FeatureSpec refuses it by name.
        total = weights.sum(axis=1, keepdims=True)
        weights = weights / np.where(total > 0, total, 1.0)
    bank = weights.astype(np.float32)
    bank.setflags(write=False)
    return bank


def _triangles(edges_hz: Float64Array, bins_hz: Float64Array, spec: FeatureSpec) -> Float64Array:
    """Triangles of height 1 over the bins, `(mels, bins)`, straight in Hz or straight in mel."""
    if spec.triangles_linear_in == "mel":
        edges = hz_to_mel(edges_hz, scale=spec.mel_scale)
        bins = hz_to_mel(bins_hz, scale=spec.mel_scale)
    else:
        edges, bins = edges_hz, bins_hz
    low, peak, high = (part[:, np.newaxis] for part in (edges[:-2], edges[1:-1], edges[2:]))
    rising = (bins - low) / (peak - low)
    falling = (high - bins) / (high - peak)
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)))
