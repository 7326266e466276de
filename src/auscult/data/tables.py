"""Tables on disk and in memory, and the files that their rows name."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auscult.data.listing import nfc
from auscult.errors import DataError
from auscult.extras import require_extra
from auscult.files import printable

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Row:
    """One row of a table: its number in the source, counted from 1, what is counted there, and its fields by column."""

    number: int
    fields: Mapping[str, Any]
    unit: str = "line"

    def __getitem__(self, column: str) -> Any:
        return self.fields[column]

    @property
    def place(self) -> str:
        return f"{self.unit} {self.number}"

    @property
    def where(self) -> str:
        """What messages call the row."""
        return f"{self.place} of the table"


@dataclass(frozen=True)
class Table:
    """Rows of a source. `name` is what messages call it; every row has the columns of the `header`."""

    name: str
    header: list[str]
    rows: list[Row]


def read_table(path: Path, *, may_be_empty: bool = False) -> Table:
    """Rows of a file: ``.jsonl`` and ``.parquet`` by their ending, anything else as CSV.

    Raises
    ------
    DataError : no such file, no table of that form, or no rows, unless it `may_be_empty`
    """
    readers = {".jsonl": _read_json_lines, ".parquet": _read_parquet}
    table = readers.get(path.suffix.lower(), _read_csv)(path)
    if not table.rows and not may_be_empty:
        raise DataError(f"{table.name}: a header and at least one row are needed. Got no rows instead.")
    return table


def table_of(frame: Any) -> Table:
    """Rows of a table in memory: of pandas, polars or Arrow (whatever Arrow's C stream reaches), or a list of dicts.

    Raises
    ------
    DataError : none of these, or no rows
    """
    pa = require_extra("pyarrow", extra="data", purpose="reading datasets")
    try:
        if isinstance(frame, Sequence):
            arrow = pa.Table.from_pylist(_alike(frame))
        elif hasattr(frame, "__arrow_c_stream__"):
            arrow = pa.table(frame)
        else:
            arrow = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            "A table must be a data frame of pandas or polars, an Arrow table, or a list of dicts. "
            f"Got {type(frame).__name__} instead ({error})."
        ) from error
    if not arrow.num_rows:
        raise DataError("A table must have at least one row. Got none instead.")
    return _from_arrow("the table", arrow)


def _alike(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Records with all columns that any of them has, paths as text.

    >>> _alike([{"path": Path("a.wav")}, {"path": "b.wav", "split": "test"}])
    [{'path': 'a.wav', 'split': None}, {'path': 'b.wav', 'split': 'test'}]
    """
    names = dict.fromkeys(name for record in records for name in dict(record))
    return [
        {
            name: os.fspath(value) if isinstance(value, os.PathLike) else value
            for name in names
            for value in [record.get(name)]
        }
        for record in records
    ]


def _from_arrow(name: str, arrow: Any) -> Table:
    rows = [
        Row(number, fields, "row") for number, fields in enumerate(arrow.to_pylist(maps_as_pydicts="strict"), start=1)
    ]
    return Table(name, list(arrow.column_names), rows)


def _read_parquet(path: Path) -> Table:
    pa = require_extra("pyarrow", extra="data", purpose="reading datasets")
    parquet = require_extra("pyarrow.parquet", extra="data", purpose="reading datasets")
    try:
        return _from_arrow(printable(path), parquet.read_table(path))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{printable(path)}: not a Parquet file that can be read ({error}); save it again.") from error


def _read_json_lines(path: Path) -> Table:
    """One JSON object a line; a field that an object does not have is null."""
    rows = []
    # Not splitlines: JSON may hold other characters that end a line, such as U+2028.
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except ValueError as error:
            raise DataError(f"{printable(path)}, line {number}: not JSON ({error}); write an object a line.") from error
        if not isinstance(fields, dict):
            raise DataError(
                f"{printable(path)}, line {number}: a row must be a JSON object. Got {line[:40]!r} instead."
            )
        rows.append((number, fields))
    header = list(dict.fromkeys(name for _, fields in rows for name in fields))
    whole = [Row(number, {name: fields.get(name) for name in header}) for number, fields in rows]
    return Table(printable(path), header, whole)


def _read_csv(path: Path) -> Table:
    """A CSV file with a header, all values as text.

    The field delimiter is the one that cuts the header into most columns. Blank lines are skipped.
    """
    content = _read_text(path)
    try:
        delimiter = _field_delimiter(content)
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
        header = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, values) for values in reader if any(values)]
    except csv.Error as error:
        raise DataError(f"{printable(path)}: not a table that can be read ({error}); save it again as CSV.") from error
    for line, values in rows:
        if len(values) != len(header):
            raise DataError(
                f"{printable(path)}, line {line}: each row must have {len(header)} fields, as the header has. "
                f"Got {len(values)} instead; put quotes around a field that holds {delimiter!r}, as "
                'in "car, horn".'
            )
    # Spreadsheet programs write columns of nothing behind the others.
    used = [i for i, name in enumerate(header) if name or any(values[i] for _, values in rows)]
    names = [header[i] for i in used]
    if len(set(names)) < len(names):
        raise DataError(f"{printable(path)}: each column must have a name of its own. Got {names} instead.")
    return Table(printable(path), names, [Row(line, {header[i]: values[i] for i in used}) for line, values in rows])


def _read_text(path: Path) -> str:
    try:
        # utf-8-sig: spreadsheet programs begin the file with a byte-order mark.
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{printable(path)}: a table must be UTF-8 text. Got other bytes at {error.start}; save it as UTF-8."
        ) from error
    except OSError as error:
        raise DataError(
            f"{printable(path)}: the table cannot be read ({error.strerror}); check the path and its permissions."
        ) from error


def _field_delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(DELIMITERS, key=lambda delimiter: len(next(csv.reader([header], delimiter=delimiter), [])))


@dataclass
class FileFinder:
    """Finds the files that a table names, as the disk spells them.

    A name may differ in Unicode form, as it does after unpacking on another system; with `any_suffix` also in
    its ending, for corpora that were re-encoded.
    """

    any_suffix: frozenset[str] = frozenset()
    _folders: dict[Path, dict[str, Path]] = field(default_factory=dict)

    def find(self, path: Path) -> Path | None:
        """The file on the disk that is meant by `path`, None where there is none."""
        if os.path.exists(path):
            return path
        folder = path.parent
        if not folder.name.isascii() and not os.path.exists(folder):  # it may be spelled in another form, too
            folder = self.find(folder) or folder
        names = self._names(folder)
        return names.get(nfc(path.name)) or (names.get(nfc(path.stem) + ".*") if self.any_suffix else None)

    def _names(self, folder: Path) -> dict[str, Path]:
        if folder not in self._folders:
            names: dict[str, Path] = {}
            try:
                files = sorted(folder.iterdir())
            except OSError:
                files = []
            for file in files:
                names[nfc(file.name)] = file
                if file.suffix.lower() in self.any_suffix:
                    names[nfc(file.stem) + ".*"] = file
            self._folders[folder] = names
        return self._folders[folder]
