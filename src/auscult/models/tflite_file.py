"""What a .tflite holds, read from its bytes alone: tensors, operators, metadata, files packed beside them.

A .tflite is a FlatBuffer (`schema.fbs` in the LiteRT repository), to which a ZIP archive with files such as
lists of labels may be appended. Only what auscult uses is read. Fields stand here by their number in that
schema, as `flatbuffer` explains.

No runtime sees the bytes, and no code of the file runs. Whatever the bytes are, what comes out is a
`TfliteFile` or a `ModelFileError`.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auscult.errors import ModelFileError
from auscult.models.flatbuffer import FlatBufferError, Table, read_root

__all__ = ["Quantization", "TfliteFile", "TfliteOperator", "TfliteSubgraph", "TfliteTensor", "read_tflite"]

IDENTIFIER = b"TFL3"
# Far above real models, whose counts are in the thousands; a file of lies cannot make work without end.
MAX_SUBGRAPHS = 64
MAX_ITEMS = 200_000
MAX_DIMENSIONS = 32
# A list of labels or a vocabulary; a packed file that would unpack to more is refused before it is unpacked.
MAX_PACKED_BYTES = 64 * 2**20
MAX_PACKED_FILES = 1000
# Older writers know operators up to 127 and store them in one byte, `deprecated_builtin_code`.
_PLACEHOLDER_CODE = 127

# TensorType of the schema -> numpy; the types without one (strings, resources, 4-bit) have no line.
_DTYPES = {
    0: "<f4",
    1: "<f2",
    2: "<i4",
    3: "u1",
    4: "<i8",
    6: "?",
    7: "<i2",
    9: "i1",
    10: "<f8",
    12: "<u8",
    15: "<u4",
    16: "<u2",
}
# BuiltinOperator of the schema, as far as auscult asks for them by name.
_OPERATOR_NAMES = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    21: "RELU6",
    22: "RESHAPE",
    25: "SOFTMAX",
    32: "CUSTOM",
    34: "PAD",
    36: "GATHER",
    39: "TRANSPOSE",
    40: "MEAN",
    41: "SUB",
    42: "DIV",
    43: "SQUEEZE",
    45: "STRIDED_SLICE",
    50: "LOG_SOFTMAX",
    73: "LOG",
    114: "QUANTIZE",
    131: "RFFT2D",
    135: "COMPLEX_ABS",
}


@dataclass(frozen=True)
class Quantization:
    """Real value = (stored value - zero point) * scale; one pair, or one for each slice along `axis`.

    `scales` is float32 (n,) and `zero_points` int64 (n,).
    """

    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int


@dataclass(frozen=True)
class TfliteTensor:
    """A tensor: weights (`buffer` with bytes) or what is computed.

    `shape` has 1 where the size is open; `dtype` is None for a type that numpy does not have.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic] | None
    buffer: int
    quantization: Quantization | None


@dataclass(frozen=True)
class TfliteOperator:
    """One step of the graph.

    Attributes
    ----------
    code : BuiltinOperator of the schema
    name : of the operator, or "BUILTIN_<code>" for those that auscult does not ask for by name
    custom : the name of an operator that is not built in, else ""
    inputs, outputs : numbers of tensors; -1 for an input that is left out
    options : the operator's own table, whose fields the schema declares for each operator; None: it has none
    """

    code: int
    name: str
    custom: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None


@dataclass(frozen=True)
class TfliteSubgraph:
    """A graph: tensors, and the operators between them in the order in which they run.

    `table` is the place in the file, for who wants to change it.
    """

    tensors: tuple[TfliteTensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[TfliteOperator, ...]
    table: Table

    def producer(self, tensor: int) -> TfliteOperator | None:
        """The operator that a tensor comes from; None for weights and inputs."""
        return next((one for one in self.operators if tensor in one.outputs), None)


class TfliteFile:
    """A .tflite. Made by `read_tflite`, which says what it raises.

    Attributes
    ----------
    content : all its bytes
    subgraphs : the first is the one that runs; further ones are branches of its control flow
    description : what the writer said of it, or ""
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        root = read_root(content, identifier=IDENTIFIER)
        self._buffers = _tables(root, 4, "buffers")
        self._metadata = {one.text(0): one.integer(1, "<u4") for one in _tables(root, 6, "entries of metadata")}
        self.description = root.text(3)
        codes = [_operator_code(one) for one in _tables(root, 1, "operator codes")]
        self.subgraphs = _subgraphs(root, codes, len(self._buffers))

    @property
    def main(self) -> TfliteSubgraph:
        """The subgraph that runs."""
        return self.subgraphs[0]

    @property
    def metadata_names(self) -> tuple[str, ...]:
        return tuple(self._metadata)

    def metadata(self, name: str) -> memoryview | None:
        """The bytes kept under a name such as "TFLITE_METADATA"; None where there are none."""
        return self.buffer(self._metadata[name]) if name in self._metadata else None

    def buffer(self, number: int) -> memoryview | None:
        """The bytes of a buffer; None for one that is empty, as those of computed tensors are.

        Raises
        ------
        ModelFileError : where there is no such buffer or its bytes lie outside the file
        """
        if not 0 <= number < len(self._buffers):
            raise ModelFileError(f"the file names buffer {number} of {len(self._buffers)}; {_ANOTHER}")
        try:
            return self._bytes_of(self._buffers[number])
        except FlatBufferError as error:
            raise ModelFileError(_damaged(error)) from None

    def values(self, tensor: TfliteTensor) -> NDArray[np.generic] | None:
        """The stored values of a tensor with weights, in its shape, not dequantised; None for a computed one.

        Raises
        ------
        ModelFileError : where the bytes do not fill the shape, or the type is none that numpy has
        """
        content = self.buffer(tensor.buffer)
        if content is None or not len(content):
            return None
        if tensor.dtype is None:
            raise ModelFileError(f"the tensor {tensor.name!r} has a type that auscult does not read; {_ANOTHER}")
        # In Python's integers: a product of hostile sizes may not wrap around to the right length.
        n_bytes = tensor.dtype.itemsize
        for size in tensor.shape:
            n_bytes *= size
        if len(content) != n_bytes:
            raise ModelFileError(
                f"the tensor {tensor.name!r} of shape {tensor.shape} needs {n_bytes} bytes and has "
                f"{len(content)}; {_ANOTHER}"
            )
        return np.frombuffer(content, dtype=tensor.dtype).reshape(tensor.shape)

    @cached_property
    def packed_names(self) -> tuple[str, ...]:
        """Names of the files in the appended ZIP archive; empty where there is none."""
        try:
            with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
                return tuple(archive.namelist()[:MAX_PACKED_FILES])
        except _ZIP_ERRORS:
            return ()

    def packed_file(self, name: str) -> bytes:
        """A file from the appended ZIP archive.

        Raises
        ------
        ModelFileError : where there is none of that name, it is over 64 MiB, or damaged
        """
        if name not in self.packed_names:
            have = ", ".join(map(repr, self.packed_names)) or "none"
            raise ModelFileError(f"the file {name!r} that its metadata names is not packed in it (it has {have})")
        try:
            with zipfile.ZipFile(io.BytesIO(self.content)) as archive, archive.open(name) as file:
                # The size in the directory may be a lie: no more is unpacked than the limit, whatever it says.
                content = file.read(MAX_PACKED_BYTES + 1)
        except _ZIP_ERRORS as error:
            raise ModelFileError(f"the file {name!r} packed in it cannot be read ({error}); {_ANOTHER}") from None
        if len(content) > MAX_PACKED_BYTES:
            raise ModelFileError(f"the file {name!r} packed in it is over {MAX_PACKED_BYTES // 2**20} MiB; {_ANOTHER}")
        return content

    def _bytes_of(self, buffer: Table) -> memoryview | None:
        offset, size = buffer.integer(1, "<u8"), buffer.integer(2, "<u8")
        if offset <= 1:
            return buffer.content(0)
        # Models over 2 GiB keep weights after the FlatBuffer, at a position from the start of the file.
        if offset + size > len(self.content):
            raise FlatBufferError(f"a buffer lies at {offset}, beyond the end")
        return memoryview(self.content)[offset : offset + size]


def read_tflite(content: bytes) -> TfliteFile:
    """Read a .tflite from its bytes.

    Raises
    ------
    ModelFileError : where it is no .tflite, or a damaged one; the message does not name the file
    """
    if content[4:8] != IDENTIFIER:
        raise ModelFileError("is not a TensorFlow Lite file; name a .tflite, or fetch another copy")
    try:
        return TfliteFile(content)
    except FlatBufferError as error:
        raise ModelFileError(_damaged(error)) from None


_ANOTHER = "export the model again, or fetch another copy"
# What zipfile raises for bytes that are no archive, or a damaged, encrypted or unusually packed one.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
    MemoryError,
    LookupError,
)


def _damaged(error: FlatBufferError) -> str:
    return f"is cut off or damaged ({error}); {_ANOTHER}"


def _tables(table: Table, field: int, what: str) -> list[Table]:
    count = table.count(field)
    if count > MAX_ITEMS:
        raise FlatBufferError(f"it says it has {count} {what}")
    return table.tables(field)


def _operator_code(table: Table) -> tuple[int, str]:
    old, new = table.integer(0, "i1"), table.integer(3, "<i4")
    return (max(old, new) if old < _PLACEHOLDER_CODE else new), table.text(1)


def _subgraphs(root: Table, codes: list[tuple[int, str]], n_buffers: int) -> tuple[TfliteSubgraph, ...]:
    tables = _tables(root, 2, "subgraphs")
    if not 1 <= len(tables) <= MAX_SUBGRAPHS:
        raise FlatBufferError(f"it has {len(tables)} subgraphs")
    return tuple(_subgraph(one, codes, n_buffers) for one in tables)


def _subgraph(table: Table, codes: list[tuple[int, str]], n_buffers: int) -> TfliteSubgraph:
    tensors = tuple(_tensor(one, n_buffers) for one in _tables(table, 0, "tensors"))
    n_tensors = len(tensors)
    return TfliteSubgraph(
        tensors=tensors,
        inputs=_tensor_numbers(table, 1, n_tensors, optional=False),
        outputs=_tensor_numbers(table, 2, n_tensors, optional=False),
        operators=tuple(_operator(one, codes, n_tensors) for one in _tables(table, 3, "operators")),
        table=table,
    )


def _tensor(table: Table, n_buffers: int) -> TfliteTensor:
    shape = table.numbers(0, "<i4")
    if len(shape) > MAX_DIMENSIONS or (shape < 0).any():
        raise FlatBufferError("a tensor has no possible shape")
    buffer = table.integer(2, "<u4")
    if buffer >= n_buffers:
        raise FlatBufferError(f"a tensor names buffer {buffer} of {n_buffers}")
    kind = _DTYPES.get(table.integer(1, "i1"))
    return TfliteTensor(
        name=table.text(3),
        shape=tuple(int(size) for size in shape),
        dtype=None if kind is None else np.dtype(kind),
        buffer=buffer,
        quantization=_quantization(table.table(4)),
    )


def _quantization(table: Table | None) -> Quantization | None:
    if table is None:
        return None
    scales = table.numbers(2, "<f4")
    zero_points = table.numbers(3, "<i8")
    if not len(scales):
        return None
    if len(zero_points) not in (0, len(scales)):
        raise FlatBufferError("a tensor has another number of zero points than of scales")
    if not len(zero_points):
        zero_points = np.zeros(len(scales), np.int64)
    return Quantization(scales, zero_points, table.integer(6))


def _operator(table: Table, codes: list[tuple[int, str]], n_tensors: int) -> TfliteOperator:
    index = table.integer(0, "<u4")
    if index >= len(codes):
        raise FlatBufferError(f"an operator has the code {index} of {len(codes)}")
    code, custom = codes[index]
    return TfliteOperator(
        code=code,
        name=_OPERATOR_NAMES.get(code, f"BUILTIN_{code}"),
        custom=custom,
        inputs=_tensor_numbers(table, 1, n_tensors, optional=True),
        outputs=_tensor_numbers(table, 2, n_tensors, optional=False),
        options=table.table(4),
    )


def _tensor_numbers(table: Table, field: int, n_tensors: int, *, optional: bool) -> tuple[int, ...]:
    numbers = table.numbers(field, "<i4")
    if len(numbers) > MAX_ITEMS:
        raise FlatBufferError(f"it says a list of tensors has {len(numbers)}")
    lowest = -1 if optional else 0
    if ((numbers < lowest) | (numbers >= n_tensors)).any():
        raise FlatBufferError(f"it names a tensor that is not among its {n_tensors}")
    return tuple(int(one) for one in numbers)
