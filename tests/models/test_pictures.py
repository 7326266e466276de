"""Models that take pictures: their description, their graph, and what becomes of a picture before it."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from auscult.classifier import load
from auscult.errors import InputError, ModelFileError, UsageError
from auscult.features import Picture, PictureForm, PictureNote, encode_picture, log_mel, preset, read_picture
from auscult.models.modelspec import PICTURE_FORMAT, HeadSpec, ModelSpec, PictureSpec
from auscult.models.pictures import brightness, cut_picture, n_samples_of, open_picture
from auscult.models.runners import HeadRunner, OnnxRunner
from auscult.records import FloatArray, Label, Window
from auscult.result import Excerpt
from tests.tiny_models import describe

FEATURES = preset("auscult", sample_rate=8000)  # 64 bands, a frame every 160 samples
FORM = PictureForm.of(FEATURES)
HEAD = HeadSpec(name="main", task="single_label", labels=(Label("low"), Label("high")))


def known_spec(**changes: Any) -> ModelSpec:
    picture = PictureSpec(bands=64, frames=11, low=FORM.low_db, high=FORM.high_db)
    given = ModelSpec(
        name="halves",
        heads=(HEAD,),
        sample_rate=8000,
        window_samples=1600,
        hop_samples=800,
        features=FEATURES.to_dict(),
        picture=picture,
        license="CC0-1.0",
        format_version=PICTURE_FORMAT,
    )
    return dataclasses.replace(given, **changes)


def foreign_spec(**picture: Any) -> ModelSpec:
    frames = picture.get("frames", 12)
    return known_spec(
        sample_rate=1,
        window_samples=frames,
        hop_samples=frames,
        features=None,
        picture=PictureSpec(**({"bands": 8, "frames": 12} | picture)),
    )


def write_model(path: Path, spec: ModelSpec, *, shape: tuple[int, int] | None = None, name: str = "picture") -> Path:
    """Whether the lower or the upper half of a picture is brighter: logits are the means of both halves."""
    assert spec.picture is not None
    bands, frames = shape or (spec.picture.bands, spec.picture.frames)
    constants = [
        numpy_helper.from_array(np.array([0, 2, -1]), "halves"),
        numpy_helper.from_array(np.array([2]), "last"),
    ]
    nodes = [
        helper.make_node("Reshape", [name, "halves"], ["cut"]),
        helper.make_node("ReduceMean", ["cut", "last"], ["logits"], keepdims=0),
        helper.make_node("Identity", ["logits"], ["embedding"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    taken = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", bands, frames])
    outputs = [
        helper.make_tensor_value_info(one, TensorProto.FLOAT, ["batch", 2]) for one in ("scores", "logits", "embedding")
    ]
    graph = helper.make_graph(nodes, "halves", [taken], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path.write_bytes(describe(model, spec.to_json()).SerializeToString())
    return path


# Descriptions --------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    size=st.tuples(st.integers(1, 600), st.integers(1, 600)),
    ends=st.none() | st.tuples(st.floats(-99, 0), st.floats(1, 99)),
)
def test_json_holds_everything(size: tuple[int, int], ends: tuple[float, float] | None) -> None:
    low, high = ends or (None, None)
    spec = foreign_spec(bands=size[0], frames=size[1], low=low, high=high)
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert not spec.takes_sound
    assert ModelSpec.from_json(known_spec().to_json()) == known_spec()
    assert known_spec().takes_sound


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"bands": 0}, "'picture.bands' must be 1 or more. Got 0"),
        ({"frames": "9"}, "'frames' must be a whole number. Got '9'"),
        ({"high": None}, "'picture.low' must be given with picture.high, or neither"),
        ({"low": 100.0}, "'picture.low' must be a finite number below picture.high"),
        ({"low": "quiet"}, "'low' must be a number. Got 'quiet'"),
        ({"low": None, "high": None}, "'picture.low' must be a level in dB, where features are given. Got None"),
        ({"frames": 12}, r"'picture' must be as large as the features make a window, \(64, 11\). Got \(64, 12\)"),
    ],
)
def test_a_description_that_breaks_a_rule_is_refused(change: dict[str, Any], what: str) -> None:
    values = known_spec().to_dict()
    values["picture"] |= change
    with pytest.raises(ModelFileError, match=what):
        ModelSpec.from_json(json.dumps(values))


def test_a_model_of_pictures_is_of_format_2_so_that_older_versions_refuse_it() -> None:
    values = known_spec().to_dict()
    with pytest.raises(ModelFileError, match="'format_version' must be 2 or more for a model of pictures"):
        ModelSpec.from_json(json.dumps(values | {"format_version": 1}))


def test_a_range_below_silence_is_no_form(tmp_path: Path) -> None:
    spec = known_spec(picture=PictureSpec(bands=64, frames=11, low=-300.0, high=0.0))
    with pytest.raises(ModelFileError, match="the level of silence"):
        OnnxRunner(write_model(tmp_path / "m.onnx", spec))


# Graphs --------------------------------------------------------------------------------------------------------------


def test_windows_of_sound_become_the_pictures_that_they_would_be(tmp_path: Path) -> None:
    runner = OnnxRunner(write_model(tmp_path / "m.onnx", known_spec()))
    windows = np.random.default_rng(0).normal(0, 0.1, (3, 1600)).astype(np.float32)
    pictures = np.stack([FORM.brightness(log_mel(window, FEATURES)) for window in windows])
    of_sound, of_pictures = runner.run(windows), runner.run_pictures(pictures)
    for name in runner.outputs:
        np.testing.assert_array_equal(of_sound[name], of_pictures[name])
    # A window that is half sound is a picture that is half black.
    short = FORM.brightness(log_mel(windows[0, :800], FEATURES))
    filled = np.concatenate([short, np.zeros((64, 5), np.float32)], axis=1)
    of_short = runner.run(windows[:1], [800])
    np.testing.assert_array_equal(of_short["scores"], runner.run_pictures(filled[None])["scores"])
    halves = pictures.reshape(3, 2, -1).astype(np.float64).mean(axis=2)
    np.testing.assert_allclose(of_pictures["logits"], halves, atol=1e-6)
    assert runner.run(windows[:0])["scores"].shape == (0, 2)
    np.testing.assert_array_equal(HeadRunner(runner, "main").run_pictures(pictures)["scores"], of_pictures["scores"])


def test_what_the_graph_does_not_take_is_refused(tmp_path: Path) -> None:
    runner = OnnxRunner(write_model(tmp_path / "m.onnx", foreign_spec()))
    with pytest.raises(ValueError, match="takes pictures; give them to run_pictures"):
        runner.run(np.zeros((1, 12), np.float32))
    with pytest.raises(ValueError, match=r"axes \(pictures, \(8, 12\)\)"):
        runner.run_pictures(np.zeros((1, 9, 12), np.float32))


@pytest.mark.parametrize("how", [{"shape": (8, 13)}, {"name": "waveform"}])
def test_a_graph_that_is_not_what_the_description_says_is_refused(tmp_path: Path, how: dict[str, Any]) -> None:
    path = write_model(tmp_path / "m.onnx", foreign_spec(), **how)
    assert len(onnx.load(path).graph.input) == 1
    with pytest.raises(ModelFileError, match=r"take one input, 'picture', float32 \[batch, 8, 12\]"):
        OnnxRunner(path)


# Pictures ------------------------------------------------------------------------------------------------------------


def png(values: FloatArray, note: PictureNote | None = None) -> bytes:
    if note is not None:
        return encode_picture(values, note)
    file = io.BytesIO()
    PIL.Image.fromarray(np.rint(values[::-1] * 255).astype(np.uint8)).save(file, format="png")
    return file.getvalue()


def test_a_picture_is_told_by_its_content(tmp_path: Path) -> None:
    content = png(np.eye(4, dtype=np.float32))
    (tmp_path / "a.wav").write_bytes(content)
    (tmp_path / "b.png").write_bytes(b"RIFF0000WAVEfmt ")
    found = open_picture(tmp_path / "a.wav", "a")
    assert found is not None
    np.testing.assert_array_equal(found.values, np.eye(4))
    assert open_picture(tmp_path / "b.png", "b") is None
    for nothing in (b"RIFF0000WAVEfmt ", {"array": np.zeros(3)}, {"raw": np.zeros((2, 2))}, "https://a.org/dog.wav"):
        assert open_picture(nothing, "x") is None  # type: ignore[arg-type]
    file = io.BytesIO(b"RIFF0000WAVEfmt ")
    assert open_picture(file, "x") is None
    assert file.tell() == 0
    with pytest.raises(InputError, match="no such file"):
        open_picture("gone.png", "gone.png")


def test_an_image_model_scales_whole_pictures(tmp_path: Path) -> None:
    model = load(write_model(tmp_path / "m.onnx", foreign_spec()))
    values = np.zeros((80, 30), np.float32)
    values[:40] = 1.0
    result = model.classify(png(values))
    assert (result.predictions[0].label, result.duration_s) == ("low", None)
    assert result.scores.windows == (Window(0, 0, 12, 12),)
    with pytest.raises(InputError, match="a picture is taken whole"):
        model.classify(Excerpt(png(values), 1.0))
    with pytest.raises(UsageError, match="this is a picture"):
        result.plot()


def test_arrays_are_scaled_by_the_range_of_the_training() -> None:
    spec = PictureSpec(bands=2, frames=2, low=-80.0, high=0.0)
    values = np.array([[-80, -40], [0, 20]], np.float32)
    found = brightness(Picture(values, is_array=True), spec, None, "x")
    assert found.tolist() == [[0.0, 0.5], [1.0, 1.0]]


def test_windows_lie_where_those_of_the_sound_do() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 3900).astype(np.float32)
    content = encode_picture(log_mel(samples, FEATURES), PictureNote(FORM, "ab", len(samples)))
    picture = read_picture(io.BytesIO(content), "x")
    windows, rows = cut_picture(picture.values, picture, known_spec())
    assert [(window.start, window.end) for window in windows] == [(0, 1600), (800, 2400), (1600, 3200), (2400, 3900)]
    assert rows.shape == (4, 64, 11)
    np.testing.assert_array_equal(rows[1], picture.values[:, 5:16])
    np.testing.assert_array_equal(rows[3, :, :10], picture.values[:, 15:])
    assert not rows[3, :, 10:].any()


@settings(deadline=None)
@given(n_samples=st.integers(1, 100_000), name=st.sampled_from(["auscult", "clearml", "yamnet"]))
def test_the_samples_of_a_picture_make_its_frames(n_samples: int, name: str) -> None:
    features = preset(name)
    n_frames = features.n_frames(n_samples)
    assert features.n_frames(n_samples_of(n_frames, None, features)) == n_frames
    note = PictureNote(PictureForm.of(features), "", n_samples)
    assert n_samples_of(n_frames, note, features) == n_samples
    # What a file claims must fit its pixels.
    assert features.n_frames(n_samples_of(n_frames + 7, note, features)) == n_frames + 7
