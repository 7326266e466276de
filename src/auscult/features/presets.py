"""Named front ends: our own, YAMNet's and that of ClearML's UrbanSound8K example."""

from __future__ import annotations

import math

from auscult.errors import UsageError
from auscult.features.spec import FeatureSpec

_OWN_SAMPLE_RATE = 22050
_OWN_HOP_S = 0.020
_OWN_N_FFT = 1024  # 46 ms at 22.05 kHz
_OWN_LOG_OFFSET = 1e-5


def _auscult(sample_rate: int, hop_s: float) -> FeatureSpec:
    wanted_n_fft = sample_rate * (_OWN_N_FFT / _OWN_SAMPLE_RATE)
    n_fft = 2 ** round(math.log2(max(2.0, wanted_n_fft)))
    return FeatureSpec(
        sample_rate=sample_rate,
        n_fft=n_fft,
        frame_samples=n_fft,
        hop_samples=round(hop_s * sample_rate),
        centered=True,
        spectrum="power",
        n_mels=64,
        f_min_hz=50.0,
        f_max_hz=sample_rate / 2,
        mel_scale="htk",
        triangles_linear_in="hz",
        mel_norm="sum",
        log="natural",
        log_floor=0.0,
        # The power of a sine grows with the square of the window: so it stands equally far above the offset.
        log_offset=_OWN_LOG_OFFSET * (n_fft / _OWN_N_FFT) ** 2,
        log_reference=1.0,
    )


# tensorflow/models, research/audioset/yamnet: params.py and features.py.
_YAMNET = FeatureSpec(
    sample_rate=16000,
    n_fft=512,
    frame_samples=400,
    hop_samples=160,
    centered=False,
    spectrum="magnitude",
    n_mels=64,
    f_min_hz=125.0,
    f_max_hz=7500.0,
    mel_scale="htk",
    triangles_linear_in="mel",
    mel_norm="peak",
    log="natural",
    log_floor=0.0,
    log_offset=0.001,
    log_reference=1.0,
)

# The defaults of torchaudio's MelSpectrogram and AmplitudeToDB as the example uses them, but for the length
# of the transform (with torchaudio's 400 points, 7 of these 128 bands hold no bin) and for the borders of
# the sound, which are filled with zeros instead of mirrored.
_CLEARML = FeatureSpec(
    sample_rate=22050,
    n_fft=1024,
    frame_samples=400,
    hop_samples=200,
    centered=True,
    spectrum="power",
    n_mels=128,
    f_min_hz=0.0,
    f_max_hz=11025.0,
    mel_scale="htk",
    triangles_linear_in="hz",
    mel_norm="peak",
    log="db",
    log_floor=1e-10,
    log_offset=0.0,
    log_reference=1.0,
)

PRESETS: dict[str, FeatureSpec] = {
    "auscult": _auscult(_OWN_SAMPLE_RATE, _OWN_HOP_S),
    "clearml": _CLEARML,
    "yamnet": _YAMNET,
}


def preset(name: str, *, sample_rate: int | None = None, hop_s: float | None = None) -> FeatureSpec:
    """A ready front end by name. The numbers are in `docs/reference/features.md`.

    Parameters
    ----------
    name : "auscult", "clearml" or "yamnet"
    sample_rate : Hz; only "auscult" adapts (default 22050, from 4000 on): the transform is the power of two
        nearest to 46 ms, the bands reach up to half the rate
    hop_s : seconds from one frame to the next; only "auscult" adapts (default 0.02)

    Raises
    ------
    UsageError : for an unknown name, or a rate or hop that the preset does not have

    Examples
    --------
    >>> spec = preset("auscult", sample_rate=8000, hop_s=0.01)
    >>> spec.n_fft, spec.hop_samples, spec.f_max_hz
    (512, 80, 4000.0)
    """
    if name not in PRESETS:
        raise UsageError(f"The 'name' of a feature preset must be one of {', '.join(PRESETS)}. Got {name!r} instead.")
    if hop_s is not None and not 0 < hop_s < math.inf:
        raise UsageError(f"The 'hop_s' of a feature preset must be a positive number of seconds. Got {hop_s} instead.")
    if name == "auscult":
        return _auscult(
            _OWN_SAMPLE_RATE if sample_rate is None else sample_rate, _OWN_HOP_S if hop_s is None else hop_s
        )
    spec = PRESETS[name]
    own_hop_s = spec.hop_samples / spec.sample_rate
    if sample_rate not in (None, spec.sample_rate) or hop_s not in (None, own_hop_s):
        raise UsageError(
            f"The feature preset {name!r} is fixed at {spec.sample_rate} Hz and a hop of {own_hop_s:g} s. "
            f"Got sample_rate={sample_rate}, hop_s={hop_s} instead; the preset 'auscult' adapts to both."
        )
    return spec
