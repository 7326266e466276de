"""The gate of each record: what it takes, and what it says of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.records import Sound, Waveform

SILENCE = np.zeros(10, np.float32)


@pytest.mark.parametrize("rate", [44100, 44100.0, np.int64(44100), np.float32(44100)])
def test_whole_rates_become_int(rate: Any) -> None:
    for record in (Waveform(SILENCE, rate), Sound(SILENCE[np.newaxis], rate)):
        assert record.sample_rate == 44100
        assert type(record.sample_rate) is int


@pytest.mark.parametrize("rate", [0, -1, 44100.5, float("nan"), np.float64("inf"), "8000", None, True, [8000], 1j])
def test_rates_that_are_none(rate: Any) -> None:
    for make in (lambda: Waveform(SILENCE, rate), lambda: Sound(SILENCE[np.newaxis], rate)):
        with pytest.raises(ValueError, match="'sample_rate' parameter must be a positive whole number of Hz"):
            make()


@pytest.mark.parametrize(
    ("samples", "got"),
    [
        ([0.0], "a list"),
        (None, "a NoneType"),
        (np.float32(0), "a float32"),
        (np.zeros(10), r"float64 of shape \(10,\)"),
        (np.zeros((1, 1, 5), np.float32), r"float32 of shape \(1, 1, 5\)"),
    ],
)
def test_samples_that_are_none(samples: Any, got: str) -> None:
    with pytest.raises(ValueError, match=rf"'samples' parameter of Waveform .* \(samples\)\. Got {got} instead"):
        Waveform(samples, 8000)
    with pytest.raises(ValueError, match=rf"'samples' parameter of Sound .* \(channels, samples\)\. Got {got} instead"):
        Sound(samples, 8000)
