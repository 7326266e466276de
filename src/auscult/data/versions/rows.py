"""The table of a version as files named by their content, so that a child keeps only the parts that are new.

Rows are sorted by uri and cut after rows that a hash of their name picks: where a row is added, changed or taken away,
the cuts around it stay where they are, and the other parts are the same bytes as before.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from auscult.data.schema import clip_schema, content_hash_of, schema_names
from auscult.data.versions.places import Place
from auscult.data.versions.record import DamagedError
from auscult.errors import DataError
from auscult.extras import require_extra

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_A_PART = 2048  # on average
_PURPOSE = "versions of datasets"
# A column of contents holds their hashes; its field says so under this key, and how they are read ("npy", "bytes").
CONTENT_KEY = b"auscult_content"


def sorted_rows(table: pa.Table) -> pa.Table:
    """The table as every version has it, so that equal ones are equal bytes: rows by uri and range, columns of every
    dataset first, no metadata but ours."""
    pa = require_extra("pyarrow", extra="data", purpose=_PURPOSE)
    kinds, fields = content_columns(table), {field.name: field.remove_metadata() for field in table.schema}
    further = [content_field(name, kinds[name]) if name in kinds else fields[name] for name in fields]
    schema = pa.schema([*clip_schema(), *(field for field in further if field.name not in schema_names())])
    table = table.select(schema.names).cast(schema)
    rows = zip(table["uri"].to_pylist(), table["start"].to_pylist(), table["clip_id"].to_pylist(), strict=True)
    keys = [(uri, start or 0, clip_id) for uri, start, clip_id in rows]
    return table.take(pa.array(sorted(range(len(keys)), key=keys.__getitem__), pa.int64()))


def encode_rows(table: pa.Table) -> list[tuple[str, bytes]]:
    """The parts of a sorted table in order: the SHA-256 of a Parquet file, and the file.

    Raises
    ------
    DataError : a column of a type that Parquet cannot hold
    """
    pa = require_extra("pyarrow", extra="data", purpose=_PURPOSE)
    parquet = require_extra("pyarrow.parquet", extra="data", purpose=_PURPOSE)
    parts = []
    for start, end in _cuts(table):
        file = io.BytesIO()
        try:
            parquet.write_table(table.slice(start, end - start).combine_chunks(), file, compression="zstd")
        except pa.ArrowException as error:
            raise DataError(f"A column of the dataset cannot be kept in a table ({error}); leave it out.") from error
        parts.append((hashlib.sha256(file.getvalue()).hexdigest(), file.getvalue()))
    return parts


def decode_rows(place: Place, hashes: Iterable[str]) -> pa.Table:
    """The table of these parts.

    Raises
    ------
    DamagedError : a part that is missing, or is not what was written
    """
    pa = require_extra("pyarrow", extra="data", purpose=_PURPOSE)
    parquet = require_extra("pyarrow.parquet", extra="data", purpose=_PURPOSE)
    tables = []
    for name in hashes:
        try:
            content = place.read(rows_key(name))
        except FileNotFoundError as error:
            raise DamagedError(rows_key(name), "it is missing", is_missing=True) from error
        if hashlib.sha256(content).hexdigest() != name:
            raise DamagedError(rows_key(name), "its SHA-256 is another")
        tables.append(parquet.read_table(pa.BufferReader(content)))
    return pa.concat_tables(tables).combine_chunks()


def rows_key(name: str) -> str:
    return f"rows/{name}.parquet"


def content_columns(table: pa.Table) -> dict[str, str]:
    """The columns whose values are contents of the store, and how those are read."""
    fields = {field.name: (field.metadata or {}).get(CONTENT_KEY) for field in table.schema}
    return {name: kind.decode() for name, kind in fields.items() if kind is not None}


def content_field(name: str, kind: str) -> Any:
    pa = require_extra("pyarrow", extra="data", purpose=_PURPOSE)
    return pa.field(name, pa.string(), metadata={CONTENT_KEY: kind.encode()})


def contents_of(table: pa.Table) -> set[str]:
    """Hashes of all contents that the rows need."""
    hashes = {content_hash_of(clip_id) for clip_id in table["clip_id"].to_pylist()}
    for name in content_columns(table):
        hashes.update(value for value in table[name].to_pylist() if value is not None)
    return hashes


def with_values(table: pa.Table, name: str, values: Sequence[Any]) -> pa.Table:
    """With other values in a column, whose type stays."""
    pa = require_extra("pyarrow", extra="data", purpose=_PURPOSE)
    field = table.schema.field(name)
    return table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))


def _cuts(table: pa.Table) -> list[tuple[int, int]]:
    names = zip(table["uri"].to_pylist(), table["start"].to_pylist(), strict=True)
    ends = [row + 1 for row, name in enumerate(names) if zlib.crc32(repr(name).encode()) % ROWS_A_PART == 0]
    # A table without rows is one part, which keeps its columns.
    if not ends or ends[-1] < table.num_rows:
        ends.append(table.num_rows)
    return list(zip([0, *ends], ends, strict=False))
