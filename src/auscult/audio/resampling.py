"""From one sample rate to another with soxr (HQ): whole or in blocks, with the same bits."""

from __future__ import annotations

import math

import numpy as np
import soxr

from auscult.records import FloatArray

QUALITY = "HQ"

#: soxr steps through its filter in exact fractions while the reduced target rate is small; above that it
#: rounds the step, and its clock drifts from the true one by a fraction of a sample in an hour. Seen exact up
#: to 3200, seen to drift at 4000.
_MAX_EXACT_STEPS = 2000

#: Samples at the lower of the two rates after which the filter has forgotten what came before.
_FILTER_SAMPLES = 512


def resample(samples: FloatArray, from_rate: int, to_rate: int) -> FloatArray:
    """Change the sample rate of a whole sound.

    Parameters
    ----------
    samples : float32 `(samples,)`
    from_rate, to_rate : Hz, positive

    Returns
    -------
    float32 `(samples,)`, about ``len(samples) * to_rate / from_rate`` long; `samples` itself when the rates are equal

    Examples
    --------
    >>> len(resample(np.zeros(44100, np.float32), 44100, 16000))
    16000
    """
    _check_rates(from_rate, to_rate)
    if from_rate == to_rate or len(samples) == 0:
        return samples
    resampled: FloatArray = soxr.resample(samples, from_rate, to_rate, quality=QUALITY)
    return resampled


class StreamResampler:
    """`resample` for a sound that arrives in blocks; put together, the results have the same bits.

    Examples
    --------
    >>> stream = StreamResampler(44100, 16000)
    >>> block = np.zeros(22050, np.float32)
    >>> sum(len(part) for part in (stream.push(block), stream.push(block), stream.finish()))
    16000
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        _check_rates(from_rate, to_rate)
        self._stream: soxr.ResampleStream | None = None
        if from_rate != to_rate:
            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality=QUALITY)

    def push(self, block: FloatArray) -> FloatArray:
        """Take the next samples, float32 `(samples,)`; give what can be said so far, perhaps nothing."""
        if self._stream is None:
            return block
        resampled: FloatArray = self._stream.resample_chunk(block)
        return resampled

    def finish(self) -> FloatArray:
        """Give the last samples; to be called once."""
        nothing = np.empty(0, np.float32)
        if self._stream is None:
            return nothing
        resampled: FloatArray = self._stream.resample_chunk(nothing, last=True)
        return resampled


def source_span(from_rate: int, to_rate: int, start: int, stop: int | None) -> tuple[int, int | None, int]:
    """Which input samples are needed to compute the output samples `start` to `stop` as in the whole.

    The first input sample must fall on an output sample of the whole (each 441st for 44.1 -> 16 kHz), or the
    filter runs at another phase; and the filter needs samples on both sides. Where soxr's clock drifts (see
    above), only the beginning of the sound is such a place.

    Returns
    -------
    first input sample, input sample after the last one (None: the end), and how many output samples then come
    before the wanted one

    Examples
    --------
    >>> source_span(44100, 16000, 16000, 32000)
    (42336, 89736, 640)
    """
    if from_rate == to_rate:
        return start, stop, 0
    divisor = math.gcd(from_rate, to_rate)
    input_step, output_step = from_rate // divisor, to_rate // divisor
    margin = _FILTER_SAMPLES * max(1, -(-from_rate // to_rate))
    input_stop = None if stop is None else -(-stop * from_rate // to_rate) + margin
    if output_step > _MAX_EXACT_STEPS:
        return 0, input_stop, start
    step = max(0, start // output_step - -(-margin // input_step))
    return step * input_step, input_stop, start - step * output_step


def _check_rates(from_rate: int, to_rate: int) -> None:
    for name, rate in (("from_rate", from_rate), ("to_rate", to_rate)):
        if rate <= 0:
            raise ValueError(f"The '{name}' parameter must be a positive number of Hz. Got {rate} instead.")
