"""`FeatureSpec`: everything that decides which log-mel numbers a waveform becomes. It travels with the model
file.

The chain, with a field for each choice::

    waveform -> frames of frame_samples every hop_samples (centered or not), each times a periodic Hann window
             -> zeros at the tail up to n_fft, Fourier transform
             -> spectrum: "magnitude" |X| or "power" |X|^2, not scaled
             -> n_mels triangles from f_min_hz to f_max_hz (mel_scale, triangles_linear_in, mel_norm)
             -> log((max(mel, log_floor) + log_offset) / log_reference), natural or in dB

Nothing depends on anything but the waveform itself: no maximum of a clip or a batch enters.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np

from auscult.errors import UsageError
from auscult.features.mel import MelScale, band_edges_hz, mel_filter_bank

Spectrum = Literal["magnitude", "power"]
TriangleAxis = Literal["hz", "mel"]
MelNorm = Literal["peak", "area", "sum"]
LogKind = Literal["natural", "db"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "spectrum": get_args(Spectrum),
    "mel_scale": get_args(MelScale),
    "triangles_linear_in": get_args(TriangleAxis),
    "mel_norm": get_args(MelNorm),
    "log": get_args(LogKind),
}
_INTEGERS = ("sample_rate", "n_fft", "frame_samples", "hop_samples", "n_mels")
_NUMBERS = ("f_min_hz", "f_max_hz", "log_floor", "log_offset", "log_reference")
# A spec may come from a file somebody else wrote: these keep the filter bank under about 100 MB.
_MAX_N_FFT = 65536
_MAX_N_MELS = 512


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """A log-mel front end. See `presets.preset` for ready ones.

    Parameters
    ----------
    sample_rate : Hz, of the waveform that goes in
    n_fft : length of the Fourier transform in samples, 2 to 65536
    frame_samples : samples under the Hann window, 2 to `n_fft`; the rest of the transform is zeros at the
        tail
    hop_samples : from one frame to the next, 1 to `frame_samples`
    centered : True: frame `t` has its middle on sample `t * hop_samples`, with zeros before and after the
        sound (librosa's default). False: frame `t` begins there, and only whole frames count (YAMNet); a
        sound shorter than one frame is filled with zeros to one.
    spectrum : "magnitude" or "power"
    n_mels : number of bands, 1 to 512
    f_min_hz, f_max_hz : the lowest and highest corner of the bands, Hz, within 0 and `sample_rate / 2`
    mel_scale : "htk" or "slaney", see `mel.hz_to_mel`
    triangles_linear_in : the axis along which the sides of a triangle are straight: "hz" (librosa,
        torchaudio) or "mel" (TensorFlow, YAMNet)
    mel_norm : "peak": each triangle is 1 high (librosa's `norm=None`); "area": its area over Hz is 1
        (librosa's "slaney"); "sum": its weights add up to 1, so that a band is a mean over its bins
    log : "natural", or "db": 10 log10 of power, 20 log10 of magnitude
    log_floor : smaller mel values count as this one, 0 or more (librosa's `amin`)
    log_offset : added to the mel values before the logarithm, 0 or more; floor or offset must be positive
    log_reference : the mel value whose logarithm is 0, more than 0

    Raises
    ------
    UsageError : when a field breaks its rule, or when a band holds no bin of the transform

    Examples
    --------
    >>> from auscult.features import preset
    >>> spec = preset("yamnet")
    >>> spec.n_frames(15600), spec.n_bins
    (96, 257)
    >>> FeatureSpec.from_dict(spec.to_dict()) == spec
    True
    """

    sample_rate: int
    n_fft: int
    frame_samples: int
    hop_samples: int
    centered: bool
    spectrum: Spectrum
    n_mels: int
    f_min_hz: float
    f_max_hz: float
    mel_scale: MelScale
    triangles_linear_in: TriangleAxis
    mel_norm: MelNorm
    log: LogKind
    log_floor: float
    log_offset: float
    log_reference: float

    def __post_init__(self) -> None:
        self._check_types()
        self._check_ranges()
        self._check_bands()

    @property
    def n_bins(self) -> int:
        """Bins of the spectrum, from 0 Hz to half the sample rate."""
        return self.n_fft // 2 + 1

    @property
    def log_scale(self) -> float:
        """What a natural logarithm is multiplied by: 1, or what makes decibels of it."""
        if self.log == "natural":
            return 1.0
        return (20.0 if self.spectrum == "magnitude" else 10.0) / math.log(10.0)

    def n_frames(self, n_samples: int) -> int:
        """Frames that a sound of `n_samples` (at least 1) becomes.

        Examples
        --------
        >>> from auscult.features import preset
        >>> preset("auscult").n_frames(5 * 22050)
        251
        """
        if n_samples < 1:
            raise ValueError(f"The 'n_samples' parameter must be at least 1. Got {n_samples} instead.")
        if self.centered:
            return 1 + n_samples // self.hop_samples
        return 1 + max(0, n_samples - self.frame_samples) // self.hop_samples

    @property
    def lead_samples(self) -> int:
        """Zeros before the first sample of the sound."""
        return self.frame_samples // 2 if self.centered else 0

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FeatureSpec:
        """The spec that `to_dict` wrote. Every field must be there, and nothing else.

        Raises
        ------
        UsageError : for a missing or unknown key, and whatever the constructor refuses
        """
        if not isinstance(values, Mapping):
            raise UsageError(f"A feature spec must be a JSON object. Got {type(values).__name__} instead.")
        names = [field.name for field in fields(cls)]
        unknown = sorted(str(key) for key in values if key not in names)
        missing = [name for name in names if name not in values]
        if unknown or missing:
            parts = [f"unknown: {', '.join(unknown)}"] * bool(unknown) + [f"missing: {', '.join(missing)}"] * bool(
                missing
            )
            raise UsageError(
                f"A feature spec must have exactly the fields of FeatureSpec ({'; '.join(parts)}); "
                "it may come from another version of auscult: update auscult, or write the file again."
            )
        return cls(**values)

    def _check_types(self) -> None:
        for name in _INTEGERS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, numbers.Integral):
                raise _refused(name, "a whole number", value)
            object.__setattr__(self, name, int(value))
        for name in _NUMBERS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
                raise _refused(name, "a finite number", value)
            object.__setattr__(self, name, float(value))
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise _refused(name, "one of " + ", ".join(f"'{choice}'" for choice in choices), value)
        if not isinstance(self.centered, bool):
            raise _refused("centered", "true or false", self.centered)

    def _check_ranges(self) -> None:
        half_rate = self.sample_rate / 2
        rules: list[tuple[str, bool, str]] = [
            ("sample_rate", self.sample_rate > 0, "a positive number of Hz"),
            ("n_fft", 2 <= self.n_fft <= _MAX_N_FFT, f"between 2 and {_MAX_N_FFT} samples"),
            (
                "frame_samples",
                2 <= self.frame_samples <= self.n_fft,
                f"between 2 and n_fft = {self.n_fft} samples",
            ),
            (
                "hop_samples",
                1 <= self.hop_samples <= self.frame_samples,
                f"between 1 and frame_samples = {self.frame_samples}, so that frames leave no gap",
            ),
            ("n_mels", 1 <= self.n_mels <= _MAX_N_MELS, f"between 1 and {_MAX_N_MELS}"),
            ("f_min_hz", self.f_min_hz >= 0, "0 Hz or more"),
            (
                "f_max_hz",
                self.f_min_hz < self.f_max_hz <= half_rate,
                f"above f_min_hz = {self.f_min_hz:g} Hz and at most half the sample rate, {half_rate:g} Hz",
            ),
            ("log_floor", self.log_floor >= 0, "0 or more"),
            (
                "log_offset",
                self.log_offset >= 0 and self.log_offset + self.log_floor > 0,
                "0 or more, and above 0 where log_floor is 0, for silence has no logarithm",
            ),
            ("log_reference", self.log_reference > 0, "more than 0"),
        ]
        for name, holds, rule in rules:
            if not holds:
                raise _refused(name, rule, getattr(self, name))

    def _check_bands(self) -> None:
        empty = np.flatnonzero(~mel_filter_bank(self).any(axis=1))
        if not len(empty):
            return
        edges = band_edges_hz(self)
        # A triangle that is wider than the distance of two bins has one inside, wherever it stands.
        enough = 2 ** math.ceil(math.log2(self.sample_rate / float((edges[2:] - edges[:-2]).min()) + 1e-9))
        named = ", ".join(f"{band} ({edges[band]:.0f}-{edges[band + 2]:.0f} Hz)" for band in empty[:5])
        more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
        raise UsageError(
            f"The mel bands of FeatureSpec must each hold a bin of the Fourier transform: {len(empty)} of "
            f"{self.n_mels} hold none, namely {named}{more}. Bins are "
            f"{self.sample_rate / self.n_fft:.1f} Hz apart; take an n_fft of {enough} (now {self.n_fft}), "
            "or fewer n_mels."
        )


def _refused(name: str, rule: str, value: object) -> UsageError:
    return UsageError(f"The {name!r} field of FeatureSpec must be {rule}. Got {value!r} instead.")
