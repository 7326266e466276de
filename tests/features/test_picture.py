"""Spectrogram pictures: their pixels, their size against Pillow's resampling, and files written whole."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.image
import numpy as np
import PIL.Image
import pytest

from auscult.errors import MissingExtraError, OutputError
from auscult.features import log_mel, preset, spectrogram_image, write_spectrogram_png
from auscult.features.picture import resized
from auscult.records import FloatArray

RAMP = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_low_frequencies_are_at_the_bottom_and_time_runs_right() -> None:
    # A low tone, then a high one.
    time_s = np.arange(22050) / 22050
    samples = np.sin(2 * np.pi * np.where(time_s < 0.5, 200.0, 8000.0) * time_s)
    image = spectrogram_image(log_mel(samples, preset("auscult")), colors="gray")[:, :, 0]
    assert image.shape == (64, 51)
    assert image[:, 10].argmax() > 50
    assert image[:, 40].argmax() < 13


def test_grays_go_evenly_from_low_to_high_and_stop_there() -> None:
    image = spectrogram_image(RAMP, low=2.0, high=7.0, colors="gray")
    expected = [[255, 255, 255, 255], [102, 153, 204, 255], [0, 0, 0, 51]]
    assert image[:, :, 0].tolist() == expected
    assert (image == image[:, :, :1]).all()
    assert image.dtype == np.uint8


def test_magma_is_matplotlibs() -> None:
    image = spectrogram_image(RAMP, colors="magma")
    expected = matplotlib.colormaps["magma"](RAMP[::-1] / 11, bytes=True)[:, :, :3]
    assert np.abs(image.astype(int) - expected.astype(int)).max() <= 3


def test_with_a_given_range_a_sound_looks_the_same_beside_a_louder_one() -> None:
    louder = np.concatenate([RAMP, RAMP + 50], axis=1)
    image = spectrogram_image(louder, low=0, high=60)
    np.testing.assert_array_equal(image[:, :4], spectrogram_image(RAMP, low=0, high=60))


def test_silence_is_dark() -> None:
    silence = log_mel(np.zeros(22050, np.float32), preset("clearml"))
    assert not spectrogram_image(silence, colors="gray").any()


@pytest.mark.parametrize("size", [(224, 224), (64, 30), (10, 300), (1, 1), (64, 51)])
def test_resizing_is_pillows(size: tuple[int, int]) -> None:
    values = np.random.default_rng(1).standard_normal((64, 51)).astype(np.float32)
    pillow = PIL.Image.fromarray(values).resize(size[::-1], PIL.Image.Resampling.BILINEAR)
    np.testing.assert_allclose(resized(values.astype(np.float64), size), np.asarray(pillow), atol=1e-5)


def test_a_picture_of_a_size_holds_the_whole_sound() -> None:
    # Something only in the very first and the very last frame is still seen after shrinking to a tenth.
    features = np.zeros((8, 100), np.float32)
    features[:, [0, -1]] = 1.0
    image = spectrogram_image(features, colors="gray", size=(8, 10), low=0.0, high=0.1)[:, :, 0]
    assert image.shape == (8, 10)
    assert (image[:, [0, -1]] > 0).all()
    assert not image[:, 2:-2].any()


def test_a_png_holds_the_pixels_and_equal_values_make_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_spectrogram_png(tmp_path / name, RAMP, size=(30, 40))
    image = matplotlib.image.imread(tmp_path / "a.png")
    np.testing.assert_array_equal(np.rint(image[:, :, :3] * 255), spectrogram_image(RAMP, size=(30, 40)))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_place_that_is_no_folder_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_spectrogram_png(tmp_path / "file" / "a.png", RAMP)


def test_without_matplotlib_gray_works_and_magma_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert spectrogram_image(RAMP, colors="gray").shape == (3, 4, 3)
    with pytest.raises(MissingExtraError, match=r'pip install "auscult\[plot\]"'):
        spectrogram_image(RAMP)


@pytest.mark.parametrize(
    ("features", "options", "what"),
    [
        (np.zeros(5, np.float32), {}, r"'log_mel' parameter.*\(5,\)"),
        (np.zeros((0, 5), np.float32), {}, r"'log_mel' parameter.*\(0, 5\)"),
        (np.full((2, 2), np.nan, np.float32), {}, "'log_mel' parameter must be a finite"),
        (RAMP, {"low": 2.0, "high": 1.0}, "low <= high. Got 2.0, 1.0"),
        (RAMP, {"low": float("nan")}, "must be finite"),
        (RAMP, {"size": (0, 10)}, r"'size' parameter.*Got \(0, 10\)"),
        (RAMP, {"colors": "jet"}, "'magma' or 'gray'. Got 'jet'"),
    ],
    ids=["one-axis", "empty", "nan", "range", "nan-range", "size", "colors"],
)
def test_what_makes_no_picture_is_refused(features: FloatArray, options: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        spectrogram_image(features, **options)
