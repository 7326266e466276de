"""How loud live sound is."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

import numpy as np

from auscult.audio.live.blocks import LiveBlock
from auscult.records import FloatArray

#: What is shown for silence.
FLOOR_DBFS = -120.0
#: The largest 16-bit sample; a recorder that clips stays there.
_FULL_SCALE = 32767 / 32768


@dataclass(frozen=True)
class Levels:
    """Of a piece of sound: highest sample and root mean square in dB of full scale, and samples at full scale."""

    peak_dbfs: float
    rms_dbfs: float
    n_clipped: int


class Meter:
    """Gathers levels on the thread that captures; they are read on another.

    Examples
    --------
    >>> meter = Meter()
    >>> meter.push(LiveBlock(np.full((1, 100), 0.5, np.float32), 8000, 0.0))
    >>> round(meter.read().peak_dbfs, 2), meter.read()
    (-6.02, None)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._peak = self._power = 0.0
        self._n_samples = self._n_clipped = 0

    def push(self, block: LiveBlock) -> None:
        samples = np.abs(_as_float(block))
        if samples.size == 0:
            return
        peak = float(samples.max())
        power = float(np.vdot(samples, samples))
        n_clipped = int(np.count_nonzero(samples >= _FULL_SCALE)) if peak >= _FULL_SCALE else 0
        if not math.isfinite(power):
            return
        with self._lock:
            self._peak = max(self._peak, peak)
            self._power += power
            self._n_samples += samples.size
            self._n_clipped += n_clipped

    def read(self) -> Levels | None:
        """Of what came since the last call; None: nothing came."""
        with self._lock:
            if self._n_samples == 0:
                return None
            levels = Levels(_db(self._peak), _db(math.sqrt(self._power / self._n_samples)), self._n_clipped)
            self._peak = self._power = 0.0
            self._n_samples = self._n_clipped = 0
            return levels


def _as_float(block: LiveBlock) -> FloatArray:
    samples = block.samples
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - np.float32(128)) / np.float32(128)
    if samples.dtype.kind == "i":
        return samples.astype(np.float32) / np.float32(-float(np.iinfo(samples.dtype).min))
    return samples.astype(np.float32, copy=False)


def _db(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else FLOOR_DBFS
