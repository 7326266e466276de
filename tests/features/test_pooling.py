"""Spectrograms in constant memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.features import mel_energies, preset
from auscult.features.pooling import MelStream, PooledColumns

blocks = st.lists(st.integers(0, 1500), min_size=1, max_size=12)


@settings(deadline=None)
@given(blocks)
def test_blocks_give_the_frames_of_the_whole(sizes: list[int]) -> None:
    spec = preset("yamnet")
    samples = np.random.default_rng(0).uniform(-1, 1, sum(sizes)).astype(np.float32)
    stream = MelStream(spec)
    parts = [stream.push(block) for block in np.split(samples, np.cumsum(sizes)[:-1])]
    found = np.concatenate([*parts, stream.finish()], axis=1)
    expected = mel_energies(samples, spec) if len(samples) else np.empty((spec.n_mels, 0), np.float32)
    np.testing.assert_array_equal(found, expected)


def test_centered_frames_cannot_be_streamed() -> None:
    with pytest.raises(ValueError, match="must not have centered frames"):
        MelStream(preset("auscult"))


@settings(deadline=None)
@given(blocks, st.sampled_from([2, 8, 100]), st.booleans())
def test_columns_are_those_of_the_whole_however_frames_come(sizes: list[int], most: int, mean: bool) -> None:
    values = np.random.default_rng(1).uniform(-5, 5, (3, sum(sizes)))
    pooled = PooledColumns(3, most=most, mean=mean)
    for block in np.split(values, np.cumsum(sizes)[:-1], axis=1):
        pooled.push(block)
    found = pooled.values()
    each = pooled.frames_per_column
    assert each & (each - 1) == 0
    assert pooled.n_frames == values.shape[1]
    assert found.shape == (3, -(-values.shape[1] // each))
    assert found.shape[1] <= most
    assert each == 1 or found.shape[1] > most // 2
    groups = [values[:, start : start + each] for start in range(0, values.shape[1], each)]
    expected = [group.mean(axis=1) if mean else group.max(axis=1) for group in groups]
    np.testing.assert_allclose(found, np.array(expected).reshape(-1, 3).T, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("most", [0, 3, -2])
def test_an_odd_number_of_columns(most: int) -> None:
    with pytest.raises(ValueError, match="must be even, 2 or more"):
        PooledColumns(1, most=most)
