"""Spectrogram pictures as data: what a pixel means and back again, other pictures, arrays, and what is none."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from auscult.errors import InputError, UsageError
from auscult.features import (
    PRESETS,
    Picture,
    PictureForm,
    PictureNote,
    encode_picture,
    is_picture,
    log_mel,
    picture_info,
    picture_of_image,
    preset,
    read_picture,
)
from auscult.features.picture_files import HEAD_BYTES, MAX_PIXELS, loudest_db, silence_db
from auscult.records import FloatArray


def read(content: bytes) -> Picture:
    return read_picture(io.BytesIO(content), "it")


def saved(image: PIL.Image.Image, **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, **how)
    return file.getvalue()


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


# What a pixel means --------------------------------------------------------------------------------------------------


def test_the_pixel_is_the_documented_function_of_the_level() -> None:
    form = PictureForm(preset("clearml"), -100.0, 27.5)  # half a dB a step
    levels = np.full((128, 5), -100.0, np.float32)
    levels[0] = [-100, -99.5, 27.5, 40, -99.9]
    pixels = form.pixels(levels)
    assert form.step_db == 0.5
    assert pixels.dtype == np.uint8
    assert pixels[-1].tolist() == [0, 1, 255, 255, 0]
    assert not pixels[:-1].any()


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_range_goes_from_silence_to_a_sine_of_full_scale(name: str) -> None:
    spec = preset(name)
    seconds = np.arange(spec.sample_rate) / spec.sample_rate
    db = 1.0 if spec.log == "db" else (20 if spec.spectrum == "magnitude" else 10) / np.log(10)
    of_silence = log_mel(np.zeros(spec.sample_rate, np.float32), spec)
    assert float(of_silence.max()) * db == pytest.approx(silence_db(spec), abs=1e-4)
    loudest = max(
        float(log_mel(np.sin(2 * np.pi * hz * seconds), spec)[:, 10:-10].max()) * db
        for hz in np.geomspace(60, 0.45 * spec.sample_rate, 60)
    )
    # Between two bins a little more may come together than on one.
    assert loudest <= loudest_db(spec) + 0.2
    assert loudest > loudest_db(spec) - 3
    form = PictureForm.of(spec)
    assert not form.pixels(of_silence).any()


FORMS = {name: PictureForm.of(spec) for name, spec in PRESETS.items()}


@given(data=st.data(), name=st.sampled_from(sorted(FORMS)))
@settings(max_examples=40, deadline=None)
def test_a_log_mel_comes_back_from_its_png_within_half_a_step(data: st.DataObject, name: str) -> None:
    form = FORMS[name]
    level_db = data.draw(
        npst.arrays(
            np.float64,
            (form.features.n_mels, data.draw(st.integers(1, 5))),
            elements=st.floats(form.low_db, form.high_db, allow_subnormal=False),
        )
    )
    per_unit = 1.0 if form.features.log == "db" else (20 if form.features.spectrum == "magnitude" else 10) / np.log(10)
    values = (level_db / per_unit).astype(np.float32)
    picture = read(encode_picture(values, PictureNote(form, "ab", 5)))
    assert picture.note == PictureNote(form, "ab", 5)
    np.testing.assert_array_equal(picture.values, form.brightness(values))
    back_db = form.log_mel(picture.values).astype(np.float64) * per_unit
    assert np.abs(back_db - level_db).max() <= form.step_db / 2 + 1e-4


def test_equal_sounds_make_equal_bytes() -> None:
    form, values = FORMS["yamnet"], np.random.default_rng(0).normal(size=(64, 9)).astype(np.float32)
    assert encode_picture(values, PictureNote(form)) == encode_picture(values, PictureNote(form))


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (10.0, -10.0), (float("nan"), 0.0), (-101.0, 0.0)])
def test_a_range_that_is_none_is_refused(low: float, high: float) -> None:
    with pytest.raises(UsageError, match="The range of a picture must"):
        PictureForm(preset("clearml"), low, high)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 2}', '{"format": 1, "features": {}}', "[" * 100_000])
def test_other_texts_under_the_key_make_a_picture_like_any_other(text: str) -> None:
    assert PictureNote.from_text(text) is None


def test_a_picture_that_was_scaled_by_another_program_is_no_longer_what_it_says() -> None:
    form = FORMS["yamnet"]
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text("auscult", PictureNote(form).to_text())
    assert read(saved(PIL.Image.new("L", (9, 32)), format="png", pnginfo=info)).note is None
    assert read(saved(PIL.Image.new("L", (9, 64)), format="png", pnginfo=info)).note == PictureNote(form)


@given(
    changed=st.dictionaries(
        st.sampled_from(["format", "features", "low_db", "high_db", "clip", "n_samples"]),
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
        min_size=1,
    )
)
@settings(max_examples=60, deadline=None)
def test_any_change_of_the_text_gives_a_note_or_none(changed: dict[str, Any]) -> None:
    values = json.loads(PictureNote(FORMS["yamnet"], "ab", 5).to_text()) | changed
    note = PictureNote.from_text(json.dumps(values))
    assert note is None or note.form.features == PRESETS["yamnet"]


# Other pictures ------------------------------------------------------------------------------------------------------

NOISE = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
GRADIENT = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


@pytest.mark.parametrize(
    ("how", "away"),
    [
        ({"format": "png"}, 0),
        ({"format": "bmp"}, 0),
        ({"format": "gif"}, 0),
        ({"format": "tiff"}, 0),
        ({"format": "webp", "lossless": True}, 0),
        ({"format": "jpeg", "quality": 95}, 6),
    ],
    ids=lambda value: str(value.get("format")) if isinstance(value, dict) else "",
)
def test_the_usual_formats_are_read_the_bottom_row_first(how: dict[str, Any], away: int) -> None:
    content = saved(PIL.Image.fromarray(GRADIENT), **how)
    assert is_picture(content[:HEAD_BYTES])
    picture = read(content)
    assert (picture.values.shape, picture.values.dtype, picture.is_array) == ((6, 8), np.float32, False)
    assert np.abs(picture.values[::-1] * 255 - GRADIENT).max() <= away + 1e-4
    info = picture_info(io.BytesIO(content), "it")
    assert (info.n_bands, info.n_frames, info.is_array, info.note) == (6, 8, False, None)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "CMYK", "1", "I;16"])
def test_every_kind_of_pixel_becomes_a_brightness(mode: str) -> None:
    image = PIL.Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8))
    if mode == "I;16":
        image = PIL.Image.fromarray(np.array([[0, 65535], [65535, 0]], np.uint16))
    image = image.convert(mode)
    assert picture_of_image(image).values.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_colours_are_their_luminance() -> None:
    image = PIL.Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))
    np.testing.assert_allclose(picture_of_image(image).values, [[0.299, 0.587, 0.114]], atol=1 / 255)


def test_an_array_keeps_its_values_whatever_its_order_and_type() -> None:
    values = np.arange(-6, 6, dtype=np.float64).reshape(3, 4)
    for array in (values, np.asfortranarray(values), values.astype(np.int16), values.astype(">f4"), values[::1]):
        picture = read(npy(array))
        assert picture.is_array
        np.testing.assert_array_equal(picture.values, values)
    info = picture_info(io.BytesIO(npy(values)), "it")
    assert (info.n_bands, info.n_frames, info.is_array) == (3, 4, True)


def _claiming(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


def _bomb() -> bytes:
    side = int(MAX_PIXELS**0.5) + 2
    return saved(PIL.Image.new("1", (side, side)), format="png")


@pytest.mark.parametrize(
    ("make", "kind", "what"),
    [
        (lambda: b"RIFF1234WAVE", "unsupported", "no picture"),
        (lambda: saved(PIL.Image.fromarray(NOISE), format="png")[:1000], "damaged", "cannot be read"),
        (lambda: saved(PIL.Image.fromarray(GRADIENT), format="jpeg")[:-60], "damaged", "cannot be read"),
        (lambda: saved(PIL.Image.new("F", (2, 2)), format="tiff"), "unsupported", "floating point"),
        (_bomb, "too_large", "more than 67108864 pixels"),
        (lambda: npy(np.zeros(8, np.float32)), "unsupported", r"shape \(8,\) is a waveform.*Dataset.from_arrays"),
        (lambda: npy(np.zeros((2, 2, 2))), "unsupported", r"axes \(bands, frames\), and this has shape \(2, 2, 2\)"),
        (lambda: npy(np.array([["a"]])), "unsupported", "is no spectrogram"),
        (lambda: npy(np.array([[None]], object)), "unsupported", "is no spectrogram"),
        (lambda: npy(np.zeros((0, 4))), "empty", "no pixel"),
        (lambda: npy(np.array([[np.nan, 1.0]])), "not_finite", "NaN"),
        (lambda: npy(np.array([[1e300, 1.0]])), "not_finite", "beyond float32"),
        (lambda: npy(np.zeros((4, 4)))[:-8], "damaged", "ends before its last value"),
        (lambda: npy(np.zeros((4, 4)))[:20], "damaged", "cannot be read"),
        (lambda: _claiming((2**40, 2**20)), "too_large", "more than"),
        (lambda: _claiming((4, 4)), "damaged", "ends before its last value"),
    ],
    ids=lambda value: None if callable(value) else str(value)[:20],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_no_picture_is_named_with_the_reason(make: Callable[[], bytes], kind: str, what: str) -> None:
    with pytest.raises(InputError, match=what) as raised:
        read(make())
    assert raised.value.kind == kind
    assert raised.value.source == "it"


@given(
    content=st.binary(max_size=60), magic=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\x93NUMPY\x01\x00", b"GIF89a"])
)
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_picture_or_an_input_error(content: bytes, magic: bytes) -> None:
    try:
        picture = read(magic + content)
    except InputError:
        return
    assert picture.values.ndim == 2


def test_a_log_mel_of_a_real_sound_is_the_same_by_way_of_the_file() -> None:
    spec = preset("clearml")
    samples = np.random.default_rng(0).normal(0, 0.1, spec.sample_rate).astype(np.float32)
    values: FloatArray = log_mel(samples, spec)
    picture = read(encode_picture(values, PictureNote(PictureForm.of(spec))))
    assert picture.values.shape == values.shape
    assert (
        np.abs(PictureForm.of(spec).log_mel(picture.values) - values).max() <= PictureForm.of(spec).step_db / 2 + 1e-4
    )


def test_the_reference_has_these_sizes_and_ranges() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "spectrogram-pictures.md"
    text = page.read_text(encoding="utf-8")
    for name, form in FORMS.items():
        spec = form.features
        size = f"{spec.n_mels} x {spec.n_frames(4 * spec.sample_rate)}"
        row = f"| {size} | {form.low_db:g} dB | {form.high_db:g} dB | {form.step_db:.3f} dB |"
        assert any(line.startswith(f"| `{name}`") and line.endswith(row) for line in text.splitlines()), (name, row)
