"""Many channels to one, by a policy that the caller states."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from auscult.errors import InputError
from auscult.records import FloatArray

#: ``"mean"`` of all channels, or the index of one channel, from 0.
MonoPolicy: TypeAlias = Literal["mean"] | int


def check_mono(mono: MonoPolicy) -> None:
    """Refuse with `ValueError` what is no mono policy."""
    if mono == "mean" or (isinstance(mono, int) and not isinstance(mono, bool) and mono >= 0):
        return
    raise ValueError(f"The 'mono' parameter must be 'mean' or the index of a channel, from 0. Got {mono!r} instead.")


def to_mono(samples: FloatArray, mono: MonoPolicy, *, source: str = "<array>") -> FloatArray:
    """One channel out of `(channels, samples)`.

    Parameters
    ----------
    samples : float32 `(channels, samples)`
    mono : ``"mean"``, or the index of the channel to keep, from 0
    source : name of the sound, for messages

    Returns
    -------
    float32 `(samples,)`; a view where nothing had to be computed

    Raises
    ------
    InputError : kind ``invalid``, when the sound has no such channel

    Examples
    --------
    >>> stereo = np.array([[0.0, 0.5], [1.0, 0.5]], np.float32)
    >>> to_mono(stereo, "mean").tolist(), to_mono(stereo, 1).tolist()
    ([0.5, 0.5], [1.0, 0.5])
    """
    check_mono(mono)
    n_channels = len(samples)
    if mono != "mean":
        if mono >= n_channels:
            raise InputError(
                source,
                "invalid",
                f"channel {mono} was asked for, counted from 0, and the sound has {n_channels}",
                "choose another channel, or the mean of all",
            )
        return np.asarray(samples[mono])
    if n_channels == 1:
        return np.asarray(samples[0])
    # Channel by channel, not samples.mean(axis=0): numpy orders a sum by the memory layout, so that a block
    # and the whole could differ in the last bit.
    total: FloatArray = samples[0] + samples[1]
    for channel in samples[2:]:
        total += channel
    total *= np.float32(1.0 / n_channels)
    return total
