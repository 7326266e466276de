"""What networks of transformers read, made from waveforms inside the graph: their feature extractors in torch.

Each gives what the extractor of the checkpoint gives for a full window, in plain operators that export into any graph.
The Fourier transform of a frame is one product with a matrix that holds the window function and whatever else is linear
in the frame. Beside these networks its cost does not show.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from auscult.extras import require_extra
from auscult.models.hf_checkpoint import EXTRA, PURPOSE

# Kaldi's front end as AST has it: frames of 25 ms every 10 ms at 16 kHz, in a transform of 512 points.
AST_FRAME, AST_HOP, AST_N_FFT = 400, 160, 512
AST_PREEMPHASIS = 0.97
AST_FLOOR = 1.192092955078125e-07  # float32's epsilon, Kaldi's smallest energy
LEAST_POWER = 1e-10  # of Whisper's and CLAP's bands
WHISPER_RANGE = 8.0  # in powers of ten of power: 80 dB below the loudest of the window

Float64Array = NDArray[np.float64]


class FrontEnd(nn.Module):
    """Waveforms `(batch, samples)` to what a body reads, in float32 whatever autocast says; nothing in it trains."""

    def forward(self, waveform: Tensor) -> Tensor:
        device = waveform.device.type
        # Entered only where it changes something: an exported graph has no place for it.
        if torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                return self.compute(waveform.float())
        return self.compute(waveform.float())

    def compute(self, waveform: Tensor) -> Tensor:
        raise NotImplementedError


class Standardised(FrontEnd):
    """The waveform with mean 0 and variance 1, each by itself, where `on`; as it is otherwise: wav2vec 2.0 and kin."""

    def __init__(self, *, on: bool) -> None:
        super().__init__()
        self.on = on

    def compute(self, waveform: Tensor) -> Tensor:
        if not self.on:
            return waveform
        centred = waveform - waveform.mean(dim=1, keepdim=True)
        return centred / torch.sqrt((centred * centred).mean(dim=1, keepdim=True) + 1e-7)


class _FramePower(nn.Module):
    """Waveforms `(batch, samples)` to mel power `(batch, mels, frames)`, of frames that begin every `hop` samples."""

    kernel: Tensor
    bank: Tensor

    def __init__(self, linear: Float64Array, bank: Float64Array, *, n_fft: int, hop: int) -> None:
        """`linear` is what happens to a frame before the transform, `(frame, frame)`; `bank` is `(bins, mels)`."""
        super().__init__()
        self.hop = hop
        frame = linear.shape[0]
        used = np.flatnonzero(bank.any(axis=1))
        angle = -2 * np.pi * np.outer(used, np.arange(frame)) / n_fft
        kernel = np.concatenate([np.cos(angle), np.sin(angle)]) @ linear
        _constant(self, "kernel", kernel[:, np.newaxis])
        _constant(self, "bank", bank[used].T)

    def forward(self, waveform: Tensor) -> Tensor:
        real, imaginary = functional.conv1d(waveform.unsqueeze(1), self.kernel, stride=self.hop).chunk(2, dim=1)
        return self.bank @ (real * real + imaginary * imaginary)


class KaldiLogMel(FrontEnd):
    """AST's front end: `(batch, samples)` to normalised log-mel `(batch, mels, n_frames)`.

    Parameters
    ----------
    extractor : an `ASTFeatureExtractor`: number of bands, mean and standard deviation are taken from it
    n_frames : as many as the body reads; what the waveform does not give is filled up as the extractor does
    """

    def __init__(self, extractor: Any, n_frames: int) -> None:
        super().__init__()
        rate = int(extractor.sampling_rate)
        bank = _kaldi_bank(int(extractor.num_mel_bins), rate)
        frame = np.eye(AST_FRAME)
        without_mean = frame - 1 / AST_FRAME
        preemphasis = frame - AST_PREEMPHASIS * np.eye(AST_FRAME, k=-1)
        preemphasis[0, 0] = 1 - AST_PREEMPHASIS
        linear = np.hanning(AST_FRAME)[:, np.newaxis] * (preemphasis @ without_mean)
        self.power = _FramePower(linear, bank, n_fft=AST_N_FFT, hop=AST_HOP)
        self.n_frames = n_frames
        self.level = float(extractor.mean) if extractor.do_normalize else 0.0
        self.spread = 2 * float(extractor.std) if extractor.do_normalize else 1.0

    def compute(self, waveform: Tensor) -> Tensor:
        level = torch.log(self.power(waveform).clamp(min=AST_FLOOR))
        filled: Tensor = functional.pad(level, (0, self.n_frames - level.shape[2]))
        return (filled - self.level) / self.spread


def _kaldi_bank(n_mels: int, sample_rate: int) -> Float64Array:
    """Kaldi's triangles over the bins of the transform, `(bins, mels)`."""
    audio_utils = require_extra("transformers.audio_utils", extra=EXTRA, purpose=PURPOSE)
    with warnings.catch_warnings():
        # 128 bands over 512 points leave some empty: that is how AST was trained.
        warnings.filterwarnings("ignore", "At least one mel filter", UserWarning)
        bank: Float64Array = audio_utils.mel_filter_bank(
            AST_N_FFT // 2 + 1,
            n_mels,
            20,
            sample_rate // 2,
            sample_rate,
            norm=None,
            mel_scale="kaldi",
            triangularize_in_mel_space=True,
        )
    return bank


class WhisperLogMel(FrontEnd):
    """Whisper's front end: `(batch, samples)` to log-mel `(batch, mels, samples / hop)`, at most 80 dB of it.

    Parameters
    ----------
    extractor : a `WhisperFeatureExtractor`
    n_samples : of the windows. Where they are shorter than the extractor's, silence follows them, as it has it.
    """

    def __init__(self, extractor: Any, n_samples: int) -> None:
        super().__init__()
        n_fft = int(extractor.n_fft)
        self.hop = int(extractor.hop_length)
        self.power = _FramePower(np.diag(_hann(n_fft)), np.asarray(extractor.mel_filters), n_fft=n_fft, hop=self.hop)
        self.n_frames = whisper_frames(n_samples, self.hop)
        self.reach = n_fft // 2
        self.mirrored_end = n_samples >= int(extractor.n_samples)

    def compute(self, waveform: Tensor) -> Tensor:
        both = functional.pad(
            waveform.unsqueeze(1), (self.reach, self.reach if self.mirrored_end else 0), mode="reflect"
        )
        missing = (self.n_frames - 1) * self.hop + 2 * self.reach - both.shape[2]
        padded = functional.pad(both.squeeze(1), (0, max(0, missing)))
        level = torch.log10(self.power(padded)[:, :, : self.n_frames].clamp(min=LEAST_POWER))
        loudest = level.amax(dim=(1, 2), keepdim=True)
        return (torch.maximum(level, loudest - WHISPER_RANGE) + 4) / 4


class ClapLogMel(FrontEnd):
    """CLAP's front end: `(batch, samples)`, repeated to its ten seconds, to log-mel in dB `(batch, mels, frames)`.

    Parameters
    ----------
    extractor : a `ClapFeatureExtractor` of a CLAP without fusion
    n_samples : of the windows. As often as a window fits it is repeated, as the extractor does; zeros follow.
    """

    def __init__(self, extractor: Any, n_samples: int) -> None:
        super().__init__()
        n_fft = int(extractor.fft_window_size)
        bank = np.asarray(extractor.mel_filters_slaney)
        self.power = _FramePower(np.diag(_hann(n_fft)), bank, n_fft=n_fft, hop=int(extractor.hop_length))
        self.reach = n_fft // 2
        whole = int(extractor.nb_max_samples)
        self.repeats = whole // n_samples if extractor.padding == "repeatpad" else 1
        self.zeros = whole - self.repeats * n_samples

    def compute(self, waveform: Tensor) -> Tensor:
        whole = functional.pad(waveform.repeat(1, self.repeats), (0, self.zeros))
        padded = functional.pad(whole.unsqueeze(1), (self.reach, self.reach), mode="reflect").squeeze(1)
        level: Tensor = 10 * torch.log10(self.power(padded).clamp(min=LEAST_POWER))
        return level


def _hann(length: int) -> Float64Array:
    """The periodic one."""
    window: Float64Array = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return window


def whisper_frames(n_samples: int, hop: int) -> int:
    """Frames of a window, an even number, for the body joins two into one.

    Examples
    --------
    >>> whisper_frames(480000, 160), whisper_frames(80001, 160)
    (3000, 502)
    """
    return 2 * math.ceil(n_samples / hop / 2)


class LogMelPicture(nn.Module):
    """Log-mel `(batch, mels, frames)` to pictures `(batch, channels, height, width)` for an image network.

    The whole log-mel is scaled, nothing of it is cropped or turned. Its levels, from `darkest` to `brightest`, become
    0 to 1, alike in all channels, and then what the network was trained on: minus `mean`, over `std`. Scaling up is
    linear between neighbours, scaling down averages them; both are products with a matrix, so they export everywhere.
    """

    rows: Tensor
    columns: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        shape: tuple[int, int],
        size: tuple[int, int],
        *,
        levels: tuple[float, float],
        mean: list[float],
        std: list[float],
    ) -> None:
        super().__init__()
        self.darkest, self.brightest = levels
        _constant(self, "rows", scaling(shape[0], size[0]))
        _constant(self, "columns", scaling(shape[1], size[1]).T)
        _constant(self, "mean", np.array(mean).reshape(-1, 1, 1))
        _constant(self, "std", np.array(std).reshape(-1, 1, 1))

    def forward(self, log_mel: Tensor) -> Tensor:
        bright = (log_mel - self.darkest) / (self.brightest - self.darkest)
        picture = self.rows @ bright @ self.columns
        return (picture.unsqueeze(1) - self.mean) / self.std


def scaling(n_in: int, n_out: int) -> Float64Array:
    """The matrix `(n_out, n_in)` that scales a row of `n_in` values to `n_out`, linear and antialiased; rows sum to 1.

    Examples
    --------
    >>> scaling(2, 4).round(2).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    identity = torch.eye(n_in, dtype=torch.float64)[None, None]
    scaled = functional.interpolate(identity, (n_out, n_in), mode="bilinear", antialias=True)
    values: Float64Array = scaled[0, 0].numpy()
    return values


def _constant(module: nn.Module, name: str, values: NDArray[np.floating]) -> None:
    """A tensor that follows from the configuration, so it is not in the `state_dict`."""
    module.register_buffer(name, torch.tensor(np.ascontiguousarray(values), dtype=torch.float32), persistent=False)
