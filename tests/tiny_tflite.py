"""The model of `tests.tiny_models` as a .tflite, with TFLite metadata: which part of a window is loudest?

::

    waveform -> RESHAPE (1, parts, samples) -> x * x -> MEAN -> embedding -> FULLY_CONNECTED (identity, + 1e-4)
    -> LOG -> SOFTMAX or LOGISTIC -> scores

The graph is made with the object API of LiteRT's own generated schema; the metadata, whose schema LiteRT does
not have, by `pack`. Fields of metadata are numbers here too, in the order of `metadata_schema.fbs`.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ai_edge_litert.schema_py_generated as schema
import flatbuffers
import numpy as np

from auscult.models.modelspec import ModelSpec, Provenance
from tests.tiny_models import POWER_OFFSET, tiny_spec

AUDIO_PROPERTIES, CALIBRATION_OPTIONS, THRESHOLDING_OPTIONS = 4, 2, 3
AXIS_LABELS, AXIS_CALIBRATION = 2, 4
Fields = dict[int, Any]


def pack(fields: Fields, identifier: bytes) -> bytes:
    """A FlatBuffer from {field: text, numpy scalar, {fields of a table}, or a list of tables}."""
    builder = flatbuffers.Builder()
    builder.Finish(_table(builder, fields), file_identifier=identifier)
    return bytes(builder.Output())


def _table(builder: flatbuffers.Builder, fields: Fields) -> int:
    parts: Fields = {}
    for slot, value in fields.items():
        if isinstance(value, str):
            parts[slot] = builder.CreateString(value)
        elif isinstance(value, dict):
            parts[slot] = _table(builder, value)
        elif isinstance(value, list):
            offsets = [_table(builder, one) for one in value]
            builder.StartVector(4, len(offsets), 4)
            for offset in reversed(offsets):
                builder.PrependUOffsetTRelative(offset)
            parts[slot] = builder.EndVector()
    builder.StartObject(max(fields, default=-1) + 1)
    for slot, value in fields.items():
        if slot in parts:
            builder.PrependUOffsetTRelativeSlot(slot, parts[slot], 0)
        else:
            numbers = {
                np.uint8: builder.PrependUint8Slot,
                np.int8: builder.PrependInt8Slot,
                np.uint32: builder.PrependUint32Slot,
                np.float32: builder.PrependFloat32Slot,
            }
            # The default that is left out of the file: none, so that every number stands in it.
            numbers[type(value)](slot, value.item(), None)
    return int(builder.EndObject())


@dataclass
class Graph:
    """A subgraph in the making. Every method returns the number of the tensor that it adds."""

    model: schema.ModelT = field(default_factory=schema.ModelT)
    graph: schema.SubGraphT = field(default_factory=schema.SubGraphT)

    def __post_init__(self) -> None:
        self.model.version = 3
        self.model.description = "made by a test"
        self.model.operatorCodes, self.model.metadata = [], []
        # By convention the first buffer is the empty one that computed tensors share.
        self.model.buffers = [schema.BufferT()]
        self.model.subgraphs = [self.graph]
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []

    def tensor(self, name: str, shape: Sequence[int], kind: str = "FLOAT32", buffer: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), buffer
        tensor.type = getattr(schema.TensorType, kind)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, name: str, values: Any) -> int:
        array = np.asarray(values)
        number = self.buffer(array.tobytes())
        return self.tensor(name, array.shape, {"float32": "FLOAT32", "int32": "INT32"}[array.dtype.name], number)

    def buffer(self, content: bytes) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(content, np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def step(
        self,
        name: str,
        inputs: Sequence[int],
        output: str,
        shape: Sequence[int],
        *,
        kind: str = "FLOAT32",
        options: Any = None,
    ) -> int:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = 1
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs = list(inputs)
        operator.outputs = [self.tensor(output, shape, kind)]
        if options is not None:
            options_name = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options_name)
            operator.builtinOptions = options
        self.graph.operators.append(operator)
        return int(operator.outputs[0])

    def quantize_output(self, tensor: int, scale: float, zero_point: int, kind: str = "UINT8") -> int:
        """QUANTIZE a float tensor; real = (stored - zero_point) * scale."""
        source = self.graph.tensors[tensor]
        made = self.step("QUANTIZE", [tensor], f"{source.name}_quantized", source.shape, kind=kind)
        quantization = schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = [scale], [zero_point]
        self.graph.tensors[made].quantization = quantization
        return made

    def add_metadata(self, name: str, content: bytes) -> None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, self.buffer(content)
        self.model.metadata.append(entry)

    def to_bytes(self, files: dict[str, bytes] | None = None) -> bytes:
        """The whole file, with `files` in a ZIP archive after the FlatBuffer."""
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        content = bytes(builder.Output())
        if not files:
            return content
        stream = io.BytesIO(content)
        stream.seek(0, io.SEEK_END)
        with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
            for name, packed in files.items():
                archive.writestr(name, packed)
        return stream.getvalue()


def tiny_graph(spec: ModelSpec, *, input_shape: Sequence[int] | None = None) -> Graph:
    """The graph of `spec`'s first head, without metadata."""
    made = Graph()
    n_classes = len(spec.heads[0].labels)
    waveform = made.tensor("waveform", input_shape or [spec.window_samples])
    shape = [1, n_classes, spec.window_samples // n_classes]
    reshape = schema.ReshapeOptionsT()
    reshape.newShape = shape
    parts = made.constant("parts", np.array(shape, np.int32))
    cut = made.step("RESHAPE", [waveform, parts], "cut", shape, options=reshape)
    squares = made.step("MUL", [cut, cut], "squares", shape, options=schema.MulOptionsT())
    last = made.constant("last", np.array([2], np.int32))
    row = [1, n_classes]
    embedding = made.step("MEAN", [squares, last], "embedding", row, options=schema.ReducerOptionsT())
    weights = made.constant("weights", np.eye(n_classes, dtype=np.float32))
    bias = made.constant("offset", np.full(n_classes, POWER_OFFSET, np.float32))
    dense = schema.FullyConnectedOptionsT()
    lifted = made.step("FULLY_CONNECTED", [embedding, weights, bias], "lifted", row, options=dense)
    logits = made.step("LOG", [lifted], "logits", row)
    made.graph.inputs = [waveform]
    made.graph.outputs = [activation(made, spec.heads[0].task, logits, "scores", n_classes)]
    return made


def activation(made: Graph, task: str, logits: int, output: str, n_classes: int) -> int:
    if task == "multi_label":
        return made.step("LOGISTIC", [logits], output, [1, n_classes])
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    return made.step("SOFTMAX", [logits], output, [1, n_classes], options=softmax)


def associated(name: str, kind: int, locale: str | None = None) -> Fields:
    """An AssociatedFile."""
    fields: Fields = {0: name, 2: np.int8(kind)}
    return fields if locale is None else {**fields, 3: locale}


def model_metadata(spec: ModelSpec, *, outputs: list[Fields] | None = None, channels: int = 1) -> Fields:
    """A ModelMetadata with AudioProperties; `outputs` are the TensorMetadata of the outputs."""
    audio: Fields = {0: np.uint32(spec.sample_rate), 1: np.uint32(channels)}
    taken: Fields = {0: "audio_clip", 3: {0: np.uint8(AUDIO_PROPERTIES), 1: audio}}
    given = outputs if outputs is not None else [{0: "scores", 6: [associated("labels.txt", AXIS_LABELS)]}]
    return {0: spec.name, 3: [{2: [taken], 3: given}], 5: spec.license, 7: "1.3.0"}


def with_metadata(made: Graph, metadata: Fields, files: dict[str, bytes] | None = None) -> bytes:
    made.add_metadata("TFLITE_METADATA", pack(metadata, b"M001"))
    return made.to_bytes(files)


def label_file(names: Sequence[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def tiny_tflite(spec: ModelSpec | None = None) -> bytes:
    """A whole .tflite with metadata and labels."""
    spec = spec or tiny_spec()
    labels = label_file([label.id for label in spec.heads[0].labels])
    return with_metadata(tiny_graph(spec), model_metadata(spec), {"labels.txt": labels})


def write_tiny_tflite(path: Path, spec: ModelSpec | None = None) -> Path:
    path.write_bytes(tiny_tflite(spec))
    return path


def as_tflite_says(spec: ModelSpec) -> ModelSpec:
    """What is left of a description in a .tflite: no front end, no hop, no history; a head has its output's name."""
    head = replace(spec.heads[0], name="scores")
    return replace(spec, heads=(head,), features=None, hop_samples=spec.window_samples, provenance=Provenance())
