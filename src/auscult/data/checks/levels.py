"""How loud a sound is, and what is wrong with it: clipping, silence, an offset. One pass, block by block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from auscult.records import FloatArray

# A 16-bit file at full scale holds 32767 / 32768; what lossy decoders overshoot counts too.
FULL_SCALE = 32767 / 32768
RUN = 3  # samples at full scale in a row; one alone may be a true peak
SILENT_DBFS = -60.0
FRAME_S = 0.02


@dataclass(frozen=True)
class Levels:
    """What was measured of one sound, all of its channels together.

    Parameters
    ----------
    n_channels, sample_rate : of the file, Hz
    duration_s : of what was measured
    peak_dbfs : the largest sample; 0 is full scale; None for digital silence
    rms_dbfs : root mean square; a sine at full scale has -3.01; None for digital silence
    dc_offset : the largest mean of a channel, without its sign, in [0, 1]
    clipped_share : of all samples, those that are at least the `RUN`-th in a row at full scale
    silent_share : of all `FRAME_S` long frames, those whose root mean square is below `SILENT_DBFS`
    """

    n_channels: int
    sample_rate: int
    duration_s: float
    peak_dbfs: float | None
    rms_dbfs: float | None
    dc_offset: float
    clipped_share: float
    silent_share: float

    def to_dict(self) -> dict[str, Any]:
        """The measures, rounded to what matters."""
        return {
            "duration_s": round(self.duration_s, 6),
            "peak_dbfs": None if self.peak_dbfs is None else round(self.peak_dbfs, 2),
            "rms_dbfs": None if self.rms_dbfs is None else round(self.rms_dbfs, 2),
            "dc_offset": round(self.dc_offset, 6),
            "clipped_share": round(self.clipped_share, 6),
            "silent_share": round(self.silent_share, 4),
        }


class LevelMeter:
    """Measures a sound that comes in blocks; where the borders lie makes no difference beyond rounding.

    Examples
    --------
    >>> meter = LevelMeter(n_channels=1, sample_rate=8000)
    >>> meter.push(np.sin(np.arange(8000) * np.pi / 4, dtype=np.float32)[np.newaxis])
    >>> levels = meter.levels()
    >>> round(levels.peak_dbfs, 2), round(levels.rms_dbfs, 2), levels.silent_share
    (0.0, -3.01, 0.0)
    """

    def __init__(self, *, n_channels: int, sample_rate: int) -> None:
        self._n_channels = n_channels
        self._sample_rate = sample_rate
        self._n_frames = 0
        self._peak = 0.0
        self._sums = np.zeros(n_channels)
        self._energy = 0.0
        self._n_clipped = 0
        self._at_full_scale = np.zeros((n_channels, RUN - 1), dtype=np.bool_)
        self._frame_samples = max(1, round(FRAME_S * sample_rate))
        self._frame_energy, self._frame_filled = 0.0, 0
        self._n_silent = self._n_measured = 0

    def push(self, block: FloatArray) -> None:
        """Take the next samples, float32 `(channels, samples)`."""
        if block.shape[1] == 0:
            return
        self._n_frames += block.shape[1]
        magnitude = np.abs(block)
        self._peak = max(self._peak, float(magnitude.max()))
        self._sums += block.sum(axis=1, dtype=np.float64)
        self._count_clipped(magnitude >= FULL_SCALE)
        self._measure_frames(np.einsum("cs,cs->s", block, block, dtype=np.float64))

    def levels(self) -> Levels:
        """What is known so far.

        Raises
        ------
        ValueError : nothing was pushed
        """
        if self._n_frames == 0:
            raise ValueError("The 'LevelMeter' must be given at least one sample before its levels are asked for.")
        n_silent, n_measured = self._n_silent, self._n_measured
        if self._frame_filled:  # the last frame, shorter than the others
            n_measured += 1
            n_silent += self._is_silent(self._frame_energy, self._frame_filled)
        n_samples = self._n_frames * self._n_channels
        return Levels(
            n_channels=self._n_channels,
            sample_rate=self._sample_rate,
            duration_s=self._n_frames / self._sample_rate,
            peak_dbfs=_db(self._peak),
            rms_dbfs=_db(math.sqrt(self._energy / n_samples)),
            dc_offset=float(np.abs(self._sums / self._n_frames).max()),
            clipped_share=self._n_clipped / n_samples,
            silent_share=n_silent / n_measured,
        )

    def _count_clipped(self, full: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> None:
        joined = np.concatenate([self._at_full_scale, full], axis=1)
        if joined.any():
            runs = np.lib.stride_tricks.sliding_window_view(joined, RUN, axis=1).all(axis=-1)
            self._n_clipped += int(runs.sum())
        self._at_full_scale = joined[:, -(RUN - 1) :]

    def _measure_frames(self, energy: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        """`energy` is that of each moment, all channels together."""
        self._energy += float(energy.sum())
        n_first = min(self._frame_samples - self._frame_filled, len(energy))
        self._frame_energy += float(energy[:n_first].sum())
        self._frame_filled += n_first
        if self._frame_filled < self._frame_samples:
            return
        n_whole = (len(energy) - n_first) // self._frame_samples
        rest = n_first + n_whole * self._frame_samples
        frames = energy[n_first:rest].reshape(n_whole, self._frame_samples).sum(axis=1)
        self._n_silent += self._is_silent(self._frame_energy, self._frame_samples)
        self._n_silent += int(np.count_nonzero(frames < self._silent_energy(self._frame_samples)))
        self._n_measured += 1 + n_whole
        self._frame_energy, self._frame_filled = float(energy[rest:].sum()), len(energy) - rest

    def _is_silent(self, energy: float, n_frames: int) -> bool:
        return energy < self._silent_energy(n_frames)

    def _silent_energy(self, n_frames: int) -> float:
        return float(10 ** (SILENT_DBFS / 10) * n_frames * self._n_channels)


def _db(amplitude: float) -> float | None:
    return None if amplitude == 0 else 20 * math.log10(amplitude)
