"""What runners share: the check of what they are given, and the buffer in which a window is computed."""

from __future__ import annotations

import numpy as np

from auscult.records import FloatArray

_ALIGNMENT_BYTES = 64


def check_windows(windows: FloatArray, length: int) -> None:
    """Refuse what is not float32 (windows, `length`).

    Raises
    ------
    ValueError
    """
    if windows.ndim != 2 or windows.shape[1] != length or windows.dtype != np.float32:
        raise ValueError(
            f"The 'windows' parameter of run must be float32 with axes (windows, samples = {length}). "
            f"Got {windows.dtype} of shape {windows.shape} instead."
        )


def aligned(length: int) -> FloatArray:
    """A float32 buffer (1, length) that begins at a multiple of `_ALIGNMENT_BYTES`."""
    raw = np.zeros(length * 4 + _ALIGNMENT_BYTES, dtype=np.uint8)
    offset = -raw.ctypes.data % _ALIGNMENT_BYTES
    return raw[offset : offset + length * 4].view(np.float32).reshape(1, length)
