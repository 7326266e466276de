from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.audio import to_mono
from auscult.errors import InputError


def test_mean_is_the_mean_over_channels() -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (5, 1000)).astype(np.float32)
    expected = samples.astype(np.float64).mean(axis=0)
    assert to_mono(samples, "mean").dtype == np.float32
    np.testing.assert_allclose(to_mono(samples, "mean"), expected, atol=2e-7)


@pytest.mark.parametrize("n_channels", [1, 2, 3, 9, 64])
def test_mean_of_a_block_is_that_of_the_whole_in_any_memory_layout(n_channels: int) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (n_channels, 257)).astype(np.float32)
    whole = to_mono(samples, "mean")
    interleaved = np.asfortranarray(samples)
    for size in (1, 2, 64):
        blocks = [to_mono(interleaved[:, at : at + size], "mean") for at in range(0, 257, size)]
        assert np.array_equal(np.concatenate(blocks), whole)


def test_the_input_is_not_changed() -> None:
    samples = np.ones((3, 4), np.float32)
    to_mono(samples, "mean")
    assert np.array_equal(samples, np.ones((3, 4)))


def test_one_channel() -> None:
    samples = np.array([[1, 2], [3, 4]], np.float32)
    assert to_mono(samples, 1).tolist() == [3, 4]


def test_a_channel_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"pair.wav: channel 2 was asked for, .* the sound has 2; choose") as error:
        to_mono(np.zeros((2, 4), np.float32), 2, source="pair.wav")
    assert error.value.kind == "invalid"


@pytest.mark.parametrize("mono", ["median", -1, 0.5, True, None])
def test_no_policy(mono: Any) -> None:
    with pytest.raises(ValueError, match="'mono' parameter must be 'mean' or the index"):
        to_mono(np.zeros((2, 4), np.float32), mono)
