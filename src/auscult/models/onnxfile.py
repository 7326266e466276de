"""What an ONNX file says of itself, read from its bytes alone.

The core of auscult does not install the `onnx` package, and ONNX Runtime opens the files that a model points
to before anybody can look at it. An ONNX file is one protobuf message (`onnx.proto` in the ONNX repository),
and protobuf's wire format is small: a key `field number << 3 | type`, then a varint, 4 or 8 bytes, or a
length and that many bytes. `_FOLLOW` names the fields that lead to tensors; everything else is skipped
unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 64

# message -> field number -> message: the ways from a model to its tensors.
_FOLLOW: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
}
_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_GRAPH_INPUT, _GRAPH_OUTPUT = 11, 12
_TENSOR_NAME, _TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 8, 13, 14
# ModelProto: ir_version, opset_import, producer_name, ..., functions; a file with another field is not ONNX.
_MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})


class NotOnnxError(ValueError):
    """The bytes are no ONNX model, or not a whole one."""


@dataclass
class OnnxFile:
    """Metadata, names of inputs and outputs, and names of the tensors whose values lie in other files."""

    metadata: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    external: list[str] = field(default_factory=list)


def read_onnx(content: bytes) -> OnnxFile:
    """Read what `OnnxFile` holds. No tensor is copied and no other file is opened.

    Raises
    ------
    NotOnnxError : "not an ONNX file" or "ends in the middle of ...", in words that complete "PATH: ..."
    """
    if not content.startswith(b"\x08"):
        # Every writer puts ir_version, field 1, first; without this, a text file may look like odd protobuf.
        raise NotOnnxError("is not an ONNX file")
    found = OnnxFile()
    view = memoryview(content)
    for number, kind, value in _fields(view, "the model"):
        if number not in _MODEL_FIELDS:
            raise NotOnnxError("is not an ONNX file")
        if kind != _BYTES:
            continue
        if number == _MODEL_METADATA:
            key, text = _text_pair(value)
            found.metadata[key] = text
        elif number == _MODEL_GRAPH:
            found.inputs += _names(value, _GRAPH_INPUT)
            found.outputs += _names(value, _GRAPH_OUTPUT)
    if not found.outputs:
        raise NotOnnxError("is not an ONNX file, or is cut off: it holds no graph")
    _collect_external(view, "Model", found.external, depth=0)
    return found


def _fields(view: memoryview, what: str) -> Iterator[tuple[int, int, memoryview]]:
    """Each field of a message as (number, wire type, its bytes; a varint's as they stand)."""
    at, end = 0, len(view)
    while at < end:
        key, at = _varint(view, at, what)
        number, kind = key >> 3, key & 7
        start = at
        if kind == _VARINT:
            _, at = _varint(view, at, what)
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        elif kind == _BYTES:
            length, start = _varint(view, at, what)
            at = start + length
        else:
            raise NotOnnxError("is not an ONNX file")
        if at > end:
            raise NotOnnxError(f"ends in the middle of {what}: it is cut off or damaged")
        yield number, kind, view[start:at]


def _varint(view: memoryview, at: int, what: str) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(view):
            raise NotOnnxError(f"ends in the middle of {what}: it is cut off or damaged")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise NotOnnxError("is not an ONNX file")


def _text(view: memoryview) -> str:
    return str(view, "utf-8", "replace")


def _text_pair(view: memoryview) -> tuple[str, str]:
    pair = {number: _text(value) for number, kind, value in _fields(view, "its metadata") if kind == _BYTES}
    return pair.get(1, ""), pair.get(2, "")


def _names(graph: memoryview, wanted: int) -> list[str]:
    """Names of the graph's inputs or outputs; the name is field 1 of a ValueInfo."""
    return [
        _text(name)
        for number, kind, value in _fields(graph, "its graph")
        if number == wanted and kind == _BYTES
        for part, part_kind, name in _fields(value, "its graph")
        if part == 1 and part_kind == _BYTES
    ]


def _collect_external(view: memoryview, message: str, found: list[str], *, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise NotOnnxError(f"nests its graphs deeper than {_MAX_DEPTH} levels")
    if message == "Tensor":
        _note_external(view, found)
        return
    follow = _FOLLOW[message]
    for number, kind, value in _fields(view, "its graph"):
        if kind == _BYTES and number in follow:
            _collect_external(value, follow[number], found, depth=depth + 1)


def _note_external(tensor: memoryview, found: list[str]) -> None:
    name, external = "", False
    for number, kind, value in _fields(tensor, "a tensor"):
        if number == _TENSOR_NAME and kind == _BYTES:
            name = _text(value)
        elif number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_DATA_LOCATION and bytes(value) != b"\x00"):
            external = True
    if external:
        found.append(name)
