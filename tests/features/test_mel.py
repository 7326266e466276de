"""The mel scales against their papers, the filter bank against librosa (YAMNet's: see test_logmel)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.features import FeatureSpec, mel_filter_bank, preset
from auscult.features.mel import MelScale, band_edges_hz, hz_to_mel, mel_to_hz

LIBROSA_NORMS: dict[str, Any] = {"peak": None, "area": "slaney"}


def spec_of(sample_rate: int, n_fft: int, n_mels: int, f_min_hz: float, f_max_hz: float) -> FeatureSpec:
    return replace(
        preset("clearml"),
        sample_rate=sample_rate,
        n_fft=n_fft,
        frame_samples=n_fft,
        n_mels=n_mels,
        f_min_hz=f_min_hz,
        f_max_hz=f_max_hz,
    )


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("norm", ["peak", "area"])
@pytest.mark.parametrize(
    "sizes",
    [
        (22050, 2048, 128, 0.0, 11025.0),
        (22050, 1024, 64, 50.0, 11025.0),
        (16000, 400, 40, 20.0, 7600.0),
        (8000, 512, 64, 50.0, 4000.0),
        (48000, 2048, 128, 0.0, 24000.0),
        (44100, 1323, 80, 30.0, 16000.0),
        (4000, 255, 20, 0.0, 2000.0),
    ],
    ids=str,
)
def test_the_bank_is_librosas(sizes: tuple[int, int, int, float, float], scale: MelScale, norm: Any) -> None:
    sample_rate, n_fft, n_mels, f_min_hz, f_max_hz = sizes
    spec = replace(spec_of(*sizes), mel_scale=scale, mel_norm=norm)
    expected = librosa.filters.mel(
        sr=sample_rate,
        n_fft=n_fft,
        n_mels=n_mels,
        fmin=f_min_hz,
        fmax=f_max_hz,
        htk=scale == "htk",
        norm=LIBROSA_NORMS[norm],
    )
    np.testing.assert_allclose(mel_filter_bank(spec), expected, rtol=1e-5, atol=1e-6 * expected.max())


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_the_scales_are_librosas(scale: MelScale) -> None:
    hz = np.array([0.0, 20.0, 125.0, 999.9, 1000.0, 1000.1, 6400.0, 24000.0])
    np.testing.assert_allclose(hz_to_mel(hz, scale=scale), librosa.hz_to_mel(hz, htk=scale == "htk"), rtol=1e-12)


def test_slaneys_scale_has_its_two_known_points() -> None:
    assert hz_to_mel([1000.0, 6400.0], scale="slaney") == pytest.approx([15.0, 42.0])


@given(st.floats(0, 200_000), st.sampled_from(["htk", "slaney"]))
@settings(deadline=None)
def test_hertz_come_back_from_mel(hz: float, scale: MelScale) -> None:
    assert float(mel_to_hz(hz_to_mel(hz, scale=scale), scale=scale)) == pytest.approx(hz, rel=1e-9, abs=1e-9)


def test_triangles_linear_in_mel_are_straight_in_mel() -> None:
    # On each side of its peak the weight is the share of the way in mel: checked at the bins of one band.
    spec = preset("yamnet")
    edges = hz_to_mel(band_edges_hz(spec), scale="htk")
    bins = hz_to_mel(np.arange(257) * 31.25, scale="htk")
    band = 50
    inside = (bins > edges[band]) & (bins < edges[band + 2])
    expected = 1 - np.abs(bins[inside] - edges[band + 1]) / (edges[1] - edges[0])
    np.testing.assert_allclose(mel_filter_bank(spec)[band, inside], expected, rtol=1e-5)
    assert not mel_filter_bank(spec)[band, ~inside].any()


def test_straight_in_mel_and_straight_in_hz_differ() -> None:
    in_mel = preset("yamnet")
    in_hz = replace(in_mel, triangles_linear_in="hz")
    assert np.abs(mel_filter_bank(in_mel) - mel_filter_bank(in_hz)).max() > 1e-3


def test_sum_makes_a_band_a_mean_over_its_bins() -> None:
    bank = mel_filter_bank(preset("auscult"))
    np.testing.assert_allclose(bank.sum(axis=1), 1.0, rtol=1e-6)
    peak = mel_filter_bank(replace(preset("auscult"), mel_norm="peak"))
    np.testing.assert_allclose(bank, peak / peak.sum(axis=1, keepdims=True), rtol=1e-5)


def test_neighbouring_peak_triangles_add_up_to_one() -> None:
    # Where one side falls the next rises: between the first and the last peak every bin counts once.
    for axis in ("hz", "mel"):
        spec = replace(preset("clearml"), triangles_linear_in=axis)
        edges = band_edges_hz(spec)
        bins = np.arange(spec.n_bins) * spec.sample_rate / spec.n_fft
        inner = (bins >= edges[1]) & (bins <= edges[-2])
        np.testing.assert_allclose(mel_filter_bank(spec)[:, inner].sum(axis=0), 1.0, rtol=1e-5)


def test_the_bank_cannot_be_changed_by_a_user() -> None:
    with pytest.raises(ValueError, match="read-only"):
        mel_filter_bank(preset("auscult"))[0, 0] = 1.0
