"""The log-mel front end as a torch module, for training and for the graph of an exported model.

`transform="fft"` uses torch's Fourier transform: what training wants. `transform="matmul"` uses nothing but
reshaping, matrix products and elementwise arithmetic, so that it exports into any graph. It is not the
textbook product with an `n_fft x n_fft` matrix but one step of the factorisation of Cooley and Tukey (Math.
Comp. 19, 1965): with `n_fft = rows * columns`, products with matrices of about `sqrt(n_fft)` in two stages.
For 1024 points that is a fifth of the multiplications of the half matrix that symmetry leaves, and constants
of 0.3 MB instead of 2 MB in the file.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from auscult.features.logmel import hann_window
from auscult.features.mel import Float64Array, mel_filter_bank
from auscult.features.spec import FeatureSpec

Transform = Literal["fft", "matmul"]


class LogMel(nn.Module):
    """Waveforms to log-mel spectrograms: `logmel.log_mel` for batches, in float32 whatever autocast says.

    Parameters
    ----------
    spec : the front end
    transform : "fft" (fast for training) or "matmul" (plain operators, for export). Both agree with `logmel`
        to 1e-4 of the largest mel value of a sound.

    Its constants follow from `spec`, so they are not in the `state_dict`.

    Examples
    --------
    >>> import torch
    >>> from auscult.features import preset
    >>> LogMel(preset("auscult"))(torch.zeros(2, 22050)).shape
    torch.Size([2, 64, 51])
    """

    def __init__(self, spec: FeatureSpec, *, transform: Transform = "fft") -> None:
        super().__init__()
        if transform not in ("fft", "matmul"):
            raise ValueError(
                f"The 'transform' parameter of LogMel must be 'fft' or 'matmul'. Got {transform!r} instead."
            )
        self.spec = spec
        self.transform: nn.Module = _FftPower(spec) if transform == "fft" else _TwoStagePower(spec)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveforms `(batch, samples)` at `spec.sample_rate` to float32 `(batch, mels, frames)`.

        Raises
        ------
        ValueError : when `waveform` has other axes or no sample
        """
        if waveform.ndim != 2 or not waveform.is_floating_point():
            raise ValueError(
                "The 'waveform' parameter of LogMel must be floating point with axes (batch, samples). "
                f"Got {waveform.dtype} of shape {tuple(waveform.shape)} instead."
            )
        device = waveform.device.type
        # Entered only where it changes something: an exported graph has no place for it.
        if torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                return self._log_mel(waveform.float())
        return self._log_mel(waveform.float())

    def _log_mel(self, waveform: Tensor) -> Tensor:
        spec = self.spec
        mel: Tensor = self.transform(waveform)
        if spec.log_floor > 0:
            mel = mel.clamp(min=spec.log_floor)
        if spec.log_offset > 0:
            mel = mel + spec.log_offset
        level = torch.log(mel)
        if spec.log_scale != 1.0:
            level = level * spec.log_scale
        if spec.log_reference != 1.0:
            level = level - spec.log_scale * math.log(spec.log_reference)
        return level


class _FftPower(nn.Module):
    """`(batch, samples)` to mel values `(batch, mels, frames)` through torch's Fourier transform."""

    window: Tensor
    bank: Tensor

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__()
        self.spec = spec
        window = np.zeros(spec.n_fft)
        window[: spec.frame_samples] = hann_window(spec.frame_samples)
        _register(self, "window", window)
        _register(self, "bank", mel_filter_bank(spec))

    def forward(self, waveform: Tensor) -> Tensor:
        spec = self.spec
        n_padded = (spec.n_frames(waveform.shape[-1]) - 1) * spec.hop_samples + spec.n_fft
        padded = _padded(waveform, spec, n_padded=n_padded)
        transformed = torch.stft(
            padded, spec.n_fft, spec.hop_samples, window=self.window, center=False, return_complex=True
        )
        real, imaginary = transformed.real, transformed.imag
        power = torch.addcmul(real * real, imaginary, imaginary)
        return self.bank @ _spectrum(power, spec)


class _TwoStagePower(nn.Module):
    """`(batch, samples)` to mel values `(batch, mels, frames)` through two small matrix products.

    With sample `n = columns * p + q` and bin `k = r + rows * t`, where `p, r < rows` and `q, t < columns`::

        X[k] = sum_q  exp(-2 pi i (q r / n_fft + q t / columns))  *  sum_p  x[n] exp(-2 pi i p r / rows)

    The right sum is the first stage, the left one, with its twiddle factors inside, the second. The input is
    real, so bins above half are mirror images and `r` needs to go no further than `rows / 2`.
    """

    window: Tensor
    first: Tensor
    second: Tensor
    bank: Tensor

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__()
        self.spec = spec
        self.columns = _divisor_near_root(spec.n_fft)
        rows = spec.n_fft // self.columns
        # Rows of a frame beyond the window would be zeros: they are left out.
        self.frame_rows = -(-spec.frame_samples // self.columns)
        self.residues = rows // 2 + 1
        bins = np.arange(self.residues)[:, np.newaxis] + rows * np.arange(self.columns)
        bins = np.minimum(bins, spec.n_fft - bins)
        # Bins that no band uses need no product, as far as whole blocks of them go.
        used = (mel_filter_bank(spec) > 0).sum(axis=0)[bins].sum(axis=0) > 0
        window = np.zeros(self.frame_rows * self.columns)
        window[: spec.frame_samples] = hann_window(spec.frame_samples)
        _register(self, "window", window)
        _register(self, "first", _first_stage(self.residues, rows)[:, : self.frame_rows])
        _register(self, "second", _second_stage(self.residues, spec.n_fft, self.columns, np.flatnonzero(used)))
        _register(self, "bank", _bank_for(bins[:, used].ravel(), mel_filter_bank(spec)))

    def forward(self, waveform: Tensor) -> Tensor:
        spec, residues, columns = self.spec, self.residues, self.columns
        n_frames = spec.n_frames(waveform.shape[-1])
        frames = _frames_from_pieces(waveform, spec, width=self.frame_rows * columns) * self.window
        inner = self.first @ frames.reshape(-1, self.frame_rows, columns)
        # (frames, real and imaginary, residues, columns) -> (residues, frames, real and imaginary, columns)
        inner = inner.reshape(-1, 2, residues, columns).permute(2, 0, 1, 3)
        outer = inner.reshape(residues, -1, 2 * columns) @ self.second
        real, imaginary = outer.chunk(2, dim=-1)
        power = (real * real + imaginary * imaginary).permute(1, 0, 2)
        mel = _spectrum(power.reshape(-1, n_frames, self.bank.shape[0]), spec) @ self.bank
        return mel.transpose(1, 2)


def _register(module: nn.Module, name: str, values: NDArray[np.floating]) -> None:
    module.register_buffer(name, torch.tensor(np.ascontiguousarray(values), dtype=torch.float32), persistent=False)


def _spectrum(power: Tensor, spec: FeatureSpec) -> Tensor:
    return torch.sqrt(power) if spec.spectrum == "magnitude" else power


def _padded(waveform: Tensor, spec: FeatureSpec, *, n_padded: int) -> Tensor:
    """`(batch, n_padded)`: zeros before and after the sound; samples that no frame reaches are cut off."""
    n_tail = n_padded - spec.lead_samples - waveform.shape[-1]
    if n_tail < 0:
        waveform = waveform[:, :n_tail]
    return functional.pad(waveform, (spec.lead_samples, max(0, n_tail)))


def _frames_from_pieces(waveform: Tensor, spec: FeatureSpec, *, width: int) -> Tensor:
    """`(batch, samples)` to `(batch, frames, width)`: frame `t` and what follows it.

    In pieces of one hop, a frame is a few neighbours: slices and one concatenation. A strided view would
    become a gather of single samples in an exported graph, with 2 MB of indices, and double its time.
    """
    hop = spec.hop_samples
    n_frames = spec.n_frames(waveform.shape[-1])
    pieces_per_frame = -(-width // hop)
    n_pieces = n_frames - 1 + pieces_per_frame
    pieces = _padded(waveform, spec, n_padded=n_pieces * hop).reshape(-1, n_pieces, hop)
    return torch.cat([pieces[:, i : i + n_frames] for i in range(pieces_per_frame)], dim=-1)[:, :, :width]


def _divisor_near_root(n: int) -> int:
    """The largest divisor up to the square root: 32 of 1024, 16 of 512, 1 of a prime."""
    return next(divisor for divisor in range(math.isqrt(n), 0, -1) if n % divisor == 0)


def _first_stage(residues: int, rows: int) -> Float64Array:
    """Cosines above sines, `(2 * residues, rows)`, applied to the rows of a frame from the left."""
    angles = -2.0 * np.pi * np.outer(np.arange(residues), np.arange(rows)) / rows
    return np.concatenate([np.cos(angles), np.sin(angles)])


def _second_stage(residues: int, n_fft: int, columns: int, kept: NDArray[np.intp]) -> Float64Array:
    """A complex product in real numbers for each residue, `(residues, 2 * columns, 2 * kept)`."""
    residue, column = np.arange(residues)[:, np.newaxis, np.newaxis], np.arange(columns)[:, np.newaxis]
    angles = -2.0 * np.pi * (residue * column / n_fft + column * kept / columns)
    cosine, sine = np.cos(angles), np.sin(angles)
    from_real = np.concatenate([cosine, sine], axis=2)
    from_imaginary = np.concatenate([-sine, cosine], axis=2)
    return np.concatenate([from_real, from_imaginary], axis=1)


def _bank_for(bins: NDArray[np.intp], bank: NDArray[np.float32]) -> NDArray[np.float32]:
    """The filter bank `(len(bins), mels)` for bins in this order; a bin that comes again weighs nothing."""
    weights = np.zeros((len(bins), len(bank)), dtype=np.float32)
    _, first_places = np.unique(bins, return_index=True)
    weights[first_places] = bank.T[bins[first_places]]
    return weights
