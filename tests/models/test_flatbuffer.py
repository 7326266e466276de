"""The FlatBuffer reader against the official writer, and against bytes that are none."""

from __future__ import annotations

import contextlib

import flatbuffers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.models import flatbuffer
from auscult.models.flatbuffer import FlatBufferError, Table, read_root
from tests.tiny_tflite import pack


def with_vector() -> bytes:
    builder = flatbuffers.Builder()
    numbers = builder.CreateNumpyVector(np.array([3, -1, 2**40], np.int64))
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, numbers, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def test_numbers_texts_and_tables() -> None:
    inner = [{0: "first"}, {0: "zweite", 1: np.float32(0.25)}]
    root = read_root(pack({0: np.uint8(200), 1: np.int8(-3), 3: "naïve", 4: inner, 6: inner[1]}, b"DEMO"))
    assert (root.integer(0, "u1"), root.integer(1, "i1"), root.text(3)) == (200, -3, "naïve")
    assert [one.text(0) for one in root.tables(4)] == ["first", "zweite"]
    assert root.count(4) == 2
    table = root.table(6)
    assert table is not None
    assert table.number(1) == 0.25


def test_what_is_absent_has_its_default() -> None:
    root = read_root(pack({1: np.uint8(1)}, b"DEMO"))
    for field in (0, 2, 500):
        assert root.integer(field, "<i4", 7) == 7
        assert root.number(field, "<f4", 0.5) == 0.5
        assert root.text(field, "none") == "none"
        assert root.table(field) is None
        assert root.tables(field) == []
        assert root.count(field) == 0
        assert root.numbers(field, "<f4").shape == (0,)
        assert root.content(field) is None
        assert root.field_position(field) is None


def test_a_vector_of_numbers_is_a_view_that_cannot_be_written_to() -> None:
    found = read_root(with_vector()).numbers(0, "<i8")
    assert found.tolist() == [3, -1, 2**40]
    assert not found.flags.writeable


def test_where_a_field_stands() -> None:
    content = pack({0: np.uint32(0xABCD1234)}, b"DEMO")
    position = read_root(content).field_position(0)
    assert position is not None
    assert content[position : position + 4] == bytes.fromhex("3412cdab")


def test_another_identifier() -> None:
    with pytest.raises(FlatBufferError, match="identifier 'TFL3'"):
        read_root(pack({0: "x"}, b"DEMO"), identifier=b"TFL3")


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"\xff" * 64], ids=["nothing", "seven bytes", "far off"])
def test_no_flatbuffer(content: bytes) -> None:
    with pytest.raises(FlatBufferError, match=r"too short|points to"):
        read_root(content)


def test_a_text_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatbuffer, "MAX_TEXT_BYTES", 10)
    with pytest.raises(FlatBufferError, match="has 11 bytes, more than 10"):
        read_root(pack({0: "x" * 11}, b"DEMO")).text(0)


@given(st.binary(max_size=200), st.integers(0, 9))
def test_any_bytes_at_all(content: bytes, field: int) -> None:
    with contextlib.suppress(FlatBufferError):
        everything(read_root(content), field, depth=0)


@given(st.data())
def test_a_damaged_one(data: st.DataObject) -> None:
    content = bytearray(pack({0: "name", 1: [{0: "a"}, {1: np.uint32(9)}], 2: {0: "inner"}}, b"DEMO"))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(0, len(content))) :]
    with contextlib.suppress(FlatBufferError):
        everything(read_root(bytes(content)), 0, depth=0)


def everything(table: Table, field: int, *, depth: int) -> None:
    """All that can be asked of a field: answers, or `FlatBufferError`."""
    for ask in (table.integer, table.number, table.text, table.count, table.content):
        try:
            ask(field)
        except FlatBufferError:
            continue
    table.numbers(field, "<f4")
    if depth < 3:
        further = [table.table(field), *table.tables(field)[:5]]
        for one in further:
            if one is not None:
                everything(one, field, depth=depth + 1)
