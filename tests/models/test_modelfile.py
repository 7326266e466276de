from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from auscult.errors import ModelFileError
from auscult.models.modelfile import read_model_file
from tests.tiny_models import describe, tiny_graph, tiny_spec, write_tiny_model


def test_reads_the_description_inside_a_file(tmp_path: Path) -> None:
    spec = tiny_spec(["bell", "rain", "Ölpumpe"], training_clips=["ab", "cd"])
    path = write_tiny_model(tmp_path / "model.onnx", spec)
    assert read_model_file(path) == read_model_file(str(path)) == (path.read_bytes(), spec)


def test_a_file_that_points_to_other_files_is_refused_unopened(tmp_path: Path) -> None:
    model = describe(tiny_graph(tiny_spec()), tiny_spec().to_json())
    offset = next(one for one in model.graph.initializer if one.name == "offset")
    offset.CopyFrom(numpy_helper.from_array(np.zeros(1000, dtype=np.float32), "offset"))
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, size_threshold=100, location="weights.bin")
    with pytest.raises(ModelFileError, match=r"keeps 1 of them in other files \(the first is 'offset'\)"):
        read_model_file(path)


def test_another_onnx_model_is_named_by_what_it_takes_and_gives(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(tiny_graph(tiny_spec()).SerializeToString())
    with pytest.raises(ModelFileError, match=r"takes \['waveform'\] and gives \['scores', 'logits', 'embedding'\]"):
        read_model_file(path)


def test_a_bad_description_is_reported_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "newer.onnx"
    path.write_bytes(describe(tiny_graph(tiny_spec()), '{"format_version": 99}').SerializeToString())
    with pytest.raises(ModelFileError, match=r"newer\.onnx: written by a newer auscult \(format 99"):
        read_model_file(path)


def test_what_is_no_model_file(tmp_path: Path) -> None:
    sound = tmp_path / "sound.onnx"
    sound.write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt ")
    empty = tmp_path / "empty.onnx"
    empty.touch()
    fifo = tmp_path / "fifo.onnx"
    os.mkfifo(fifo)
    cut = write_tiny_model(tmp_path / "cut.onnx")
    cut.write_bytes(cut.read_bytes()[:300])
    expected = {
        sound: "is not an ONNX file",
        empty: "holds no bytes",
        fifo: "is not a regular file",
        cut: "ends in the middle of",
        tmp_path: "is a folder; name the model file inside",
        tmp_path / "absent.onnx": "there is no such file",
        tmp_path / ("x" * 300 + ".onnx"): "cannot be looked at|there is no such file",
        Path("nul\0.onnx"): "cannot be looked at|there is no such file",
    }
    for path, message in expected.items():
        with pytest.raises(ModelFileError, match=message) as caught:
            read_model_file(path)
        assert str(caught.value).startswith(f"{path}: ")


def test_a_file_over_the_limit_of_protobuf_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(ModelFileError, match="over 2 GiB"):
        read_model_file(path)
