"""Tables in parts."""

from __future__ import annotations

import uuid

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.data.schema import clip_schema
from auscult.data.versions.places import Place, open_place
from auscult.data.versions.record import DamagedError
from auscult.data.versions.rows import content_field, decode_rows, encode_rows, rows_key, sorted_rows


def table(uris: list[str], folds: list[int] | None = None) -> pa.Table:
    rows = [
        {"clip_id": f"{i:032x}", "uri": uri, "fold": fold}
        for i, (uri, fold) in enumerate(zip(uris, folds or [1] * len(uris), strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=clip_schema())


def stored(made: pa.Table) -> tuple[Place, list[str]]:
    place = open_place(f"memory://{uuid.uuid4().hex}")
    parts = encode_rows(made)
    for name, content in parts:
        place.replace(rows_key(name), content)
    return place, [name for name, _ in parts]


@settings(deadline=None)
@given(uris=st.lists(st.text(min_size=1, max_size=4).filter(str.isprintable), max_size=30))
def test_a_table_comes_back(uris: list[str]) -> None:
    made = sorted_rows(table(uris))
    assert decode_rows(*stored(made)).equals(made)


def test_columns_of_every_kind_come_back() -> None:
    made = table(["a", "b"])
    for name, values in {"x": [1, None], "y": [[1.0], []], "z": [{"a": "é"}, None], "none": [None, None]}.items():
        made = made.append_column(name, [values])
    made = made.append_column(content_field("mel", "npy"), [["0a", None]])
    back = decode_rows(*stored(made))
    assert back.equals(made)
    assert back.schema.field("mel").metadata == content_field("mel", "npy").metadata


def test_rows_that_are_equal_to_the_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    # Cut after every row, the parts of equal rows are equal too.
    monkeypatch.setattr("auscult.data.versions.rows.ROWS_A_PART", 1)
    made = table(["a"] * 3)
    made = made.set_column(0, made.schema.field(0), [["0a"] * 3])
    place, names = stored(made)
    assert (len(names), len(set(names))) == (3, 1)
    assert decode_rows(place, names).equals(made)


def test_a_row_more_leaves_most_parts_as_they_were() -> None:
    uris = [f"{i % 50}/{i}.wav" for i in range(30_000)]
    ids = {uri: f"{i:032x}" for i, uri in enumerate([*uris, "25/x.wav"])}

    def parts(names: list[str]) -> set[str]:
        rows = [{"clip_id": ids[uri], "uri": uri} for uri in names]
        return {name for name, _ in encode_rows(sorted_rows(pa.Table.from_pylist(rows, schema=clip_schema())))}

    before, after = parts(uris), parts([*uris, "25/x.wav"])
    assert len(before) > 5
    assert len(after - before) == 1


def test_what_is_not_what_was_written_is_found() -> None:
    place, names = stored(table(["a"]))
    content = bytearray(place.read(rows_key(names[0])))
    content[len(content) // 2] ^= 1
    place.replace(rows_key(names[0]), bytes(content))
    with pytest.raises(DamagedError, match=r"rows/.*\.parquet: this file of the store is damaged"):
        decode_rows(place, names)
    place.delete(rows_key(names[0]))
    with pytest.raises(DamagedError, match="it is missing"):
        decode_rows(place, names)
