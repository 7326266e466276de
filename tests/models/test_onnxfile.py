from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from auscult.models.onnxfile import NotOnnxError, OnnxFile, read_onnx
from tests.tiny_models import describe, tiny_graph, tiny_spec

WHOLE = describe(tiny_graph(tiny_spec()), tiny_spec().to_json()).SerializeToString()


def external_tensor(name: str) -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.ones(4, dtype=np.float32), name)
    onnx.external_data_helper.set_external_data(tensor, location="weights.bin")
    tensor.ClearField("raw_data")
    return tensor


def graph_with(nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto]) -> onnx.GraphProto:
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])
    return helper.make_graph(nodes, "g", [], [value], tensors)


def test_reads_what_the_onnx_package_reads() -> None:
    reference = onnx.load_from_string(WHOLE)
    found = read_onnx(WHOLE)
    assert found.metadata == {pair.key: pair.value for pair in reference.metadata_props}
    assert found.inputs == [one.name for one in reference.graph.input]
    assert found.outputs == [one.name for one in reference.graph.output]
    assert found.external == []


def test_finds_external_tensors_wherever_a_graph_can_hold_them() -> None:
    constant = helper.make_node("Constant", [], ["c"], value=external_tensor("in a constant"))
    branch = graph_with([constant], [external_tensor("in a branch")])
    choice = helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch)
    function = helper.make_function("local", "f", [], ["c"], [constant], [helper.make_opsetid("", 18)])
    sparse = helper.make_sparse_tensor(
        external_tensor("sparse values"), numpy_helper.from_array(np.array([0, 1, 2, 3]), "indices"), [8]
    )
    graph = graph_with([choice], [external_tensor("at the top")])
    graph.sparse_initializer.append(sparse)
    model = helper.make_model(graph, functions=[function])
    found = read_onnx(model.SerializeToString()).external
    assert set(found) == {"in a constant", "in a branch", "at the top", "sparse values"}
    assert found.count("in a constant") == 3  # both branches and the function


def test_only_the_location_marks_a_tensor_as_external_too() -> None:
    tensor = numpy_helper.from_array(np.ones(4, dtype=np.float32), "w")
    tensor.data_location = TensorProto.EXTERNAL
    model = helper.make_model(graph_with([], [tensor]))
    assert read_onnx(model.SerializeToString()).external == ["w"]


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVEfmt ", b"\x08", b"\x08\x0a", b"\x08\x0aplain text"])
def test_refuses_what_is_no_onnx(content: bytes) -> None:
    with pytest.raises(NotOnnxError, match=r"is not an ONNX file|ends in the middle"):
        read_onnx(content)


def wrapped(field: int, content: bytes) -> bytes:
    """`content` as a length-delimited field, by hand: the onnx package refuses to build what follows."""
    length = len(content)
    size = b""
    while length > 0x7F:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([field << 3 | 2]) + size + bytes([length]) + content


def test_refuses_graphs_nested_without_end() -> None:
    graph = wrapped(12, wrapped(1, b"y"))
    for _ in range(1000):
        graph = wrapped(1, wrapped(5, wrapped(6, graph)))
    graph += wrapped(12, wrapped(1, b"y"))
    with pytest.raises(NotOnnxError, match="deeper than 64 levels"):
        read_onnx(b"\x08\x0a" + wrapped(7, graph))


@given(length=st.integers(0, len(WHOLE) - 1))
@settings(deadline=None)
def test_a_cut_off_file_is_refused_or_lacks_its_description(length: int) -> None:
    found = read_or_refuse(WHOLE[:length])
    assert found is None or found.metadata == {}


def read_or_refuse(content: bytes) -> OnnxFile | None:
    """Any other exception than `NotOnnxError` fails the test."""
    try:
        return read_onnx(content)
    except NotOnnxError:
        return None


@given(at=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255))
@settings(deadline=None, max_examples=300)
def test_a_changed_byte_never_surprises_the_reader(at: int, value: int) -> None:
    read_or_refuse(WHOLE[:at] + bytes([value]) + WHOLE[at + 1 :])


@given(content=st.binary(max_size=200))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    found = read_or_refuse(b"\x08" + content)
    assert found is None or found.outputs
