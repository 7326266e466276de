"""Arrays as sounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from auscult.errors import InputError
from auscult.records import AudioInfo, FloatArray, Sound, Waveform, whole_rate

ARRAY_NAME = "<array>"

#: What full scale is for each integer type, and the value that means silence.
_INTEGER_SCALES = {
    np.dtype(np.int16): (2.0**15, 0),
    np.dtype(np.int32): (2.0**31, 0),
    np.dtype(np.uint8): (128.0, 128),
}


def sound_from_array(array: ArrayLike, sample_rate: int, *, channel_axis: int | None = None) -> Sound:
    """Take an array as a sound.

    Parameters
    ----------
    array : floating point, nominally in [-1, 1], or int16, int32 or uint8, which are scaled to that; 1-D, or
        2-D with `channel_axis` given
    sample_rate : Hz, a positive whole number
    channel_axis : which axis of a 2-D array counts the channels; it is never guessed from the shape

    Returns
    -------
    Sound with float32 `(channels, samples)`

    Raises
    ------
    InputError : kind ``invalid`` (shape, type or rate), ``empty`` (no samples), ``not_finite`` (NaN or
        infinity)

    Examples
    --------
    >>> sound_from_array(np.zeros((100, 2), np.int16), 8000, channel_axis=1).samples.shape
    (2, 100)
    """
    values = _as_array(array)
    rate = _whole_rate(sample_rate)
    if values.ndim == 2 and channel_axis in (0, 1, -1, -2):
        values = np.moveaxis(values, channel_axis, 0)
    elif values.ndim == 1 and channel_axis is None:
        values = values[np.newaxis]
    else:
        raise _invalid(
            f"an array must be 1-D, or 2-D with its channel axis named; its shape is {values.shape} and "
            f"channel_axis is {channel_axis}",
            "give channel_axis=0 to sound_from_array for (channels, samples), 1 for (samples, channels)",
        )
    samples = _as_float(values)
    check_samples(samples, ARRAY_NAME)
    return Sound(samples, rate)


def sound_from_mapping(mapping: Mapping[str, Any]) -> Sound:
    """Take ``{"sampling_rate": rate, "raw" or "array": 1-D array}``, as transformers' pipelines do."""
    key = next((key for key in ("raw", "array") if key in mapping), None)
    if key is None or "sampling_rate" not in mapping:
        raise _invalid(
            f'a mapping needs "sampling_rate" and "raw" or "array"; its keys are {sorted(map(str, mapping))}',
            'give {"sampling_rate": 16000, "array": samples}',
        )
    return sound_from_array(mapping[key], mapping["sampling_rate"])


def check_samples(samples: FloatArray, source: str) -> None:
    """Refuse what is no sound: no samples at all, or NaN or infinity among them."""
    if samples.size == 0:
        raise InputError(source, "empty", "it holds no samples", "give a sound that has some")
    check_finite(samples, source)


def check_finite(samples: FloatArray, source: str) -> None:
    """Refuse NaN and infinity, with `InputError` of kind ``not_finite``."""
    # Both pass NaN on, and neither needs memory, as np.isfinite(samples) would.
    if not (np.isfinite(samples.min()) and np.isfinite(samples.max())):
        raise InputError(
            source,
            "not_finite",
            "NaN or infinity is among its samples",
            "repair what wrote it, or leave it out",
        )


class ArrayReader:
    """A reader (see `auscult.audio.decoding.Reader`) of a sound that is already in memory."""

    tolerance_frames = 0

    def __init__(self, sound: Sound | Waveform, name: str) -> None:
        samples = sound.samples if isinstance(sound, Sound) else sound.samples[np.newaxis]
        check_samples(samples, name)
        self.name = name
        self._frames = samples.T
        self._position = 0
        n_frames, n_channels = self._frames.shape
        self.info = AudioInfo(sound.sample_rate, n_channels, n_frames, "ARRAY", "FLOAT")

    def seek(self, frame: int) -> None:
        self._position = frame

    def read_into(self, out: FloatArray) -> int:
        part = self._frames[self._position : self._position + len(out)]
        out[: len(part)] = part
        self._position += len(part)
        return len(part)

    def close(self) -> None:
        """Nothing is held open."""


def _as_array(array: ArrayLike) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(array)
    # Lists of several lengths; another library's arrays that cannot leave their device, or refuse to be copied.
    except (ValueError, TypeError, RuntimeError) as error:
        raise _invalid(f"it cannot be taken as an array ({error})", "give a 1-D array of samples") from error


def _as_float(values: np.ndarray[Any, Any]) -> FloatArray:
    if values.dtype in _INTEGER_SCALES:
        scale, silence = _INTEGER_SCALES[values.dtype]
        return ((values.astype(np.float64) - silence) / scale).astype(np.float32)
    if values.dtype.kind == "f":
        # A double beyond float32's range becomes infinity here and is refused by the caller.
        with np.errstate(over="ignore"):
            return values.astype(np.float32, copy=False)
    raise _invalid(
        f"an array must hold floating point, int16, int32 or uint8 values; it holds {values.dtype}",
        "convert it to float32 in [-1, 1]",
    )


def _whole_rate(sample_rate: Any) -> int:
    try:
        return whole_rate(sample_rate)
    except ValueError as error:
        raise _invalid(
            f"a sample rate must be a positive whole number of Hz; it is {sample_rate!r}", "give its rate"
        ) from error


def _invalid(problem: str, next_step: str) -> InputError:
    return InputError(ARRAY_NAME, "invalid", problem, next_step)
