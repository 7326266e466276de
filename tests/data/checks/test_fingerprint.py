"""Fingerprints: what they are made of, and that neither blocks, gain nor filters change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.data.checks.fingerprint import (
    FINGERPRINT_RATE,
    LONGEST_S,
    N_BANDS,
    N_BITS,
    N_WEAK,
    NO_CODE,
    QUERY_FRAMES,
    Fingerprinter,
    fingerprint,
)
from auscult.records import FloatArray


def noise(seconds: float, seed: int = 0) -> FloatArray:
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * FINGERPRINT_RATE))
    return samples.astype(np.float32)


def test_a_frame_each_16_ms_and_a_code_for_each_patch_of_256_ms() -> None:
    found = fingerprint(noise(4.0))
    n_frames = 1 + (32000 - 512) // 128
    assert found.structure.shape == (n_frames, N_BANDS)
    assert found.codes.shape == (n_frames - 15,)
    assert found.weakest.shape == (-(-len(found.codes) // QUERY_FRAMES),)
    assert (found.codes[found.codes != NO_CODE] < 1 << N_BITS).all()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 9000), max_size=12))
def test_blocks_make_no_difference(borders: list[int]) -> None:
    samples = noise(1.0)
    fingerprinter = Fingerprinter()
    for block in np.split(samples, sorted(min(border, len(samples)) for border in borders)):
        fingerprinter.push(block)
    found, whole = fingerprinter.finish(), fingerprint(samples)
    np.testing.assert_array_equal(found.structure, whole.structure)
    np.testing.assert_array_equal(found.codes, whole.codes)


@pytest.mark.parametrize("gain_db", [-3, -20, 6])
def test_gain_changes_structure_by_rounding_only(gain_db: float) -> None:
    samples = noise(2.0)
    louder = fingerprint((samples * 10 ** (gain_db / 20)).astype(np.float32))
    difference = louder.structure.astype(int) - fingerprint(samples).structure
    assert np.abs(difference).max() <= 2  # a dB, in steps of half a dB: each level is rounded once, each result again
    assert np.mean(louder.codes == fingerprint(samples).codes) > 0.8


def test_a_steady_tone_has_no_code() -> None:
    time_s = np.arange(4 * FINGERPRINT_RATE) / FINGERPRINT_RATE
    found = fingerprint((0.5 * np.sin(2 * np.pi * 1000 * time_s)).astype(np.float32))
    assert (found.codes == NO_CODE).all()


def test_silence_has_no_code() -> None:
    assert (fingerprint(np.zeros(20000, np.float32)).codes == NO_CODE).all()


@pytest.mark.parametrize("n_samples", [1, 511, 512, 1600, 2431, 2432])
def test_a_sound_shorter_than_a_patch_has_a_fingerprint(n_samples: int) -> None:
    assert len(fingerprint(noise(1.0)[:n_samples]).codes) >= 1


def test_no_sound_at_all_has_a_fingerprint() -> None:
    assert (Fingerprinter().finish().codes == NO_CODE).all()


def test_the_weakest_bits_are_different_bits() -> None:
    weakest = fingerprint(noise(2.0)).weakest
    bits = np.stack([weakest >> np.uint32(5 * i) & 31 for i in range(N_WEAK)], axis=1)
    assert all(len(set(row)) == N_WEAK for row in bits.tolist())
    assert bits.max() < N_BITS


def test_what_comes_after_ten_minutes_is_not_kept() -> None:
    fingerprinter = Fingerprinter()
    block = noise(60.0)
    for _ in range(12):
        fingerprinter.push(block)
    assert fingerprinter.is_full
    assert len(fingerprinter.finish().structure) == 1 + (round(LONGEST_S * FINGERPRINT_RATE) - 512) // 128
