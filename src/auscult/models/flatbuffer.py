"""Reading a FlatBuffer without its generated code, and without trust in its bytes.

A FlatBuffer is numbers at positions, all little-endian. A table begins with the signed distance back to its
vtable; the vtable holds, for each field, how far from the table's beginning the field's value stands, 0 where
it is absent. Numbers stand in the table itself; strings, vectors and other tables stand further on, and the
table holds the distance to them. The format: https://flatbuffers.dev/internals/

Fields are named by their number: the order in which the schema declares them, from 0, where a union counts
twice (its type, then its value). Every position is looked at before it is read, so that bytes that are no
FlatBuffer, or a damaged one, raise `FlatBufferError` and nothing else.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["FlatBufferError", "Table", "read_root"]

_OFFSET = struct.Struct("<I")
_SIGNED_OFFSET = struct.Struct("<i")
_VTABLE_ENTRY = struct.Struct("<H")
# The lengths of the vtable and of the table come before the first field.
_VTABLE_HEAD_BYTES = 4
# Names and texts; far above any that people write, and far below what would fill the memory a thousand times.
MAX_TEXT_BYTES = 2**20


class FlatBufferError(ValueError):
    """The bytes are no FlatBuffer of the kind that was asked for, or a damaged one."""


def read_root(data: bytes | memoryview, *, identifier: bytes | None = None) -> Table:
    """The outermost table.

    Parameters
    ----------
    data : the whole FlatBuffer; more bytes may follow it
    identifier : the four bytes that say which schema it follows; None: they are not looked at

    Raises
    ------
    FlatBufferError : where the identifier is another one, or the table does not lie within `data`

    Examples
    --------
    >>> import flatbuffers
    >>> builder = flatbuffers.Builder()
    >>> name = builder.CreateString("rain")
    >>> builder.StartObject(2)
    >>> builder.PrependUOffsetTRelativeSlot(0, name, 0)
    >>> builder.PrependInt32Slot(1, 44100, 0)
    >>> n_bytes = builder.Finish(builder.EndObject(), file_identifier=b"DEMO")
    >>> table = read_root(bytes(builder.Output()), identifier=b"DEMO")
    >>> table.text(0), table.integer(1), table.integer(2, "<i2", -1)
    ('rain', 44100, -1)
    """
    view = memoryview(data)
    if len(view) < 2 * _OFFSET.size:
        raise FlatBufferError("it is too short")
    if identifier is not None and bytes(view[4:8]) != identifier:
        raise FlatBufferError(f"it does not have the identifier {identifier.decode('ascii', 'replace')!r}")
    return Table(view, _read(view, 0, _OFFSET))


class Table:
    """One table of a FlatBuffer. Fields are read when they are asked for.

    Attributes
    ----------
    data : the bytes of the whole FlatBuffer
    position : where the table begins in them

    Raises
    ------
    FlatBufferError : where the table or its vtable does not lie within `data`; so do all methods for what
        they read
    """

    __slots__ = ("_n_vtable_bytes", "_vtable", "data", "position")

    def __init__(self, data: memoryview, position: int) -> None:
        self.data = data
        self.position = position
        self._vtable = position - _read(data, position, _SIGNED_OFFSET)
        self._n_vtable_bytes = _read(data, self._vtable, _VTABLE_ENTRY)
        if self._n_vtable_bytes < _VTABLE_HEAD_BYTES or self._vtable + self._n_vtable_bytes > len(data):
            raise FlatBufferError(f"the table at byte {position} has no vtable")

    def field_position(self, field: int) -> int | None:
        """Where the field's value, or the distance to it, stands in `data`; None where it is absent."""
        entry = _VTABLE_HEAD_BYTES + 2 * field
        if entry + 2 > self._n_vtable_bytes:
            return None
        offset = _read(self.data, self._vtable + entry, _VTABLE_ENTRY)
        return self.position + offset if offset else None

    def integer(self, field: int, dtype: DTypeLike = "<i4", default: int = 0) -> int:
        """A whole number, stored as `dtype` says ("<u4", "i1", ...); bool is "u1"."""
        return int(self._number(field, dtype, default))

    def number(self, field: int, dtype: DTypeLike = "<f4", default: float = 0.0) -> float:
        """A floating point number."""
        return float(self._number(field, dtype, default))

    def text(self, field: int, default: str = "") -> str:
        """A string of at most `MAX_TEXT_BYTES`; bytes that are not UTF-8 become the replacement character."""
        start, count = self._vector(field, 1)
        if start is None:
            return default
        if count > MAX_TEXT_BYTES:
            raise FlatBufferError(f"the text at byte {start} has {count} bytes, more than {MAX_TEXT_BYTES}")
        return str(self.data[start : start + count], "utf-8", "replace")

    def table(self, field: int) -> Table | None:
        """Another table; None where it is absent."""
        position = self.field_position(field)
        return None if position is None else Table(self.data, self._target(position))

    def tables(self, field: int) -> list[Table]:
        """A vector of tables; empty where it is absent."""
        start, count = self._vector(field, _OFFSET.size)
        if start is None:
            return []
        return [Table(self.data, self._target(start + _OFFSET.size * i)) for i in range(count)]

    def count(self, field: int) -> int:
        """How many elements the vector says it has, without reading them; 0 where it is absent."""
        return self._vector(field, 1)[1]

    def numbers(self, field: int, dtype: DTypeLike) -> NDArray[Any]:
        """A vector of numbers, as a read-only view of `data`; empty where it is absent."""
        kind = np.dtype(dtype)
        start, count = self._vector(field, kind.itemsize)
        if start is None:
            return np.zeros(0, dtype=kind)
        return np.frombuffer(self.data, dtype=kind, count=count, offset=start)

    def content(self, field: int) -> memoryview | None:
        """A vector of bytes, as a view of `data`; None where it is absent."""
        start, count = self._vector(field, 1)
        return None if start is None else self.data[start : start + count]

    def _number(self, field: int, dtype: DTypeLike, default: float) -> Any:
        position = self.field_position(field)
        if position is None:
            return default
        kind = np.dtype(dtype)
        _check(self.data, position, kind.itemsize)
        return np.frombuffer(self.data, dtype=kind, count=1, offset=position)[0]

    def _vector(self, field: int, item_bytes: int) -> tuple[int | None, int]:
        """Where the vector's first element stands, and how many there are."""
        position = self.field_position(field)
        if position is None:
            return None, 0
        start = self._target(position)
        count = _read(self.data, start, _OFFSET)
        _check(self.data, start + _OFFSET.size, count * item_bytes)
        return start + _OFFSET.size, count

    def _target(self, position: int) -> int:
        return position + _read(self.data, position, _OFFSET)


def _read(data: memoryview, position: int, kind: struct.Struct) -> int:
    _check(data, position, kind.size)
    return int(kind.unpack_from(data, position)[0])


def _check(data: memoryview, position: int, n_bytes: int) -> None:
    if position < 0 or position + n_bytes > len(data):
        raise FlatBufferError(f"it points to {n_bytes} bytes at {position}, of the {len(data)} that there are")
