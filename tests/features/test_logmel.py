"""The numpy reference against librosa, against theory, and against the front end inside YAMNet's file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import soundfile

from auscult.features import FeatureSpec, log_mel, mel_energies, mel_filter_bank, preset
from auscult.features import logmel as logmel_module
from auscult.features.logmel import hann_window
from auscult.records import FloatArray

YAMNET_SAMPLES = 15600


def noise(n_samples: int, seed: int = 3) -> FloatArray:
    return np.random.default_rng(seed).uniform(-1, 1, n_samples).astype(np.float32)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("norm", ["peak", "area"])
@pytest.mark.parametrize("spectrum", ["magnitude", "power"])
@pytest.mark.parametrize("n_samples", [1, 700, 1024, 22050, 30001])
def test_energies_are_librosas(scale: Any, norm: Any, spectrum: Any, n_samples: int) -> None:
    spec = replace(
        preset("clearml"),
        frame_samples=1024,
        hop_samples=256,
        mel_scale=scale,
        mel_norm=norm,
        spectrum=spectrum,
    )
    samples = noise(n_samples)
    expected = librosa_energies(samples, spec, scale=scale, norm={"peak": None, "area": "slaney"}[norm])
    actual = mel_energies(samples, spec)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, atol=1e-6 * expected.max(), rtol=1e-5)


def test_a_short_window_in_a_long_transform_is_librosas() -> None:
    spec = preset("clearml")
    samples = noise(22050)
    expected = librosa_energies(samples, spec, scale="htk", norm=None)
    np.testing.assert_allclose(mel_energies(samples, spec), expected, atol=1e-6 * expected.max(), rtol=1e-5)


def test_decibels_are_librosas() -> None:
    spec = preset("clearml")
    samples = noise(22050)
    samples[4000:9000] = 0.0
    energies = librosa_energies(samples.astype(np.float64), spec, scale="htk", norm=None)
    expected = librosa.power_to_db(energies, ref=1.0, amin=1e-10, top_db=None)
    np.testing.assert_allclose(log_mel(samples, spec), expected, atol=1e-3)


def test_decibels_of_magnitude_and_another_reference_are_librosas() -> None:
    spec = replace(preset("clearml"), spectrum="magnitude", log_floor=1e-5, log_reference=0.25)
    samples = noise(22050)
    energies = librosa_energies(samples.astype(np.float64), spec, scale="htk", norm=None)
    expected = librosa.amplitude_to_db(energies, ref=0.25, amin=1e-5, top_db=None)
    np.testing.assert_allclose(log_mel(samples, spec), expected, atol=1e-3)


def librosa_energies(samples: Any, spec: FeatureSpec, *, scale: str, norm: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=.* is too large for input signal")
        return librosa.feature.melspectrogram(
            y=samples.astype(np.float64),
            sr=spec.sample_rate,
            n_fft=spec.n_fft,
            win_length=spec.frame_samples,
            hop_length=spec.hop_samples,
            center=True,
            pad_mode="constant",
            power=2.0 if spec.spectrum == "power" else 1.0,
            n_mels=spec.n_mels,
            fmin=spec.f_min_hz,
            fmax=spec.f_max_hz,
            htk=scale == "htk",
            norm=norm,
        )


def test_our_own_recipe_written_out() -> None:
    # Power of the plain Hann transform, triangles that add up to 1, ln(x + 1e-5).
    samples = noise(11025).astype(np.float64)
    padded = np.pad(samples, 512)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    frames = [np.abs(np.fft.rfft(padded[t * 441 :][:1024] * window)) ** 2 for t in range(26)]
    bank = librosa.filters.mel(sr=22050, n_fft=1024, n_mels=64, fmin=50, fmax=11025, htk=True, norm=None)
    expected = np.log((bank / bank.sum(axis=1, keepdims=True)) @ np.array(frames).T + 1e-5)
    np.testing.assert_allclose(log_mel(samples, preset("auscult")), expected, atol=1e-5)


def test_a_sine_has_the_power_that_theory_gives() -> None:
    # On a bin, in a whole frame: |X| = n_fft / 4 at its bin and half of that beside it.
    spec = replace(preset("auscult"), mel_norm="peak")
    k = 100
    sine = np.sin(2 * np.pi * k * np.arange(22050) / 1024)
    power = np.zeros(spec.n_bins)
    power[[k - 1, k, k + 1]] = [128.0**2, 256.0**2, 128.0**2]
    np.testing.assert_allclose(mel_energies(sine, spec)[:, 25], mel_filter_bank(spec) @ power, rtol=1e-4, atol=1e-2)


def test_a_click_lies_in_the_frames_that_hold_it() -> None:
    # Frame t is centred on sample 441 t: a click at 4410 is the middle of frame 10, with the window's full
    # height.
    samples = np.zeros(22050)
    samples[4410] = 1.0
    energies = mel_energies(samples, preset("auscult"))
    assert energies[:, 10] == pytest.approx(1.0)
    assert np.flatnonzero(energies.sum(axis=0)).tolist() == [9, 10, 11]


def test_silence_is_the_logarithm_of_the_offset_or_the_floor() -> None:
    silence = np.zeros(30000, np.float32)
    assert np.unique(log_mel(silence, preset("auscult"))) == pytest.approx(np.log(1e-5))
    assert np.unique(log_mel(silence, preset("yamnet"))) == pytest.approx(np.log(1e-3))
    assert np.unique(log_mel(silence, preset("clearml"))) == pytest.approx(-100.0)


@pytest.mark.parametrize("name", ["auscult", "clearml", "yamnet"])
@pytest.mark.parametrize("n_samples", [1, 2, 399, 400, 401, 1023, 15600])
def test_any_length_gives_finite_numbers(name: str, n_samples: int) -> None:
    spec = preset(name)
    features = log_mel(np.ones(n_samples, np.float32), spec)
    assert features.shape == (spec.n_mels, spec.n_frames(n_samples))
    assert np.isfinite(features).all()


def test_a_long_sound_is_its_frames_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = preset("auscult")
    samples = noise(22050)
    whole = mel_energies(samples, spec)
    monkeypatch.setattr(logmel_module, "_BLOCK_FRAMES", 7)
    np.testing.assert_allclose(mel_energies(samples, spec), whole, rtol=1e-6)


def test_the_sound_handed_in_stays_as_it_was() -> None:
    samples = noise(5000)
    before = samples.copy()
    log_mel(samples, preset("auscult"))
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize(
    ("samples", "what"),
    [
        (np.zeros((2, 100), np.float32), r"float32 of shape \(2, 100\)"),
        (np.zeros(100, np.int16), r"int16 of shape \(100,\)"),
        (np.zeros(0, np.float32), r"float32 of shape \(0,\)"),
        (np.array([0.0, np.nan]), "NaN or infinity"),
        (np.array([0.0, np.inf]), "NaN or infinity"),
    ],
    ids=["stereo", "integers", "empty", "nan", "inf"],
)
def test_what_is_no_sound_is_refused(samples: Any, what: str) -> None:
    with pytest.raises(ValueError, match=f"'samples' parameter must be.*Got {what}"):
        log_mel(samples, preset("auscult"))


def yamnet_graph(path: Path) -> Callable[[FloatArray], dict[str, Any]]:
    """Run the published file and hand out the tensors of its front end."""
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors.*")
        interpreter = interpreter_module.Interpreter(
            model_path=str(path), experimental_preserve_all_tensors=True, num_threads=1
        )
    interpreter.allocate_tensors()
    names = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details()}
    wanted = ("stft/hann_window/sub_2", "magnitude_spectrogram", "mel_spectrogram", "log_mel_spectrogram")

    def run(samples: FloatArray) -> dict[str, Any]:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], samples)
        interpreter.invoke()
        return {name: interpreter.get_tensor(names[name]).copy() for name in wanted}

    return run


@pytest.fixture(scope="module")
def yamnet(shared_data: Path) -> Callable[[FloatArray], dict[str, Any]]:
    return yamnet_graph(shared_data / "yamnet" / "yamnet_audio_classifier_with_metadata.tflite")


def yamnet_inputs(shared_data: Path) -> dict[str, FloatArray]:
    speech, rate = soundfile.read(shared_data / "yamnet" / "speech.wav", dtype="float32", always_2d=True)
    assert rate == 16000
    seconds = np.arange(YAMNET_SAMPLES) / 16000
    return {
        "speech": speech.mean(axis=1)[8000:][:YAMNET_SAMPLES],
        "noise": noise(YAMNET_SAMPLES),
        "sine": np.sin(2 * np.pi * 440 * seconds).astype(np.float32),
        "silence": np.zeros(YAMNET_SAMPLES, np.float32),
    }


def test_the_constants_are_those_inside_yamnet(yamnet: Callable[[FloatArray], dict[str, Any]]) -> None:
    tensors = yamnet(np.zeros(YAMNET_SAMPLES, np.float32))
    np.testing.assert_allclose(mel_filter_bank(preset("yamnet")), tensors["mel_spectrogram"], atol=2e-6)
    np.testing.assert_allclose(hann_window(400), tensors["stft/hann_window/sub_2"], atol=1e-6)


@pytest.mark.parametrize("sound", ["speech", "noise", "sine", "silence"])
def test_log_mel_is_that_inside_yamnet(
    yamnet: Callable[[FloatArray], dict[str, Any]], shared_data: Path, sound: str
) -> None:
    samples = yamnet_inputs(shared_data)[sound]
    expected = yamnet(samples)["log_mel_spectrogram"].T
    np.testing.assert_allclose(log_mel(samples, preset("yamnet")), expected, atol=2e-3)
    # And in magnitude, where the tolerance is a share of the peak.
    linear = np.exp(expected)
    ours = mel_energies(samples, preset("yamnet")) + 0.001
    np.testing.assert_allclose(ours, linear, atol=1e-5 * linear.max())
