"""What is read from a .tflite: against LiteRT's own schema and interpreter, and from hostile bytes."""

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path

import ai_edge_litert.schema_py_generated as schema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.errors import ModelFileError
from auscult.models import tflite_file
from auscult.models.tflite_file import TfliteFile, read_tflite
from tests.tiny_models import tiny_spec
from tests.tiny_tflite import Graph, tiny_graph, tiny_tflite

SPEC = tiny_spec(["a", "b", "c"], part_samples=5)
CONTENT = tiny_tflite(SPEC)


class TestReading:
    def test_tensors(self) -> None:
        main = read_tflite(CONTENT).main
        assert [main.tensors[one].name for one in main.inputs + main.outputs] == ["waveform", "scores"]
        assert main.tensors[main.inputs[0]].shape == (15,)
        assert main.tensors[main.outputs[0]].dtype == np.float32

    def test_operators_in_order(self) -> None:
        main = read_tflite(CONTENT).main
        names = ["RESHAPE", "MUL", "MEAN", "FULLY_CONNECTED", "LOG", "SOFTMAX"]
        assert [one.name for one in main.operators] == names
        assert main.producer(main.outputs[0]) is main.operators[-1]
        assert main.producer(main.inputs[0]) is None
        softmax = main.operators[-1].options
        assert softmax is not None
        assert softmax.number(0) == 1.0

    def test_weights(self) -> None:
        file = read_tflite(CONTENT)
        named = {one.name: one for one in file.main.tensors}
        weights = file.values(named["weights"])
        assert weights is not None
        np.testing.assert_array_equal(weights, np.eye(3))
        assert file.values(named["logits"]) is None

    def test_quantization(self) -> None:
        made = tiny_graph(SPEC)
        made.graph.outputs = [made.quantize_output(made.graph.outputs[0], 1 / 256, 3)]
        main = read_tflite(made.to_bytes()).main
        output = main.tensors[main.outputs[0]]
        assert output.dtype == np.uint8
        found = output.quantization
        assert found is not None
        assert (found.scales.tolist(), found.zero_points.tolist()) == ([1 / 256], [3])

    def test_metadata_and_packed_files(self) -> None:
        file = read_tflite(CONTENT)
        assert file.metadata_names == ("TFLITE_METADATA",)
        metadata = file.metadata("TFLITE_METADATA")
        assert metadata is not None
        assert bytes(metadata[4:8]) == b"M001"
        assert file.metadata("other") is None
        assert file.packed_names == ("labels.txt",)
        assert file.packed_file("labels.txt") == b"a\nb\nc\n"

    def test_without_an_archive(self) -> None:
        file = read_tflite(tiny_graph(SPEC).to_bytes())
        assert file.packed_names == ()
        with pytest.raises(ModelFileError, match=r"'labels\.txt' that its metadata names is not packed in it"):
            file.packed_file("labels.txt")

    def test_names_of_operators_and_types_are_the_schema_s(self) -> None:
        for code, name in tflite_file._OPERATOR_NAMES.items():
            assert getattr(schema.BuiltinOperator, name) == code
        names = {value: name for name, value in vars(schema.TensorType).items() if name.isupper()}
        for number, dtype in tflite_file._DTYPES.items():
            assert names[number].lower() == np.dtype(dtype).name

    def test_weights_after_the_flatbuffer(self) -> None:
        """As models over 2 GiB keep them: the offset is a placeholder that is filled in once it is known."""
        made = Graph()
        tensor = made.tensor("far", [4], "INT32", made.buffer(b""))
        made.graph.inputs = made.graph.outputs = [tensor]
        values = np.arange(4, dtype=np.int32).tobytes()
        buffer = made.model.buffers[1]
        placeholder = 0x0123456789ABCDEF
        buffer.data, buffer.offset, buffer.size = None, placeholder, len(values)
        content = made.to_bytes()
        at = len(content).to_bytes(8, "little")
        file = read_tflite(content.replace(placeholder.to_bytes(8, "little"), at) + values)
        found = file.values(file.main.tensors[0])
        assert found is not None
        assert found.tolist() == [0, 1, 2, 3]
        with pytest.raises(ModelFileError, match="a buffer lies at"):
            read_tflite(content).values(file.main.tensors[0])


class TestWhatIsWrong:
    @pytest.mark.parametrize("content", [b"", b"RIFF", b"\x08\x00\x00\x00TFL2" + b"\x00" * 50])
    def test_no_tflite(self, content: bytes) -> None:
        with pytest.raises(ModelFileError, match="is not a TensorFlow Lite file"):
            read_tflite(content)

    def test_cut_off(self) -> None:
        whole = tiny_graph(SPEC).to_bytes()
        for length in range(8, len(whole) // 2, 7):
            with pytest.raises(ModelFileError, match="is cut off or damaged"):
                everything(read_tflite(whole[:length]))

    def test_weights_that_do_not_fill_their_shape(self) -> None:
        made = tiny_graph(SPEC)
        next(one for one in made.graph.tensors if one.name == "weights").shape = [2**31 - 1] * 3
        file = read_tflite(made.to_bytes())
        weights = next(one for one in file.main.tensors if one.name == "weights")
        with pytest.raises(ModelFileError, match=r"'weights' of shape .* needs \d+ bytes and has 36"):
            file.values(weights)

    def test_a_packed_file_that_unpacks_to_too_much(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tflite_file, "MAX_PACKED_BYTES", 2**20)
        stream = io.BytesIO(tiny_graph(SPEC).to_bytes())
        stream.seek(0, io.SEEK_END)
        with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("labels.txt", b"\0" * 10**7)
        with pytest.raises(ModelFileError, match=r"'labels\.txt' packed in it is over 1 MiB"):
            read_tflite(stream.getvalue()).packed_file("labels.txt")

    def test_an_operator_of_another_file(self) -> None:
        made = tiny_graph(SPEC)
        made.graph.operators[0].opcodeIndex = 99
        with pytest.raises(ModelFileError, match="an operator has the code 99 of 6"):
            read_tflite(made.to_bytes())

    def test_a_tensor_of_another_file(self) -> None:
        made = tiny_graph(SPEC)
        made.graph.outputs = [99]
        with pytest.raises(ModelFileError, match="names a tensor that is not among its"):
            read_tflite(made.to_bytes())


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damaged_bytes_give_a_file_or_one_kind_of_error(data: st.DataObject) -> None:
    content = bytearray(CONTENT)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    with contextlib.suppress(ModelFileError):
        everything(read_tflite(bytes(content)))


def everything(file: TfliteFile) -> None:
    """All that can be asked of a file."""
    for subgraph in file.subgraphs:
        for tensor in subgraph.tensors:
            try:
                file.values(tensor)
            except ModelFileError:
                continue
    for name in file.metadata_names:
        file.metadata(name)
    for name in file.packed_names:
        file.packed_file(name)


class TestYamnet:
    def test_the_published_file(self, shared_data: Path) -> None:
        path = shared_data / "yamnet" / "yamnet_audio_classifier_with_metadata.tflite"
        file = read_tflite(path.read_bytes())
        main = file.main
        assert main.tensors[main.inputs[0]].shape == (15600,)
        assert main.tensors[main.outputs[0]].shape == (1, 521)
        assert file.packed_names == ("yamnet_label_list.txt",)
        # Dense weights are stored once for each class, quantised per tensor or per class.
        dense = [one for one in main.operators if one.name == "FULLY_CONNECTED"][-1]
        assert main.tensors[dense.inputs[1]].shape == (521, 1024)
        weights = file.values(main.tensors[dense.inputs[1]])
        assert weights is not None
        assert weights.dtype == np.int8
